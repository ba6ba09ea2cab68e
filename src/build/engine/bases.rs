//! Images that are given to an engine in OCI image layouts, read as far as an engine without layouts needs it.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::platform::{platform_text, same};
use crate::digest::Digest;
use crate::oci::layout::Layout;
use crate::oci::{Descriptor, media};
use crate::world::files;

/// Indexes in indexes are followed this deep.
const DEEPEST: usize = 3;

/// One image for one platform.
pub struct Base {
    pub config: Value,
    pub config_blob: Blob,
    /// Bottom to top.
    pub layers: Vec<Layer>,
}

pub struct Blob {
    pub descriptor: Descriptor,
    pub path: PathBuf,
}

pub struct Layer {
    pub blob: Blob,
    /// Digest of the layer without compression.
    pub diff_id: String,
}

impl Base {
    /// The image for a platform that a layout has under a digest.
    ///
    /// # Errors
    /// If the layout lacks a part of it, or has none for the platform.
    pub fn read(folder: &Path, digest: Digest, platform: &str) -> anyhow::Result<Self> {
        let layout = Layout::at(folder);
        let manifest = manifest(&layout, digest, platform, DEEPEST)?;
        let blob = |value: &Value| -> anyhow::Result<Blob> {
            let descriptor: Descriptor = serde_json::from_value(value.clone()).context("its manifest is damaged")?;
            let path = layout.path(descriptor.digest);
            if !path.is_file() {
                bail!("the layout lacks {}", descriptor.digest);
            }
            Ok(Blob { descriptor, path })
        };
        let config_blob = blob(&manifest["config"])?;
        let config: Value =
            serde_json::from_slice(&layout.read(config_blob.descriptor.digest)?).context("its config is damaged")?;
        let diff_ids = config["rootfs"]["diff_ids"].as_array().cloned().unwrap_or_default();
        let layers = manifest["layers"].as_array().cloned().unwrap_or_default();
        if diff_ids.len() != layers.len() {
            bail!("it has {} layers, and its config names {}", layers.len(), diff_ids.len());
        }
        let layers = layers.iter().zip(&diff_ids).map(|(layer, diff_id)| {
            Ok(Layer { blob: blob(layer)?, diff_id: diff_id.as_str().unwrap_or_default().to_owned() })
        });
        Ok(Self { config, config_blob, layers: layers.collect::<anyhow::Result<_>>()? })
    }

    /// Writes it as a folder of containers/image, whose transport `dir:` takes Docker's types: what OCI has no word for,
    /// `HEALTHCHECK`, `SHELL` and `ONBUILD`, is read only from those.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn write_dir(&self, folder: &Path) -> anyhow::Result<()> {
        files::fresh_folder(folder)?;
        let is_zstd = |layer: &Layer| layer.blob.descriptor.media_type == media::LAYER_ZSTD;
        // Docker's types have no word for zstd in turn.
        let docker = !self.layers.iter().any(is_zstd);
        let described = |blob: &Blob, kind: String| json!({ "mediaType": kind, "digest": blob.descriptor.digest, "size": blob.descriptor.size });
        let layers: Vec<Value> = self
            .layers
            .iter()
            .map(|layer| {
                let kind = oci_type(&layer.blob.descriptor.media_type);
                described(&layer.blob, if docker { docker_type(kind) } else { kind.to_owned() })
            })
            .collect();
        let (config, kind) =
            if docker { (media::DOCKER_CONFIG, media::DOCKER_MANIFEST) } else { (media::CONFIG, media::MANIFEST) };
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": kind,
            "config": described(&self.config_blob, config.to_owned()),
            "layers": layers,
        });
        for blob in self.layers.iter().map(|layer| &layer.blob).chain([&self.config_blob]) {
            let to = folder.join(blob.descriptor.digest.hex());
            // A layer may be in an image twice.
            if !to.exists() {
                files::link(&blob.path, &to).with_context(|| format!("cannot write `{}`", to.display()))?;
            }
        }
        files::write_atomic(&folder.join("manifest.json"), manifest.to_string().as_bytes())?;
        files::write_atomic(&folder.join("version"), b"Directory Transport Version: 1.1\n")
    }
}

fn manifest(layout: &Layout, digest: Digest, platform: &str, depth: usize) -> anyhow::Result<Value> {
    let document: Value = serde_json::from_slice(&layout.read(digest)?).context("its manifest is damaged")?;
    let Some(entries) = document["manifests"].as_array() else { return Ok(document) };
    let fits = |entry: &&Value| same(&platform_text(&entry["platform"]), platform);
    let Some(entry) = entries.iter().find(fits).filter(|_| depth > 0) else {
        bail!("the image {digest} has nothing for `{platform}`");
    };
    let below = entry["digest"].as_str().and_then(|text| text.parse().ok()).context("its index is damaged")?;
    manifest(layout, below, platform, depth - 1)
}

/// The OCI type of a layer.
pub fn oci_type(kind: &str) -> &str {
    match kind {
        media::DOCKER_LAYER => media::LAYER_GZIP,
        "application/vnd.docker.image.rootfs.diff.tar" => media::LAYER_TAR,
        other => other,
    }
}

fn docker_type(kind: &str) -> String {
    match kind {
        media::LAYER_GZIP => media::DOCKER_LAYER.to_owned(),
        media::LAYER_TAR => "application/vnd.docker.image.rootfs.diff.tar".to_owned(),
        other => other.to_owned(),
    }
}
