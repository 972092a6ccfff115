//! The bundled font. It is DejaVu Sans, reduced to Latin, Greek and common symbols; its licence lies beside it.

use std::sync::Once;

use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};

/// The font file.
pub(super) const DEJAVU_SANS: &[u8] = include_bytes!("../../assets/DejaVuSans-subset.ttf");

/// What the SVG asks for: the bundled font, or what comes closest on a machine that shows the SVG without it.
pub(super) const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// `plotters` writes a font of size s as s / 1.24, and measures it as if s were ascent and descent together, which are
/// 1.1641 em of this font.
pub(super) const SIZE_PER_EM: f64 = 1.24;
const MEASURED_PER_EM: f64 = 1.1641;

/// A font of so many units to the em, registered with the library.
pub(super) fn font(em: f64) -> FontDesc<'static> {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        // It refuses only what is not a font; a test draws with this one.
        let _ = register_font(FAMILY, FontStyle::Normal, DEJAVU_SANS);
    });
    FontDesc::new(FontFamily::Name(FAMILY), em * SIZE_PER_EM, FontStyle::Normal)
}

/// The width of a text in units; 0.6 em a character where the font does not tell.
pub(super) fn width(text: &str, em: f64) -> f64 {
    let measured = font(em).box_size(text).ok().map(|(width, _)| f64::from(width) * MEASURED_PER_EM / SIZE_PER_EM);
    measured.unwrap_or_else(|| 0.6 * em * text.chars().count() as f64)
}

/// The size in which a text has at most this width: `em`, unless it is too long for that.
pub(super) fn fitting(text: &str, em: f64, room: f64) -> f64 {
    let width = width(text, em);
    if width > room { em * room / width } else { em }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_gets_as_small_as_it_has_to() {
        assert_eq!(fitting("short", 10.0, 100.0), 10.0);
        let long = "a label that is much longer than there is room for it";
        let em = fitting(long, 10.0, 100.0);
        assert!(em < 10.0 && width(long, em) <= 100.5);
    }
}
