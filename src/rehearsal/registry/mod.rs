//! A container registry in this process: the OCI distribution spec 1.1 over plain HTTP, with quirks and faults on purpose.
//!
//! Endpoints and errors follow <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>; tokens follow
//! Docker's token authentication. The bytes of blobs lie in a folder, all else in memory.

mod answer;
mod auth;
mod blob;
mod fault;
mod listing;
mod manifest;
mod options;
mod page;
mod receive;
mod route;
mod scope;
mod serve;
mod shared;
mod state;
mod upload;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;

use super::random::random;
use crate::digest::Digest;
use crate::world::server::{self, Port};

pub use super::hold::{Hold, Moment};
pub use fault::Fault;
pub use options::{Auth, Mounts, Options, Quirks};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its path below the registry.
    pub repository: String,
    /// Tags, each with digest and media type of its manifest.
    pub tags: BTreeMap<String, (Digest, String)>,
}

/// A running registry. Dropping it ends it.
pub struct Server {
    shared: Arc<shared::Shared>,
    _servers: [server::Server; 2],
    _folder: Option<tempfile::TempDir>,
}

impl Server {
    /// Starts a registry.
    ///
    /// # Errors
    /// If the port cannot be had or the folder cannot be written.
    pub fn start(options: Options) -> anyhow::Result<Self> {
        let (folder, temporary) = match options.folder {
            Some(folder) => (folder, None),
            None => {
                let folder = tempfile::tempdir().context("cannot make a folder for blobs")?;
                (folder.path().to_owned(), Some(folder))
            }
        };
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        let (registry, blobs) = (Port::take(options.port)?, Port::take(0)?);
        let shared = Arc::new(shared::Shared {
            address: registry.address(),
            store: blobs.address(),
            key: random().context("no random numbers")?,
            auth: options.auth,
            quirks: options.quirks,
            folder,
            state: Mutex::default(),
            faults: Mutex::new(fault::Faults::new(&options.faults)),
            stops: super::hold::Stops::default(),
            log: Mutex::default(),
        });
        let registry = registry.serve(Router::new().fallback(serve::serve).with_state(Arc::clone(&shared)))?;
        let blobs = blobs.serve(Router::new().fallback(serve::store).with_state(Arc::clone(&shared)))?;
        Ok(Self { shared, _servers: [registry, blobs], _folder: temporary })
    }

    /// Scheme, host and port, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// Every request so far, `METHOD /path?query`, in order of arrival, without what opens something.
    pub fn requests(&self) -> Vec<String> {
        self.shared.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops at the request of that number (from 1, as in [`Server::requests`]) and keeps it there, unanswered, until the
    /// returned [`Hold`] is dropped; its connection is cut then.
    pub fn hold_at(&self, number: usize, moment: Moment) -> Hold {
        self.shared.stops.ask(number, moment)
    }

    /// The same at the request of that number among those whose `METHOD /path?query` holds a text.
    pub fn hold_for(&self, text: &str, number: usize, moment: Moment) -> Hold {
        self.shared.stops.ask_for(text, number, moment)
    }

    /// Ends it: open connections are cut, the port is free again.
    pub fn stop(self) {}

    /// Puts a blob into a repository.
    ///
    /// # Panics
    /// If the folder cannot be written.
    pub fn seed_blob(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let path = state::blob_path(&self.shared.folder, digest);
        std::fs::write(path, bytes).expect("the folder of blobs can be written");
        self.shared.state().add_blob(repository, digest, bytes.len() as u64);
        digest
    }

    /// Puts a manifest into a repository as it is; nothing it names need be there.
    ///
    /// # Panics
    /// If it is not JSON.
    pub fn seed_manifest(&self, repository: &str, tag: Option<&str>, media_type: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let manifest = state::Manifest::new(media_type, Bytes::copy_from_slice(bytes)).expect("a manifest is JSON");
        let mut state = self.shared.state();
        let held = state.repositories.entry(repository.to_owned()).or_default();
        held.manifests.insert(digest, manifest);
        if let Some(tag) = tag {
            held.tags.insert(tag.to_owned(), digest);
        }
        digest
    }

    /// What every repository shows, in order of their names.
    pub fn shown(&self) -> Vec<Shown> {
        let state = self.shared.state();
        let shown = |(name, held): (&String, &state::Repository)| {
            let tag = |(tag, digest): (&String, &Digest)| {
                let media_type = held.manifests.get(digest)?.media_type.clone();
                Some((tag.clone(), (*digest, media_type)))
            };
            Shown { repository: name.clone(), tags: held.tags.iter().filter_map(tag).collect() }
        };
        state.repositories.iter().map(shown).collect()
    }
}
