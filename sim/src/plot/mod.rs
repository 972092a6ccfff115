//! Figures for papers and slides. A [`Figure`] says what is shown; one theme says how: white ground, thin axes, a light grid, Paul
//! Tol's "bright" colours (safe for colour-blind readers) with a dash pattern and a marker for each, so that lines are told apart in
//! grey too. It is drawn as SVG at ten times its size, so that whole units are tenths of a point; PNG and PDF are made from
//! that SVG. The font is bundled, nothing of the system is asked, and equal figures have equal bytes.

mod canvas;
mod cells;
mod costs;
mod draw;
mod export;
mod font;
mod legend;
mod scale;
mod standard;
mod sweep;
mod theme;

pub use cells::{Cell, Cells};
pub use costs::{cost_curves, decision_map};
pub use export::Rendered;
pub use standard::standard;
pub use sweep::{sweep_curve, sweep_figures};

/// What a figure shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figure {
    /// File name without ending.
    pub name: String,
    /// Title; drawn on slides only, since a figure of a paper has its caption.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn, the first line on top.
    pub lines: Vec<Line>,
    /// Lines across the plot, such as a bound.
    pub references: Vec<Reference>,
    /// How large it is.
    pub size: Size,
}

/// One axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// Label; its unit in parentheses at the end, which takes the prefix that keeps ticks short: "Time (s)".
    pub label: String,
    /// Whether it is logarithmic; points that are not positive are then left out.
    pub log: bool,
    /// What it covers; by the data where absent.
    pub range: Option<(f64, f64)>,
    /// Names of the places 1, 2, 3 and so on, where it shows names instead of numbers.
    pub names: Vec<String>,
}

/// A named line of points.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// Name in the legend; a single line needs none.
    pub name: String,
    /// The points; one that is not a number interrupts the line.
    pub points: Vec<(f64, f64)>,
    /// The interval of each point, from low to high; empty for none. A few points get error bars, many a band.
    pub band: Vec<(f64, f64)>,
    /// How many runs stand behind each point, and how many have no value there; empty where a point is no mean over runs.
    pub runs: Vec<(u64, u64)>,
    /// How it is drawn.
    pub style: Style,
}

/// How a line is drawn. Its colour, dashes and marker follow from its place among the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Connected, with a few markers.
    #[default]
    Connected,
    /// Markers only, as for published points.
    Points,
}

/// A line across the plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// Which axis the value belongs to.
    pub along: Along,
    /// Where.
    pub at: f64,
    /// Text beside it; may be empty.
    pub label: String,
}

/// Which axis a reference line stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Along {
    /// A vertical line at a value of x.
    X,
    /// A horizontal line at a value of y.
    Y,
}

/// How large a figure is, and its text with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Size {
    /// One column of a paper: 3.3 by 2.3 in, 8 pt text.
    #[default]
    OneColumn,
    /// Both columns of a paper: 7 by 2.6 in, 8 pt text.
    TwoColumn,
    /// A slide: 10 by 5.6 in, 18 pt text.
    Slide,
}

impl Axis {
    /// A linear axis that its data scale.
    pub fn linear(label: impl Into<String>) -> Self {
        Self { label: label.into(), ..Self::default() }
    }
}

impl Line {
    /// A connected line without intervals.
    pub fn new(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), points, ..Self::default() }
    }
}
