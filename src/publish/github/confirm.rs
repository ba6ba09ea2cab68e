//! Reads a published release the way anybody would, and says how.

use std::io;

use serde::de::IgnoredAny;

use super::api::Reader;
use super::assets::{Standing, different, longer, settle, standing};
use super::model::{Asset, Release};
use super::release::expects_latest;
use super::{Job, Parcel, Site};
use crate::digest::Hashing;
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::publish::ledger::Ledger;
use crate::receipt::Outcome;
use crate::world::http::{Limited, Method, encode};

/// What is to be confirmed.
pub struct State<'r, 'a> {
    /// The release as its publisher sees it.
    pub release: &'r Release,
    /// Its files.
    pub parcels: Vec<Parcel<'a>>,
    /// What this run did to it.
    pub done: Done,
}

/// What a run did to a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Nothing was missing.
    Nothing,
    /// Files were added to a release that somebody else published.
    Filled,
    /// It was made public.
    Published,
}

/// Confirms a release and records what was seen. The outer error is ours.
pub async fn run(
    site: &Site<'_>,
    ledger: &mut Ledger,
    job: &Job<'_>,
    state: State<'_, '_>,
) -> anyhow::Result<Result<(), Failure>> {
    let State { release, mut parcels, done } = state;
    let tag = &job.release.tag;
    let _progress = site.api.printer.start("Confirming", format!("{tag} as anybody would read it"));
    let (public, assets, reader) = match read(site, job, release, done).await {
        Ok(seen) => seen,
        Err(failure) => return Ok(Err(failure)),
    };
    let mut failure = None;
    let mut receipts = Vec::new();
    for (parcel, (asset, known)) in parcels.iter_mut().zip(&assets) {
        let result = if *known { Ok(()) } else { look(site, job, parcel, asset, reader).await };
        if let Err(problem) = result {
            let conflict = matches!(problem, Failure::Conflict(_));
            parcel.outcome = if conflict { Outcome::Conflict } else { Outcome::Unconfirmed };
            failure.get_or_insert(problem);
        }
        let right = matches!(parcel.outcome, Outcome::Published | Outcome::AlreadyThere);
        receipts.push(site.receipt(job, parcel, Some(asset), right));
    }
    let outcome = match &failure {
        Some(Failure::Conflict(_)) => Outcome::Conflict,
        Some(_) => Outcome::Unconfirmed,
        None if done == Done::Nothing => Outcome::AlreadyThere,
        None => Outcome::Published,
    };
    let by = failure.is_none().then_some("digest");
    receipts.push(site.release_receipt(job, &public, outcome, by));
    ledger.record(receipts)?;
    Ok(failure.map_or(Ok(()), Err))
}

/// The release as the public sees it, with the asset of each wanted file and whether its digest is known to be right.
async fn read(
    site: &Site<'_>,
    job: &Job<'_>,
    release: &Release,
    done: Done,
) -> Result<(Release, Vec<(Asset, bool)>, Reader), Failure> {
    let mut reader = Reader::Anonymous;
    // `releases/latest` holds the whole release, so one request confirms both.
    let latest = expects_latest(site, job);
    let tag = &job.release.tag;
    let read = site.api.patience.retry(async |attempt| {
        if latest && let Some(public) = fetch(site, job, &mut reader, "releases/latest").await? {
            return Ok((check(site, job, &public, reader).await?, public, reader));
        }
        let by_tag = format!("releases/tags/{}", encode(tag));
        let Some(public) = fetch(site, job, &mut reader, &by_tag).await? else {
            if reader == Reader::Anonymous {
                reader = private(site).await?;
            }
            let message = format!("`{tag}` is published, but not seen yet");
            return Err(Failure::retry(Problem::new("release-unseen", message)));
        };
        let found = check(site, job, &public, reader).await?;
        let message = format!("`releases/latest` does not show `{tag}`");
        match done {
            Done::Published if latest && attempt < 3 => Err(Failure::retry(Problem::new("latest-unseen", message))),
            // What nobody presents a token for may come out of a cache of a minute's age; the owner's view may not.
            Done::Published if latest && fetch(site, job, &mut Reader::Token, "releases/latest").await?.is_none() => {
                let hint = "somebody may have published a newer one; look at the repository's releases";
                Err(Failure::Unconfirmed(Problem::new("latest-unseen", message).hint(hint)))
            }
            _ => {
                if latest && done != Done::Published {
                    site.api.printer.warn(message);
                }
                Ok((found, public, reader))
            }
        }
    });
    let (found, public, reader) = read.await.map_err(|failure| match failure {
        Failure::Missing(problem) => Failure::Unconfirmed(problem.hint(format!("is {} public?", release.html_url))),
        other => other,
    })?;
    Ok((public, found, reader))
}

