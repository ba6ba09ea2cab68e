//! A finished file: what its record says of it, and whether it still is so.

use std::fmt::Display;
use std::fs::{self, File};
use std::io;

use super::problem::problem;
use crate::artifact;
use crate::digest::Digest;
use crate::plan::Step;
use crate::problem::Problem;
use crate::world::store::Store;

/// A file that a step has made.
#[derive(Clone, Copy)]
pub struct Finished<'a> {
    pub step: &'a Step,
    pub file: &'a artifact::File,
}

impl Finished<'_> {
    /// A problem of it; `text` follows its name.
    pub fn problem(&self, code: &'static str, text: impl Display) -> Problem {
        problem(self.step, code, format!("`{}` {text}", self.file.name))
    }

    /// Opens it; that it is not there, or not as recorded, is a problem.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(&self, store: &Store, problems: &mut Vec<Problem>) -> anyhow::Result<Option<File>> {
        let path = store.file(&self.step.id, &self.file.name);
        let kind = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => None,
            Ok(_) => Some("is not a plain file"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some("is recorded, but missing"),
            Err(error) => return Err(anyhow::Error::new(error).context(format!("cannot read `{}`", path.display()))),
        };
        if let Some(what) = kind {
            problems.push(self.problem("missing-artifact", what));
            return Ok(None);
        }
        let opened = File::open(&path).map_err(|error| anyhow::anyhow!("cannot read `{}`: {error}", path.display()))?;
        problems.extend(self.wrong_mode(&opened)?);
        Ok(Some(opened))
    }

    /// The problem if its permission bits are not the recorded ones.
    #[cfg(unix)]
    fn wrong_mode(&self, opened: &File) -> anyhow::Result<Option<Problem>> {
        if crate::world::files::is_executable(opened)? == (self.file.mode == artifact::Mode::Executable) {
            return Ok(None);
        }
        let is = if self.file.mode == artifact::Mode::Executable { "lost" } else { "got" };
        let hint = "transfer files with `--pack` and `--from`: artifact uploads lose permission bits";
        Ok(Some(self.problem("wrong-mode", format!("{is} its executable bit in transit")).hint(hint)))
    }

    /// Permission bits are not kept here.
    #[cfg(not(unix))]
    fn wrong_mode(&self, _: &File) -> anyhow::Result<Option<Problem>> {
        Ok(None)
    }

    /// The problem if its bytes are not the recorded ones.
    pub fn other_bytes(&self, digest: Digest, size: u64) -> Option<Problem> {
        let file = self.file;
        if digest == file.sha256 && size == file.size {
            return None;
        }
        let text = if size == file.size {
            format!("is {digest}, but was built as {}", file.sha256)
        } else {
            format!("has {size} bytes, but was built with {}: it was replaced or truncated", file.size)
        };
        Some(self.problem("wrong-digest", text))
    }
}
