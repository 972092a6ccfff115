//! Panels of coloured cells: which of a few things holds at every place of a grid. Every thing has a light colour that dark text
//! stands well on, and a letter, by which it is told without colours.

use super::canvas::{self, Anchor, Canvas};
use super::theme::{CELLS, Colour, GRID, INK, Theme};
use super::{Rendered, Size, font};

/// What a figure of cells shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cells {
    /// File name without ending.
    pub name: String,
    /// Title; drawn on slides only.
    pub title: String,
    /// Headings of the rows of panels.
    pub rows: Vec<String>,
    /// Headings of the columns of panels.
    pub columns: Vec<String>,
    /// Label of the horizontal axis of every panel.
    pub x_label: String,
    /// Names of the places along it.
    pub xs: Vec<String>,
    /// Names of the places along the vertical axis, from the top.
    pub ys: Vec<String>,
    /// What a cell can be; those are drawn and explained that some cell is.
    pub categories: Vec<String>,
    /// What is filled; the other places stay empty.
    pub cells: Vec<Cell>,
    /// What the labels in the cells are.
    pub note: String,
    /// How large it is; its height follows from what it shows.
    pub size: Size,
}

/// A filled cell. Places count from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Row and column of its panel.
    pub panel: (usize, usize),
    /// Its place along the horizontal and the vertical axis.
    pub place: (usize, usize),
    /// Which of the categories.
    pub category: usize,
    /// Text in it; may be empty.
    pub label: String,
}

/// Lengths of the drawing in sizes of the small text.
const ROW: f64 = 1.5;
const PAD: f64 = 0.5;
const BETWEEN: f64 = 0.8;

/// Where everything goes.
struct Layout {
    theme: Theme,
    /// Where the legend's entries begin, from left to right and down.
    legend: Vec<(f64, f64)>,
    /// Left ends and top ends of the panels.
    lefts: Vec<f64>,
    tops: Vec<f64>,
    /// A cell.
    width: f64,
    height: f64,
    /// Size of the text in cells.
    text: f64,
}

impl Cells {
    /// The figure as SVG alone.
    ///
    /// # Errors
    /// The drawing library failed, which is a fault of the program.
    pub fn svg(&self) -> Result<String, String> {
        let shown = self.shown();
        let layout = self.layout(&shown);
        canvas::draw(&layout.theme, |canvas| {
            self.draw_legend(canvas, &layout, &shown);
            self.draw_headings(canvas, &layout);
            self.draw_ticks(canvas, &layout);
            self.draw_cells(canvas, &layout, &shown);
        })
    }

    /// The figure in all its forms.
    ///
    /// # Errors
    /// As [`Cells::svg`].
    pub fn render(&self) -> Result<Rendered, String> {
        Rendered::of(self.svg()?, self.size)
    }

    /// The letter of a cell, which the legend explains.
    pub fn letter(&self, cell: &Cell) -> String {
        let place = self.shown().iter().position(|category| *category == cell.category);
        place.map_or_else(String::new, letter)
    }

    /// The categories that some cell is, in their order.
    fn shown(&self) -> Vec<usize> {
        let is_shown = |category: &usize| self.cells.iter().any(|cell| cell.category == *category);
        (0..self.categories.len()).filter(is_shown).collect()
    }

    fn layout(&self, shown: &[usize]) -> Layout {
        let mut theme = Theme::of(self.size);
        let em = theme.small;
        let widest = |names: &[String]| names.iter().map(|name| font::width(name, em)).fold(0.0, f64::max);
        let left = em * PAD + widest(&self.ys) + em * 0.5;
        let right = theme.width - em * PAD;
        let panels = (self.columns.len().max(1), self.rows.len().max(1));
        let panel = (right - left - em * BETWEEN * (panels.0 - 1) as f64) / panels.0 as f64;
        let (width, height) = (panel / self.xs.len().max(1) as f64, em * ROW);
        let title = if theme.title { theme.label * 1.7 } else { 0.0 };
        let (legend, below) = self.place_legend(shown, em, (em * PAD, right, em * PAD + title));
        let heading =
            |names: &[String]| if names.iter().any(|name| !name.is_empty()) { em * 1.5 } else { em * BETWEEN };
        let first = below + if self.columns.iter().any(|name| !name.is_empty()) { em * 1.4 } else { 0.0 };
        let step = heading(&self.rows) + height * self.ys.len() as f64;
        let tops: Vec<f64> = (0..panels.1).map(|row| first + step * row as f64 + heading(&self.rows)).collect();
        theme.height = first + step * panels.1 as f64 + em * 1.9 + theme.label * 1.2;
        let lefts = (0..panels.0).map(|column| left + (panel + em * BETWEEN) * column as f64).collect();
        let labels = self.cells.iter().map(|cell| font::width(&cell.label, 1_000.0) / 1_000.0).fold(0.0, f64::max);
        // A letter, a gap and the label have to fit.
        let text = (width / (labels + 1.6)).min(em * 0.95);
        Layout { theme, legend, lefts, tops, width, height, text }
    }

