//! From a figure to its SVG: settle the scales, leave room for labels and legend, draw from back to front.

use std::borrow::Cow;

use super::canvas::{self, Anchor, Canvas, Place};
use super::legend::{Entry, Legend};
use super::scale::Scale;
use super::theme::{self, GRID, INK, REFERENCE, Theme};
use super::{Along, Figure, Line, Style, font};

/// Lines of at most so many points have a marker at each, and error bars instead of a band.
const SPARSE: usize = 12;
/// Markers on a line of many points.
const MARKERS_ON_DENSE: f64 = 6.0;

/// Most of the plot's height that a legend above it takes off.
const LEGEND_MOST: f64 = 0.4;

/// A rectangle on the canvas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

/// Where everything goes.
struct Layout {
    theme: Theme,
    x: Scale,
    y: Scale,
    plot: Area,
}

impl Layout {
    fn place(&self, (x, y): (f64, f64)) -> Option<Place> {
        let (x, y) = (self.x.place(x)?, self.y.place(y)?);
        let Area { left, top, right, bottom } = self.plot;
        Some((left + (right - left) * x, bottom - (bottom - top) * y))
    }

    /// The pieces of a line between values that cannot be shown.
    fn pieces(&self, points: impl Iterator<Item = (f64, f64)>) -> Vec<Vec<Place>> {
        let mut pieces = vec![Vec::new()];
        for point in points {
            match (self.place(point), pieces.last_mut()) {
                (Some(place), Some(piece)) => piece.push(place),
                _ => pieces.push(Vec::new()),
            }
        }
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }
}

/// Draws a figure.
pub(super) fn svg(figure: &Figure) -> Result<String, String> {
    let figure = &side_by_side(figure);
    let mut theme = Theme::of(figure.size);
    let bounds = |line: &Line| line.band.iter().flat_map(|(low, high)| [*low, *high]).collect::<Vec<_>>();
    let references = |along| figure.references.iter().filter(move |line| line.along == along).map(|line| line.at);
    let tight = figure.lines.iter().any(|line| line.points.len() > SPARSE);
    let drawn =
        |line: &Line| line.points.iter().filter(|point| !point.1.is_nan()).map(|point| point.0).collect::<Vec<_>>();
    let xs = figure.lines.iter().flat_map(drawn).chain(references(Along::X));
    let ys = figure.lines.iter().flat_map(|line| line.points.iter().map(|point| point.1).chain(bounds(line)));
    let x = Scale::new(&figure.x, xs, theme.ticks.0, tight);
    let y = Scale::new(&figure.y, ys.chain(references(Along::Y)), theme.ticks.1, false);

    let plot = plot_area(figure, &theme, &x, &y);
    let mut layout = Layout { theme, x, y, plot };
    let entries = entries(figure);
    let legend = Legend::place(&entries, &theme, layout.plot, &obstacles(figure, &layout));
    layout.plot.top += legend.height_above();
    // A legend of many rows makes the figure taller, so that the plot stays one.
    let taller = (legend.height_above() - (layout.plot.bottom - plot.top) * LEGEND_MOST).max(0.0);
    theme.height += taller;
    layout.theme.height = theme.height;
    layout.plot.bottom += taller;

    canvas::draw(&theme, |canvas| {
        grid(canvas, &layout);
        references_across(canvas, figure, &layout);
        for (index, line) in figure.lines.iter().enumerate().rev() {
            interval(canvas, line, index, &layout);
        }
        let connected = |line: &Line| line.style == Style::Connected;
        let (back, front): (Vec<_>, Vec<_>) = figure.lines.iter().enumerate().rev().partition(|line| connected(line.1));
        for (index, line) in back.into_iter().chain(front) {
            curve(canvas, line, index, figure.lines.len(), &layout);
        }
        axes(canvas, figure, &layout);
        legend.draw(canvas, &entries, &theme);
    })
}

