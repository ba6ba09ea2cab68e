//! Reads the files of a release back as its owner, by name, size and digest.

use std::io;

use super::api::Api;
use super::entry::{PlannedRelease, ReleaseFile};
use super::list::{check_renamed, different, differs, list, longer, pending};
use super::model::{Asset, GithubRelease};
use super::repository::Repository;
use super::standing::{Standing, standing};
use crate::digest::{Digest, Hashing};
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::publish::ledger::Ledger;
use crate::receipt::Outcome;
use crate::world::http::Limited;

/// Reads the list until it holds every file, then settles what has no digest by downloading it.
pub async fn read_back(
    repository: &Repository<'_>,
    planned: &PlannedRelease<'_>,
    files: &mut [ReleaseFile<'_>],
    release: &GithubRelease,
    ledger: &mut Ledger,
) -> Result<(), Failure> {
    let (api, tag) = (&repository.api, planned.tag());
    let _progress = api.printer.start("Verifying", format!("{} files of {tag}", files.len()));
    let assets = api.patience.retry(async |_| seen(api, planned, files, release).await).await?;
    let mut failed = None;
    let mut receipts = Vec::new();
    for (file, asset) in files.iter_mut().zip(&assets) {
        let known = matches!(standing(&file.file, std::slice::from_ref(asset)), Standing::Equal(_));
        if !known && file.hashed != Some(asset.id) {
            let hashed = hash(api, tag, file, asset).await;
            note(file, hashed, &mut failed);
        }
        receipts.push(repository.file_receipt(tag, file, Some(asset), file.is_right()));
    }
    ledger.record(receipts)?;
    failed.map_or(Ok(()), Err)
}

/// What a look at a file says about it; the first failure stands for all.
pub fn note(file: &mut ReleaseFile<'_>, looked: Result<(), Failure>, failed: &mut Option<Failure>) {
    let Err(failure) = looked else { return };
    let conflict = matches!(failure, Failure::Conflict(_));
    file.outcome = if conflict { Outcome::Conflict } else { Outcome::Unconfirmed };
    failed.get_or_insert(failure);
}

/// The asset of each file, in order.
async fn seen(
    api: &Api<'_>,
    planned: &PlannedRelease<'_>,
    files: &[ReleaseFile<'_>],
    release: &GithubRelease,
) -> Result<Vec<Asset>, Failure> {
    let assets = list(api, release.id).await?;
    let mut all = Vec::new();
    for ReleaseFile { file, .. } in files {
        match standing(file, &assets) {
            Standing::Equal(asset) | Standing::Unknown(asset) => all.push(asset),
            Standing::Different(asset) => return Err(differs(api, release, file, &asset)),
            Standing::Pending(asset) | Standing::Incomplete(asset) => return Err(pending(&asset)),
            Standing::Missing => {
                check_renamed(planned, file, &assets)?;
                let message = format!("`{}` was uploaded and is not in the list", file.name);
                return Err(Failure::retry(Problem::new("asset-unlisted", message)));
            }
        }
    }
    Ok(all)
}

/// Downloads one of our assets and compares it.
async fn hash(api: &Api<'_>, tag: &str, file: &mut ReleaseFile<'_>, asset: &Asset) -> Result<(), Failure> {
    let download = api.patience.retry(async |_| {
        let mut hashing = Hashing::new(io::sink());
        let mut sink = Limited::new(&mut hashing, asset.size);
        let done = api.download(asset.id, &mut sink).await;
        if sink.is_over() {
            return Err(longer(tag, &file.file));
        }
        done?;
        let (_, digest, size) = hashing.finish();
        Ok((digest, size))
    });
    let found = download.await;
    settle(tag, file, asset, found)
}

/// What a download says about a file.
pub fn settle(
    tag: &str,
    file: &mut ReleaseFile<'_>,
    asset: &Asset,
    found: Result<(Digest, u64), Failure>,
) -> Result<(), Failure> {
    let record = &file.file;
    match found {
        Ok(found) if found == (record.sha256, record.size) => {
            file.hashed = Some(asset.id);
            Ok(())
        }
        Ok((digest, size)) => {
            let there = Asset { digest: Some(digest.to_string()), size, ..asset.clone() };
            Err(different(tag, record, &there))
        }
        Err(failure @ Failure::Conflict(_)) => Err(failure),
        Err(failure) => {
            let message = format!(
                "`{}` exists, but the server reports no digest and the download fails: {}",
                record.name,
                failure.problem()
            );
            let hint = "run the same command again to confirm it";
            Err(Failure::Unconfirmed(Problem::new("asset-unconfirmed", message).hint(hint)))
        }
    }
}
