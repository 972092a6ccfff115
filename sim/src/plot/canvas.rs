//! Strokes, fills and text on an SVG, in whole units.

use plotters::backend::SVGBackend;
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontTransform, RGBColor, ShapeStyle, TextStyle};

use super::font;
use super::theme::{Colour, INK, Marker, Theme, UNITS_PER_POINT};

/// A place on the canvas; y grows downwards.
pub(super) type Place = (f64, f64);

/// Which point of a text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Left,
    Centre,
    Right,
    /// Centred, and turned to read upwards.
    Upwards,
}

/// The drawing so far. The first failure is kept, and everything after it is skipped.
pub(super) struct Canvas<'a> {
    backend: SVGBackend<'a>,
    failure: Option<String>,
}

const fn whole(place: Place) -> (i32, i32) {
    // `as` saturates, and places are finite.
    (place.0.round() as i32, place.1.round() as i32)
}

fn style(colour: Colour, opacity: f64, width: f64, filled: bool) -> ShapeStyle {
    let color = RGBColor(colour.0, colour.1, colour.2).mix(opacity);
    ShapeStyle { color, filled, stroke_width: width.round().max(1.0) as u32 }
}

/// Draws on a white canvas and gives the SVG.
pub(super) fn draw(theme: &Theme, paint: impl FnOnce(&mut Canvas<'_>)) -> Result<String, String> {
    let mut svg = String::new();
    let (width, height) = whole((theme.width, theme.height));
    {
        let backend = SVGBackend::with_string(&mut svg, (width as u32, height as u32));
        let mut canvas = Canvas { backend, failure: None };
        let (right, bottom) = (theme.width, theme.height);
        canvas.polygon(&[(0.0, 0.0), (right, 0.0), (right, bottom), (0.0, bottom)], (255, 255, 255), 1.0);
        paint(&mut canvas);
        let done = canvas.backend.present();
        canvas.note(done);
        if let Some(message) = canvas.failure.take() {
            return Err(message);
        }
    }
    // The library gives the size in units; on paper it is in points.
    let units = format!("width=\"{width}\" height=\"{height}\"");
    let points = format!(
        "width=\"{}pt\" height=\"{}pt\"",
        f64::from(width) / UNITS_PER_POINT,
        f64::from(height) / UNITS_PER_POINT
    );
    Ok(svg.replacen(&units, &points, 1))
}

impl Canvas<'_> {
    fn note<E: std::fmt::Display>(&mut self, done: Result<(), E>) {
        if let Err(error) = done {
            self.failure.get_or_insert_with(|| error.to_string());
        }
    }

    /// A connected stroke.
    pub(super) fn stroke(&mut self, path: &[Place], colour: Colour, width: f64) {
        let mut points: Vec<_> = path.iter().copied().map(whole).collect();
        points.dedup();
        if points.len() > 1 {
            let done = self.backend.draw_path(points, &style(colour, 1.0, width, false));
            self.note(done);
        }
    }

    /// A stroke of dashes, given as lengths of ink and gap in line widths; none is a solid one.
    pub(super) fn dashed(&mut self, path: &[Place], colour: Colour, width: f64, dashes: &[f64]) {
        if dashes.is_empty() {
            return self.stroke(path, colour, width);
        }
        for dash in split_dashes(path, width, dashes) {
            self.stroke(&dash, colour, width);
        }
    }

    /// A filled area without outline.
    pub(super) fn polygon(&mut self, corners: &[Place], colour: Colour, opacity: f64) {
        let done = self.backend.fill_polygon(corners.iter().copied().map(whole), &style(colour, opacity, 1.0, true));
        self.note(done);
    }

    /// A marker of so large a radius.
    pub(super) fn marker(&mut self, marker: Marker, (x, y): Place, radius: f64, colour: Colour) {
        let mut shape = |corners: &[(f64, f64)]| {
            let corners: Vec<Place> = corners.iter().map(|(dx, dy)| (x + dx * radius, y + dy * radius)).collect();
            self.polygon(&corners, colour, 1.0);
        };
        match marker {
            Marker::Circle => {
                let done = self.backend.draw_circle(
                    whole((x, y)),
                    radius.round() as u32,
                    &style(colour, 1.0, 1.0, true),
                    true,
                );
                self.note(done);
            }
            Marker::Square => shape(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
            Marker::Triangle => shape(&[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)]),
            Marker::Diamond => shape(&[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)]),
            Marker::Down => shape(&[(0.0, 1.2), (1.1, -0.8), (-1.1, -0.8)]),
            Marker::Cross => {
                self.stroke(&[(x - radius, y - radius), (x + radius, y + radius)], colour, radius * 0.5);
                self.stroke(&[(x - radius, y + radius), (x + radius, y - radius)], colour, radius * 0.5);
            }
            Marker::Plus => {
                self.stroke(&[(x - radius, y), (x + radius, y)], colour, radius * 0.5);
                self.stroke(&[(x, y - radius), (x, y + radius)], colour, radius * 0.5);
            }
        }
    }

    /// A text whose baseline is at the place.
    pub(super) fn text(&mut self, text: &str, (x, y): Place, em: f64, anchor: Anchor, colour: Colour) {
        // The library lowers a text anchored at its top by 0.76 em, which is taken back here to place the baseline exactly.
        let raised = 0.76 * em;
        let (h_pos, turn, place) = match anchor {
            Anchor::Left => (HPos::Left, FontTransform::None, (x, y - raised)),
            Anchor::Centre => (HPos::Center, FontTransform::None, (x, y - raised)),
            Anchor::Right => (HPos::Right, FontTransform::None, (x, y - raised)),
            Anchor::Upwards => (HPos::Center, FontTransform::Rotate270, (x - raised, y)),
        };
        let colour = RGBColor(colour.0, colour.1, colour.2);
        let style = TextStyle::from(font::font(em).transform(turn)).color(&colour).pos(Pos::new(h_pos, VPos::Top));
        let done = self.backend.draw_text(text, &style, whole(place));
        self.note(done);
    }

    /// A text in the usual ink.
    pub(super) fn label(&mut self, text: &str, place: Place, em: f64, anchor: Anchor) {
        self.text(text, place, em, anchor, INK);
    }
}

/// Cuts a path into its dashes.
fn split_dashes(path: &[Place], width: f64, dashes: &[f64]) -> Vec<Vec<Place>> {
    let mut pieces = Vec::new();
    let mut piece: Vec<Place> = path.first().copied().into_iter().collect();
    let mut turn = 0;
    let mut left = dashes[0] * width;
    for ends in path.windows(2) {
        let (mut from, to) = (ends[0], ends[1]);
        let mut length = libm::hypot(to.0 - from.0, to.1 - from.1);
        while length > left {
            let share = left / length;
            from = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            length -= left;
            piece.push(from);
            if turn % 2 == 0 {
                pieces.push(std::mem::take(&mut piece));
            }
            piece = vec![from];
            turn += 1;
            left = dashes[turn % dashes.len()] * width;
        }
        left -= length;
        piece.push(to);
    }
    if turn % 2 == 0 {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_cover_the_right_lengths_and_turn_corners() {
        let pieces = split_dashes(&[(0.0, 0.0), (4.0, 0.0), (4.0, 6.0)], 1.0, &[3.0, 2.0]);
        assert_eq!(pieces, vec![vec![(0.0, 0.0), (3.0, 0.0)], vec![(4.0, 1.0), (4.0, 4.0)]]);
    }
}