/// Lines over names stand a little apart, so that their intervals do not hide each other.
fn side_by_side(figure: &Figure) -> Cow<'_, Figure> {
    const APART: f64 = 0.1;
    if figure.x.names.is_empty() || figure.lines.len() < 2 {
        return Cow::Borrowed(figure);
    }
    let mut figure = figure.clone();
    let middle = (figure.lines.len() - 1) as f64 / 2.0;
    for (index, line) in figure.lines.iter_mut().enumerate() {
        line.points.iter_mut().for_each(|point| point.0 += (index as f64 - middle) * APART);
    }
    Cow::Owned(figure)
}

fn entries(figure: &Figure) -> Vec<Entry> {
    let entry = |(index, line): (usize, &Line)| {
        (!line.name.is_empty()).then(|| Entry::new(index, line.name.clone(), line.style))
    };
    if figure.lines.len() < 2 {
        return Vec::new();
    }
    figure.lines.iter().enumerate().filter_map(entry).collect()
}

/// The area of the plot: what labels of axes and ticks leave.
fn plot_area(figure: &Figure, theme: &Theme, x: &Scale, y: &Scale) -> Area {
    let Theme { small, label, .. } = *theme;
    let pad = small * 0.5;
    let widest = y.ticks.iter().map(|tick| font::width(&tick.1, small)).fold(0.0, f64::max);
    let at_edge = if figure.x.names.is_empty() { x.ticks.last() } else { None };
    let last = at_edge.map_or(0.0, |tick| font::width(&tick.1, small) / 2.0);
    let title = if theme.title && !figure.title.is_empty() { label * 1.7 } else { 0.0 };
    let (left, right) = (pad + label + small * 0.5 + widest + small * 0.7, theme.width - pad - last.max(small * 0.3));
    let rows = rows_of_labels(x, right - left, small);
    Area {
        left,
        top: pad + small * 0.4 + title,
        right,
        bottom: theme.height - pad - label * 1.3 - small * (1.6 + ROW * (rows - 1) as f64),
    }
}

/// From one row of labels below the axis to the next, in their size.
const ROW: f64 = 1.1;

/// Into how many rows the labels below the axis go, so that none runs into the next of its row: long names of many
/// things, seldom numbers.
fn rows_of_labels(x: &Scale, width: f64, small: f64) -> usize {
    const ROWS_MAX: usize = 4;
    let labels: Vec<(f64, f64)> =
        x.ticks.iter().filter_map(|(value, text)| Some((x.place(*value)? * width, font::width(text, small)))).collect();
    let fits = |rows: usize| {
        let apart = |(a, b): (&(f64, f64), &(f64, f64))| b.0 - a.0 > f64::midpoint(a.1, b.1) + small * 0.4;
        labels.iter().zip(labels.iter().skip(rows)).all(apart)
    };
    (1..ROWS_MAX).find(|&rows| fits(rows)).unwrap_or(ROWS_MAX)
}

fn grid(canvas: &mut Canvas<'_>, layout: &Layout) {
    let Area { left, right, top, bottom } = layout.plot;
    for share in layout.y.ticks.iter().filter_map(|tick| layout.y.place(tick.0)) {
        let y = bottom - (bottom - top) * share;
        canvas.stroke(&[(left, y), (right, y)], GRID, layout.theme.thin);
    }
}

