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
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::digest::Digest;

use super::cut;
use super::random::random;

pub use super::hold::{Hold, Moment};
pub use fault::Fault;
pub use options::{Auth, Mounts, Options, Quirks};

/// What a repository shows.
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
    connections: CancellationToken,
    thread: Option<JoinHandle<()>>,
    _folder: Option<tempfile::TempDir>,
}

impl Server {
    /// Starts a registry on threads of its own.
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
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        let (registry, address) = listen(options.port)?;
        let (blobs, store) = listen(0)?;
        let shared = Arc::new(shared::Shared {
            address,
            store,
            key: random().context("no random numbers")?,
            auth: options.auth,
            quirks: options.quirks,
            folder,
            state: Mutex::default(),
            faults: Mutex::new(fault::Faults::new(&options.faults)),
            stops: super::hold::Stops::default(),
            log: Mutex::default(),
        });
        let connections = CancellationToken::new();
        let thread = run(registry, blobs, &shared, &connections)?;
        Ok(Self { shared, connections, thread: Some(thread), _folder: temporary })
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
    /// If it is no JSON.
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

impl Drop for Server {
    fn drop(&mut self) {
        self.connections.cancel();
        if let Some(thread) = self.thread.take() {
            // It ends by itself; whether it panicked is nobody's business any more.
            let _ = thread.join();
        }
    }
}

fn listen(port: u16) -> anyhow::Result<(std::net::TcpListener, SocketAddr)> {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = std::net::TcpListener::bind(wanted).with_context(|| format!("cannot listen on `{wanted}`"))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves until `connections` is cancelled. The runtime lives and ends in a thread of its own: a test that is a task
/// itself may neither wait for one nor end one.
fn run(
    registry: std::net::TcpListener,
    blobs: std::net::TcpListener,
    shared: &Arc<shared::Shared>,
    connections: &CancellationToken,
) -> anyhow::Result<JoinHandle<()>> {
    let (shared, all) = (Arc::clone(shared), connections.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let thread = std::thread::Builder::new().name("registry".into()).spawn(move || {
        runtime.block_on(async {
            let (Ok(registry), Ok(blobs)) = (TcpListener::from_std(registry), TcpListener::from_std(blobs)) else {
                return;
            };
            let router = Router::new().fallback(serve::serve).with_state(Arc::clone(&shared));
            let service = router.into_make_service_with_connect_info::<cut::Peer>();
            let listening = cut::Listening { inner: registry, all: all.clone() };
            let registry = tokio::spawn(async move { axum::serve(listening, service).await });
            let service = Router::new().fallback(serve::store).with_state(shared).into_make_service();
            let listening = cut::Listening { inner: blobs, all: all.clone() };
            let blobs = tokio::spawn(async move { axum::serve(listening, service).await });
            all.cancelled().await;
            // Waits for the listeners to close, so that the ports are free; not for a request that is held.
            for listener in [registry, blobs] {
                listener.abort();
                let _ = listener.await;
            }
        });
        runtime.shutdown_timeout(Duration::from_secs(1));
    })?;
    Ok(thread)
}
