//! Charts as a picture: the SVG file in pixels, with a font of this machine.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

/// No picture can be made, through no fault of the charts.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoPicture {
    /// Nothing to write letters with.
    #[error("this machine has no font to write with")]
    NoFont,
    /// The charts are more than a picture may hold.
    #[error("{height} rows of pixels are too many for one picture: {PIXELS_MAX} pixels in all")]
    TooLarge {
        /// How high it would be.
        height: u32,
    },
    /// What draws it said no: a defect of ours.
    #[error("the charts cannot be drawn: {0}")]
    Undrawn(String),
}

/// Pixels for each unit of the SVG: sharp on a screen of today and in print.
const SCALE: u8 = 2;
/// Pixels of one picture at most, 4 bytes each: 90 charts.
const PIXELS_MAX: u64 = 100_000_000;
/// Faces that have every letter of the charts, the best known first.
const FACES: [&str; 6] =
    ["Inter", "DejaVu Sans", "Liberation Sans", "Noto Sans", "Arial", "Helvetica"];

/// Draws an SVG file's text as a PNG file's bytes.
///
/// # Errors
/// There is no font, or too much to draw.
pub(super) fn png(svg: &str) -> Result<Vec<u8>, NoPicture> {
    let undrawn = |why: &dyn std::fmt::Display| NoPicture::Undrawn(why.to_string());
    let mut options = Options::default();
    let fonts = options.fontdb_mut();
    fonts.load_system_fonts();
    let face = face(fonts).ok_or(NoPicture::NoFont)?;
    fonts.set_sans_serif_family(&face);
    options.font_family = face;
    let tree = Tree::from_str(svg, &options).map_err(|error| undrawn(&error))?;
    let scale = f32::from(SCALE);
    let size = tree.size().to_int_size().scale_by(scale);
    let size = size.ok_or_else(|| undrawn(&"it has no size"))?;
    let (width, height) = (size.width(), size.height());
    if u64::from(width) * u64::from(height) > PIXELS_MAX {
        return Err(NoPicture::TooLarge { height });
    }
    let mut picture = Pixmap::new(width, height).ok_or(NoPicture::TooLarge { height })?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut picture.as_mut());
    picture.encode_png().map_err(|error| undrawn(&error))
}

/// Names the best face this machine has.
fn face(fonts: &fontdb::Database) -> Option<String> {
    let names = || fonts.faces().flat_map(|face| &face.families).map(|(name, _)| name.as_str());
    let known = FACES.into_iter().find(|face| names().any(|name| name == *face));
    known.or_else(|| names().next()).map(str::to_owned)
}