/// Our release at this path; nothing if that is missing, or another one. If nobody may read without the token, or the
/// anonymous limit of this address (60 an hour, shared by all jobs behind it) is used up, the token's owner reads.
async fn fetch(site: &Site<'_>, job: &Job<'_>, reader: &mut Reader, tail: &str) -> Result<Option<Release>, Failure> {
    let tag = &job.release.tag;
    let doing = format!("read `{tag}`");
    let mut result = site.api.look::<Release>(&doing, tail, *reader).await;
    if *reader == Reader::Anonymous {
        let why = match &result {
            Err(Failure::Denied(_)) => Some("the server answers nobody without a token"),
            Err(Failure::Retry { problem, .. }) if problem.code == "rate-limited" => {
                Some("the anonymous limit of this address is used up")
            }
            _ => None,
        };
        if let Some(why) = why {
            site.api.printer.step("Reading", format!("with the token: {why}"));
            *reader = Reader::Token;
            result = site.api.look(&doing, tail, *reader).await;
        }
    }
    match result {
        Ok(release) => Ok((release.tag_name == *tag && !release.draft).then_some(release)),
        Err(Failure::Missing(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Who can read the repository: of a private one only the token's owner.
async fn private(site: &Site<'_>) -> Result<Reader, Failure> {
    match site.api.look::<IgnoredAny>("look at the repository", "", Reader::Anonymous).await {
        Ok(_) => Ok(Reader::Anonymous),
        Err(Failure::Missing(_) | Failure::Denied(_)) => {
            site.api.printer.step("Reading", format!("with the token: `{}` is private", site.api.repository));
            Ok(Reader::Token)
        }
        Err(failure) => Err(failure),
    }
}

/// Finds each wanted file, in the release itself or, if it shows only some, in its list of files.
async fn check(
    site: &Site<'_>,
    job: &Job<'_>,
    public: &Release,
    reader: Reader,
) -> Result<Vec<(Asset, bool)>, Failure> {
    let mut assets = public.assets.clone();
    if job.files.iter().any(|wanted| standing(wanted.file, &assets) == Standing::Missing) {
        assets = all_assets(site, public.id, reader).await?;
    }
    let mut all = Vec::new();
    for wanted in &job.files {
        match standing(wanted.file, &assets) {
            Standing::Equal(asset) => all.push((asset, true)),
            Standing::Unknown(asset) => all.push((asset, false)),
            Standing::Different(asset) => return Err(different(&job.release.tag, wanted.file, &asset)),
            Standing::Missing | Standing::Incomplete(_) | Standing::Pending(_) => {
                let message = format!("`{}` is not seen by the public yet", wanted.file.name);
                return Err(Failure::retry(Problem::new("asset-unseen", message)));
            }
        }
    }
    Ok(all)
}

async fn all_assets(site: &Site<'_>, release: u64, reader: Reader) -> Result<Vec<Asset>, Failure> {
    let mut all = Vec::new();
    for page in 1..=10 {
        let tail = format!("releases/{release}/assets?per_page=100&page={page}");
        let some: Vec<Asset> = site.api.look("list the files", &tail, reader).await?;
        let full = some.len() >= 100;
        all.extend(some);
        if !full {
            break;
        }
    }
    Ok(all)
}

/// A file without a digest: one that we hashed in this run is only asked for, any other is downloaded.
async fn look(
    site: &Site<'_>,
    job: &Job<'_>,
    parcel: &mut Parcel<'_>,
    asset: &Asset,
    reader: Reader,
) -> Result<(), Failure> {
    if parcel.hashed && reader == Reader::Token {
        return Ok(());
    }
    let expected = (parcel.wanted.file.sha256, parcel.wanted.file.size);
    let hashed = parcel.hashed;
    let found = site.api.patience.retry(async |attempt| {
        let mut hashing = Hashing::new(io::sink());
        let mut sink = Limited::new(&mut hashing, expected.1);
        // Some stores sign a URL for GET alone, so a HEAD that fails proves nothing.
        let method = if hashed && attempt == 0 { Method::HEAD } else { Method::GET };
        let head = method == Method::HEAD;
        let reply = match reader {
            Reader::Anonymous => site.api.public(method, &asset.browser_download_url, &mut sink).await.map(Some),
            Reader::Token => site.api.download(asset.id, &mut sink).await.map(|()| None),
        };
        match reply {
            _ if sink.is_over() => Err(longer(job, parcel.wanted.file)),
            Ok(Some(reply)) if head => {
                let length = reply.header("content-length").and_then(|text| text.parse().ok());
                Ok((expected.0, length.unwrap_or(expected.1)))
            }
            Ok(_) => {
                let (_, digest, size) = hashing.finish();
                Ok((digest, size))
            }
            Err(Failure::Missing(problem)) => Err(Failure::retry(problem)),
            Err(failure) if head => Err(Failure::retry(failure.problem().clone())),
            Err(failure) => Err(failure),
        }
    });
    settle(job, parcel, asset, found.await)
}
