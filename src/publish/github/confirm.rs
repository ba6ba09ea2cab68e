//! Reads a published release anonymously, and tells how.

use std::io;

use serde::de::IgnoredAny;

use super::api::{Api, Reader};
use super::entry::{Done, Entry, PlannedRelease, ReleaseFile};
use super::list::{different, longer};
use super::model::{Asset, GithubRelease};
use super::rank::is_latest;
use super::read_back::{note, settle};
use super::repository::Repository;
use super::standing::{Standing, standing};
use crate::digest::Hashing;
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::publish::ledger::Ledger;
use crate::receipt::Outcome;
use crate::world::http::{Limited, Method, encode};

/// Confirms a release that is public and records what was seen.
pub async fn confirm(repository: &Repository<'_>, entry: &mut Entry<'_>, ledger: &mut Ledger) -> Result<(), Failure> {
    let Entry { planned, files, there: Some(there), .. } = entry else { return Ok(()) };
    let Some(done) = there.done else { return Ok(()) };
    let (api, tag) = (&repository.api, planned.tag());
    let _progress = api.printer.start("Confirming", format!("{tag}, read anonymously"));
    let look = Look { repository, planned, files, done };
    let seen = look.read(&there.release).await?;
    let mut failed = None;
    let mut receipts = Vec::new();
    for (file, asset) in files.iter_mut().zip(&seen.assets) {
        if matches!(standing(&file.file, std::slice::from_ref(asset)), Standing::Unknown(_)) {
            let looked = look_at(api, tag, file, asset, seen.reader).await;
            note(file, looked, &mut failed);
        }
        receipts.push(repository.file_receipt(tag, file, Some(asset), file.is_right()));
    }
    let outcome = match &failed {
        Some(Failure::Conflict(_)) => Outcome::Conflict,
        Some(_) => Outcome::Unconfirmed,
        None if done == Done::Nothing => Outcome::AlreadyThere,
        None => Outcome::Published,
    };
    let by = failed.is_none().then_some("digest");
    receipts.push(repository.receipt(planned.release, &seen.public, outcome, by));
    ledger.record(receipts)?;
    failed.map_or(Ok(()), Err)
}

struct Seen {
    public: GithubRelease,
    /// The asset of each file, in order.
    assets: Vec<Asset>,
    reader: Reader,
}

struct Look<'s, 'a> {
    repository: &'s Repository<'a>,
    planned: &'s PlannedRelease<'a>,
    files: &'s [ReleaseFile<'a>],
    done: Done,
}

impl Look<'_, '_> {
    /// The release as the public sees it.
    async fn read(&self, release: &GithubRelease) -> Result<Seen, Failure> {
        let Self { repository, planned, done, .. } = *self;
        let (api, tag) = (&repository.api, planned.tag());
        let mut reader = Reader::Anonymous;
        // `releases/latest` holds the whole release, so one request confirms both.
        let latest = is_latest(planned.release, &repository.releases);
        let read = api.patience.retry(async |attempt| {
            if latest && let Some(public) = fetch(api, tag, &mut reader, "releases/latest").await? {
                return Ok(Seen { assets: self.check(&public, reader).await?, public, reader });
            }
            let by_tag = format!("releases/tags/{}", encode(tag));
            let Some(public) = fetch(api, tag, &mut reader, &by_tag).await? else {
                if reader == Reader::Anonymous {
                    reader = private(api).await?;
                }
                let message = format!("`{tag}` is published, but not visible yet");
                return Err(Failure::retry(Problem::new("release-unseen", message)));
            };
            let assets = self.check(&public, reader).await?;
            let message = format!("`releases/latest` does not show `{tag}`");
            match done {
                Done::Published if latest && attempt < 3 => Err(Failure::retry(Problem::new("latest-unseen", message))),
                // Anonymous answers may come from a cache of a minute's age; the owner's view does not.
                Done::Published
                    if latest && fetch(api, tag, &mut Reader::Token, "releases/latest").await?.is_none() =>
                {
                    let hint = "a newer one may have been published; check the repository's releases";
                    Err(Failure::Unconfirmed(Problem::new("latest-unseen", message).hint(hint)))
                }
                _ => {
                    if latest && done != Done::Published {
                        api.printer.warn(message);
                    }
                    Ok(Seen { public, assets, reader })
                }
            }
        });
        read.await.map_err(|failure| match failure {
            Failure::Missing(problem) => Failure::Unconfirmed(problem.hint(format!("is {} public?", release.html_url))),
            other => other,
        })
    }