    /// Puts the legend into rows above the panels, and says where it ends.
    fn place_legend(&self, shown: &[usize], em: f64, (left, right, top): (f64, f64, f64)) -> (Vec<(f64, f64)>, f64) {
        let note = font::width(&self.note, em);
        let entry = |category: &usize| em * 2.1 + font::width(&self.categories[*category], em);
        let (mut x, mut y, mut places) = (left, top, Vec::new());
        for width in shown.iter().map(entry).chain((note > 0.0).then_some(note)) {
            if x > left && x + width > right {
                (x, y) = (left, y + em * ROW);
            }
            places.push((x, y));
            x += width + em * 1.2;
        }
        (places, y + em * (ROW + 0.4))
    }

    fn draw_legend(&self, canvas: &mut Canvas<'_>, layout: &Layout, shown: &[usize]) {
        let em = layout.theme.small;
        if layout.theme.title && !self.title.is_empty() {
            canvas.label(&self.title, (em * PAD, em * PAD + layout.theme.label), layout.theme.label, Anchor::Left);
        }
        for ((index, category), (x, y)) in shown.iter().enumerate().zip(&layout.legend) {
            let (baseline, side) = (y + em * 1.05, em * 1.6);
            fill(canvas, (*x, *y + em * 0.1), (side, em * 1.3), colour(index));
            canvas.label(&letter(index), (x + side / 2.0, baseline), em, Anchor::Centre);
            canvas.label(&self.categories[*category], (x + em * 2.1, baseline), em, Anchor::Left);
        }
        if let Some((x, y)) = layout.legend.get(shown.len()) {
            canvas.label(&self.note, (*x, y + em * 1.05), em, Anchor::Left);
        }
    }

    fn draw_headings(&self, canvas: &mut Canvas<'_>, layout: &Layout) {
        let em = layout.theme.small;
        let panel = layout.width * self.xs.len() as f64;
        let (Some(left), Some(top)) = (layout.lefts.first(), layout.tops.first()) else { return };
        let above = if self.rows.iter().any(|name| !name.is_empty()) { em * 1.5 } else { em * 0.4 };
        for (name, left) in self.columns.iter().zip(&layout.lefts) {
            canvas.label(name, (left + panel / 2.0, top - above - em * 0.3), em, Anchor::Centre);
        }
        for (name, top) in self.rows.iter().zip(&layout.tops) {
            canvas.label(name, (*left, top - em * 0.4), em, Anchor::Left);
        }
    }

    fn draw_ticks(&self, canvas: &mut Canvas<'_>, layout: &Layout) {
        let em = layout.theme.small;
        let (Some(left), Some(last)) = (layout.lefts.first(), layout.tops.last()) else { return };
        for top in &layout.tops {
            for (index, name) in self.ys.iter().enumerate() {
                let middle = top + layout.height * (index as f64 + 0.5);
                canvas.label(name, (left - em * 0.5, middle + em * 0.36), em, Anchor::Right);
            }
        }
        let bottom = last + layout.height * self.ys.len() as f64;
        for left in &layout.lefts {
            for (index, name) in self.xs.iter().enumerate() {
                let middle = left + layout.width * (index as f64 + 0.5);
                canvas.label(name, (middle, bottom + em * 1.2), em, Anchor::Centre);
            }
        }
        let right = layout.lefts.last().map_or(0.0, |left| left + layout.width * self.xs.len() as f64);
        let baseline = layout.theme.height - layout.theme.label * 0.45;
        canvas.label(&self.x_label, (f64::midpoint(*left, right), baseline), layout.theme.label, Anchor::Centre);
    }

