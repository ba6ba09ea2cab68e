//! What is done beside the builds: tasks of processes that are gone are taken up, and what is kept no longer is removed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio_util::sync::CancellationToken;

use super::log::Logs;
use super::queue::Pace;
use super::store::{Keep, Recovered, Store};
use super::task::TaskId;
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
        let mut tidied: Option<Instant> = None;
        loop {
            // A database that does not answer now is asked again.
            if self.store.is_shared()
                && let Ok(found) = self.store.recover(self.pace.lease, false).await
                && found != Recovered::default()
            {
                self.workers.wake();
            }
            if tidied.is_none_or(|at| at.elapsed() >= self.pace.tidy) {
                tidied = Some(Instant::now());
                let _ = self.tidy().await;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.pace.tidy.min(self.pace.lease / 3)) => {}
            }
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
