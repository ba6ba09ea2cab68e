//! Logs of attempts: one file each, only ever appended to, with its secrets hidden, its size limited, and followers.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::watch;

use super::masking::Masking;
use super::task::TaskId;
use crate::secret::Secret;
use crate::world::mask;

/// How much of a log is kept from its beginning.
pub const LARGEST: u64 = 64 << 20;
/// How much is kept of what comes after that: the error mostly stands at the end.
const TAIL: usize = 64 << 10;
/// How much a follower reads at once.
const PIECE: u64 = 64 << 10;

/// The folder of all logs.
#[derive(Clone)]
pub struct Logs(Arc<Shared>);

struct Shared {
    folder: PathBuf,
    limit: u64,
    secrets: Vec<Secret>,
    /// Of the logs that are being written: how many bytes are there.
    open: Mutex<HashMap<(TaskId, u32), watch::Receiver<u64>>>,
    /// Says that one was opened.
    opened: watch::Sender<()>,
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, HashMap<(TaskId, u32), watch::Receiver<u64>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Logs {
    pub fn new(folder: &Path) -> Self {
        Self::limited(folder, LARGEST, Vec::new())
    }

    /// With another limit, and secrets that are hidden in all of them.
    pub fn limited(folder: &Path, limit: u64, secrets: Vec<Secret>) -> Self {
        let opened = watch::Sender::new(());
        Self(Arc::new(Shared { folder: folder.to_owned(), limit, secrets, open: Mutex::default(), opened }))
    }

    /// Changes whenever a log is opened.
    pub fn opened(&self) -> watch::Receiver<()> {
        self.0.opened.subscribe()
    }

    pub fn path(&self, id: &TaskId, attempt: u32) -> PathBuf {
        self.0.folder.join(format!("{id}.{attempt}.log"))
    }

    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// Which attempt a file of the folder is the log of.
    pub fn named(name: &str) -> Option<(TaskId, u32)> {
        let (id, attempt) = name.strip_suffix(".log")?.split_once('.')?;
        Some((id.parse().ok()?, attempt.parse().ok()?))
    }

    /// Text of somewhere else, as it may be shown.
    pub fn masked(&self, text: &[u8]) -> Vec<u8> {
        let (mut masking, mut shown) = (Masking::default(), Vec::with_capacity(text.len()));
        self.0.secrets.iter().for_each(|secret| masking.learn(secret));
        masking.take(text, &mut shown);
        masking.finish(&mut shown);
        shown
    }

    /// The log of an attempt, to be written.
    ///
    /// # Errors
    /// If the file cannot be had.
    pub fn open(&self, id: &TaskId, attempt: u32) -> anyhow::Result<Log> {
        let path = self.path(id, attempt);
        let open = || {
            let file = OpenOptions::new().create(true).append(true).open(&path)?;
            let size = file.metadata()?.len();
            Ok::<_, io::Error>((file, size))
        };
        let (file, size) = open().with_context(|| format!("cannot write `{}`", path.display()))?;
        let mut masking = Masking::default();
        self.0.secrets.iter().for_each(|secret| masking.learn(secret));
        let (sender, receiver) = watch::channel(size);
        let key = (id.clone(), attempt);
        self.0.open().insert(key.clone(), receiver);
        self.0.opened.send_replace(());
        let writer = Writer { file, size, limit: self.0.limit, masking, left_out: 0, tail: VecDeque::new(), sender };
        Ok(Log { writer: Mutex::new(writer), key, logs: self.clone() })
    }

    /// Reads a log from a byte on; what is written later comes, too, until the log is closed.
    ///
    /// # Errors
    /// If there is no such log.
    pub async fn follow(&self, id: &TaskId, attempt: u32, offset: u64) -> io::Result<Follower> {
        // Before the file is opened: a log that is closed in between is read to its end all the same.
        let grows = || self.0.open().get(&(id.clone(), attempt)).cloned();
        let before = grows();
        let mut file = tokio::fs::File::open(self.path(id, attempt)).await?;
        // And one that is opened in between is not taken for closed.
        let grows = before.or_else(grows);
        file.seek(SeekFrom::Start(offset)).await?;
        Ok(Follower { file, grows })
    }
}

/// A log that is being written.
pub struct Log {
    writer: Mutex<Writer>,
    key: (TaskId, u32),
    logs: Logs,
}

struct Writer {
    file: File,
    size: u64,
    limit: u64,
    masking: Masking,
    /// Bytes that came after the limit, and the last ones of them.
    left_out: u64,
    tail: VecDeque<u8>,
    sender: watch::Sender<u64>,
}

impl Log {
    /// What a program has printed, as it is.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut writer = self.writer();
        let mut shown = Vec::with_capacity(bytes.len());
        writer.masking.take(bytes, &mut shown);
        writer.put(&shown)
    }

    /// A line of ours.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub fn line(&self, text: &str) -> io::Result<()> {
        self.write(format!("{}\n", mask::hide(text)).as_bytes())
    }

    /// From now on this secret is hidden in this log.
    pub fn hide(&self, secret: &Secret) {
        self.writer().masking.learn(secret);
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // A disk that takes no more has been told of by then, or nothing is missing.
        let _ = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).close();
        self.logs.0.open().remove(&self.key);
    }
}

impl Writer {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = usize::try_from(self.limit.saturating_sub(self.size)).unwrap_or(usize::MAX);
        let room = if self.left_out > 0 { 0 } else { room };
        let (now, later) = bytes.split_at(bytes.len().min(room));
        if !now.is_empty() {
            self.append(now)?;
        }
        self.left_out += later.len() as u64;
        self.tail.extend(&later[later.len().saturating_sub(TAIL)..]);
        let over = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..over);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        self.sender.send_replace(self.size);
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        let mut rest = Vec::new();
        self.masking.finish(&mut rest);
        self.put(&rest)?;
        if self.left_out == 0 {
            return Ok(());
        }
        let (left_out, mut tail) = (self.left_out - self.tail.len() as u64, Vec::from(std::mem::take(&mut self.tail)));
        if left_out > 0 {
            // Whole lines only.
            let start = tail.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let left_out = left_out + start as u64;
            self.append(
                format!("\n[… {left_out} bytes are left out here: the limit is {} bytes]\n", self.limit).as_bytes(),
            )?;
            tail.drain(..start);
        }
        self.append(&tail)?;
        if left_out > 0 {
            let text = format!("[this log is not whole: the limit is {} bytes]\n", self.limit);
            self.append(text.as_bytes())?;
        }
        Ok(())
    }
}

/// Reads a log, as far as it is written and on.
pub struct Follower {
    file: tokio::fs::File,
    grows: Option<watch::Receiver<u64>>,
}

impl Follower {
    /// The next bytes, as soon as there are any; nothing at the end of a log that is closed.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            // Before reading: what is written after that is noticed.
            let is_open = match &mut self.grows {
                Some(grows) => {
                    grows.borrow_and_update();
                    grows.has_changed().is_ok()
                }
                None => false,
            };
            let mut piece = Vec::new();
            (&mut self.file).take(PIECE).read_to_end(&mut piece).await?;
            if !piece.is_empty() {
                return Ok(Some(piece.into()));
            }
            match &mut self.grows {
                Some(grows) if is_open => {
                    // An error means that it is closed: then the rest is read.
                    let _ = grows.changed().await;
                }
                _ => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
