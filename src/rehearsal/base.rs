//! Base images for a rehearsal: out of an OCI image layout, or stubs that hold nothing but their name.

use std::path::Path;

use anyhow::{anyhow, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::registry::Server;
use crate::digest::Digest;
use crate::oci::layout::Layout;
use crate::oci::registry::Document;
use crate::oci::{Descriptor, media};
use crate::platform::Platform;
use crate::problem::{Failure, Problem};
use crate::reference::Reference;

/// The label that names the base image a stub stands for.
const LABEL: &str = "dev.longshore.stub";
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
pub fn from_layout(server: &Server, folder: &Path, base: &Reference) -> anyhow::Result<()> {
    let usage = |text: String, hint: &str| Failure::usage(Problem::new("bad-layout", text).hint(hint));
    let (layout, shown, name) = (Layout::at(folder), folder.display(), base.to_string());
    let entries = layout.entries().map_err(|error| {
        let hint = "`--bases` needs a folder with an `index.json`";
        usage(format!("`{shown}` is not an image layout: {error:#}"), hint)
    })?;
    let entry = entries.iter().find(|entry| is_named(entry.name(), &name, base)).ok_or_else(|| {
        let hint = "its entries are found by `org.opencontainers.image.ref.name`";
        usage(format!("`{shown}` has no image `{name}`"), hint)
    })?;
    let copy = BaseCopy { server, layout, path: &base.repository.path };
    copy.put(&entry.descriptor, base.tag.as_deref(), 0)
}

/// Layouts name images in full, or as people write them.
fn is_named(entry: Option<&str>, name: &str, base: &Reference) -> bool {
    let Some(entry) = entry else { return false };
    let parsed = || entry.parse::<Reference>().ok();
    let tagged = |mut one: Reference| {
        if one.tag.is_none() && one.digest.is_none() {
            one.tag = Some("latest".into());
        }
        one
    };
    entry == name || parsed().map(tagged).is_some_and(|one| one == *base)
}

struct BaseCopy<'a> {
    server: &'a Server,
    layout: Layout,
    path: &'a str,
}

impl BaseCopy<'_> {
    /// Puts an image or index, after everything that it names.
    fn put(&self, descriptor: &Descriptor, tag: Option<&str>, depth: usize) -> anyhow::Result<()> {
        ensure!(depth < DEEPEST, "the indexes of the layout are nested too deep");
        let document = Document::new(&descriptor.media_type, self.layout.read(descriptor.digest)?);
        let json = document.json();
        if let Some(children) = json["manifests"].as_array() {
            for child in children {
                self.put(&serde_json::from_value(child.clone())?, None, depth + 1)?;
            }
        } else {
            let image = self.layout.image(document.clone()).map_err(|flaw| anyhow!("an image of the layout {flaw}"))?;
            for blob in image.blobs() {
                self.server.seed_blob(self.path, &self.layout.read(blob.descriptor.digest)?);
            }
        }
        self.server.seed_manifest(self.path, tag, &descriptor.media_type, &document.bytes);
        Ok(())
    }
}
