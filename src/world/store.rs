//! The output folder: where each step's files, record and log lie.
//!
//! ```text
//! plan.json                     the plan
//! steps/<step>/<file>           finished files
//! artifacts/<step>.json         their records
//! logs/<step>.log               what the tools said
//! manifest.json receipts.json   what verify and publish wrote
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{files, path};
use crate::artifact::Artifact;

/// The output folder of one repository.
#[derive(Clone, Debug)]
pub struct Store {
    repository: PathBuf,
    root: PathBuf,
}

impl Store {
    /// The folder `output` of a repository; made when first written.
    pub fn new(repository: &Path, output: &str) -> Self {
        Self { repository: repository.to_owned(), root: path::below(repository, output) }
    }

    /// The repository's top folder.
    pub fn repository(&self) -> &Path {
        &self.repository
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Keeps plan.json here. The folder ignores itself, so that a repository without an entry for it stays clean.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep_plan(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let ignore = self.root.join(".gitignore");
        if !ignore.exists() {
            files::write_atomic(&ignore, b"*\n")?;
        }
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
        Err(error) => bail!("`{}` is damaged: {error}", path.display()),
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
