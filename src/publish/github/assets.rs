//! The files of a release: where each stands, uploading what is missing, reading all of them back.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::interval;

use super::api::Api;
use super::model::{Asset, Release};
use super::{Job, Parcel, Site, Wanted};
use crate::artifact::File;
use crate::digest::{Digest, Hashing};
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::publish::ledger::Ledger;
use crate::receipt::Outcome;
use crate::world::http::{Body, Limited};

/// Where one file stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing has its name.
    Missing,
    /// An upload broke and left this behind; the server says that it may be deleted.
    Incomplete(Asset),
    /// The server is not done with it.
    Pending(Asset),
    /// Its bytes are there, says the server's digest.
    Equal(Asset),
    /// Its size is right; the server has no digest.
    Unknown(Asset),
    /// Other bytes have its name.
    Different(Asset),
}

impl Standing {
    /// Whether it is still to be uploaded.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Missing | Self::Incomplete(_))
    }
}

/// Where a file stands among the files of a release. Names are compared as the server returns them.
pub fn standing(file: &File, assets: &[Asset]) -> Standing {
    let Some(asset) = assets.iter().find(|asset| asset.name == file.name) else { return Standing::Missing };
    let asset = asset.clone();
    match asset.state.as_str() {
        "starter" => return Standing::Incomplete(asset),
        "uploaded" => {}
        _ => return Standing::Pending(asset),
    }
    match asset.digest.as_deref().map(str::parse::<Digest>) {
        _ if asset.size != file.size => Standing::Different(asset),
        Some(Ok(digest)) if digest == file.sha256 => Standing::Equal(asset),
        Some(Ok(_)) => Standing::Different(asset),
        // A digest of a kind we do not know says nothing.
        Some(Err(_)) | None => Standing::Unknown(asset),
    }
}

/// The conflict of a file with other bytes there, naming both.
pub fn different(tag: &str, file: &File, asset: &Asset) -> Failure {
    let there = asset.digest.clone().unwrap_or_else(|| "other bytes".into());
    let message = format!(
        "`{}` of `{tag}` is there with {there} ({} bytes); ours is {} ({} bytes)",
        file.name, asset.size, file.sha256, file.size
    );
    Failure::Conflict(
        Problem::new("asset-differs", message)
            .hint("nothing is overwritten: publish the bytes that are there, or release the next version"),
    )
}

/// The same where nobody sees it yet: in a draft the wrong file may be taken away, by whoever knows how it came there.
pub fn differs(api: &Api<'_>, release: &Release, file: &File, asset: &Asset) -> Failure {
    match different(&release.tag_name, file, asset) {
        Failure::Conflict(mut problem) if release.draft => {
            problem.hint = Some(format!(
                "nothing is overwritten, but the draft is not public: `gh release delete-asset {} {} --repo {}` removes \
                 the file, then run the same command again",
                release.tag_name, file.name, api.repository
            ));
            Failure::Conflict(problem)
        }
        other => other,
    }
}

/// Every file of a release, all pages.
pub async fn list(api: &Api<'_>, release: u64) -> Result<Vec<Asset>, Failure> {
    let listed = api.all("list the release's files", &format!("releases/{release}/assets")).await;
    listed.map_err(|failure| match failure {
        Failure::Missing(problem) => {
            Failure::Conflict(problem.hint("the release was deleted in the meantime; run the same command again"))
        }
        other => other,
    })
}

/// Uploads what is missing and reads everything back. The outer error is ours.
pub async fn complete<'a>(
    site: &Site<'_>,
    ledger: &mut Ledger,
    job: &Job<'a>,
    release: &Release,
) -> anyhow::Result<Result<Vec<Parcel<'a>>, Failure>> {
    let mut parcels: Vec<Parcel<'a>> = Vec::new();
    let mut found = Vec::new();
    for wanted in &job.files {
        let parcel = Parcel::found(*wanted);
        if let Standing::Equal(asset) = standing(wanted.file, &release.assets) {
            found.push(site.receipt(job, &parcel, Some(&asset), true));
        }
        parcels.push(parcel);
    }
    if !found.is_empty() {
        ledger.record(found)?;
    }
    for parcel in &mut parcels {
        let first = standing(parcel.wanted.file, &release.assets);
        if !first.is_absent() {
            continue;
        }
        match put(site, job, release, parcel.wanted, first).await {
            Ok(asset) => {
                parcel.outcome = Outcome::Published;
                ledger.record([site.receipt(job, parcel, Some(&asset), false)])?;
            }
            Err(failure) => {
                if matches!(failure, Failure::Conflict(_)) {
                    parcel.outcome = Outcome::Conflict;
                    ledger.record([site.receipt(job, parcel, None, false)])?;
                }
                return Ok(Err(failure));
            }
        }
    }
    read_back(site, ledger, job, release, parcels).await
}

