//! Images as `docker load`, `podman load` and `skopeo docker-archive:` read them: one tar with a `manifest.json`.
//!
//! Format: <https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md#combined-image-json--filesystem-changeset-format>.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};

use super::layout::names;
use super::machine::Machine;
use super::stored;
use crate::digest::Digest;
use crate::oci::image::Image;
use crate::plan::{ImageWork, Plan, Step, Work};
use crate::platform::Platform;
use crate::world::sink::Sink;

/// An image and the names it gets on this machine.
pub struct Tagged {
    pub image: Image,
    pub tags: Vec<String>,
}

/// Writes every finished image of a platform into one tar. The format has no platforms, so there is one of them in it.
///
/// # Errors
/// If an image is not there, or a layer of its base cannot be had.
pub fn write(machine: Machine<'_>, platform: Platform, path: &Path) -> anyhow::Result<usize> {
    let Machine { store, plan, .. } = machine;
    let mut images = Vec::new();
    for step in &plan.steps {
        if let Work::Image(work) = &step.work
            && work.platform == platform
            && stored::is_made(store, &step.id)
        {
            images.push(Tagged { image: stored::image(store, step, work)?, tags: tags(plan, step, work) });
        }
    }
    write_some(machine, &images, path)?;
    Ok(images.len())
}

/// The names of an image: those of the index it is in, and its own.
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

/// Writes some images.
///
/// # Errors
/// As [`write`].
pub fn write_some(machine: Machine<'_>, images: &[Tagged], path: &Path) -> anyhow::Result<()> {
    let place = |digest: &Digest| format!("blobs/sha256/{}", digest.hex());
    let manifest = images.iter().map(|Tagged { image, tags }| {
        let layers = image.layers.iter().map(|layer| place(&layer.descriptor.digest));
        json!({
            "Config": place(&image.config.descriptor.digest),
            "RepoTags": tags,
            "Layers": layers.collect::<Vec<_>>(),
        })
    });
    let manifest = Value::Array(manifest.collect()).to_string();
    let (mut files, mut seen) = (Vec::new(), BTreeSet::new());
    for blob in images.iter().flat_map(|tagged| [&tagged.image.config].into_iter().chain(&tagged.image.layers)) {
        let digest = blob.descriptor.digest;
        if seen.insert(digest) {
            files.push((place(&digest), stored::fetch(machine, blob)?));
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
    add("manifest.json", manifest.len() as u64, &mut manifest.as_bytes())?;
    let sink = tar.into_inner()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    sink.finish()
}
