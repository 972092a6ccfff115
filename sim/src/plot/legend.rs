//! Where the legend goes: the corner or side of the plot in which it covers nothing, else rows above the plot.

use super::canvas::{Anchor, Canvas, Place};
use super::draw::{Area, mark};
use super::theme::{self, Theme};
use super::{Style, font};

/// A line's entry.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    index: usize,
    name: String,
    style: Style,
}

impl Entry {
    pub(super) const fn new(index: usize, name: String, style: Style) -> Self {
        Self { index, name, style }
    }
}

/// The place of each entry (the left end of its swatch, on the baseline).
#[derive(Debug)]
pub(super) struct Legend {
    places: Vec<Place>,
    above: f64,
    /// What lies behind it is covered here.
    ground: Option<Area>,
}

const SWATCH: f64 = 2.6;
const GAP: f64 = 0.5;
const ROW: f64 = 1.35;

impl Legend {
    /// Finds the place of the entries.
    pub(super) fn place(entries: &[Entry], theme: &Theme, plot: Area, obstacles: &[Place]) -> Self {
        let em = theme.small;
        let widths: Vec<f64> = entries.iter().map(|entry| font::width(&entry.name, em) + (SWATCH + GAP) * em).collect();
        let width = widths.iter().copied().fold(0.0, f64::max);
        let height = entries.len() as f64 * ROW * em;
        if entries.is_empty() {
            return Self { places: Vec::new(), above: 0.0, ground: None };
        }
        let inside =
            candidates(plot, width, height, em * 0.6).into_iter().find(|area| is_free(area, plot, obstacles, em * 0.5));
        inside.map_or_else(
            || Self::above(&widths, em, plot),
            |area| {
                let row = |row: usize| (area.left, area.top + (row as f64 + 0.95) * ROW * em);
                Self { places: (0..entries.len()).map(row).collect(), above: 0.0, ground: Some(area) }
            },
        )
    }

    /// In rows above the plot, from the left.
    fn above(widths: &[f64], em: f64, plot: Area) -> Self {
        let (mut x, mut row) = (plot.left, 1.0);
        let mut places = Vec::new();
        for width in widths {
            if x > plot.left && x + width > plot.right {
                (x, row) = (plot.left, row + 1.0);
            }
            places.push((x, plot.top + (row - 0.35) * ROW * em));
            x += width + em * 1.2;
        }
        Self { places, above: (row * ROW + 0.3) * em, ground: None }
    }

    /// How much lower the plot begins.
    pub(super) const fn height_above(&self) -> f64 {
        self.above
    }

    /// Draws swatches and names.
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>, entries: &[Entry], theme: &Theme) {
        let em = theme.small;
        if let Some(Area { left, top, right, bottom }) = self.ground {
            let (left, right) = (left - em * 0.2, right + em * 0.6);
            canvas.polygon(&[(left, top), (right, top), (right, bottom), (left, bottom)], (255, 255, 255), 1.0);
        }
        for (entry, (x, baseline)) in entries.iter().zip(self.places.iter().copied()) {
            let (colour, dashes) = (theme::colour(entry.index), theme::dashes(entry.index));
            let y = baseline - em * 0.33;
            if entry.style == Style::Connected {
                canvas.dashed(&[(x, y), (x + SWATCH * em, y)], colour, theme.line, dashes);
            }
            mark(canvas, (x + SWATCH * em / 2.0, y), entry.index, theme);
            canvas.label(&entry.name, (x + (SWATCH + GAP) * em, baseline), em, Anchor::Left);
        }
    }
}

/// The places to try, best first: the corners, then the middles of the sides.
fn candidates(plot: Area, width: f64, height: f64, inset: f64) -> Vec<Area> {
    let (left, right) = (plot.left + inset, plot.right - inset - width);
    let (top, bottom) = (plot.top + inset * 0.3, plot.bottom - inset - height);
    let (centre, middle) = (f64::midpoint(left, right), f64::midpoint(top, bottom));
    let corners = [(right, top), (right, bottom), (left, top), (left, bottom)];
    let sides = [(right, middle), (left, middle), (centre, top), (centre, bottom)];
    let area = |(left, top): (f64, f64)| Area { left, top, right: left + width, bottom: top + height };
    corners.into_iter().chain(sides).map(area).collect()
}

fn is_free(area: &Area, plot: Area, obstacles: &[Place], clearance: f64) -> bool {
    let fits = area.left >= plot.left && area.right <= plot.right && area.top >= plot.top && area.bottom <= plot.bottom;
    let covers = |(x, y): &Place| {
        (area.left - clearance..=area.right + clearance).contains(x)
            && (area.top - clearance..=area.bottom + clearance).contains(y)
    };
    fits && !obstacles.iter().any(covers)
}
