//! A repeated build may have made other bytes. What was promised stands: bytes of before are taken from where they lie.
//!
//! Promised is the manifest that lies in the release. A file of this run is used if its digest is the promised one. Else
//! nothing is needed where the promised file is published already, and it is fetched from there where it is not.

use std::fs::{self, File as Opened};
use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;

use super::announcement::Announcement;
use super::shared::Coordination;
use crate::artifact::{File, Manifest};
use crate::digest::Digest;
use crate::problem::Problem;
use crate::publish::failure::{Failure, Failures};
use crate::publish::github::list::fetch;
use crate::publish::publisher::{Promised, Publisher};
use crate::publish::verified::Verified;
use crate::world::files;
use crate::world::store::Store;

/// What was promised, with the bytes that are still to be published.
pub struct Recovered {
    manifest: Manifest,
    store: Store,
    /// The run that promised it, for people.
    run: String,
}

/// Prepares what was promised for publishing to destinations that were observed.
///
/// # Errors
/// If a file that is not published yet is nowhere to be had.
pub async fn recover(
    coordination: &Coordination<'_>,
    own: Verified<'_>,
    announcement: &Announcement,
    publishers: &[Box<dyn Publisher + '_>],
) -> Result<Recovered, Failures> {
    let run = announcement.run().to_owned();
    let _progress = coordination.run.printer.start("Adopting", format!("what was verified before, by {run}"));
    // Several workflow files may be published from one folder at the same time.
    let store = Store::new(own.store.root(), &format!("earlier/{}", coordination.workflow.stem()));
    files::fresh_folder(store.root())?;
    let recovered = Recovered { manifest: announcement.manifest.clone(), store, run };
    recovered.keep_equal(own).await?;
    for publisher in publishers {
        for promised in publisher.lacks(recovered.verified()).await? {
            if !recovered.verified().path(promised.step, promised.file).is_file() {
                recovered.find(coordination, publishers, &promised).await?;
            }
        }
    }
    Ok(recovered)
}

impl Recovered {
    pub fn verified(&self) -> Verified<'_> {
        Verified { manifest: &self.manifest, store: &self.store }
    }

    /// Uses every file of this run that is what was promised.
    async fn keep_equal(&self, own: Verified<'_>) -> Result<(), Failure> {
        for artifact in &self.manifest.artifacts {
            for file in &artifact.files {
                let from = own.path(&artifact.step, file);
                if holds(from.clone(), file).await {
                    let to = self.place(&artifact.step, file)?;
                    files::link(&from, &to).map_err(anyhow::Error::from)?;
                }
            }
        }
        Ok(())
    }

    /// Fetches a file from wherever it was published: the releases of the workflow files first.
    async fn find(
        &self,
        coordination: &Coordination<'_>,
        publishers: &[Box<dyn Publisher + '_>],
        promised: &Promised<'_>,
    ) -> Result<(), Failure> {
        let path = self.place(promised.step, promised.file)?;
        let to = Opened::create(&path).map_err(anyhow::Error::from)?;
        let api = &coordination.repository.api;
        let releases = || coordination.releases.iter().filter_map(|shared| shared.found.as_ref());
        let fetched = api.patience.retry(async |_| fetch(api, releases(), promised, &to).await).await;
        let mut failed = match fetched {
            Ok(true) if holds(path.clone(), promised.file).await => return Ok(()),
            done => done.err(),
        };
        for publisher in publishers {
            match api.patience.retry(async |_| publisher.fetch(promised, &to).await).await {
                Ok(true) if holds(path.clone(), promised.file).await => return Ok(()),
                done => failed = done.err().or(failed),
            }
        }
        fs::remove_file(path).map_err(anyhow::Error::from)?;
        Err(failed.unwrap_or_else(|| self.lost(promised)))
    }

    /// Where a promised file is to lie.
    fn place(&self, step: &str, file: &File) -> Result<PathBuf, Failure> {
        let path = self.verified().path(step, file);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(anyhow::Error::from)?;
        Ok(path)
    }

    fn lost(&self, promised: &Promised<'_>) -> Failure {
        let message = format!(
            "`{}` was verified before as {}; this run built different bytes, and the earlier ones are not published yet",
            promised.file.name, promised.file.sha256
        );
        let hint = format!("re-run the publish job of the run that built them: {}", self.run);
        Failure::Unconfirmed(Problem::new("promised-bytes", message).hint(hint).step(promised.step))
    }
}

/// Whether the files match the plan.
async fn holds(path: PathBuf, file: &File) -> bool {
    let read = spawn_blocking(move || Opened::open(path).and_then(Digest::of_reader)).await;
    read.is_ok_and(|read| read.is_ok_and(|read| read == (file.sha256, file.size)))
}