    /// Finds each file, in the release itself or, if it shows only some, in its list of files.
    async fn check(&self, public: &GithubRelease, reader: Reader) -> Result<Vec<Asset>, Failure> {
        let mut assets = public.assets.clone();
        if self.files.iter().any(|ReleaseFile { file, .. }| standing(file, &assets) == Standing::Missing) {
            assets = all_assets(&self.repository.api, public.id, reader).await?;
        }
        let mut all = Vec::new();
        for ReleaseFile { file, .. } in self.files {
            match standing(file, &assets) {
                Standing::Equal(asset) | Standing::Unknown(asset) => all.push(asset),
                Standing::Different(asset) => return Err(different(self.planned.tag(), file, &asset)),
                Standing::Missing | Standing::Incomplete(_) | Standing::Pending(_) => {
                    let message = format!("`{}` is not publicly visible yet", file.name);
                    return Err(Failure::retry(Problem::new("asset-unseen", message)));
                }
            }
        }
        Ok(all)
    }
}

/// Our release at this path; nothing if that is missing, or another one. If nobody may read without the token, or the
/// anonymous limit of this address (60 an hour, shared by all jobs behind it) is used up, the token's owner reads.
async fn fetch(api: &Api<'_>, tag: &str, reader: &mut Reader, tail: &str) -> Result<Option<GithubRelease>, Failure> {
    let doing = format!("read `{tag}`");
    let mut result = api.look::<GithubRelease>(&doing, tail, *reader).await;
    if *reader == Reader::Anonymous {
        let why = match &result {
            Err(Failure::Denied(_)) => Some("the server does not answer without a token"),
            Err(Failure::Retry { problem, .. }) if problem.code == "rate-limited" => {
                Some("the anonymous rate limit of this address is used up")
            }
            _ => None,
        };
        if let Some(why) = why {
            api.printer.step("Reading", format!("with the token: {why}"));
            *reader = Reader::Token;
            result = api.look(&doing, tail, *reader).await;
        }
    }
    match result {
        Ok(release) => Ok((release.tag_name == *tag && !release.draft).then_some(release)),
        Err(Failure::Missing(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Who can read the repository: of a private one only the token's owner.
async fn private(api: &Api<'_>) -> Result<Reader, Failure> {
    match api.look::<IgnoredAny>("look at the repository", "", Reader::Anonymous).await {
        Ok(_) => Ok(Reader::Anonymous),
        Err(Failure::Missing(_) | Failure::Denied(_)) => {
            api.printer.step("Reading", format!("with the token: `{}` is private", api.repository));
            Ok(Reader::Token)
        }
        Err(failure) => Err(failure),
    }
}

async fn all_assets(api: &Api<'_>, release: u64, reader: Reader) -> Result<Vec<Asset>, Failure> {
    let mut all = Vec::new();
    for page in 1..=10 {
        let tail = format!("releases/{release}/assets?per_page=100&page={page}");
        let some: Vec<Asset> = api.look("list the files", &tail, reader).await?;
        let full = some.len() >= 100;
        all.extend(some);
        if !full {
            break;
        }
    }
    Ok(all)
}

/// A file without a digest: one that we hashed in this run is only asked for, any other is downloaded.
async fn look_at(
    api: &Api<'_>,
    tag: &str,
    file: &mut ReleaseFile<'_>,
    asset: &Asset,
    reader: Reader,
) -> Result<(), Failure> {
    let hashed = file.hashed.is_some();
    if hashed && reader == Reader::Token {
        return Ok(());
    }
    let record = &file.file;
    let found = api.patience.retry(async |attempt| {
        let mut hashing = Hashing::new(io::sink());
        let mut sink = Limited::new(&mut hashing, record.size);
        // Some stores sign a URL for GET alone, so a HEAD that fails proves nothing.
        let method = if hashed && attempt == 0 { Method::HEAD } else { Method::GET };
        let head = method == Method::HEAD;
        let reply = match reader {
            Reader::Anonymous => api.public(method, &asset.browser_download_url, &mut sink).await.map(Some),
            Reader::Token => api.download(asset.id, &mut sink).await.map(|()| None),
        };
        match reply {
            _ if sink.is_over() => Err(longer(tag, record)),
            Ok(Some(reply)) if head => {
                let length = reply.header("content-length").and_then(|text| text.parse().ok());
                Ok((record.sha256, length.unwrap_or(record.size)))
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
    let found = found.await;
    settle(tag, file, asset, found)
}
