//! Logs of attempts: one file each, only ever appended to.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;

use super::task::TaskId;
use crate::world::mask;

/// The folder of all logs.
#[derive(Clone)]
pub struct Logs {
    folder: PathBuf,
}

impl Logs {
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    pub fn path(&self, id: &TaskId, attempt: u32) -> PathBuf {
        self.folder.join(format!("{id}.{attempt}.log"))
    }

    /// The log of an attempt, to be written.
    ///
    /// # Errors
    /// If the file cannot be had.
    pub fn open(&self, id: &TaskId, attempt: u32) -> anyhow::Result<Log> {
        let path = self.path(id, attempt);
        let file = OpenOptions::new().create(true).append(true).open(&path);
        Ok(Log { file: Mutex::new(file.with_context(|| format!("cannot write `{}`", path.display()))?) })
    }
}

/// A log that is being written.
pub struct Log {
    file: Mutex<File>,
}

impl Log {
    /// What a program has printed, as it is.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(bytes)
    }

    /// A line of ours.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub fn line(&self, text: &str) -> io::Result<()> {
        self.write(format!("{}\n", mask::hide(text)).as_bytes())
    }
}