fn axes(canvas: &mut Canvas<'_>, figure: &Figure, layout: &Layout) {
    let Layout { theme, x, y, plot } = layout;
    let Area { left, right, top, bottom } = *plot;
    let (small, tick) = (theme.small, theme.small * 0.4);
    canvas.stroke(&[(left, top), (left, bottom), (right, bottom)], INK, theme.thin);
    let along_x = |share: f64| left + (right - left) * share;
    let along_y = |share: f64| bottom - (bottom - top) * share;
    for at in x.minor.iter().filter_map(|value| x.place(*value)).map(along_x) {
        canvas.stroke(&[(at, bottom), (at, bottom + tick * 0.6)], INK, theme.thin);
    }
    for at in y.minor.iter().filter_map(|value| y.place(*value)).map(along_y) {
        canvas.stroke(&[(left, at), (left - tick * 0.6, at)], INK, theme.thin);
    }
    let rows = rows_of_labels(x, right - left, small);
    let ticks = x.ticks.iter().filter_map(|(value, text)| Some((along_x(x.place(*value)?), text)));
    for (index, (at, text)) in ticks.enumerate() {
        let down = small * ROW * (index % rows) as f64;
        canvas.stroke(&[(at, bottom), (at, bottom + tick + down)], INK, theme.thin);
        canvas.label(text, (at, bottom + small * 1.45 + down), small, Anchor::Centre);
    }
    for (at, text) in y.ticks.iter().filter_map(|(value, text)| Some((along_y(y.place(*value)?), text))) {
        canvas.stroke(&[(left, at), (left - tick, at)], INK, theme.thin);
        canvas.label(text, (left - small * 0.65, at + small * 0.36), small, Anchor::Right);
    }
    let baseline = theme.height - small * 0.5 - theme.label * 0.25;
    let em = font::fitting(&x.label, theme.label, theme.width);
    canvas.label(&x.label, (f64::midpoint(left, right), baseline), em, Anchor::Centre);
    // A long label is centred on the figure where it would leave the plot.
    let middle =
        if font::width(&y.label, theme.label) > bottom - top { theme.height / 2.0 } else { f64::midpoint(top, bottom) };
    let em = font::fitting(&y.label, theme.label, theme.height);
    canvas.label(&y.label, (small * 0.5 + theme.label * 0.8, middle), em, Anchor::Upwards);
    if theme.title && !figure.title.is_empty() {
        canvas.label(&figure.title, (left, small * 0.5 + theme.label), theme.label, Anchor::Left);
    }
}

fn references_across(canvas: &mut Canvas<'_>, figure: &Figure, layout: &Layout) {
    let Area { left, right, top, bottom } = layout.plot;
    let Theme { small, thin, .. } = layout.theme;
    for reference in &figure.references {
        match reference.along {
            Along::X => {
                let Some(share) = layout.x.place(reference.at) else { continue };
                let x = left + (right - left) * share;
                canvas.dashed(&[(x, bottom), (x, top)], REFERENCE, thin * 1.4, &[4.0, 3.0]);
                let (place, anchor) =
                    if share > 0.5 { (x - small * 0.3, Anchor::Right) } else { (x + small * 0.3, Anchor::Left) };
                canvas.text(&reference.label, (place, top + small * 0.8), small * 0.9, anchor, REFERENCE);
            }
            Along::Y => {
                let Some(share) = layout.y.place(reference.at) else { continue };
                let y = bottom - (bottom - top) * share;
                canvas.dashed(&[(left, y), (right, y)], REFERENCE, thin * 1.4, &[4.0, 3.0]);
                canvas.text(&reference.label, (right, y - small * 0.3), small * 0.9, Anchor::Right, REFERENCE);
            }
        }
    }
}

/// The interval of a line: bars where there are few points, a band where there are many.
fn interval(canvas: &mut Canvas<'_>, line: &Line, index: usize, layout: &Layout) {
    let colour = theme::colour(index);
    // An end beyond the axis, such as a negative one on a logarithmic axis, is drawn at its edge.
    let inside = |value: f64| value.clamp(layout.y.low, layout.y.high);
    let ends =
        || line.points.iter().zip(&line.band).map(|((x, _), (low, high))| ((*x, inside(*low)), (*x, inside(*high))));
    if line.points.len() <= SPARSE {
        let (cap, width) = (layout.theme.small * 0.3, layout.theme.line * 0.7);
        for (low, high) in ends() {
            let (Some(low), Some(high)) = (layout.place(low), layout.place(high)) else { continue };
            canvas.stroke(&[low, high], colour, width);
            canvas.stroke(&[(low.0 - cap, low.1), (low.0 + cap, low.1)], colour, width);
            canvas.stroke(&[(high.0 - cap, high.1), (high.0 + cap, high.1)], colour, width);
        }
        return;
    }
    let whole = ends().filter_map(|(low, high)| Some((layout.place(low)?, layout.place(high)?)));
    let (low, high): (Vec<Place>, Vec<Place>) = whole.unzip();
    if low.len() > 1 {
        let outline: Vec<Place> = low.into_iter().chain(high.into_iter().rev()).collect();
        canvas.polygon(&outline, colour, 0.2);
    }
}

