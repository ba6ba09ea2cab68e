//! Images that finished steps have left in the store, and their blobs on this machine.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::machine::Machine;
use super::pack;
use crate::artifact::{Artifact, Mode};
use crate::digest::Digest;
use crate::oci::image::{Blob, Image, Place};
use crate::oci::parts::Parts;
use crate::oci::registry::{Document, Registries};
use crate::oci::{Descriptor, LARGEST_DOCUMENT, media};
use crate::plan::{ImageWork, Output, Step};
use crate::reference::Repository;
use crate::step_id::StepId;
use crate::world::store::{Store, read_json};
use crate::world::{files, runtime};

/// The image that a step has made.
///
/// # Errors
/// If it or one of its layers is not there.
pub fn image(store: &Store, step: &Step, work: &ImageWork) -> anyhow::Result<Image> {
    let record = |id: &StepId| read_json::<Artifact>(&store.record(id));
    let own = record(&step.id)?;
    let layers = work.layers().iter().map(record).collect::<anyhow::Result<Vec<_>>>()?;
    let base = work.base().map(|base| &base.from.repository);
    let parts = Parts { platform: work.platform, own: &own, layers: layers.iter().collect(), base };
    let [_, manifest] = &work.outputs;
    let image = parts.image(store, document(store, step, manifest, media::MANIFEST)?);
    image.map_err(|flaw| anyhow::anyhow!("`{}` {flaw}", step.id))
}

/// Whether an image or index was made here.
pub fn is_made(store: &Store, step: &StepId) -> bool {
    store.record(step).is_file() && !is_not_needed(store, step)
}

/// Whether nothing was made of an image, since nobody needs it.
pub fn is_not_needed(store: &Store, step: &StepId) -> bool {
    read_json::<Artifact>(&store.record(step)).is_ok_and(|record| record.not_needed.is_some())
}

/// A manifest or index that a step has made.
///
/// # Errors
/// If it is not there.
pub fn document(store: &Store, step: &Step, output: &Output, media_type: &str) -> anyhow::Result<Document> {
    Ok(Document::new(media_type, files::read_small(&store.file(&step.id, &output.name), LARGEST_DOCUMENT)?))
}

/// Where a blob lies on this machine; a layer of a base is downloaded once.
///
/// # Errors
/// If it cannot be had.
pub fn fetch(machine: Machine<'_>, blob: &Blob) -> anyhow::Result<PathBuf> {
    let repository = match &blob.place {
        Place::File(path) => return Ok(path.clone()),
        Place::Repository(repository) => repository,
    };
    let registries = machine.registries.context("no registry is configured to fetch base layers from")?;
    download(registries, &machine.store.root().join("cache"), repository, &blob.descriptor)
}

/// Whether a file is a blob, by its size and its bytes.
pub fn is_whole(path: &Path, descriptor: &Descriptor) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.len() == descriptor.size)
        && File::open(path).and_then(Digest::of_reader).is_ok_and(|(digest, _)| digest == descriptor.digest)
}

/// A blob of a registry, kept below a folder.
///
/// # Errors
/// If it cannot be had.
pub fn download(
    registries: &Registries,
    cache: &Path,
    repository: &Repository,
    descriptor: &Descriptor,
) -> anyhow::Result<PathBuf> {
    let folder = cache.join("blobs");
    let path = folder.join(descriptor.digest.hex());
    if is_whole(&path, descriptor) {
        return Ok(path);
    }
    pack::save(&folder, &descriptor.digest.hex(), Mode::Plain, |mut out| {
        Ok(runtime::block_on(registries.download(repository, descriptor, &mut out))??)
    })?;
    Ok(path)
}
