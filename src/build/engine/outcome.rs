//! What every engine must leave: an OCI image layout with exactly one image, for the platform that was asked for.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::platform::{platform_text, same};
use crate::oci::layout::Layout;
use crate::oci::media;

/// Looks at what an engine wrote.
///
/// # Errors
/// If it is something else.
pub fn check(folder: &Path, platform: &str) -> anyhow::Result<()> {
    // BuildKit's place for what is being written.
    let ingest = folder.join("ingest");
    if ingest.is_dir() {
        fs::remove_dir_all(&ingest).with_context(|| format!("cannot remove `{}`", ingest.display()))?;
    }
    let layout = Layout::at(folder);
    let entries = layout.entries().context("the engine wrote no OCI layout")?;
    let [entry] = entries.as_slice() else { bail!("the engine wrote {} images instead of one", entries.len()) };
    let kind = &entry.descriptor.media_type;
    ensure!(kind == media::MANIFEST, "the engine wrote a `{kind}` instead of an image");
    let json = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).context("the engine wrote damaged JSON");
    let manifest = json(layout.read(entry.descriptor.digest)?)?;
    let digest = manifest["config"]["digest"].as_str().and_then(|text| text.parse().ok());
    let config = json(layout.read(digest.context("the engine's manifest names no config")?)?)?;
    let got = platform_text(&config);
    ensure!(same(&got, platform), "the engine built for `{got}`, and `{platform}` was asked for");
    Ok(())
}
