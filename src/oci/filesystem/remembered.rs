//! What layers held when they were read before: a base is read once, and not for every image on it.

use std::path::{Path, PathBuf};

use super::read::{self, Budget, Layer};
use crate::oci::image::Blob;
use crate::world::files;

/// Counts what is known of a layer: what another version wrote down is not read.
const FORMAT: u32 = 1;
/// Smaller layers are read as fast, in bytes.
const SMALLEST: u64 = 256 << 10;

/// # Errors
/// As [`read::layer`].
pub(super) fn layer(blob: &Blob, number: u32, budget: &Budget, cache: Option<&Path>) -> Result<Layer, String> {
    let place = cache.filter(|_| blob.descriptor.size >= SMALLEST && blob.file().is_some());
    let Some(place) = place.map(|folder| place_in(folder, blob)) else { return read::layer(blob, number, budget) };
    if let Some(mut layer) = files_of(&place) {
        layer.put_at(number, budget)?;
        return Ok(layer);
    }
    let layer = read::layer(blob, number, budget)?;
    // A cache that cannot be written costs time alone.
    let _ = serde_json::to_vec(&layer).map(|bytes| files::write_atomic(&place, &bytes));
    Ok(layer)
}

fn place_in(folder: &Path, blob: &Blob) -> PathBuf {
    let name = format!("{}-{FORMAT}-{}.json", env!("CARGO_PKG_VERSION"), blob.descriptor.digest.hex());
    folder.join(name)
}

fn files_of(place: &Path) -> Option<Layer> {
    serde_json::from_slice(&std::fs::read(place).ok()?).ok()
}
