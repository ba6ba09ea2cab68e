//! Blobs and manifests by digest: each once per repository, all at the same time, children before what names them.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde_json::Value;

use super::images::Placement;
use crate::digest::Digest;
use crate::oci::registry::{Error, Pushed, Registries, Source};
use crate::oci::{Descriptor, LARGEST_DOCUMENT, media};
use crate::plan::{ImageWork, Work};
use crate::publish::failure::{Failure, Failures};
use crate::publish::verified::Verified;
use crate::reference::Repository;
use crate::world::files;
use crate::world::terminal::Progress;

/// Where the bytes of a blob are.
enum Origin<'a> {
    /// A config of ours.
    Config(Vec<u8>),
    /// A layer of ours.
    Layer(std::path::PathBuf),
    /// A layer of a base.
    Base(&'a Repository),
}

struct Blob<'a> {
    repository: &'a Repository,
    descriptor: Descriptor,
    origin: Origin<'a>,
}

/// Where blobs and manifests go, and how far they are.
pub struct Push<'p> {
    /// How registries are reached.
    pub registries: &'p Registries,
    /// What is seen of it.
    pub progress: Progress<'p>,
}

/// Pushes what some images and indexes consist of.
pub async fn everything(
    push: &Push<'_>,
    placements: &[&Placement<'_>],
    verified: Verified<'_>,
) -> Result<(), Failures> {
    let mut blobs = Vec::new();
    for one in placements {
        if let Work::Image(work) = &one.planned.step.work {
            blobs.extend(blobs_of(one, work, verified)?);
        }
    }
    let mut seen = BTreeSet::new();
    blobs.retain(|blob| seen.insert((blob.repository, blob.descriptor.digest)));
    // The first repository of a registry that gets a blob of ours is the one that others mount it from.
    let mut first: BTreeMap<(&str, Digest), &Repository> = BTreeMap::new();
    let (mut now, mut then) = (Vec::new(), Vec::new());
    for blob in blobs {
        let key = (blob.repository.registry.as_str(), blob.descriptor.digest);
        match first.get(&key) {
            Some(other) if matches!(blob.origin, Origin::Layer(_)) => then.push((blob, Some(*other))),
            _ => {
                first.insert(key, blob.repository);
                now.push((blob, None));
            }
        }
    }
    let mut failures = Vec::new();
    for round in [now, then] {
        for done in join_all(round.iter().map(|(blob, other)| push.blob(blob, *other))).await {
            add(&mut failures, done);
        }
        Failures::of(std::mem::take(&mut failures))?;
    }
    for indexes in [false, true] {
        let round = placements.iter().filter(|one| one.planned.is_index() == indexes);
        // An index is put under its fixed tag at once; without one by its digest.
        let round = round.filter(|one| !indexes || one.planned.image.tags.is_empty());
        let put = round.map(async |one| {
            push.registries.put_manifest(&one.planned.repository.at(one.digest()), &one.document).await
        });
        join_all(put).await.into_iter().for_each(|done| add(&mut failures, done));
        Failures::of(std::mem::take(&mut failures))?;
    }
    Ok(())
}

fn add(failures: &mut Vec<Failure>, done: Result<(), Error>) {
    if let Err(error) = done {
        let failure = Failure::from(error);
        if !failures.contains(&failure) {
            failures.push(failure);
        }
    }
}

impl Push<'_> {
    async fn blob(&self, blob: &Blob<'_>, mount: Option<&Repository>) -> Result<(), Error> {
        let source = match &blob.origin {
            Origin::Config(bytes) => Source::Bytes(bytes),
            Origin::Layer(path) => Source::File(path, mount),
            Origin::Base(repository) => Source::Elsewhere(repository),
        };
        let pushed = self.registries.push_blob(blob.repository, &blob.descriptor, source).await?;
        if pushed == Pushed::Sent && !matches!(blob.origin, Origin::Config(_)) {
            self.progress.tell(&format!("{} to {}", blob.descriptor.digest, blob.repository));
        }
        Ok(())
    }
}

/// What an image consists of: layers of its base, layers of ours, its config.
fn blobs_of<'a>(
    placement: &Placement<'a>,
    work: &'a ImageWork,
    verified: Verified<'_>,
) -> Result<Vec<Blob<'a>>, Failure> {
    let (repository, step) = (placement.planned.repository, placement.planned.step.id.as_str());
    let mut blobs = Vec::new();
    let manifest: Value = placement.document.json();
    let all = manifest["layers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let (below, own) = all.split_at(all.len().saturating_sub(work.layers.len()));
    let read = |layer: &Value| serde_json::from_value::<Descriptor>(layer.clone()).map_err(anyhow::Error::from);
    if let Some(base) = &work.base {
        for layer in below {
            blobs.push(Blob { repository, descriptor: read(layer)?, origin: Origin::Base(&base.from.repository) });
        }
    }
    for (id, layer) in work.layers.iter().zip(own) {
        let descriptor = read(layer)?;
        let file = verified.artifact(id)?.files.first();
        let file = file.filter(|file| file.sha256 == descriptor.digest);
        let file = file.ok_or_else(|| anyhow::anyhow!("`{step}` names another layer than `{id}`"))?;
        blobs.push(Blob { repository, descriptor, origin: Origin::Layer(verified.path(id, file)) });
    }
    let config = verified.artifact(step)?.files.first();
    let config = config.ok_or_else(|| anyhow::anyhow!("`{step}` made no config"))?;
    let bytes = files::read_small(&verified.path(step, config), LARGEST_DOCUMENT)?;
    let descriptor = Descriptor { media_type: media::CONFIG.into(), digest: config.sha256, size: config.size };
    blobs.push(Blob { repository, descriptor, origin: Origin::Config(bytes) });
    Ok(blobs)
}
