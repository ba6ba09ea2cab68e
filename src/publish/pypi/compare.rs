//! What is on an index, compared with what was verified, before anything is sent.

use super::connection::Connection;
use super::index::Index;
use super::observe::Shown;
use super::package::PackageUpload;
use super::reader::Seen;
use super::rules::{LARGEST, refused};
use crate::digest::Digest;
use crate::problem::Problem;
use crate::publish::failure::Failure;

/// Whether a file is there already, the very bytes.
///
/// # Errors
/// All that is wrong with it.
pub async fn file(
    connection: &Connection<'_>,
    shown: &[Shown<'_>],
    upload: &PackageUpload<'_>,
) -> Result<bool, Vec<Failure>> {
    let mut failures: Vec<Failure> = refused(connection.index, &upload.file).into_iter().collect();
    // Of a version that could not be looked at, this was said.
    let shown = shown.iter().find(|shown| shown.is_of(&upload.file));
    let there = match shown {
        Some(shown) => is_there(connection, upload, &shown.seen).await,
        None => Ok(false),
    };
    match (there, shown) {
        (Err(failure), _) => failures.push(failure),
        (Ok(false), Some(shown)) => failures.extend(too_large(connection.index, upload, &shown.seen)),
        (Ok(true), _) if failures.is_empty() => return Ok(true),
        (Ok(_), _) => {}
    }
    if failures.is_empty() { Ok(false) } else { Err(failures) }
}

async fn is_there(connection: &Connection<'_>, upload: &PackageUpload<'_>, seen: &Seen) -> Result<bool, Failure> {
    let Some(there) = seen.file(upload.file.name) else { return Ok(false) };
    let (found, _) = connection.patience.retry(async |_| connection.reader.digest(upload, there).await).await?;
    if found == upload.sha256 { Ok(true) } else { Err(differs(upload.file.name, found, upload.sha256)) }
}

/// A file of that name with other bytes.
pub fn differs(name: &str, there: Digest, ours: Digest) -> Failure {
    let text = format!("`{name}` is on the index with {there}; this release has {ours}");
    let hint = "a file of an index is never replaced: release a new version";
    Failure::Conflict(Problem::new("index-file-differs", text).hint(hint))
}

/// A file over PyPI's limit. A project that holds such a file already has an exception.
fn too_large(index: &Index, upload: &PackageUpload<'_>, seen: &Seen) -> Option<Failure> {
    index.json.as_ref()?;
    let excepted =
        seen.page.as_ref().is_some_and(|page| page.files.values().any(|file| file.size.is_some_and(|s| s > LARGEST)));
    let size = upload.size;
    if size <= LARGEST || excepted {
        return None;
    }
    let text =
        format!("`{}` has {} MiB; PyPI's limit is {} MiB", upload.file.name, size.div_ceil(1 << 20), LARGEST >> 20);
    let hint = "make it smaller (strip the binary, leave out debug information), or ask PyPI for a higher limit";
    Some(Failure::Refused(Problem::new("index-file-too-large", text).hint(hint)))
}
