//! Reads every file back by digest, and waits until installers see it.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use super::index::{Seen, unconfirmed};
use super::observe::differs;
use super::{Site, Wanted};
use crate::publish::failure::Failure;
use crate::receipt::{Outcome, Receipt};
use crate::world::clock;

/// The longest wait between two looks.
const WAIT: Duration = Duration::from_secs(30);

/// Reads back everything.
pub async fn everything(site: &Site<'_>) -> Result<Vec<Receipt>, Vec<Failure>> {
    let _progress = site.printer.start("Confirming", site.host());
    let releases = join_all(site.releases().into_iter().map(|wanted| release(site, wanted))).await;
    let (mut receipts, mut failures) = (Vec::new(), Vec::new());
    for one in releases.into_iter().flatten() {
        match one {
            Ok(receipt) => receipts.push(receipt),
            Err(failure) => failures.push(failure),
        }
    }
    if failures.is_empty() { Ok(receipts) } else { Err(failures) }
}

/// What is there of a publication that failed, at one look: a file on an index stays, so it is written down.
pub async fn remains(site: &Site<'_>) -> Vec<Receipt> {
    let looks = site.releases().into_iter().map(async |wanted| {
        let first = wanted.first()?;
        let seen = site.reader.look(first.upload).await.ok()?;
        Some(join_all(wanted.iter().map(|one| receipt(site, one, &seen))).await)
    });
    join_all(looks).await.into_iter().flatten().flatten().filter_map(Result::ok).collect()
}

/// Looks until all files of a version are there and listed, as long as patience lasts. PyPI's simple index is cached for
/// ten minutes, now and then longer; its JSON is right at once.
async fn release(site: &Site<'_>, wanted: Vec<&Wanted<'_>>) -> Vec<Result<Receipt, Failure>> {
    let Some(first) = wanted.first() else { return Vec::new() };
    let (start, mut wait) = (Instant::now(), site.pace.base);
    let mut told = false;
    loop {
        let seen = match site.patience.retry(async |_| site.reader.look(first.upload).await).await {
            Ok(seen) => seen,
            Err(failure) => return vec![Err(failure)],
        };
        let there = wanted.iter().all(|one| seen.file(one.upload.name).is_some());
        let listed = wanted.iter().all(|one| seen.listed(one.upload.name).is_some());
        let wrong = wanted.iter().any(|one| {
            seen.file(one.upload.name).and_then(|there| there.sha256).is_some_and(|found| found != one.upload.sha256)
        });
        if there && listed || wrong || start.elapsed() >= site.pace.total {
            if there && !listed {
                let name = first.upload.distribution;
                site.printer
                    .warn(format!("`{name}` is complete, but installers do not see all of it yet: a cache is old"));
            }
            return join_all(wanted.iter().map(|one| receipt(site, one, &seen))).await;
        }
        if !told {
            site.printer.step("Waiting", format!("until {} shows `{}`", site.host(), first.upload.distribution));
            told = true;
        }
        sleep(wait).await;
        wait = (wait * 2).min(WAIT);
    }
}

async fn receipt(site: &Site<'_>, wanted: &Wanted<'_>, seen: &Seen) -> Result<Receipt, Failure> {
    let upload = wanted.upload;
    let Some(there) = seen.file(upload.name) else {
        return Err(Failure::Unconfirmed(unconfirmed(upload.name, "took it, but does not show it yet")));
    };
    let (found, how) = site.patience.retry(async |_| site.reader.digest(upload, there).await).await?;
    if found != upload.sha256 {
        return Err(differs(upload.name, found, upload.sha256));
    }
    Ok(Receipt {
        destination: site.index.name.clone(),
        tag: upload.tag.to_owned(),
        name: upload.name.to_owned(),
        sha256: Some(upload.sha256),
        size: Some(upload.size),
        url: there.url.as_ref().map(ToString::to_string),
        outcome: if wanted.there { Outcome::AlreadyThere } else { Outcome::Published },
        confirmed_by: Some(how.into()),
        at: clock::now(),
    })
}
