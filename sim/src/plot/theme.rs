//! Colours, sizes and line patterns.

use super::Size;

/// Red, green, blue.
pub(super) type Colour = (u8, u8, u8);

/// Units of the canvas per point (1/72 in).
pub(super) const UNITS_PER_POINT: f64 = 10.0;

pub(super) const INK: Colour = (0x22, 0x22, 0x22);
pub(super) const GRID: Colour = (0xE4, 0xE4, 0xE4);
pub(super) const REFERENCE: Colour = (0x77, 0x77, 0x77);

/// The "bright" scheme of P. Tol, "Colour Schemes" (SRON/EPS/TN/09-002, 2021), the darker ones first.
const PALETTE: [Colour; 7] = [
    (0x44, 0x77, 0xAA),
    (0xEE, 0x66, 0x77),
    (0x22, 0x88, 0x33),
    (0xAA, 0x33, 0x77),
    (0xCC, 0xBB, 0x44),
    (0x66, 0xCC, 0xEE),
    (0xBB, 0xBB, 0xBB),
];

/// The "light" scheme of the same, made for cells with dark text on them.
pub(super) const CELLS: [Colour; 9] = [
    (0x77, 0xAA, 0xDD),
    (0xEE, 0x88, 0x66),
    (0xEE, 0xDD, 0x88),
    (0xFF, 0xAA, 0xBB),
    (0x44, 0xBB, 0x99),
    (0x99, 0xDD, 0xFF),
    (0xAA, 0xAA, 0x00),
    (0xBB, 0xCC, 0x33),
    (0xDD, 0xDD, 0xDD),
];

/// Lengths of ink and gap in line widths; empty is solid.
const DASHES: [&[f64]; 7] =
    [&[], &[5.0, 2.0], &[1.5, 1.5], &[6.0, 1.8, 1.5, 1.8], &[9.0, 2.5], &[3.0, 1.5, 1.0, 1.5, 1.0, 1.5], &[3.0, 3.0]];

/// The shape that marks points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    Down,
    Cross,
    Plus,
}

const MARKERS: [Marker; 7] =
    [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond, Marker::Down, Marker::Cross, Marker::Plus];

/// The colour of a line by its place among the lines.
pub(super) const fn colour(index: usize) -> Colour {
    PALETTE[index % PALETTE.len()]
}

/// The dashes of a line. Where colours come round again they are others, so that no two of 49 lines look the same.
pub(super) const fn dashes(index: usize) -> &'static [f64] {
    DASHES[(index + index / PALETTE.len()) % DASHES.len()]
}

/// The marker of a line, moved on with its dashes.
pub(super) const fn marker(index: usize) -> Marker {
    MARKERS[(index + index / PALETTE.len()) % MARKERS.len()]
}

/// All lengths of a figure, in units of the canvas.
#[derive(Clone, Copy, Debug)]
pub(super) struct Theme {
    pub(super) width: f64,
    pub(super) height: f64,
    /// Text of labels.
    pub(super) label: f64,
    /// Text of ticks and legend.
    pub(super) small: f64,
    /// Width of data lines.
    pub(super) line: f64,
    /// Width of axes and grid.
    pub(super) thin: f64,
    /// Whether the title is drawn.
    pub(super) title: bool,
    /// About how many ticks fit on the horizontal and on the vertical axis.
    pub(super) ticks: (f64, f64),
}

impl Theme {
    pub(super) fn of(size: Size) -> Self {
        let (inches, points, title, ticks) = match size {
            Size::OneColumn => ((3.3, 2.3), 8.0, false, (5.0, 5.0)),
            Size::TwoColumn => ((7.0, 2.6), 8.0, false, (9.0, 5.0)),
            Size::Slide => ((10.0, 5.6), 18.0, true, (7.0, 6.0)),
        };
        let text = points * UNITS_PER_POINT;
        Self {
            width: inches.0 * 72.0 * UNITS_PER_POINT,
            height: inches.1 * 72.0 * UNITS_PER_POINT,
            label: text,
            small: text * 0.875,
            line: text * 0.14,
            thin: text * 0.07,
            title,
            ticks,
        }
    }
}
