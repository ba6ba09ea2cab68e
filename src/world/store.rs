//! The output folder: where each step's files, record and log lie.
//!
//! ```text
//! .gitignore                    says that the folder is ours, and hides it from git
//! .lock                         held by the process that works here
//! plan.json                     the plan
//! steps/<step>/<file>           finished files
//! artifacts/<step>.json         their records
//! dist/<file>                   those of them that are released, in one folder
//! logs/<step>.log               what the tools said
//! manifest.json receipts.json   what verify and publish wrote
//! commands/<destination>.json   what a command was told when it last succeeded
//! rehearsal/<file>              deployment files of a rehearsal
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::files;
use super::path::{self, relative};
use super::terminal::Printer;
use crate::artifact::Artifact;
use crate::problem::{Exit, Failure, Problem};
use crate::shown;

/// The first line marks the folder as ours.
const IGNORE: &str = "# Made by longshore, which removes the files here when it builds.\n*\n";

/// The folders in it whose files are opened by name.
const OURS: [&str; 9] = ["steps", "artifacts", "logs", "images", "cache", "earlier", "commands", "rehearsal", "dist"];

/// How many names of other things in the folder are shown.
const SHOWN: usize = 3;

/// Who else may use the output folder during a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// It writes results.
    Nobody,
    /// It only reads finished files; several processes may publish different parts at the same time.
    Readers,
}

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

    /// The same, made if need be, and waited for as long as others work there whom this run cannot share it with.
    ///
    /// # Errors
    /// `Failure` with exit 2 if it holds what longshore did not make; else if it cannot be written.
    pub fn open(repository: &Path, output: &str, sharing: Sharing, printer: &Printer) -> anyhow::Result<Self> {
        let mut store = Self::new(repository, output);
        let lock = store.root.join(".lock");
        // The creator of the folder locks it first, so that its unfinished state is not taken for a foreign folder.
        if !fs::symlink_metadata(&lock).is_ok_and(|meta| meta.is_file()) {
            store.refuse_foreign(output)?;
        }
        let cannot = || format!("cannot write in `{}`", store.root.display());
        fs::create_dir_all(&store.root).with_context(cannot)?;
        let file = File::options().create(true).truncate(false).write(true).open(lock);
        let file = file.with_context(cannot)?;
        let tried = match sharing {
            Sharing::Nobody => file.try_lock(),
            Sharing::Readers => file.try_lock_shared(),
        };
        match tried {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                printer.step("Waiting", format!("for another longshore that uses `{output}`"));
                match sharing {
                    Sharing::Nobody => file.lock(),
                    Sharing::Readers => file.lock_shared(),
                }
                .with_context(cannot)?;
            }
            // Some file systems have no locks: there is no protection there.
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

    /// Results are removed when they are made anew: nothing of others may lie beside them.
    fn refuse_foreign(&self, output: &str) -> anyhow::Result<()> {
        let refuse = |text: String| {
            let hint = "use a separate folder with `output:` in longshore.yaml, or move its content away";
            Err(Failure::usage(Problem::new("foreign-output", text).hint(hint)).into())
        };
        if !self.root.exists() {
            return Ok(());
        }
        if !self.root.is_dir() {
            return refuse(format!("the output folder `{output}` is a file"));
        }
        if let Some(path) = odd(&self.root, true)? {
            let name = path.strip_prefix(&self.root).map_or_else(|_| path.display().to_string(), relative);
            let text = format!("`{output}/{name}` is a link or a special file: results would be written elsewhere");
            let hint = "remove it, and run the same command again; the output folder itself may be a link";
            return Err(Failure::usage(Problem::new("foreign-output", text).hint(hint)).into());
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
        refuse(format!("the output folder `{output}` contains files that longshore did not create: {shown}"))
    }

    pub fn repository(&self) -> &Path {
        &self.repository
    }

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

    pub fn plan(&self) -> PathBuf {
        self.root.join("plan.json")
    }

    pub fn manifest(&self) -> PathBuf {
        self.root.join("manifest.json")
    }

    /// What a command was told when it last succeeded.
    pub fn told(&self, destination: &str) -> PathBuf {
        self.root.join("commands").join(format!("{destination}.json"))
    }

    /// The folder of what a rehearsal would write into the repository.
    pub fn rehearsal(&self) -> PathBuf {
        self.root.join("rehearsal")
    }

    /// The folder of finished files.
    pub fn finished(&self) -> PathBuf {
        self.root.join("dist")
    }

    pub fn receipts(&self) -> PathBuf {
        self.root.join("receipts.json")
    }

    /// The folder of a step's finished files.
    pub fn step(&self, id: &str) -> PathBuf {
        self.root.join("steps").join(id)
    }

    pub fn file(&self, step: &str, name: &str) -> PathBuf {
        self.step(step).join(name)
    }

    pub fn record(&self, id: &str) -> PathBuf {
        self.root.join("artifacts").join(format!("{id}.json"))
    }

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
    /// If one cannot be read or is not a record.
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

/// A link, or what is neither file nor folder, in a folder of ours: it would lead elsewhere, or be waited for.
fn odd(folder: &Path, is_top: bool) -> anyhow::Result<Option<PathBuf>> {
    let cannot = || format!("cannot read `{}`", folder.display());
    let entries = match fs::read_dir(folder) {
        // Another one that shares it has removed it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries.with_context(cannot)?,
    };
    for entry in entries {
        let entry = entry.with_context(cannot)?;
        let kind = entry.file_type().with_context(cannot)?;
        if !kind.is_file() && !kind.is_dir() {
            return Ok(Some(entry.path()));
        }
        let is_ours = !is_top || OURS.iter().any(|name| entry.file_name() == *name);
        if kind.is_dir()
            && is_ours
            && let Some(found) = odd(&entry.path(), false)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Whether it is the `.gitignore` of a folder of ours.
fn is_ours(ignore: &Path) -> bool {
    let mut bytes = Vec::new();
    let read = File::open(ignore).and_then(|file| file.take(IGNORE.len() as u64).read_to_end(&mut bytes));
    read.is_ok() && bytes == IGNORE.as_bytes()
}

/// The largest JSON file of ours that is read. A plan of 300 steps has half a megabyte.
const LARGEST: u64 = 8 << 20;

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
            Err(Failure::new(Exit::Unexpected, problem.hint("remove it, and run the command that wrote it again"))
                .into())
        }
    }
}

/// Writes a JSON file of ours, whole or not at all.
///
/// # Errors
/// If it cannot be written.
pub fn write_json(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    files::write_atomic(path, &json(value)?)
}

/// The same for what cannot be made again.
///
/// # Errors
/// If it cannot be written.
pub fn write_lasting_json(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    files::write_lasting(path, &json(value)?)
}

fn json(value: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_share_and_builders_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let open = |sharing| Store::open(folder.path(), "out", sharing, &Printer::silent()).unwrap();
        let (one, two) = (open(Sharing::Readers), open(Sharing::Readers));
        let builder = std::thread::scope(|scope| {
            let builder = scope.spawn(|| open(Sharing::Nobody));
            std::thread::sleep(std::time::Duration::from_millis(100));
            assert!(!builder.is_finished());
            drop((one, two));
            builder.join().unwrap()
        });
        assert!(builder.root().join(".lock").is_file());
    }
}
