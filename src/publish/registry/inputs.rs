//! What an image is made from, beside it: a tag named like the digest of its inputs, and the list as its referrer. The next
//! build of the same inputs finds both.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::images::{Images, Placement};
use crate::digest::Digest;
use crate::input_list::MEDIA_TYPE;
use crate::oci::registry::{Document, Source};
use crate::oci::{Descriptor, LARGEST_DOCUMENT, media};
use crate::plan::Work;
use crate::publish::failure::{Failure, Failures};
use crate::publish::verified::Verified;
use crate::reference::Repository;
use crate::world::files;

/// The config of an artifact other than an image:
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidance-for-an-empty-descriptor>.
const EMPTY: &[u8] = b"{}";
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";

/// Puts tags and lists that are not there. What is there stays: it was made from the same inputs.
///
/// # Errors
/// What could not be put.
pub async fn put<'p>(
    images: &Images<'_>,
    placements: impl Iterator<Item = &'p Placement<'p>>,
    verified: Verified<'_>,
) -> Result<(), Failures> {
    let done = join_all(placements.map(|one| of_one(images, one, verified))).await;
    let mut failures: Vec<Failure> = Vec::new();
    for failure in done.into_iter().filter_map(Result::err) {
        if !failures.contains(&failure) {
            failures.push(failure);
        }
    }
    Failures::of(failures)
}

async fn of_one(images: &Images<'_>, placement: &Placement<'_>, verified: Verified<'_>) -> Result<(), Failure> {
    let planned = &placement.planned;
    let Some(tag) = &planned.image.inputs else { return Ok(()) };
    let (registries, repository) = (images.run.registries, planned.repository);
    if registries.head(&repository.tagged(tag)).await?.is_some() {
        return Ok(());
    }
    if !matches!(planned.step.work, Work::Image(_)) {
        // Of an index or chart, the tag alone: what it is made from stands in its annotation.
        return Ok(registries.put_manifest(&repository.tagged(tag), &placement.document).await?);
    }
    let record = verified.artifact(&planned.step.id)?;
    let Some(file) = record.files.iter().find(|file| file.name == planned.step.inputs_file()) else { return Ok(()) };
    let path = verified.path(&planned.step.id, file);
    if !path.is_file() || registries.head(&repository.at(placement.digest())).await?.is_none() {
        // Another machine's results, or an image that was public before and is another one.
        return Ok(());
    }
    let bytes = files::read_small(&path, LARGEST_DOCUMENT)?;
    let blob = Descriptor { media_type: MEDIA_TYPE.into(), digest: Digest::of(&bytes), size: bytes.len() as u64 };
    let empty = Descriptor { media_type: EMPTY_TYPE.into(), digest: Digest::of(EMPTY), size: EMPTY.len() as u64 };
    registries.push_blob(repository, &empty, Source::Bytes(EMPTY)).await?;
    registries.push_blob(repository, &blob, Source::Bytes(&bytes)).await?;
    let list = json!({
        "schemaVersion": 2,
        "mediaType": media::MANIFEST,
        "artifactType": MEDIA_TYPE,
        "config": empty,
        "layers": [blob],
        "subject": placement.document.descriptor,
    });
    let list = Document::new(media::MANIFEST, list.to_string().into_bytes());
    registries.put_manifest(&repository.at(list.descriptor.digest), &list).await?;
    refer(images, repository, placement, &list).await?;
    registries.put_manifest(&repository.tagged(tag), &placement.document).await?;
    Ok(())
}

/// Where the registry does not list referrers by itself, they stand in an index of their own
/// (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests-with-subject>).
async fn refer(
    images: &Images<'_>,
    repository: &Repository,
    placement: &Placement<'_>,
    list: &Document,
) -> Result<(), Failure> {
    let registries = images.run.registries;
    let known = registries.referrers(repository, placement.digest()).await?;
    let digest = list.descriptor.digest.to_string();
    if known.iter().any(|one| one["digest"] == json!(digest)) {
        return Ok(());
    }
    let mut entry = json!(list.descriptor);
    entry["artifactType"] = json!(MEDIA_TYPE);
    let all: Vec<Value> = known.into_iter().chain([entry]).collect();
    let index = json!({ "schemaVersion": 2, "mediaType": media::INDEX, "manifests": all });
    let index = Document::new(media::INDEX, index.to_string().into_bytes());
    let tag = repository.tagged(placement.digest().to_string().replace(':', "-"));
    Ok(registries.put_manifest(&tag, &index).await?)
}
