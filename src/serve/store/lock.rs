//! The lock of a service's folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use anyhow::{Context, bail};

use crate::problem::{Failure, Problem};

const LOCK: &str = "lock";

/// Keeps other processes from the same folder for as long as it lives; the system takes it from a process that ends.
pub struct Lock(#[expect(dead_code, reason = "held, not read")] File);

impl Lock {
    /// # Errors
    /// If another process has it.
    pub fn take(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(LOCK);
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("cannot write `{}`", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => {
                let text = format!("another `longshore serve` works in `{}`", folder.display());
                let hint = "stop the other one, or choose another folder with `--data DIR`; a queue is shared with `--database`";
                Err(Failure::usage(Problem::new("service-running", text).hint(hint)).into())
            }
            Err(TryLockError::Error(error)) => bail!("cannot lock `{}`: {error}", path.display()),
        }
    }
}
