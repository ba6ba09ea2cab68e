//! Uploads the files that a release lacks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::interval;

use super::api::Api;
use super::entry::{PlannedRelease, ReleaseFile};
use super::list::{Leftover, check_renamed, differs, list, pending, renamed};
use super::model::{Asset, GithubRelease};
use super::repository::Repository;
use super::standing::{Standing, standing};
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::publish::ledger::Ledger;
use crate::receipt::Outcome;
use crate::world::http::Body;

/// A release, and where it is uploaded to.
pub struct Uploader<'s, 'a> {
    pub repository: &'s Repository<'a>,
    /// What the plan knows of the release.
    pub planned: &'s PlannedRelease<'a>,
    pub release: &'s GithubRelease,
}

impl Uploader<'_, '_> {
    pub async fn complete(&self, files: &mut [ReleaseFile<'_>], ledger: &mut Ledger) -> Result<(), Failure> {
        let (repository, tag) = (self.repository, self.planned.tag());
        let found = files.iter().filter_map(|file| match standing(&file.file, &self.release.assets) {
            Standing::Equal(asset) => Some(repository.file_receipt(tag, file, Some(&asset), true)),
            _ => None,
        });
        let found: Vec<_> = found.collect();
        if !found.is_empty() {
            ledger.record(found)?;
        }
        for file in files {
            let first = standing(&file.file, &self.release.assets);
            if !first.is_absent() {
                continue;
            }
            let sent = self.put(file, first).await;
            match &sent {
                Ok(_) => file.outcome = Outcome::Published,
                Err(Failure::Conflict(_)) => file.outcome = Outcome::Conflict,
                Err(_) => {}
            }
            if matches!(sent, Ok(_) | Err(Failure::Conflict(_))) {
                ledger.record([repository.file_receipt(tag, file, sent.as_ref().ok(), false)])?;
            }
            sent?;
        }
        Ok(())
    }

    /// Uploads one file. Before a repetition the list is read, and what is there decides.
    async fn put(&self, file: &ReleaseFile<'_>, first: Standing) -> Result<Asset, Failure> {
        let (api, record) = (&self.repository.api, &file.file);
        let progress = api.printer.start("Uploading", format!("{} ({})", record.name, size(record.size)));
        let tell = |sent: u64| progress.tell(&format!("{} of {}", size(sent), size(record.size)));
        let mut leftover = Leftover::default();
        let put = api.patience.retry(async |attempt| {
            let now = if attempt == 0 {
                first.clone()
            } else {
                let assets = list(api, self.release.id).await?;
                match standing(record, &assets) {
                    Standing::Missing => check_renamed(self.planned, record, &assets).map(|()| Standing::Missing)?,
                    other => other,
                }
            };
            match now {
                Standing::Equal(asset) | Standing::Unknown(asset) => return Ok(asset),
                Standing::Different(asset) => return Err(differs(api, self.release, record, &asset)),
                Standing::Pending(asset) => return Err(pending(&asset)),
                Standing::Incomplete(asset) => leftover.clear(api, &asset).await?,
                Standing::Missing => {}
            }
            let sent = leftover.or(self.send(file, &tell).await)?;
            match standing(record, std::slice::from_ref(&sent)) {
                Standing::Different(_) => Err(damaged(api, self.release, &sent).await?),
                _ => Ok(sent),
            }
        });
        put.await
    }

    /// One attempt: streams the file and shows how far it is.
    async fn send(&self, file: &ReleaseFile<'_>, tell: &impl Fn(u64)) -> Result<Asset, Failure> {
        let record = &file.file;
        let sent = Arc::new(AtomicU64::new(0));
        let body = Body::File {
            path: &file.path,
            size: record.size,
            sha256: record.sha256,
            media: media_type(&record.name),
            sent: Arc::clone(&sent),
        };
        let upload = self.repository.api.upload::<Asset>(&self.release.upload_url, &record.name, body);
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
            Ok(asset) if asset.name != record.name => Err(renamed(&record.name, &asset.name)),
            other => other,
        }
    }
}

/// What this run has just sent and arrived as other bytes: damaged in transit. In a draft it is not public,
/// so it is taken away and sent again.
async fn damaged(api: &Api<'_>, release: &GithubRelease, sent: &Asset) -> Result<Failure, Failure> {
    if release.draft {
        let doing = format!("delete the damaged `{}`", sent.name);
        api.delete(&doing, &format!("releases/assets/{}", sent.id)).await?;
    }
    let digest = sent.digest.as_deref().unwrap_or("other bytes");
    let message = format!("`{}` arrived as {digest} ({} bytes): damaged in transit", sent.name, sent.size);
    Ok(Failure::retry(Problem::new("asset-damaged", message)))
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
