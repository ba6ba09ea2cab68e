//! Blobs and manifests by digest: each once per repository, all at the same time, children before what names them.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use super::images::Placement;
use crate::digest::Digest;
use crate::oci::image::{Blob, Place};
use crate::oci::registry::{Pushed, Registries, Source};
use crate::oci::{LARGEST_DOCUMENT, media};
use crate::publish::failure::{Failure, Failures};
use crate::reference::Repository;
use crate::world::files;
use crate::world::terminal::Progress;

struct Sending<'a> {
    repository: &'a Repository,
    blob: &'a Blob,
    /// A repository of the same registry that has it by then.
    other: Option<&'a Repository>,
}

/// Where blobs and manifests go, and how far they are.
pub struct Push<'p> {
    pub registries: &'p Registries,
    pub progress: Progress<'p>,
}

/// Pushes what some images and indexes consist of.
pub async fn everything(push: &Push<'_>, placements: &[&Placement<'_>]) -> Result<(), Failures> {
    let mut seen = BTreeSet::new();
    // The first repository of a registry that gets a layer is the one that others mount it from.
    let mut first: BTreeMap<(&str, Digest), &Repository> = BTreeMap::new();
    let (mut now, mut then) = (Vec::new(), Vec::new());
    for (repository, blob) in
        placements.iter().flat_map(|one| one.blobs.iter().map(|blob| (one.planned.repository, blob)))
    {
        let digest = blob.descriptor.digest;
        if !seen.insert((repository, digest)) {
            continue;
        }
        let key = (repository.registry.as_str(), digest);
        match first.get(&key).copied() {
            Some(other) if is_layer(blob) => then.push(Sending { repository, blob, other: Some(other) }),
            _ => {
                first.insert(key, repository);
                now.push(Sending { repository, blob, other: None });
            }
        }
    }
    let mut failures = Vec::new();
    for round in [now, then] {
        for done in join_all(round.iter().map(|sending| push.blob(sending))).await {
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

fn add(failures: &mut Vec<Failure>, done: Result<(), impl Into<Failure>>) {
    if let Err(error) = done {
        let failure = error.into();
        if !failures.contains(&failure) {
            failures.push(failure);
        }
    }
}

/// A layer that is sent from this machine.
fn is_layer(blob: &Blob) -> bool {
    blob.file().is_some() && !is_config(blob)
}

/// Sent without asking whether it is there.
fn is_config(blob: &Blob) -> bool {
    blob.descriptor.media_type == media::CONFIG
}

impl Push<'_> {
    async fn blob(&self, sending: &Sending<'_>) -> Result<(), Failure> {
        let Sending { repository, blob, other } = *sending;
        let config: Vec<u8>;
        let source = match &blob.place {
            Place::File(path) if is_config(blob) => {
                config = files::read_small(path, LARGEST_DOCUMENT)?;
                Source::Bytes(&config)
            }
            Place::File(path) => Source::File(path, other),
            Place::Repository(base) => Source::Elsewhere(base),
        };
        let pushed = self.registries.push_blob(repository, &blob.descriptor, source).await?;
        if pushed == Pushed::Sent && !is_config(blob) {
            self.progress.tell(&format!("{} to {repository}", blob.descriptor.digest));
        }
        Ok(())
    }
}