fn curve(canvas: &mut Canvas<'_>, line: &Line, index: usize, of: usize, layout: &Layout) {
    let pieces = layout.pieces(line.points.iter().copied());
    if line.style == Style::Connected {
        for piece in &pieces {
            canvas.dashed(piece, theme::colour(index), layout.theme.line, theme::dashes(index));
        }
    }
    let places = pieces.concat();
    if line.style == Style::Points || line.points.len() <= SPARSE {
        places.iter().for_each(|place| mark(canvas, *place, index, &layout.theme));
    } else if of > 1 {
        // Spread over the width, each line a little later than the one before, so that markers of close lines do not coincide.
        let width = layout.plot.right - layout.plot.left;
        for number in 0..MARKERS_ON_DENSE as u32 {
            let share = (f64::from(number) + (index as f64 + 0.5) / of as f64) / MARKERS_ON_DENSE;
            let target = layout.plot.left + width * share;
            if let Some(place) = pieces.iter().find_map(|piece| crossing(piece, target)) {
                mark(canvas, place, index, &layout.theme);
            }
        }
    }
}

/// Where a piece of a line that runs to the right passes a horizontal place.
fn crossing(piece: &[Place], x: f64) -> Option<Place> {
    let ends = piece.windows(2).find(|ends| ends[0].0 <= x && x <= ends[1].0 && ends[0].0 < ends[1].0)?;
    let share = (x - ends[0].0) / (ends[1].0 - ends[0].0);
    Some((x, ends[0].1 + (ends[1].1 - ends[0].1) * share))
}

/// The marker of a line.
pub(super) fn mark(canvas: &mut Canvas<'_>, place: Place, index: usize, theme: &Theme) {
    canvas.marker(theme::marker(index), place, theme.line * 1.9, theme::colour(index));
}

/// Places that a legend should not cover.
fn obstacles(figure: &Figure, layout: &Layout) -> Vec<Place> {
    let step = layout.theme.small * 0.5;
    let mut places = Vec::new();
    for reference in &figure.references {
        let ends = match reference.along {
            Along::X => [(reference.at, layout.y.low), (reference.at, layout.y.high)],
            Along::Y => [(layout.x.low, reference.at), (layout.x.high, reference.at)],
        };
        follow(&ends.map(|end| layout.place(end)).into_iter().flatten().collect::<Vec<_>>(), step, &mut places);
    }
    let bands = |pick: fn(&(f64, f64)) -> f64| {
        figure.lines.iter().map(move |line| {
            line.points.iter().zip(&line.band).map(|(point, band)| (point.0, pick(band))).collect::<Vec<_>>()
        })
    };
    let lines = figure.lines.iter().map(|line| line.points.clone());
    for points in lines.chain(bands(|band| band.0)).chain(bands(|band| band.1)) {
        for piece in layout.pieces(points.into_iter()) {
            follow(&piece, step, &mut places);
        }
    }
    places
}

/// Adds places along a piece of a line, at most so far apart.
fn follow(piece: &[Place], step: f64, places: &mut Vec<Place>) {
    places.extend(piece.first());
    for ends in piece.windows(2) {
        let (dx, dy) = (ends[1].0 - ends[0].0, ends[1].1 - ends[0].1);
        let cuts = (libm::hypot(dx, dy) / step).ceil().max(1.0);
        let between = (1..=cuts as u32).map(|cut| f64::from(cut) / cuts);
        places.extend(between.map(|share| (ends[0].0 + dx * share, ends[0].1 + dy * share)));
    }
}