    fn draw_cells(&self, canvas: &mut Canvas<'_>, layout: &Layout, shown: &[usize]) {
        let gap = layout.theme.thin;
        for top in &layout.tops {
            for left in &layout.lefts {
                let size = (layout.width * self.xs.len() as f64, layout.height * self.ys.len() as f64);
                fill(canvas, (left - gap, top - gap), (size.0 + gap, size.1 + gap), GRID);
                for place in (0..self.xs.len()).flat_map(|x| (0..self.ys.len()).map(move |y| (x, y))) {
                    self.fill_place(canvas, layout, (*left, *top), place, (255, 255, 255));
                }
            }
        }
        for cell in &self.cells {
            let (row, column) = cell.panel;
            let (Some(top), Some(left)) = (layout.tops.get(row), layout.lefts.get(column)) else { continue };
            let Some(index) = shown.iter().position(|category| *category == cell.category) else { continue };
            self.fill_place(canvas, layout, (*left, *top), cell.place, colour(index));
            let (x, y) = (left + layout.width * cell.place.0 as f64, top + layout.height * cell.place.1 as f64);
            let baseline = y + layout.height / 2.0 + layout.text * 0.34;
            let (inset, far) = (layout.text * 0.3, x + layout.width - gap);
            canvas.label(&letter(index), (x + inset, baseline), layout.text, Anchor::Left);
            canvas.text(&cell.label, (far - inset, baseline), layout.text, Anchor::Right, INK);
        }
    }

    /// Fills a cell but for the line that parts it from the next.
    fn fill_place(
        &self,
        canvas: &mut Canvas<'_>,
        layout: &Layout,
        (left, top): (f64, f64),
        (x, y): (usize, usize),
        colour: Colour,
    ) {
        if x >= self.xs.len() || y >= self.ys.len() {
            return;
        }
        let corner = (left + layout.width * x as f64, top + layout.height * y as f64);
        let gap = layout.theme.thin;
        fill(canvas, corner, (layout.width - gap, layout.height - gap), colour);
    }
}

/// The colour of a category by its place among those shown.
const fn colour(index: usize) -> Colour {
    CELLS[index % CELLS.len()]
}

/// The letter of a category by its place among those shown: a to z, then aa and so on.
fn letter(index: usize) -> String {
    let last = char::from(b'a' + (index % 26) as u8);
    if index < 26 { last.to_string() } else { format!("{}{last}", letter(index / 26 - 1)) }
}

fn fill(canvas: &mut Canvas<'_>, (left, top): (f64, f64), (width, height): (f64, f64), colour: Colour) {
    let (right, bottom) = (left + width, top + height);
    canvas.polygon(&[(left, top), (right, top), (right, bottom), (left, bottom)], colour, 1.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(size: Size) -> Cells {
        let cell =
            |x, y, category, label: &str| Cell { panel: (0, x % 2), place: (x, y), category, label: label.into() };
        Cells {
            name: "map".into(),
            title: "Cheapest".into(),
            rows: vec!["10 authors".into()],
            columns: vec!["0 %".into(), "50 %".into()],
            x_label: "Differences".into(),
            xs: ["1", "10", "100"].map(Into::into).to_vec(),
            ys: ["bytes", "time"].map(Into::into).to_vec(),
            categories: ["never", "riblt", "range"].map(Into::into).to_vec(),
            cells: vec![cell(0, 0, 2, "1.04"), cell(1, 1, 1, ""), cell(9, 9, 1, "lost")],
            note: "number: ratio".into(),
            size,
        }
    }

    #[test]
    fn cells_have_the_colour_and_letter_that_the_legend_gives() {
        for size in [Size::OneColumn, Size::TwoColumn, Size::Slide] {
            let figure = cells(size);
            let svg = figure.svg().unwrap();
            for text in ["riblt", "range", "1.04", "10 authors", "50 %", "Differences", "number: ratio", "bytes"] {
                assert!(svg.contains(text), "{text} is not drawn");
            }
            assert!(!svg.contains("never"), "what no cell is, is not explained");
            let second = "#EE8866";
            assert_eq!(svg.matches(second).count(), 2, "the cell of the second category, and its swatch");
            assert_eq!((figure.letter(&figure.cells[0]), figure.letter(&figure.cells[1])), ("b".into(), "a".into()));
            assert_eq!(figure.render().unwrap(), cells(size).render().unwrap());
        }
    }

    #[test]
    fn letters_go_on_behind_z() {
        assert_eq!([0, 25, 26, 51, 52].map(letter), ["a", "z", "aa", "az", "ba"]);
    }

    #[test]
    fn nothing_to_show_is_still_a_figure() {
        Cells::default().render().unwrap();
        let bare = Cells { xs: vec!["1".into()], ys: vec!["y".into()], ..Cells::default() };
        bare.render().unwrap();
    }
}
