//! Images as `docker load`, `podman load` and `skopeo docker-archive:` read them: one tar with a `manifest.json`.
//!
//! Format: <https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md#combined-image-json--filesystem-changeset-format>.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Value, json};

use super::layout::names;
use super::pack;
use crate::artifact::{Artifact, Mode};
use crate::digest::Digest;
use crate::oci::registry::Registries;
use crate::oci::{Descriptor, document};
use crate::plan::{ImageWork, Plan, Step, Work};
use crate::platform::Platform;
use crate::world::runtime;
use crate::world::sink::Sink;
use crate::world::store::{Store, read_json};

/// Writes every finished image of a platform into one tar. The format has no platforms, so there is one of them in it.
///
/// # Errors
/// If an image is not there, or a layer of its base cannot be had.
pub fn write(
    store: &Store,
    plan: &Plan,
    registries: Option<&Registries>,
    platform: Platform,
    path: &Path,
) -> anyhow::Result<usize> {
    let mut images = Vec::new();
    for step in &plan.steps {
        if let Work::Image(work) = &step.work
            && work.platform == platform
            && store.record(&step.id).is_file()
        {
            images.push((step, work, tags(plan, step, work)));
        }
    }
    write_some(store, registries, &images, path)?;
    Ok(images.len())
}

/// The names an image gets on this machine: those of the index it is in, and its own.
fn tags(plan: &Plan, step: &Step, work: &ImageWork) -> Vec<String> {
    let index = plan.steps.iter().find(
        |other| matches!(&other.work, Work::Index(index) if index.image == work.image && index.flavor == work.flavor),
    );
    let mut all = names(plan, &step.id);
    all.extend(index.map(|index| names(plan, &index.id)).unwrap_or_default());
    if all.is_empty() {
        all.push(format!("{}:{}", work.image.to_lowercase(), work.flavor));
    }
    all
}

/// Writes some images under some names.
///
/// # Errors
/// As [`write`].
pub fn write_some(
    store: &Store,
    registries: Option<&Registries>,
    images: &[(&Step, &ImageWork, Vec<String>)],
    path: &Path,
) -> anyhow::Result<()> {
    let (mut manifest, mut files, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (step, work, tags) in images {
        let (config, layers) = blobs(store, registries, step, work)?;
        let place = |digest: &Digest| format!("blobs/sha256/{}", digest.hex());
        manifest.push(json!({
            "Config": place(&config.0),
            "RepoTags": tags,
            "Layers": layers.iter().map(|(digest, _)| place(digest)).collect::<Vec<_>>(),
        }));
        for (digest, from) in std::iter::once(config).chain(layers) {
            if seen.insert(digest) {
                files.push((place(&digest), from));
            }
        }
    }
    let mut tar = tar::Builder::new(BufWriter::new(Sink::create(path)?));
    let mut add = |path: &str, size: u64, bytes: &mut dyn std::io::Read| {
        let mut header = tar::Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o644);
        header.set_mtime(0);
        tar.append_data(&mut header, path, bytes)
    };
    for (place, from) in &files {
        let mut file = File::open(from).with_context(|| format!("cannot read `{}`", from.display()))?;
        add(place, file.metadata()?.len(), &mut file)?;
    }
    let text = Value::Array(manifest).to_string();
    add("manifest.json", text.len() as u64, &mut text.as_bytes())?;
    let sink = tar.into_inner()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    sink.finish()
}

type Blob = (Digest, PathBuf);

/// Config and layers of an image, all of them on this machine; layers of bases are downloaded once.
///
/// # Errors
/// As [`write`].
pub fn blobs(
    store: &Store,
    registries: Option<&Registries>,
    step: &Step,
    work: &ImageWork,
) -> anyhow::Result<(Blob, Vec<Blob>)> {
    let record: Artifact = read_json(&store.record(&step.id))?;
    let [config, manifest] = record.files.as_slice() else { anyhow::bail!("`{}` made no image", step.id) };
    let json: Value = read_json(&store.file(&step.id, &manifest.name))?;
    let all = document::base_layers(&json).map_err(anyhow::Error::msg)?;
    let below = all.len().saturating_sub(work.layers.len());
    let mut layers = Vec::new();
    for layer in &all[..below] {
        let blob: Descriptor = serde_json::from_value(layer.clone())?;
        layers.push((blob.digest, of_base(store, registries, work, &blob)?));
    }
    for id in &work.layers {
        let record: Artifact = read_json(&store.record(id))?;
        let file = record.files.first().with_context(|| format!("`{id}` made no layer"))?;
        layers.push((file.sha256, store.file(id, &file.name)));
    }
    Ok(((config.sha256, store.file(&step.id, &config.name)), layers))
}

fn of_base(
    store: &Store,
    registries: Option<&Registries>,
    work: &ImageWork,
    blob: &Descriptor,
) -> anyhow::Result<PathBuf> {
    let folder = store.root().join("cache").join("blobs");
    let path = folder.join(blob.digest.hex());
    if fs::metadata(&path).is_ok_and(|meta| meta.len() == blob.size)
        && Digest::of_reader(File::open(&path)?)?.0 == blob.digest
    {
        return Ok(path);
    }
    let base = work.base.as_ref().context("an image from nothing has no layers below its own")?;
    let registries = registries.context("no registries to fetch base layers from")?;
    pack::save(&folder, &blob.digest.hex(), Mode::Plain, |mut out| {
        Ok(runtime::block_on(registries.download(&base.from.repository, blob, &mut out))??)
    })?;
    Ok(path)
}
