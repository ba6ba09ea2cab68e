//! Sends files: wheels of all projects, then sdists; projects side by side, one file at a time in each.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::future::join_all;

use super::answer::{About, Meaning, meaning, unreachable};
use super::compare::differs;
use super::connection::Connection;
use super::form::{Form, form};
use super::package::PackageUpload;
use super::packages::{Packages, Parcel};
use super::token::Keeper;
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::wheel::DistributionName;
use crate::world::http::{self, Auth, Body, Method, Request};
use crate::world::terminal::Progress;

pub async fn everything(packages: &Packages<'_>) -> Vec<Failure> {
    let connection = &packages.connection;
    let progress = connection.printer.start("Uploading", format!("to {}", http::host(&connection.index.upload)));
    let names: BTreeSet<&DistributionName> =
        packages.parcels.iter().map(|parcel| parcel.upload.file.distribution).collect();
    // All tokens first: what one project is refused keeps the others from being begun.
    let missing = |name: &DistributionName| packages.parcels.iter().any(|one| !one.there && one.is_of(name));
    let keepers = packages.keepers.iter().filter(|(name, _)| missing(name)).map(|(_, keeper)| keeper);
    let presented = keepers.map(|keeper| connection.patience.retry(async |_| keeper.present(connection).await));
    let failures: Vec<Failure> = join_all(presented).await.into_iter().filter_map(Result::err).collect();
    if !failures.is_empty() {
        return failures;
    }
    for sources in [false, true] {
        // What is refused for good in one project ends the others after the file they are at.
        let stop = AtomicBool::new(false);
        let round = names.iter().map(|name| {
            let files =
                packages.parcels.iter().filter(|one| !one.there && one.is_source() == sources && one.is_of(name));
            project(packages, &progress, files.collect(), &stop)
        });
        let failures: Vec<Failure> = join_all(round).await.into_iter().filter_map(Result::err).collect();
        if !failures.is_empty() {
            return failures;
        }
    }
    Vec::new()
}

async fn project(
    packages: &Packages<'_>,
    progress: &Progress<'_>,
    parcels: Vec<&Parcel<'_>>,
    stop: &AtomicBool,
) -> Result<(), Failure> {
    for one in parcels {
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let done = file(packages, one).await;
        if done.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        done?;
        progress.tell(&format!("{} ({} KiB)", one.upload.file.name, one.upload.size.div_ceil(1024)));
    }
    Ok(())
}

/// Sends one file, and looks whether it arrived before it is sent again.
async fn file(packages: &Packages<'_>, parcel: &Parcel<'_>) -> Result<(), Failure> {
    let connection = &packages.connection;
    let (upload, Some(content)) = (&parcel.upload, &parcel.content) else { return Ok(()) };
    let form = form(upload, content);
    let Some(keeper) = packages.keepers.get(upload.file.distribution) else {
        let text = format!("cannot determine the state of `{}`", upload.file.distribution);
        return Err(Failure::Fatal(Problem::new("token-missing", text)));
    };
    let mut renewed = false;
    let done = connection
        .patience
        .retry(async |number| {
            if number > 0 && is_there(connection, upload).await? {
                return Ok(Ok(()));
            }
            connection.patience.write().await;
            loop {
                match attempt(connection, upload, &form, keeper).await? {
                    Meaning::Stored => return Ok(Ok(())),
                    Meaning::Expired(_) if !renewed && keeper.renew().await => renewed = true,
                    Meaning::Expired(failure) | Meaning::Over(failure) => return Ok(Err(failure)),
                    Meaning::Taken(_) if is_there(connection, upload).await? => return Ok(Ok(())),
                    Meaning::Taken(failure) => return Ok(Err(failure)),
                    Meaning::Again(failure) => return Err(failure),
                }
            }
        })
        .await;
    match done {
        Ok(done) => done,
        // The last attempt may have worked as well.
        Err(failure @ Failure::Retry { .. }) => match is_there(connection, upload).await {
            Ok(true) => Ok(()),
            Ok(false) | Err(Failure::Retry { .. }) => Err(failure),
            Err(worse) => Err(worse),
        },
        Err(failure) => Err(failure),
    }
}

async fn attempt(
    connection: &Connection<'_>,
    upload: &PackageUpload<'_>,
    form: &Form,
    keeper: &Keeper<'_>,
) -> Result<Meaning, Failure> {
    let presented = keeper.present(connection).await?;
    let body = Body::Framed {
        head: &form.head,
        path: &upload.path,
        size: upload.size,
        sha256: upload.sha256,
        tail: &form.tail,
        media: &form.media,
        sent: Arc::new(AtomicU64::new(0)),
    };
    let auth = presented.as_ref().map(|(user, secret)| Auth::Basic(user, secret));
    let request = Request { method: Method::POST, auth, body, ..Request::get(connection.index.upload.clone()) };
    let reply = connection.writer.send(request).await.map_err(|error| unreachable(&error))?;
    let about = About {
        host: &http::host(&connection.index.upload),
        name: upload.file.name,
        project: upload.file.distribution.as_str(),
        secret: presented.as_ref().map(|(_, secret)| secret),
    };
    Ok(meaning(&about, &reply))
}

/// Whether the file is there with our bytes.
async fn is_there(connection: &Connection<'_>, upload: &PackageUpload<'_>) -> Result<bool, Failure> {
    let Some(there) = connection.reader.find(&upload.file).await? else { return Ok(false) };
    let (found, _) = connection.reader.digest(upload, &there).await?;
    if found == upload.sha256 { Ok(true) } else { Err(differs(upload.file.name, found, upload.sha256)) }
}
