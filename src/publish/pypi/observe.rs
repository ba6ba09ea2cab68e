//! What stands in the way of a version of a project, before anything is sent.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::DateTime;

use super::index::Seen;
use super::rules::LARGEST;
use super::{Site, Wanted};
use crate::digest::Digest;
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::world::clock;

/// How long PyPI takes new files for a release: <https://github.com/pypi/warehouse/pull/19727>.
const OPEN: Duration = Duration::from_hours(14 * 24);

/// The names of the files that are there and right.
pub async fn release(site: &Site<'_>, wanted: Vec<&Wanted<'_>>) -> Result<BTreeSet<String>, Vec<Failure>> {
    let Some(first) = wanted.first() else { return Ok(BTreeSet::new()) };
    let looked = site.patience.retry(async |_| site.reader.look(first.upload).await).await;
    let seen = looked.map_err(|failure| vec![failure])?;
    let (mut there, mut failures) = (BTreeSet::new(), Vec::new());
    for one in &wanted {
        match is_there(site, one, &seen).await {
            Ok(true) => drop(there.insert(one.upload.name.to_owned())),
            Ok(false) => {}
            Err(failure) => failures.push(failure),
        }
    }
    let missing: Vec<&Wanted<'_>> = wanted.iter().filter(|one| !there.contains(one.upload.name)).copied().collect();
    if failures.is_empty() && !missing.is_empty() {
        if seen.page.is_none() {
            let name = first.upload.distribution;
            site.printer
                .step("New", format!("`{name}` is not on {} yet; its first file makes the project", site.host()));
        }
        failures.extend(closed(site, first, &seen));
        failures.extend(late(site, &wanted, &missing, &seen));
        failures.extend(missing.iter().filter_map(|one| too_large(site, one, &seen)));
    }
    if failures.is_empty() { Ok(there) } else { Err(failures) }
}

async fn is_there(site: &Site<'_>, wanted: &Wanted<'_>, seen: &Seen) -> Result<bool, Failure> {
    let name = wanted.upload.name;
    let Some(there) = seen.file(name) else { return Ok(false) };
    let (found, _) = site.patience.retry(async |_| site.reader.digest(wanted.upload, there).await).await?;
    if found == wanted.upload.sha256 { Ok(true) } else { Err(differs(name, found, wanted.upload.sha256)) }
}

/// A file of that name with other bytes.
pub fn differs(name: &str, there: Digest, ours: Digest) -> Failure {
    let text = format!("`{name}` is on the index with {there}; this release has {ours}");
    let hint = "a file of an index is never replaced: release a new version";
    Failure::Conflict(Problem::new("index-file-differs", text).hint(hint))
}

/// A project that takes nothing.
fn closed(site: &Site<'_>, wanted: &Wanted<'_>, seen: &Seen) -> Option<Failure> {
    let status = seen.page.as_ref()?.status.as_deref()?;
    if !["archived", "quarantined"].contains(&status) {
        return None;
    }
    let text = format!("the project `{}` is {status} on {}", wanted.upload.distribution, site.host());
    let hint = "its owner unarchives it in its settings; a quarantine is ended by the administrators";
    Some(Failure::Denied(Problem::new("index-project-closed", text).hint(hint)))
}

/// A release that is too old to be completed.
fn late(site: &Site<'_>, wanted: &[&Wanted<'_>], missing: &[&Wanted<'_>], seen: &Seen) -> Option<Failure> {
    site.index.json.as_ref()?;
    let first = seen.json.values().filter_map(|file| file.uploaded).min();
    let first = first.or_else(|| {
        let page = seen.page.as_ref()?;
        wanted.iter().filter_map(|one| page.files.get(one.upload.name)?.uploaded).min()
    })?;
    let age = (DateTime::parse_from_rfc3339(&clock::now()).ok()? - first).to_std().ok()?;
    if age <= OPEN {
        return None;
    }
    let upload = missing.first()?.upload;
    let names = missing.iter().map(|one| format!("`{}`", one.upload.name)).collect::<Vec<_>>().join(", ");
    let days = age.as_secs() / 86_400;
    let text = format!(
        "`{}` {} is {days} days old, and PyPI takes no new files for releases older than 14 days; missing: {names}",
        upload.distribution, upload.version
    );
    let hint = "it can never be completed: release a new version, and yank this one if it is of no use without them";
    Some(Failure::Refused(Problem::new("index-release-old", text).hint(hint)))
}

/// A file over PyPI's limit. A project that holds such a file already has an exception.
fn too_large(site: &Site<'_>, wanted: &Wanted<'_>, seen: &Seen) -> Option<Failure> {
    site.index.json.as_ref()?;
    let excepted =
        seen.page.as_ref().is_some_and(|page| page.files.values().any(|file| file.size.is_some_and(|s| s > LARGEST)));
    let size = wanted.upload.size;
    if size <= LARGEST || excepted {
        return None;
    }
    let text = format!(
        "`{}` has {} MiB; PyPI takes files up to {} MiB",
        wanted.upload.name,
        size.div_ceil(1 << 20),
        LARGEST >> 20
    );
    let hint = "make it smaller (strip the binary, leave out debug information), or ask PyPI for a higher limit";
    Some(Failure::Refused(Problem::new("index-file-too-large", text).hint(hint)))
}
