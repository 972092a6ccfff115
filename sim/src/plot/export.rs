//! PNG and PDF from the SVG, with the bundled font and nothing of the system.

use std::sync::Arc;

use krilla::Document;
use krilla::geom;
use krilla::page::PageSettings;
use krilla_svg::{SurfaceExt, SvgSettings};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};

use super::font::DEJAVU_SANS;
use super::{Figure, Size, draw};

/// Dots per inch of a PNG: those of print for a paper, those of a wide screen for a slide.
const fn dots_per_inch(size: Size) -> f32 {
    match size {
        Size::OneColumn | Size::TwoColumn => 300.0,
        Size::Slide => 192.0,
    }
}

/// A figure in all its forms. Equal figures have equal bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// SVG, in points; text stays text.
    pub svg: String,
    /// PNG, 300 dots per inch for a paper and 1920 wide for a slide.
    pub png: Vec<u8>,
    /// PDF, a page of the size of the figure, with the glyphs that it uses.
    pub pdf: Vec<u8>,
}

impl Figure {
    /// The figure as SVG alone.
    ///
    /// # Errors
    /// The drawing library failed, which is a fault of the program.
    pub fn svg(&self) -> Result<String, String> {
        draw::svg(self)
    }

    /// The figure in all its forms.
    ///
    /// # Errors
    /// As [`Figure::svg`].
    pub fn render(&self) -> Result<Rendered, String> {
        Rendered::of(self.svg()?, self.size)
    }
}

impl Rendered {
    /// All forms of an SVG.
    pub(super) fn of(svg: String, size: Size) -> Result<Self, String> {
        let tree = tree(&svg)?;
        Ok(Self { png: png(&tree, dots_per_inch(size))?, pdf: pdf(&tree)?, svg })
    }
}

fn png(tree: &Tree, dots_per_inch: f32) -> Result<Vec<u8>, String> {
    // The library counts 96 units to the inch.
    let scale = dots_per_inch / 96.0;
    let (width, height) = (tree.size().width() * scale, tree.size().height() * scale);
    let mut pixels = Pixmap::new(width.round() as u32, height.round() as u32).ok_or("the figure has no size")?;
    resvg::render(tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| error.to_string())
}

fn pdf(tree: &Tree) -> Result<Vec<u8>, String> {
    // 96 units of the tree are 72 points of the page.
    let (width, height) = (tree.size().width() * 0.75, tree.size().height() * 0.75);
    let size = geom::Size::from_wh(width, height).ok_or("the figure has no size")?;
    let mut document = Document::new();
    let mut page = document.start_page_with(PageSettings::new(size));
    let mut surface = page.surface();
    surface.draw_svg(tree, size, SvgSettings::default()).ok_or("the figure cannot be placed on a page")?;
    surface.finish();
    page.finish();
    document.finish().map_err(|error| format!("{error:?}"))
}

/// The SVG with its text laid out.
fn tree(svg: &str) -> Result<Tree, String> {
    let mut fonts = Database::new();
    fonts.load_font_data(DEJAVU_SANS.to_vec());
    let options = Options { fontdb: Arc::new(fonts), ..Options::default() };
    Tree::from_str(svg, &options).map_err(|error| error.to_string())
}
