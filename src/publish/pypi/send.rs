//! Sends files: wheels of all projects, then sdists; projects side by side, one file at a time in each.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::future::join_all;

use super::answer::{About, Meaning, meaning};
use super::form::{Form, form};
use super::observe::differs;
use super::token::Keeper;
use super::{Site, Upload, Wanted, unreachable};
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::wheel::DistributionName;
use crate::world::http::{self, Auth, Body, Method, Request};
use crate::world::terminal::Progress;

/// Sends everything that is missing.
pub async fn everything(site: &Site<'_>) -> Vec<Failure> {
    let progress = site.printer.start("Uploading", format!("to {}", http::host(&site.index.upload)));
    let names: BTreeSet<&DistributionName> = site.wanted.iter().map(|wanted| wanted.upload.distribution).collect();
    // All tokens first: what one project is refused keeps the others from being begun.
    let missing = |name: &DistributionName| site.wanted.iter().any(|one| !one.there && one.is_of(name));
    let keepers = site.keepers.iter().filter(|(name, _)| missing(name)).map(|(_, keeper)| keeper);
    let presented = keepers.map(|keeper| site.patience.retry(async |_| keeper.present(site).await));
    let failures: Vec<Failure> = join_all(presented).await.into_iter().filter_map(Result::err).collect();
    if !failures.is_empty() {
        return failures;
    }
    for sources in [false, true] {
        // What is refused for good in one project ends the others after the file they are at.
        let stop = AtomicBool::new(false);
        let round = names.iter().map(|name| {
            let files = site.wanted.iter().filter(|one| !one.there && one.is_source() == sources && one.is_of(name));
            project(site, &progress, files.collect(), &stop)
        });
        let failures: Vec<Failure> = join_all(round).await.into_iter().filter_map(Result::err).collect();
        if !failures.is_empty() {
            return failures;
        }
    }
    Vec::new()
}

async fn project(
    site: &Site<'_>,
    progress: &Progress<'_>,
    wanted: Vec<&Wanted<'_>>,
    stop: &AtomicBool,
) -> Result<(), Failure> {
    for one in wanted {
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let done = file(site, one).await;
        if done.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        done?;
        progress.tell(&format!("{} ({} KiB)", one.upload.name, one.upload.size.div_ceil(1024)));
    }
    Ok(())
}

/// Sends one file, and looks whether it arrived before it is sent again.
async fn file(site: &Site<'_>, wanted: &Wanted<'_>) -> Result<(), Failure> {
    let (upload, Some(content)) = (wanted.upload, &wanted.content) else { return Ok(()) };
    let form = form(upload, content);
    let Some(keeper) = site.keepers.get(upload.distribution) else {
        let text = format!("nothing is known about `{}`", upload.distribution);
        return Err(Failure::Fatal(Problem::new("token-missing", text)));
    };
    let mut renewed = false;
    let done = site
        .patience
        .retry(async |number| {
            if number > 0 && is_there(site, upload).await? {
                return Ok(Ok(()));
            }
            site.patience.write().await;
            loop {
                match attempt(site, upload, &form, keeper).await? {
                    Meaning::Stored => return Ok(Ok(())),
                    Meaning::Expired(_) if !renewed && keeper.renew().await => renewed = true,
                    Meaning::Expired(failure) | Meaning::Over(failure) => return Ok(Err(failure)),
                    Meaning::Taken(_) if is_there(site, upload).await? => return Ok(Ok(())),
                    Meaning::Taken(failure) => return Ok(Err(failure)),
                    Meaning::Again(failure) => return Err(failure),
                }
            }
        })
        .await;
    match done {
        Ok(done) => done,
        // The last attempt may have worked as well.
        Err(failure @ Failure::Retry { .. }) => match is_there(site, upload).await {
            Ok(true) => Ok(()),
            Ok(false) | Err(Failure::Retry { .. }) => Err(failure),
            Err(worse) => Err(worse),
        },
        Err(failure) => Err(failure),
    }
}

async fn attempt(site: &Site<'_>, upload: &Upload<'_>, form: &Form, keeper: &Keeper<'_>) -> Result<Meaning, Failure> {
    let presented = keeper.present(site).await?;
    let body = Body::Framed {
        head: &form.head,
        path: upload.path,
        size: upload.size,
        sha256: upload.sha256,
        tail: &form.tail,
        media: &form.media,
        sent: Arc::new(AtomicU64::new(0)),
    };
    let auth = presented.as_ref().map(|(user, secret)| Auth::Basic(user, secret));
    let request = Request { method: Method::POST, auth, body, ..Request::get(site.index.upload.clone()) };
    let reply = site.writer.send(request).await.map_err(|error| unreachable(&error))?;
    let about = About {
        host: &http::host(&site.index.upload),
        name: upload.name,
        project: upload.distribution.as_str(),
        secret: presented.as_ref().map(|(_, secret)| secret),
    };
    Ok(meaning(&about, &reply))
}

/// Whether the file is there with our bytes.
async fn is_there(site: &Site<'_>, upload: &Upload<'_>) -> Result<bool, Failure> {
    let Some(there) = site.reader.find(upload).await? else { return Ok(false) };
    let (found, _) = site.reader.digest(upload, &there).await?;
    if found == upload.sha256 { Ok(true) } else { Err(differs(upload.name, found, upload.sha256)) }
}
