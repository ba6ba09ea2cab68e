//! What an image needs of its engine.

use super::feature::Feature;
use super::model::Kind;

/// What an image needs of its engine.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Nothing: the first that can do it.
    pub wanted: Option<Kind>,
    /// `linux/arm64`.
    pub platform: &'a str,
    /// Whether programs are run in the image's stages; copying alone works for any processor.
    pub runs: bool,
    pub needs: &'a [Feature],
    /// Whether `# syntax=` names a frontend: then it decides what BuildKit can do.
    pub frontend: bool,
    /// Reference of a `moby/buildkit` image, for a builder of our own where the user's cannot write OCI layouts.
    pub builder_image: Option<&'a str>,
}
