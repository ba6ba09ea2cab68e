//! What an index holds: projects, releases, files, publishers and the tokens they got.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use chrono::{DateTime, SecondsFormat};
use serde_json::Value;

use crate::digest::Digest;
use crate::world::clock;

use super::form::Digests;
use super::options::{Grant, Options, Publisher};
use crate::pypi::Metadata;
use crate::pypi::name::normalize;
use crate::pypi::version::Version;

#[derive(Default)]
pub(super) struct IndexState {
    /// By normal name.
    pub(super) projects: BTreeMap<String, Project>,
    /// Names of files that are or were there.
    pub(super) used: BTreeSet<String>,
    pub(super) publishers: Vec<Publisher>,
    /// Tokens from trusted publishing.
    pub(super) minted: BTreeMap<String, Minted>,
    /// Identities that were shown once (`jti`).
    pub(super) spent: BTreeSet<String>,
    /// How many projects uploads created.
    pub(super) created: usize,
    pub(super) serial: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Project {
    /// As its last upload wrote it.
    pub(super) name: String,
    pub(super) owners: BTreeSet<String>,
    pub(super) releases: Vec<ProjectRelease>,
    pub(super) serial: u64,
    /// Whether it was there when the server started.
    pub(super) seeded: bool,
}

#[derive(Clone, Debug)]
pub(super) struct ProjectRelease {
    pub(super) version: Version,
    pub(super) created: i64,
    /// Of its first file.
    pub(super) metadata: Metadata,
    pub(super) yanked: Option<String>,
    pub(super) files: Vec<File>,
}

#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) filename: String,
    /// `bdist_wheel` or `sdist`.
    pub(super) filetype: String,
    pub(super) pyversion: String,
    pub(super) digests: Digests,
    /// Of a wheel's `METADATA`, which lies beside it.
    pub(super) core_metadata: Option<Digest>,
    pub(super) uploaded: i64,
    pub(super) seeded: bool,
    pub(super) provenance: Option<Value>,
}

#[derive(Clone, Debug)]
pub(super) struct Minted {
    /// Normal names.
    pub(super) projects: Vec<String>,
    pub(super) publisher: Publisher,
    pub(super) expires: i64,
}

impl IndexState {
    pub(super) fn new(options: &Options) -> Self {
        let mut state = Self::default();
        for existing in &options.projects {
            let project = state.project(&existing.name);
            project.owners.insert(existing.owner.clone());
            for (version, age_days) in &existing.releases {
                // An invalid version makes no release.
                if let Ok(version) = version.parse() {
                    project.release(&version, ago(*age_days));
                }
            }
            state.used.extend(existing.deleted.iter().cloned());
        }
        state.publishers.clone_from(&options.publishers);
        state
    }

    /// The project of that name, new if there is none; as one that was there at the start.
    pub(super) fn project(&mut self, name: &str) -> &mut Project {
        self.projects.entry(normalize(name)).or_insert_with(|| Project {
            name: name.to_owned(),
            seeded: true,
            ..Project::default()
        })
    }

    /// The file of that name, or the one with those bytes.
    pub(super) fn similar(&self, filename: &str, blake2: &str) -> Option<&File> {
        self.files().find(|file| file.filename == filename || file.digests.blake2 == blake2)
    }

    /// Notes that something happened to a project.
    pub(super) fn journal(&mut self, normal: &str) {
        self.serial += 1;
        if let Some(project) = self.projects.get_mut(normal) {
            project.serial = self.serial;
        }
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &File> {
        self.projects.values().flat_map(|project| &project.releases).flat_map(|release| &release.files)
    }
}

impl Project {
    /// The release of that version, new if there is none.
    pub(super) fn release(&mut self, version: &Version, created: i64) -> &mut ProjectRelease {
        let index = self.releases.iter().position(|release| release.version == *version).unwrap_or_else(|| {
            let metadata = Metadata::default();
            let new = ProjectRelease { version: version.clone(), created, metadata, yanked: None, files: Vec::new() };
            let index = self.releases.partition_point(|release| release.version < *version);
            self.releases.insert(index, new);
            index
        });
        &mut self.releases[index]
    }

    pub(super) fn find(&self, version: &Version) -> Option<&ProjectRelease> {
        self.releases.iter().find(|release| release.version == *version)
    }

    pub(super) fn size(&self) -> u64 {
        self.releases.iter().flat_map(|release| &release.files).map(|file| file.digests.size).sum()
    }
}

impl File {
    /// Where it lies below `/files/`; the folders follow from the bytes (`File.path` of warehouse/packaging/models.py).
    pub(super) fn path(&self) -> String {
        let (first, rest) = self.digests.blake2.split_at(2);
        let (second, rest) = rest.split_at(2);
        format!("{first}/{second}/{rest}/{}", self.filename)
    }

    pub(super) fn stored(&self, folder: &Path) -> PathBuf {
        folder.join(self.path())
    }
}

impl Publisher {
    /// The projects it may upload to, by normal name; none while it is pending.
    pub(super) fn projects(&self) -> Vec<String> {
        match &self.grant {
            Grant::Projects(names) => names.iter().map(|name| normalize(name)).collect(),
            Grant::Pending { .. } => Vec::new(),
        }
    }

    /// What no two of a kind may share (the unique constraints of warehouse/oidc/models/github.py).
    pub(super) fn key(&self) -> (&str, &str, String, bool) {
        let environment = self.environment.as_deref().unwrap_or_default().to_lowercase();
        (&self.repository, &self.workflow, environment, matches!(self.grant, Grant::Pending { .. }))
    }
}

/// Copies a file to where it is served from, with the metadata that lies beside it.
pub(super) fn put(path: &Path, from: &Path, core_metadata: Option<&[u8]>) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::rename(from, path).or_else(|_| fs::copy(from, path).map(drop))?;
    match core_metadata {
        Some(bytes) => fs::write(beside(path), bytes),
        None => Ok(()),
    }
}

/// Where the metadata of a file lies (PEP 658).
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".metadata");
    name.into()
}

/// Now, in seconds since 1970.
pub(super) fn now() -> i64 {
    DateTime::parse_from_rfc3339(&clock::now()).map_or(0, |time| time.timestamp())
}

pub(super) fn ago(days: u32) -> i64 {
    now() - i64::from(days) * 86_400
}

/// A time as ISO 8601 writes it, without a zone.
pub(super) fn iso(time: i64) -> String {
    let time = DateTime::from_timestamp(time, 0).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Secs, true).trim_end_matches('Z').to_owned()
}
