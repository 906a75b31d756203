//! A figure as pixels: its SVG rendered with the font that the crate carries.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::{Database, Source};
use resvg::usvg::{Options, Tree};
use thiserror::Error;

/// Inter by Rasmus Andersson, SIL Open Font License 1.1 (`fonts/OFL.txt`).
const FONTS: [&[u8]; 2] =
    [include_bytes!("../fonts/Inter-Regular.otf"), include_bytes!("../fonts/Inter-SemiBold.otf")];

/// Pixels of the PNG for one of the SVG, in each direction: sharp on dense screens and on paper.
pub(crate) const DENSITY: u8 = 2;

/// More than a screen of any size, and less than the memory of a small host.
const MOST_PIXELS: u64 = 100_000_000;

/// Why a figure could not become a PNG.
#[derive(Debug, Error)]
pub enum PlotError {
    /// It would have too many pixels.
    #[error("a picture of {width}x{height} pixels is too large: make the figure smaller, or take SVG")]
    TooLarge {
        /// Pixels from left to right.
        width: u32,
        /// Pixels from top to bottom.
        height: u32,
    },
    /// The renderer did not accept the SVG.
    #[error("cannot render the figure: {0}")]
    Render(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The pixels could not be written as PNG.
    #[error("cannot write the picture as PNG: {0}")]
    Encode(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The PNG of an SVG document.
pub(crate) fn render(svg: &str) -> Result<Vec<u8>, PlotError> {
    let tree = Tree::from_str(svg, &options()).map_err(|e| PlotError::Render(e.into()))?;
    let size = tree.size().to_int_size();
    let (width, height) = (enlarged(size.width()), enlarged(size.height()));
    let too_large = PlotError::TooLarge { width, height };
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(too_large);
    }
    let mut pixmap = Pixmap::new(width, height).ok_or(too_large)?;
    let scale = f32::from(DENSITY);
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    pixmap.encode_png().map_err(|e| PlotError::Encode(e.into()))
}

fn enlarged(pixels: u32) -> u32 {
    pixels.saturating_mul(u32::from(DENSITY))
}

fn options() -> Options<'static> {
    let mut fonts = Database::new();
    for font in FONTS {
        fonts.load_font_source(Source::Binary(Arc::new(font)));
    }
    fonts.set_sans_serif_family("Inter");
    Options { fontdb: Arc::new(fonts), font_family: "Inter".to_owned(), ..Options::default() }
}