/// Uploads one file. Before a repetition the list is read, and what is there decides.
async fn put(
    site: &Site<'_>,
    job: &Job<'_>,
    release: &Release,
    wanted: Wanted<'_>,
    first: Standing,
) -> Result<Asset, Failure> {
    let name = &wanted.file.name;
    let progress = site.api.printer.start("Uploading", format!("{name} ({})", size(wanted.file.size)));
    let doing = format!("upload `{name}`");
    let tell = |sent: u64| progress.tell(&format!("{} of {}", size(sent), size(wanted.file.size)));
    let mut leftover = Leftover::default();
    site.api
        .patience
        .retry(async |attempt| {
            let now = if attempt == 0 {
                first.clone()
            } else {
                let assets = list(&site.api, release.id).await?;
                match standing(wanted.file, &assets) {
                    Standing::Missing => check_renamed(job, wanted, &assets).map(|()| Standing::Missing)?,
                    other => other,
                }
            };
            match now {
                Standing::Equal(asset) | Standing::Unknown(asset) => return Ok(asset),
                Standing::Different(asset) => return Err(differs(&site.api, release, wanted.file, &asset)),
                Standing::Pending(asset) => return Err(pending(&asset)),
                Standing::Incomplete(asset) => leftover.clear(&site.api, &asset).await?,
                Standing::Missing => {}
            }
            let sent = leftover.or(send(site, release, wanted, &doing, &tell).await)?;
            match standing(wanted.file, std::slice::from_ref(&sent)) {
                Standing::Different(_) => Err(damaged(site, release, &sent).await?),
                _ => Ok(sent),
            }
        })
        .await
}

/// What this run has sent itself a moment ago and came as other bytes: damaged on its way. In a draft nobody has seen it,
/// so it is taken away and sent again.
async fn damaged(site: &Site<'_>, release: &Release, sent: &Asset) -> Result<Failure, Failure> {
    if release.draft {
        let doing = format!("delete what came damaged of `{}`", sent.name);
        site.api.delete(&doing, &format!("releases/assets/{}", sent.id)).await?;
    }
    let digest = sent.digest.as_deref().unwrap_or("other bytes");
    let message = format!("`{}` came as {digest} ({} bytes): damaged on its way", sent.name, sent.size);
    Ok(Failure::retry(Problem::new("asset-damaged", message)))
}

/// What has begun and not ended under a name: left by a broken upload, or on its way by another run.
#[derive(Default)]
pub struct Leftover {
    /// Whether an upload of ours broke.
    ours: bool,
    looks: usize,
}

impl Leftover {
    /// How often it is looked at before it counts as left.
    const LOOKS: usize = 3;

    /// What an upload of ours came to. The next attempt looks what is there.
    pub fn or<T>(&mut self, result: Result<T, Failure>) -> Result<T, Failure> {
        result.map_err(|failure| match failure {
            Failure::AlreadyThere(problem) => Failure::retry(problem),
            // Seen as a passing fault of the upload host.
            Failure::Missing(problem) => Failure::retry(problem),
            other => {
                self.ours = true;
                other
            }
        })
    }

    /// Takes it away, unless another run may be sending it right now.
    pub async fn clear(&mut self, api: &Api<'_>, asset: &Asset) -> Result<(), Failure> {
        if !self.ours && self.looks < Self::LOOKS {
            self.looks += 1;
            return Err(pending(asset));
        }
        let doing = format!("delete what a broken upload left of `{}`", asset.name);
        api.delete(&doing, &format!("releases/assets/{}", asset.id)).await
    }
}

/// One attempt: streams the file and shows how far it is.
async fn send(
    site: &Site<'_>,
    release: &Release,
    wanted: Wanted<'_>,
    doing: &str,
    tell: &impl Fn(u64),
) -> Result<Asset, Failure> {
    let file = wanted.file;
    let path = site.store.file(wanted.step, &file.name);
    let sent = Arc::new(AtomicU64::new(0));
    let body = Body::File {
        path: &path,
        size: file.size,
        sha256: file.sha256,
        media: media_type(&file.name),
        sent: Arc::clone(&sent),
    };
    let upload = site.api.upload::<Asset>(doing, (&release.upload_url, &file.name), body);
    let mut upload = std::pin::pin!(upload);
    let mut tick = interval(Duration::from_secs(2));
    tick.tick().await;
    let result = loop {
        tokio::select! {
            result = &mut upload => break result,
            _ = tick.tick() => tell(sent.load(Ordering::Relaxed)),
        }
    };
    match result {
        Ok(asset) if asset.name != file.name => Err(renamed(&file.name, &asset.name)),
        other => other,
    }
}

/// Reads the list until it holds every file, then settles what has no digest by downloading it. The outer error is ours.
pub async fn read_back<'a>(
    site: &Site<'_>,
    ledger: &mut Ledger,
    job: &Job<'a>,
    release: &Release,
    mut parcels: Vec<Parcel<'a>>,
) -> anyhow::Result<Result<Vec<Parcel<'a>>, Failure>> {
    let _progress = site.api.printer.start("Verifying", format!("{} files of {}", parcels.len(), job.release.tag));
    let standings = site.api.patience.retry(async |_| seen(site, job, release).await).await;
    let assets = match standings {
        Ok(assets) => assets,
        Err(failure) => return Ok(Err(failure)),
    };
    let mut failure = None;
    let mut receipts = Vec::new();
    for (parcel, (asset, known)) in parcels.iter_mut().zip(&assets) {
        let result = if *known { Ok(()) } else { hash(site, job, parcel, asset).await };
        if let Err(problem) = result {
            let conflict = matches!(problem, Failure::Conflict(_));
            parcel.outcome = if conflict { Outcome::Conflict } else { Outcome::Unconfirmed };
            failure.get_or_insert(problem);
        }
        let right = matches!(parcel.outcome, Outcome::Published | Outcome::AlreadyThere);
        receipts.push(site.receipt(job, parcel, Some(asset), right));
    }
    ledger.record(receipts)?;
    Ok(failure.map_or(Ok(parcels), Err))
}

