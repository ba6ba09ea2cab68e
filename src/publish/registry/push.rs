//! Blobs and manifests by digest: each once per repository, all at the same time, children before what names them.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde_json::Value;

use super::{Failure, Site, Wanted, artifact};
use crate::digest::Digest;
use crate::oci::registry::{Error, Pushed, Source};
use crate::oci::{Descriptor, LARGEST_DOCUMENT, media};
use crate::plan::{ImageWork, Work};
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

/// Pushes what some images and indexes consist of.
pub async fn everything(
    site: &Site<'_>,
    progress: &Progress<'_>,
    wanted: &[&Wanted<'_>],
) -> anyhow::Result<Vec<Failure>> {
    let mut blobs = Vec::new();
    for one in wanted {
        if let Work::Image(work) = &one.step.work {
            blobs.extend(blobs_of(site, one, work)?);
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
        for done in join_all(round.iter().map(|(blob, other)| push(site, progress, blob, *other))).await {
            add(&mut failures, done);
        }
        if !failures.is_empty() {
            return Ok(failures);
        }
    }
    for indexes in [false, true] {
        let round = wanted.iter().filter(|one| matches!(one.step.work, Work::Index(_)) == indexes);
        // An index is put under its fixed tag at once; without one by its digest.
        let round = round.filter(|one| !indexes || one.image.tags.is_empty());
        let put = round.map(async |one| {
            let reference = one.repository.at(one.document.descriptor.digest);
            site.order.registries.put_manifest(&reference, &one.document).await
        });
        join_all(put).await.into_iter().for_each(|done| add(&mut failures, done));
        if !failures.is_empty() {
            break;
        }
    }
    Ok(failures)
}

fn add(failures: &mut Vec<Failure>, done: Result<(), Error>) {
    if let Err(error) = done {
        let failure = Failure::from(error);
        if !failures.contains(&failure) {
            failures.push(failure);
        }
    }
}

async fn push(
    site: &Site<'_>,
    progress: &Progress<'_>,
    blob: &Blob<'_>,
    mount: Option<&Repository>,
) -> Result<(), Error> {
    let source = match &blob.origin {
        Origin::Config(bytes) => Source::Bytes(bytes),
        Origin::Layer(path) => Source::File(path, mount),
        Origin::Base(repository) => Source::Elsewhere(repository),
    };
    let pushed = site.order.registries.push_blob(blob.repository, &blob.descriptor, source).await?;
    if pushed == Pushed::Sent && !matches!(blob.origin, Origin::Config(_)) {
        progress.tell(&format!("{} to {}", blob.descriptor.digest, blob.repository));
    }
    Ok(())
}

/// What an image consists of: layers of its base, layers of ours, its config.
fn blobs_of<'a>(site: &Site<'a>, wanted: &Wanted<'a>, work: &'a ImageWork) -> anyhow::Result<Vec<Blob<'a>>> {
    let (order, repository) = (site.order, wanted.repository);
    let mut blobs = Vec::new();
    let manifest: Value = wanted.document.json();
    let all = manifest["layers"].as_array().map(Vec::as_slice).unwrap_or_default();
    if let Some(base) = &work.base {
        for layer in &all[..all.len().saturating_sub(work.layers.len())] {
            let descriptor = serde_json::from_value(layer.clone())?;
            blobs.push(Blob { repository, descriptor, origin: Origin::Base(&base.from.repository) });
        }
    }
    for (id, layer) in work.layers.iter().zip(all.iter().rev().take(work.layers.len()).rev()) {
        let descriptor: Descriptor = serde_json::from_value(layer.clone())?;
        let file = artifact(order, id)?.files.first();
        let file = file.filter(|file| file.sha256 == descriptor.digest);
        let file = file.ok_or_else(|| anyhow::anyhow!("`{}` names another layer than `{id}`", wanted.step.id))?;
        blobs.push(Blob { repository, descriptor, origin: Origin::Layer(order.store.file(id, &file.name)) });
    }
    let config = artifact(order, &wanted.step.id)?.files.first();
    let config = config.ok_or_else(|| anyhow::anyhow!("`{}` made no config", wanted.step.id))?;
    let bytes = files::read_small(&order.store.file(&wanted.step.id, &config.name), LARGEST_DOCUMENT)?;
    let descriptor = Descriptor { media_type: media::CONFIG.into(), digest: config.sha256, size: config.size };
    blobs.push(Blob { repository, descriptor, origin: Origin::Config(bytes) });
    Ok(blobs)
}
