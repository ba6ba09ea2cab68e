//! What is done beside the builds: tasks of processes that are gone are taken up, and what is kept no longer is removed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio_util::sync::CancellationToken;

use super::log::Logs;
use super::queue::Pace;
use super::store::{Keep, Recovered, Store};
use super::task::{State, TaskId};
use super::worker::Workers;

pub struct Housekeeping {
    pub store: Store,
    pub logs: Logs,
    pub workers: Arc<Workers>,
    pub keep: Keep,
    pub pace: Pace,
}

impl Housekeeping {
    pub async fn run(self, stop: CancellationToken) {
        let (mut tidied, mut failed) = (None, None);
        loop {
            if self.store.is_shared() {
                if !self.answers().await {
                    failed = Some(Instant::now());
                }
                // All leases may have ended meanwhile: those who live have to renew them first.
                if is_over(failed, self.pace.lease) {
                    self.take_up().await;
                }
            }
            if is_over(tidied, self.pace.tidy) {
                tidied = Some(Instant::now());
                // A database that does not answer now is asked again.
                let _ = self.tidy().await;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.pace.tidy.min(self.pace.lease / 3)) => {}
            }
        }
    }

    /// Whether the database does, before leases end.
    async fn answers(&self) -> bool {
        let asked = tokio::time::timeout(self.pace.lease / 3, self.store.count(State::Running));
        matches!(asked.await, Ok(Ok(_)))
    }

    async fn take_up(&self) {
        if self.store.recover(self.pace.lease, false).await.is_ok_and(|found| found != Recovered::default()) {
            self.workers.wake();
        }
    }

    async fn tidy(&self) -> anyhow::Result<()> {
        let forgets = self.keep.age.is_some() || self.keep.builds.is_some();
        if forgets {
            self.store.forget(&self.keep).await?;
            self.store.forget_steps().await?;
            self.store.forget_deliveries().await?;
        }
        let folder = self.logs.folder().to_owned();
        let mut files = tokio::task::spawn_blocking(move || files(&folder)).await??;
        let bytes: u64 = files.iter().map(|file| file.bytes).sum();
        let mut excess = bytes.saturating_sub(self.keep.log_bytes.unwrap_or(u64::MAX));
        if !forgets && excess == 0 {
            return Ok(());
        }
        let ids: Vec<TaskId> =
            files.iter().map(|file| &file.id).collect::<BTreeSet<_>>().into_iter().cloned().collect();
        let states = self.store.states(&ids).await?;
        files.sort_by_key(|file| file.changed);
        for file in files {
            let goes = match states.get(&file.id) {
                None => forgets,
                Some(state) => excess > 0 && state.is_end(),
            };
            // Who reads one that is removed reads it to its end.
            if goes && std::fs::remove_file(&file.path).is_ok() {
                excess = excess.saturating_sub(file.bytes);
            }
        }
        Ok(())
    }
}

fn is_over(since: Option<Instant>, span: Duration) -> bool {
    since.is_none_or(|at| at.elapsed() >= span)
}

struct LogFile {
    id: TaskId,
    path: PathBuf,
    bytes: u64,
    changed: SystemTime,
}

fn files(folder: &Path) -> std::io::Result<Vec<LogFile>> {
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.ok()?;
        let (id, _) = Logs::named(entry.file_name().to_str()?)?;
        let facts = entry.metadata().ok()?;
        Some(LogFile { id, path: entry.path(), bytes: facts.len(), changed: facts.modified().ok()? })
    };
    Ok(std::fs::read_dir(folder)?.filter_map(file).collect())
}
