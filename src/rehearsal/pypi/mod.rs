//! A package index in this process that answers as pypi.org does: warehouse over plain HTTP, with quirks and faults on purpose.
//!
//! Checks, their order, codes and texts follow <https://github.com/pypi/warehouse> (6b62157); each file here names the
//! file there. The bytes of files lie in a folder, all else in memory.

mod answer;
mod archive;
mod attestation;
mod fault;
mod filename;
mod form;
mod framing;
mod github;
mod json;
mod metadata;
mod oidc;
mod options;
mod page;
mod project;
mod route;
mod serve;
mod shared;
mod simple;
mod state;
mod token;
mod upload;
mod wheel;

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use axum::Router;
use axum::extract::DefaultBodyLimit;

use super::random::random;
use crate::digest::Digest;
use crate::pypi::name::normalize;
use crate::pypi::version::Version;
use crate::world::server::{self, Port};

pub use super::hold::{Hold, Moment};
pub use fault::Fault;
pub use options::{Existing, Grant, Options, Publisher, Quirks, Seed, Token, TrustedPublishing, WorkflowJob};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its name, as its last upload wrote it.
    pub name: String,
    /// Names, digests and sizes of its files, by version and name.
    pub files: Vec<(String, Digest, u64)>,
}

/// A running index. Dropping it ends it.
pub struct Server {
    shared: Arc<shared::Shared>,
    _server: server::Server,
    _folder: Option<tempfile::TempDir>,
}

impl Server {
    /// Starts an index.
    ///
    /// # Errors
    /// If the port cannot be had, the folder cannot be written, or two publishers share what must be one's own.
    pub fn start(options: Options) -> anyhow::Result<Self> {
        for (index, publisher) in options.publishers.iter().enumerate() {
            if options.publishers[..index].iter().any(|other| other.key() == publisher.key()) {
                let (repository, workflow) = (&publisher.repository, &publisher.workflow);
                bail!(
                    "`{workflow}` of `{repository}` is registered twice with one environment, which pypi.org refuses"
                );
            }
        }
        let state = state::IndexState::new(&options);
        let (folder, temporary) = match options.folder {
            Some(folder) => (folder, None),
            None => {
                let folder = tempfile::tempdir().context("cannot make a folder for files")?;
                (folder.path().to_owned(), Some(folder))
            }
        };
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        let port = Port::take(options.port)?;
        let shared = Arc::new(shared::Shared {
            address: port.address(),
            key: random().context("no random numbers")?,
            tokens: options.tokens,
            jobs: options.jobs,
            prohibited: options.prohibited,
            classifiers: options.classifiers,
            lenient: options.lenient,
            quirks: options.quirks,
            folder,
            state: Mutex::new(state),
            uploads: tokio::sync::Mutex::default(),
            faults: Mutex::new(fault::Faults::new(&options.faults)),
            stops: super::hold::Stops::default(),
            log: Mutex::default(),
        });
        // Files are larger than what is let in by default; they go to disk.
        let router = Router::new().fallback(serve::serve).layer(DefaultBodyLimit::disable());
        let server = port.serve(router.with_state(Arc::clone(&shared)))?;
        Ok(Self { shared, _server: server, _folder: temporary })
    }

    /// Scheme, host and port, without a slash at the end. Uploads go to `/legacy/` below it, reading starts at `/simple/`.
    pub fn url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// `ACTIONS_ID_TOKEN_REQUEST_URL` of a job: clients add `&audience=…`.
    pub fn oidc_request_url(&self) -> String {
        format!("{}/_/github-oidc?api-version=2.0", self.url())
    }

    /// Every request so far, `METHOD /path?query`, in order of arrival.
    pub fn requests(&self) -> Vec<String> {
        self.shared.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops at the request of that number (from 1, as in [`Server::requests`]) and keeps it there, unanswered, until the
    /// returned [`Hold`] is dropped; its connection is cut then.
    pub fn hold_at(&self, number: usize, moment: Moment) -> Hold {
        self.shared.stops.ask(number, moment)
    }

    /// Ends it: open connections are cut, the port is free again.
    pub fn stop(self) {}

    /// Puts a file into a release as it is; project and release are made if they are not
    /// there. The metadata of a wheel is served beside it, of an sdist nothing is read.
    ///
    /// # Panics
    /// If the version is none or the folder cannot be written.
    pub fn seed_file(&self, project: &str, version: &str, seed: Seed<'_>) -> Digest {
        let Seed { filename, bytes, age_days } = seed;
        let file = tempfile::NamedTempFile::new_in(&self.shared.folder).expect("the folder of files can be written");
        let (file, from) = file.into_parts();
        let mut measured = form::Measured::new(file);
        measured.take(bytes).expect("the folder of files can be written");
        let (mut file, digests) = measured.finish();
        file.flush().expect("the folder of files can be written");
        let parts: Vec<&str> = filename.split('-').collect();
        let wheel = filename.ends_with(".whl") && parts.len() > 2;
        let place = wheel.then(|| format!("{}-{}.dist-info/METADATA", parts[0], parts[1]));
        let core_metadata = place.and_then(|place| archive::member(&from, &place));
        let (sha256, uploaded) = (digests.sha256, state::ago(age_days));
        let file = state::File {
            filename: filename.to_owned(),
            filetype: if wheel { "bdist_wheel" } else { "sdist" }.to_owned(),
            pyversion: if wheel { parts[parts.len().saturating_sub(3)] } else { "source" }.to_owned(),
            digests,
            core_metadata: core_metadata.as_deref().map(Digest::of),
            uploaded,
            seeded: true,
            provenance: None,
        };
        let path = file.stored(&self.shared.folder);
        state::put(&path, &from, core_metadata.as_deref()).expect("the folder of files can be written");
        let version = version.parse().expect("a version as PEP 440 has them");
        let mut state = self.shared.state();
        state.used.insert(filename.to_owned());
        state.project(project).release(&version, uploaded).files.push(file);
        sha256
    }

    /// Deletes a file, as an owner can by hand: its name cannot be used again.
    pub fn delete_file(&self, filename: &str) {
        let mut state = self.shared.state();
        let releases = state.projects.values_mut().flat_map(|project| &mut project.releases);
        releases.for_each(|release| release.files.retain(|file| file.filename != filename));
    }

    /// Yanks a release, as an owner can by hand.
    pub fn yank(&self, project: &str, version: &str, reason: &str) {
        let mut state = self.shared.state();
        let held = state.projects.get_mut(&normalize(project));
        let Some((held, version)) = held.zip(version.parse::<Version>().ok()) else { return };
        for release in held.releases.iter_mut().filter(|release| release.version == version) {
            release.yanked = Some(reason.to_owned());
        }
    }

    /// What every project shows, in order of their names.
    pub fn shown(&self) -> Vec<Project> {
        let state = self.shared.state();
        let shown = |held: &state::Project| {
            let files = held.releases.iter().flat_map(|release| &release.files);
            let file = |file: &state::File| (file.filename.clone(), file.digests.sha256, file.digests.size);
            Project { name: held.name.clone(), files: files.map(file).collect() }
        };
        state.projects.values().map(shown).collect()
    }
}
