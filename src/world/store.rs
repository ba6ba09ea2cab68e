//! The output folder: where each step's files, record and log lie.
//!
//! ```text
//! .gitignore                    says that the folder is ours, and hides it from git
//! .lock                         held by whoever works here
//! plan.json                     the plan
//! steps/<step>/<file>           finished files
//! artifacts/<step>.json         their records
//! logs/<step>.log               what the tools said
//! manifest.json receipts.json   what verify and publish wrote
//! ```

use std::fs::{self, File, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::terminal::Printer;
use super::{files, path};
use crate::artifact::Artifact;
use crate::problem::{Exit, Failure, Problem};
use crate::shown;

/// By its first line a folder is known as ours.
const IGNORE: &str = "# Made by longshore, which removes what lies here when it builds.\n*\n";

/// What lies directly in the folder, and is opened by name.
const OURS: [&str; 8] =
    [".lock", ".gitignore", "plan.json", "steps", "artifacts", "logs", "manifest.json", "receipts.json"];

/// How many names of other things in the folder are shown.
const SHOWN: usize = 3;

/// The output folder of one repository.
#[derive(Clone, Debug)]
pub struct Store {
    repository: PathBuf,
    root: PathBuf,
    /// Of a store that was opened: held as long as one of its clones lives.
    lock: Option<Arc<File>>,
}

impl Store {
    /// The folder `output` of a repository; made when first written.
    pub fn new(repository: &Path, output: &str) -> Self {
        Self { repository: repository.to_owned(), root: path::below(repository, output), lock: None }
    }

    /// The same, for this run alone: made if need be, and waited for as long as another one works there.
    ///
    /// # Errors
    /// `Failure` with exit 2 if it holds what longshore did not make; else if it cannot be written.
    pub fn open(repository: &Path, output: &str, printer: &Printer) -> anyhow::Result<Self> {
        let mut store = Self::new(repository, output);
        let lock = store.root.join(".lock");
        // Whoever makes the folder locks it first: what he has not finished is not taken for somebody else's.
        if !fs::symlink_metadata(&lock).is_ok_and(|meta| meta.is_file()) {
            store.refuse_foreign(output)?;
        }
        let cannot = || format!("cannot write in `{}`", store.root.display());
        fs::create_dir_all(&store.root).with_context(cannot)?;
        let file = File::options().create(true).truncate(false).write(true).open(lock);
        let file = file.with_context(cannot)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                printer.step("Waiting", format!("for another longshore that works in `{output}`"));
                file.lock().with_context(cannot)?;
            }
            // Some file systems have no locks: there everybody is alone.
            Err(TryLockError::Error(_)) => {}
        }
        store.refuse_foreign(output)?;
        let ignore = store.root.join(".gitignore");
        if !is_ours(&ignore) {
            files::write_atomic(&ignore, IGNORE.as_bytes())?;
        }
        store.lock = Some(Arc::new(file));
        Ok(store)
    }

    /// From now on others may work here that only read what is finished: several publish at the same time, each its part.
    pub fn share(&self) {
        if let Some(lock) = &self.lock {
            // Without locks there is nothing to share.
            let _ = lock.unlock().and_then(|()| lock.lock_shared());
        }
    }

    /// Results are removed when they are made anew: nothing of others may lie beside them.
    fn refuse_foreign(&self, output: &str) -> anyhow::Result<()> {
        let refuse = |text: String| {
            let hint = "name a folder of its own with `output:` in longshore.yaml, or move away what lies there";
            Err(Failure::usage(Problem::new("foreign-output", text).hint(hint)).into())
        };
        if !self.root.exists() {
            return Ok(());
        }
        if !self.root.is_dir() {
            return refuse(format!("the output folder `{output}` is a file"));
        }
        let links = |name: &&&str| {
            fs::symlink_metadata(self.root.join(**name)).is_ok_and(|meta| !(meta.is_file() || meta.is_dir()))
        };
        if let Some(name) = OURS.iter().find(links) {
            return refuse(format!("`{output}/{name}` is a link or a special file: results would land elsewhere"));
        }
        if is_ours(&self.root.join(".gitignore")) {
            return Ok(());
        }
        let entries = fs::read_dir(&self.root).with_context(|| format!("cannot read `{}`", self.root.display()))?;
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        // `longshore plan --out` may have been first, or a run that was cut off.
        names.retain(|name| !matches!(name.as_str(), "plan.json" | ".lock"));
        names.sort();
        if names.is_empty() {
            return Ok(());
        }
        let shown = shown::some(&names, SHOWN);
        refuse(format!("the output folder `{output}` holds what longshore did not make: {shown}"))
    }

    /// The repository's top folder.
    pub fn repository(&self) -> &Path {
        &self.repository
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Keeps plan.json here.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep_plan(&self, bytes: &[u8]) -> anyhow::Result<()> {
        files::write_atomic(&self.plan(), bytes)
    }

    /// `plan.json`
    pub fn plan(&self) -> PathBuf {
        self.root.join("plan.json")
    }

    /// `manifest.json`
    pub fn manifest(&self) -> PathBuf {
        self.root.join("manifest.json")
    }

    /// `receipts.json`
    pub fn receipts(&self) -> PathBuf {
        self.root.join("receipts.json")
    }

    /// The folder of a step's finished files.
    pub fn step(&self, id: &str) -> PathBuf {
        self.root.join("steps").join(id)
    }

    /// A finished file.
    pub fn file(&self, step: &str, name: &str) -> PathBuf {
        self.step(step).join(name)
    }

    /// The record of a step.
    pub fn record(&self, id: &str) -> PathBuf {
        self.root.join("artifacts").join(format!("{id}.json"))
    }

    /// The log of a step.
    pub fn log(&self, id: &str) -> PathBuf {
        self.root.join("logs").join(format!("{id}.log"))
    }

    /// Writes a step's record.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_record(&self, artifact: &Artifact) -> anyhow::Result<()> {
        write_json(&self.record(&artifact.step), artifact)
    }

    /// Every record that lies here, sorted by file name.
    ///
    /// # Errors
    /// If one cannot be read or is no record.
    pub fn records(&self) -> anyhow::Result<Vec<Artifact>> {
        let folder = self.root.join("artifacts");
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let mut paths = Vec::new();
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read `{}`", folder.display()))? {
            paths.push(entry?.path());
        }
        paths.sort();
        paths
            .iter()
            .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
            .map(|path| read_json(path))
            .collect()
    }
}

/// Whether it is the `.gitignore` of a folder of ours.
fn is_ours(ignore: &Path) -> bool {
    let mut bytes = Vec::new();
    let read = File::open(ignore).and_then(|file| file.take(IGNORE.len() as u64).read_to_end(&mut bytes));
    read.is_ok() && bytes == IGNORE.as_bytes()
}

/// The largest JSON file of ours that is read, as much as is taken out of a tar.
const LARGEST: u64 = 64 << 20;

/// Reads a JSON file of ours.
///
/// # Errors
/// If it cannot be read, or is not what it should be.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let bytes = files::read_small(path, LARGEST)?;
    match serde_json::from_slice(&bytes) {
        Ok(value) => Ok(value),
        Err(error) => {
            let problem = Problem::new("damaged-file", format!("`{}` is damaged: {error}", path.display()));
            Err(Failure::new(
                Exit::Unexpected,
                problem.hint("remove it, and make it again with the command that wrote it"),
            )
            .into())
        }
    }
}

/// Writes a JSON file of ours, whole or not at all.
///
/// # Errors
/// If it cannot be written.
pub fn write_json(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    files::write_atomic(path, &bytes)
}