/// The asset of each wanted file, in order, and whether its digest is known to be right.
async fn seen(site: &Site<'_>, job: &Job<'_>, release: &Release) -> Result<Vec<(Asset, bool)>, Failure> {
    let assets = list(&site.api, release.id).await?;
    let mut all = Vec::new();
    for wanted in &job.files {
        match standing(wanted.file, &assets) {
            Standing::Equal(asset) => all.push((asset, true)),
            Standing::Unknown(asset) => all.push((asset, false)),
            Standing::Different(asset) => return Err(differs(&site.api, release, wanted.file, &asset)),
            Standing::Pending(asset) | Standing::Incomplete(asset) => return Err(pending(&asset)),
            Standing::Missing => {
                check_renamed(job, *wanted, &assets)?;
                let message = format!("`{}` was uploaded and is not in the list", wanted.file.name);
                return Err(Failure::retry(Problem::new("asset-unlisted", message)));
            }
        }
    }
    Ok(all)
}

/// Downloads an asset of ours and compares it.
async fn hash(site: &Site<'_>, job: &Job<'_>, parcel: &mut Parcel<'_>, asset: &Asset) -> Result<(), Failure> {
    let download = site.api.patience.retry(async |_| {
        let mut hashing = Hashing::new(io::sink());
        let mut sink = Limited::new(&mut hashing, asset.size);
        let done = site.api.download(asset.id, &mut sink).await;
        if sink.is_over() {
            return Err(longer(job, parcel.wanted.file));
        }
        done?;
        let (_, digest, size) = hashing.finish();
        Ok((digest, size))
    });
    settle(job, parcel, asset, download.await)
}

/// A download that has more than ours: where it ends does not matter.
pub fn longer(job: &Job<'_>, file: &File) -> Failure {
    let (name, tag) = (&file.name, &job.release.tag);
    let message = format!("`{name}` of `{tag}` is downloaded as more than the {} bytes of ours", file.size);
    let hint = "nothing is overwritten: see what the server hands out there, or release the next version";
    Failure::Conflict(Problem::new("asset-differs", message).hint(hint))
}

/// What a download says about a file.
pub fn settle(
    job: &Job<'_>,
    parcel: &mut Parcel<'_>,
    asset: &Asset,
    found: Result<(Digest, u64), Failure>,
) -> Result<(), Failure> {
    let file = parcel.wanted.file;
    match found {
        Ok(found) if found == (file.sha256, file.size) => {
            parcel.hashed = true;
            Ok(())
        }
        Ok((digest, size)) => {
            let there = Asset { digest: Some(digest.to_string()), size, ..asset.clone() };
            Err(different(&job.release.tag, file, &there))
        }
        Err(failure @ Failure::Conflict(_)) => Err(failure),
        Err(failure) => {
            let message = format!(
                "`{}` is there, but the server tells no digest and the download fails: {}",
                file.name,
                failure.problem()
            );
            let hint = "run the same command again to confirm it";
            Err(Failure::Unconfirmed(Problem::new("asset-unconfirmed", message).hint(hint)))
        }
    }
}

/// An upload that the server keeps under another name would never be found.
fn check_renamed(job: &Job<'_>, wanted: Wanted<'_>, assets: &[Asset]) -> Result<(), Failure> {
    let ours = |asset: &&Asset| job.files.iter().any(|wanted| wanted.file.name == asset.name);
    let digest = wanted.file.sha256.to_string();
    let same = assets.iter().find(|asset| asset.digest.as_deref() == Some(&digest) && !ours(asset));
    same.map_or(Ok(()), |asset| Err(renamed(&wanted.file.name, &asset.name)))
}

/// A name that the server does not keep.
pub fn renamed(name: &str, stored: &str) -> Failure {
    let message = format!("the server stored `{name}` as `{stored}`");
    Failure::Conflict(
        Problem::new("asset-renamed", message)
            .hint(format!("delete `{stored}` from the draft, and give the file a name of `A-Z a-z 0-9 . _ -`")),
    )
}

fn pending(asset: &Asset) -> Failure {
    let message = format!("the server is not done with `{}`: its state is `{}`", asset.name, asset.state);
    Failure::retry(Problem::new("asset-pending", message))
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("gz" | "tgz") => "application/gzip",
        Some("zip") => "application/zip",
        Some("zst") => "application/zstd",
        _ => "application/octet-stream",
    }
}

/// A size for people.
fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let number = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", number / 1e3),
        _ => format!("{:.1} MB", number / 1e6),
    }
}
