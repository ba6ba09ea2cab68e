//! The images as one OCI image layout, for skopeo, crane, podman and others:
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>.
//!
//! Blobs are hard links to the steps' own files. Layers of bases are not in it unless they are ordered.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};

use super::pack;
use crate::artifact::{self, Artifact, Mode};
use crate::digest::Digest;
use crate::oci::registry::Registries;
use crate::oci::{Descriptor, document, media};
use crate::plan::{DestinationKind, Plan, Work};
use crate::reference::Repository;
use crate::world::files;
use crate::world::runtime;
use crate::world::store::{Store, read_json};

/// The name that tools which take a tag look for.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Writes the layout of every image that was made, in place of an older one; returns how many blobs of bases it lacks.
///
/// # Errors
/// If a record is missing, or the folder cannot be written, or a base cannot be downloaded.
pub fn write(store: &Store, plan: &Plan, base_layers: Option<&Registries>) -> anyhow::Result<usize> {
    let folder = store.root().join("images");
    let blobs = folder.join("blobs").join("sha256");
    files::fresh_folder(&blobs)?;
    let mut entries = Vec::new();
    let mut lacking: BTreeSet<Wanted> = BTreeSet::new();
    for step in &plan.steps {
        if !matches!(step.work, Work::Layer(_) | Work::Image(_) | Work::Index(_)) || !store.record(&step.id).is_file() {
            continue;
        }
        let record: Artifact = read_json(&store.record(&step.id))?;
        for file in &record.files {
            link(&store.file(&step.id, &file.name), &blobs.join(file.sha256.hex()))?;
        }
        let Some(file) = record.files.last() else { continue };
        match &step.work {
            Work::Image(work) => {
                let manifest: Value = read_json(&store.file(&step.id, &file.name))?;
                let own = work.layers.len();
                let layers = document::base_layers(&manifest).map_err(anyhow::Error::msg)?;
                if let Some(base) = &work.base {
                    for layer in &layers[..layers.len().saturating_sub(own)] {
                        let blob: Descriptor = serde_json::from_value(layer.clone())?;
                        lacking.insert(Wanted(blob.digest.hex(), blob.size, base.from.repository.clone()));
                    }
                }
                for name in names(plan, &step.id) {
                    entries.push(entry(media::MANIFEST, file, &name));
                }
            }
            Work::Index(work) => {
                let mut names = names(plan, &step.id);
                if names.is_empty() {
                    names.push(format!("{}:{}", work.image, work.flavor));
                }
                entries.extend(names.iter().map(|name| entry(media::INDEX, file, name)));
            }
            _ => {}
        }
    }
    if let Some(registries) = base_layers {
        fetch(registries, &blobs, &lacking)?;
        lacking.clear();
    }
    lacking.retain(|Wanted(hex, ..)| !blobs.join(hex).exists());
    let text = |value: Value| value.to_string().into_bytes();
    files::write_atomic(&folder.join("oci-layout"), &text(json!({ "imageLayoutVersion": "1.0.0" })))?;
    let index = json!({ "schemaVersion": 2, "mediaType": media::INDEX, "manifests": entries });
    files::write_atomic(&folder.join("index.json"), &text(index))?;
    Ok(lacking.len())
}

/// A layer of a base: hex digest, bytes, where it is.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Wanted(String, u64, Repository);

fn entry(media_type: &str, file: &artifact::File, name: &str) -> Value {
    let mut entry = json!(Descriptor { media_type: media_type.into(), digest: file.sha256, size: file.size });
    entry["annotations"] = json!({ REF_NAME: name });
    entry
}

/// The whole names under which a step is published.
pub fn names(plan: &Plan, step: &str) -> Vec<String> {
    let mut names = Vec::new();
    for destination in &plan.destinations {
        let DestinationKind::Registry(registry) = &destination.kind else { continue };
        for image in registry.images.iter().filter(|image| image.step == step) {
            for repository in &image.repositories {
                let tags = image.tags.iter().chain(image.floating.iter().map(|floating| &floating.tag));
                names.extend(tags.map(|tag| format!("{repository}:{tag}")));
            }
        }
    }
    names.sort();
    names.dedup();
    names
}

fn link(from: &Path, to: &Path) -> anyhow::Result<()> {
    if to.exists() {
        return Ok(());
    }
    let linked = fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop));
    linked.with_context(|| format!("cannot write `{}`", to.display()))
}

fn fetch(registries: &Registries, blobs: &Path, wanted: &BTreeSet<Wanted>) -> anyhow::Result<()> {
    for Wanted(hex, size, repository) in wanted {
        if blobs.join(hex).exists() {
            continue;
        }
        let digest: Digest = hex.parse().map_err(anyhow::Error::msg)?;
        let blob = Descriptor { media_type: media::LAYER_GZIP.into(), digest, size: *size };
        pack::save(blobs, hex, Mode::Plain, |mut out| {
            Ok(runtime::block_on(registries.download(repository, &blob, &mut out))??)
        })?;
    }
    Ok(())
}
