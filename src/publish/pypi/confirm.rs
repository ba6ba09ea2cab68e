//! Reads every file back by digest, and waits until installers see it.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use super::compare::differs;
use super::connection::Connection;
use super::packages::{Packages, Parcel};
use super::reader::{Seen, unconfirmed};
use crate::publish::failure::{Failure, Failures};
use crate::receipt::{Outcome, Receipt};
use crate::world::clock;

/// The longest wait between two looks.
const WAIT: Duration = Duration::from_secs(30);

pub async fn everything(packages: &Packages<'_>) -> Result<Vec<Receipt>, Failures> {
    let connection = &packages.connection;
    let _progress = connection.printer.start("Confirming", connection.host());
    let versions = packages.versions().into_iter().map(|parcels| version(connection, parcels));
    let versions = join_all(versions).await;
    let (mut receipts, mut failures) = (Vec::new(), Vec::new());
    for one in versions.into_iter().flatten() {
        match one {
            Ok(receipt) => receipts.push(receipt),
            Err(failure) => failures.push(failure),
        }
    }
    Failures::of(failures).map(|()| receipts)
}

/// What is there of a publication that failed, at one look: a file on an index stays, so it is written down.
pub async fn remains(packages: &Packages<'_>) -> Vec<Receipt> {
    let connection = &packages.connection;
    let looks = packages.versions().into_iter().map(async |parcels| {
        let first = parcels.first()?;
        let seen = connection.reader.look(&first.upload.file).await.ok()?;
        Some(join_all(parcels.iter().map(|one| receipt(connection, one, &seen))).await)
    });
    join_all(looks).await.into_iter().flatten().flatten().filter_map(Result::ok).collect()
}

/// Looks until all files of a version are there and listed, as long as patience lasts. PyPI's simple index is cached for
/// ten minutes, now and then longer; its JSON is right at once.
async fn version(connection: &Connection<'_>, parcels: Vec<&Parcel<'_>>) -> Vec<Result<Receipt, Failure>> {
    let Some(first) = parcels.first() else { return Vec::new() };
    let (start, mut wait) = (Instant::now(), connection.pace.base);
    let mut told = false;
    loop {
        let seen = match connection.patience.retry(async |_| connection.reader.look(&first.upload.file).await).await {
            Ok(seen) => seen,
            Err(failure) => return vec![Err(failure)],
        };
        let there = parcels.iter().all(|one| seen.file(one.upload.file.name).is_some());
        let listed = parcels.iter().all(|one| seen.listed(one.upload.file.name).is_some());
        let wrong = parcels.iter().any(|one| {
            seen.file(one.upload.file.name)
                .and_then(|there| there.sha256)
                .is_some_and(|found| found != one.upload.sha256)
        });
        if there && listed || wrong || start.elapsed() >= connection.pace.total {
            if there && !listed {
                let name = first.upload.file.distribution;
                connection.printer.warn(format!(
                    "`{name}` is complete, but not all files are visible to installers yet: a cache is stale"
                ));
            }
            return join_all(parcels.iter().map(|one| receipt(connection, one, &seen))).await;
        }
        if !told {
            connection
                .printer
                .step("Waiting", format!("until {} shows `{}`", connection.host(), first.upload.file.distribution));
            told = true;
        }
        sleep(wait).await;
        wait = (wait * 2).min(WAIT);
    }
}

async fn receipt(connection: &Connection<'_>, parcel: &Parcel<'_>, seen: &Seen) -> Result<Receipt, Failure> {
    let upload = &parcel.upload;
    let Some(there) = seen.file(upload.file.name) else {
        return Err(Failure::Unconfirmed(unconfirmed(upload.file.name, "accepted it, but does not list it yet")));
    };
    let (found, how) = connection.patience.retry(async |_| connection.reader.digest(upload, there).await).await?;
    if found != upload.sha256 {
        return Err(differs(upload.file.name, found, upload.sha256));
    }
    Ok(Receipt {
        destination: connection.index.name.clone(),
        tag: upload.file.tag.to_owned(),
        name: upload.file.name.to_owned(),
        sha256: Some(upload.sha256),
        size: Some(upload.size),
        url: there.url.as_ref().map(ToString::to_string),
        outcome: if parcel.there { Outcome::AlreadyThere } else { Outcome::Published },
        confirmed_by: Some(how.into()),
        at: clock::now(),
    })
}
