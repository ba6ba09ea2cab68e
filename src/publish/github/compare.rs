//! What is in a release, compared with what was verified, before anything is written.

use std::fs;
use std::io;

use tokio::task::spawn_blocking;

use super::entry::{Entry, PlannedRelease, ReleaseFile, Start};
use super::list::differs;
use super::repository::Repository;
use super::standing::{Standing, is_absent, standing};
use crate::artifact::File;
use crate::digest::Digest;
use crate::problem::Problem;
use crate::publish::failure::{Failure, Failures};
use crate::publish::verified::Verified;
use crate::receipt::Outcome;

/// GitHub takes files under 2 GiB: <https://docs.github.com/repositories/releasing-projects-on-github/about-releases>.
const LARGEST_FILE: u64 = 2 << 30;

/// A release with its verified files, none of which conflicts.
pub async fn compare<'a>(
    repository: &Repository<'a>,
    planned: PlannedRelease<'a>,
    start: Start,
    verified: Verified<'_>,
) -> Result<Entry<'a>, Failures> {
    let mut files = Vec::new();
    for planned in &planned.files {
        let file = verified.file(*planned)?.clone();
        let path = verified.path(&planned.step.id, &file);
        files.push(ReleaseFile { step: &planned.step.id, file, path, outcome: Outcome::AlreadyThere, hashed: None });
    }
    let mut failures: Vec<Failure> = files.iter().filter_map(|file| too_large(&file.file)).collect();
    let different = different(repository, &files, &start);
    if different.is_empty() {
        failures.extend(changed(&files, &start).await);
    }
    failures.extend(different);
    Failures::of(failures).map(|()| Entry { planned, start, files, there: None })
}

fn too_large(file: &File) -> Option<Failure> {
    if file.size < LARGEST_FILE {
        return None;
    }
    let message = format!("`{}` has {} bytes; GitHub's limit is 2 GiB", file.name, file.size);
    Some(Failure::Refused(Problem::new("asset-too-large", message).hint("split it, or pack less into it")))
}

/// Files with our names and other bytes: said all at once, never replaced.
fn different(repository: &Repository<'_>, files: &[ReleaseFile<'_>], start: &Start) -> Vec<Failure> {
    let Some(release) = start.release() else { return Vec::new() };
    let differs = |ReleaseFile { file, .. }: &ReleaseFile<'_>| match standing(file, &release.assets) {
        Standing::Different(asset) => Some(differs(&repository.api, release, file, &asset)),
        _ => None,
    };
    files.iter().filter_map(differs).collect()
}

/// Before the first write, the bytes that will be sent are read once: a server that got wrong ones keeps them.
async fn changed(files: &[ReleaseFile<'_>], start: &Start) -> Vec<Failure> {
    let assets = start.release().map(|release| release.assets.as_slice()).unwrap_or_default();
    let mut failures = Vec::new();
    for ReleaseFile { step, file, path, .. } in files.iter().filter(|file| is_absent(&file.file.name, assets)) {
        let opened = path.clone();
        let found = spawn_blocking(move || fs::File::open(&opened).and_then(Digest::of_reader)).await;
        let what = match found.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(found) if found == (file.sha256, file.size) => continue,
            Ok((digest, size)) => format!("is not the verified file: {digest}, {size} bytes"),
            Err(error) => format!("cannot be read: {error}"),
        };
        let problem = Problem::new("file-changed", format!("`{}` {what}", path.display())).step(*step);
        failures.push(Failure::Refused(problem.hint("run `longshore verify` again, or build it again")));
    }
    failures
}
