//! Base images for a rehearsal: out of an OCI image layout, or stubs that hold nothing but their name.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::registry::Server;
use crate::digest::Digest;
use crate::oci::media;
use crate::platform::Platform;
use crate::problem::{Failure, Problem};
use crate::reference::Reference;

/// The label that names the base image a stub stands for.
const LABEL: &str = "dev.longshore.stub";
/// Of an image in a layout.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The deepest nesting of indexes that is followed.
const DEEPEST: usize = 4;

/// Puts a stub for a base image into a registry: an index with an image for each platform, whose one layer says what it is.
///
/// # Errors
/// If its layer cannot be written.
pub fn stub(server: &Server, base: &Reference, platforms: &[Platform]) -> anyhow::Result<()> {
    let path = &base.repository.path;
    let mut entries = Vec::new();
    for platform in platforms {
        let (layer, diff_id) = layer(base)?;
        let size = layer.len();
        let layer = server.seed_blob(path, &layer);
        let mut config = json!({
            "architecture": platform.goarch(),
            "os": "linux",
            "config": { "Labels": { LABEL: base.to_string() }, "Cmd": ["/bin/sh"] },
            "rootfs": { "type": "layers", "diff_ids": [diff_id.to_string()] },
            "history": [{ "created_by": "longshore rehearse: a stub" }],
        });
        let mut about = json!({ "architecture": platform.goarch(), "os": "linux" });
        if let Some(variant) = platform.variant() {
            config["variant"] = json!(variant);
            about["variant"] = json!(variant);
        }
        let config = config.to_string().into_bytes();
        let digest = server.seed_blob(path, &config);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media::MANIFEST,
            "config": { "mediaType": media::CONFIG, "digest": digest.to_string(), "size": config.len() },
            "layers": [{ "mediaType": media::LAYER_GZIP, "digest": layer.to_string(), "size": size }],
            "annotations": { LABEL: base.to_string() },
        });
        let manifest = manifest.to_string().into_bytes();
        let digest = server.seed_manifest(path, None, media::MANIFEST, &manifest);
        entries.push(json!({
            "mediaType": media::MANIFEST, "digest": digest.to_string(), "size": manifest.len(), "platform": about,
        }));
    }
    let index = json!({ "schemaVersion": 2, "mediaType": media::INDEX, "manifests": entries });
    server.seed_manifest(path, base.tag.as_deref(), media::INDEX, index.to_string().as_bytes());
    Ok(())
}

/// One file: what this is, and what it is not.
fn layer(base: &Reference) -> anyhow::Result<(Vec<u8>, Digest)> {
    let text = format!("NAME=\"stub\"\nPRETTY_NAME=\"stub of {base}, for rehearsals only\"\n");
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header, "etc/os-release", text.as_bytes())?;
    let tar = builder.into_inner()?;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    std::io::Write::write_all(&mut gzip, &tar)?;
    Ok((gzip.finish()?, Digest::of(&tar)))
}

/// Puts a base out of an image layout into a registry. The layout names it by its whole reference.
///
/// # Errors
/// `Failure` with exit 2 if the layout does not have it, or is damaged.
pub fn from_layout(server: &Server, layout: &Path, base: &Reference) -> anyhow::Result<()> {
    let usage = |text: String, hint: &str| Failure::usage(Problem::new("bad-layout", text).hint(hint));
    let shown = layout.display();
    let text = fs::read(layout.join("index.json")).map_err(|error| {
        usage(format!("`{shown}` is not an image layout: {error}"), "`--bases` takes a folder with an `index.json`")
    })?;
    let index: Value = serde_json::from_slice(&text).with_context(|| format!("`{shown}/index.json` is damaged"))?;
    let entries = index["manifests"].as_array().map(Vec::as_slice).unwrap_or_default();
    let name = base.to_string();
    let entry = entries.iter().find(|entry| entry["annotations"][REF_NAME] == name.as_str()).ok_or_else(|| {
        usage(
            format!("`{shown}` has no image `{name}`"),
            "its entries are found by `org.opencontainers.image.ref.name`",
        )
    })?;
    let site = Site { server, layout, path: &base.repository.path };
    let (kind, bytes) = site.blob(entry)?;
    site.children(&bytes, 0)?;
    server.seed_manifest(site.path, base.tag.as_deref(), &kind, &bytes);
    Ok(())
}

struct Site<'a> {
    server: &'a Server,
    layout: &'a Path,
    path: &'a str,
}

impl Site<'_> {
    /// Media type and bytes of what a descriptor names, checked.
    fn blob(&self, descriptor: &Value) -> anyhow::Result<(String, Vec<u8>)> {
        let digest: Digest = descriptor["digest"].as_str().unwrap_or_default().parse().map_err(anyhow::Error::msg)?;
        let path = self.layout.join("blobs").join("sha256").join(digest.hex());
        let bytes = fs::read(&path).with_context(|| format!("the layout lacks {digest}"))?;
        ensure!(Digest::of(&bytes) == digest, "`{}` is not what its name says", path.display());
        Ok((descriptor["mediaType"].as_str().unwrap_or_default().to_owned(), bytes))
    }

    fn children(&self, bytes: &[u8], depth: usize) -> anyhow::Result<()> {
        ensure!(depth < DEEPEST, "the indexes of the layout are nested too deep");
        let document: Value = serde_json::from_slice(bytes)?;
        for child in document["manifests"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let (kind, bytes) = self.blob(child)?;
            self.children(&bytes, depth + 1)?;
            self.server.seed_manifest(self.path, None, &kind, &bytes);
        }
        let layers = document["layers"].as_array().map(Vec::as_slice).unwrap_or_default();
        for blob in layers.iter().chain(document.get("config")) {
            let (_, bytes) = self.blob(blob)?;
            self.server.seed_blob(self.path, &bytes);
        }
        Ok(())
    }
}
