//! Reads a published release the way anybody would, and says how.

use std::io;

use serde::de::IgnoredAny;

use super::api::Reader;
use super::assets::{Standing, different, settle, standing};
use super::model::{Asset, Release};
use super::release::expects_latest;
use super::{Job, Parcel, Site};
use crate::digest::Hashing;
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::publish::ledger::Ledger;
use crate::receipt::Outcome;
use crate::world::http::{Method, encode};

/// What is to be confirmed.
pub struct State<'r, 'a> {
    /// The release as its publisher sees it.
    pub release: &'r Release,
    /// Its files.
    pub parcels: Vec<Parcel<'a>>,
    /// Whether this run made it public or filled it.
    pub fresh: bool,
}

/// Confirms a release and records what was seen. The outer error is ours.
pub async fn run(
    site: &Site<'_>,
    ledger: &mut Ledger,
    job: &Job<'_>,
    state: State<'_, '_>,
) -> anyhow::Result<Result<(), Failure>> {
    let State { release, mut parcels, fresh } = state;
    let tag = &job.release.tag;
    let _progress = site.api.printer.start("Confirming", format!("{tag} as anybody would read it"));
    let (public, assets, reader) = match read(site, job, release, fresh).await {
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
        None if fresh => Outcome::Published,
        None => Outcome::AlreadyThere,
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
    fresh: bool,
) -> Result<(Release, Vec<(Asset, bool)>, Reader), Failure> {
    let mut reader = Reader::Anonymous;
    // `releases/latest` holds the whole release, so one request confirms both.
    let mut latest = expects_latest(site, job);
    let tag = &job.release.tag;
    site.api
        .patience
        .retry(&format!("read `{tag}`"), async |attempt| {
            let public = match fetch(site, job, reader, latest).await {
                Err(failure) if reader == Reader::Anonymous => {
                    reader = other_reader(site, failure).await?;
                    fetch(site, job, reader, latest).await?
                }
                other => other?,
            };
            let public = match public {
                Some(public) => public,
                None if fresh && attempt < 2 => return Err(unseen(tag)),
                None => {
                    latest = false;
                    site.api.printer.warn(format!("`{tag}` is not what `releases/latest` shows"));
                    match fetch(site, job, reader, false).await? {
                        Some(public) => public,
                        None => return Err(unseen(tag)),
                    }
                }
            };
            let assets = check(site, job, &public, reader).await?;
            Ok((public, assets, reader))
        })
        .await
        .map_err(|failure| match failure {
            Failure::Missing(problem) => Failure::Unconfirmed(problem.hint(format!("is {} public?", release.html_url))),
            other => other,
        })
}

/// The release by its tag, or as "latest": then nothing if that is another one.
async fn fetch(site: &Site<'_>, job: &Job<'_>, reader: Reader, latest: bool) -> Result<Option<Release>, Failure> {
    let tag = &job.release.tag;
    let tail = if latest { "releases/latest".into() } else { format!("releases/tags/{}", encode(tag)) };
    let release: Release = site.api.look(&format!("read `{tag}`"), &tail, reader).await?;
    Ok((release.tag_name == *tag && !release.draft).then_some(release))
}

fn unseen(tag: &str) -> Failure {
    Failure::retry(Problem::new("release-unseen", format!("`{tag}` is published, but not seen yet")))
}

/// Why an anonymous reader may have failed, and who reads instead: of a private repository, or when the anonymous limit
/// of this address (60 an hour, shared by all jobs behind it) is used up, the owner of the token.
async fn other_reader(site: &Site<'_>, failure: Failure) -> Result<Reader, Failure> {
    let repository = site.api.repository;
    let why = match &failure {
        Failure::Denied(_) => "the server answers nobody without a token".to_owned(),
        Failure::Retry { problem, .. } if problem.code == "rate-limited" => {
            "the anonymous limit of this address is used up".to_owned()
        }
        Failure::Missing(problem) => {
            match site.api.look::<IgnoredAny>("look at the repository", "", Reader::Anonymous).await {
                Ok(_) => return Err(Failure::retry(problem.clone())),
                Err(Failure::Missing(_) | Failure::Denied(_)) => format!("`{repository}` is private"),
                Err(_) => return Err(failure),
            }
        }
        _ => return Err(failure),
    };
    site.api.printer.step("Reading", format!("with the token: {why}"));
    Ok(Reader::Token)
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
    let name = &parcel.wanted.file.name;
    let expected = (parcel.wanted.file.sha256, parcel.wanted.file.size);
    let doing = format!("download `{name}`");
    let hashed = parcel.hashed;
    let found = site.api.patience.retry(&doing, async |attempt| {
        let mut sink = Hashing::new(io::sink());
        // Some stores sign a URL for GET alone, so a HEAD that fails proves nothing.
        let method = if hashed && attempt == 0 { Method::HEAD } else { Method::GET };
        let head = method == Method::HEAD;
        let reply = match reader {
            Reader::Anonymous => site.api.public(method, &asset.browser_download_url, &mut sink).await.map(Some),
            Reader::Token => site.api.download(asset.id, &mut sink).await.map(|()| None),
        };
        match reply {
            Ok(Some(reply)) if head => {
                let length = reply.header("content-length").and_then(|text| text.parse().ok());
                Ok((expected.0, length.unwrap_or(expected.1)))
            }
            Ok(_) => {
                let (_, digest, size) = sink.finish();
                Ok((digest, size))
            }
            Err(Failure::Missing(problem)) => Err(Failure::retry(problem)),
            Err(failure) if head => Err(Failure::retry(failure.problem().clone())),
            Err(failure) => Err(failure),
        }
    });
    settle(job, parcel, asset, found.await)
}
