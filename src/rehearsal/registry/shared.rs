//! What all connections of a registry share: its settings, its state, and the log of requests.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::request::Parts;

use crate::rehearsal::hold::Stops;

use super::fault::{Fault, FaultKind, Faults};
use super::options::{Auth, Quirks};
use super::state::RegistryState;

pub(super) struct Shared {
    pub(super) address: SocketAddr,
    /// The second listener, for the bytes of blobs.
    pub(super) store: SocketAddr,
    /// What opens it.
    pub(super) key: String,
    pub(super) auth: Auth,
    pub(super) quirks: Quirks,
    pub(super) folder: PathBuf,
    pub(super) state: Mutex<RegistryState>,
    pub(super) faults: Mutex<Faults>,
    pub(super) stops: Stops,
    pub(super) log: Mutex<Vec<String>>,
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, RegistryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn strike(&self, kind: FaultKind) -> Option<Fault> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).strike(kind)
    }

    /// An address as this registry gives them.
    pub(super) fn location(&self, path: &str) -> String {
        if self.quirks.absolute_locations { format!("http://{}{path}", self.address) } else { path.to_owned() }
    }

    /// Notes a request and returns its number, from 1.
    pub(super) fn note(&self, parts: &Parts) -> usize {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = parts.uri.query().map(|query| query.split('&').filter(|pair| !is_secret(pair)).collect::<Vec<_>>());
        let query =
            shown.filter(|pairs| !pairs.is_empty()).map_or(String::new(), |pairs| format!("?{}", pairs.join("&")));
        log.push(format!("{} {}{query}", parts.method, parts.uri.path()));
        log.len()
    }
}

/// What a log does not show: what opens something, and the state of uploads, which says nothing.
fn is_secret(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or_default();
    matches!(name, "signature" | "password" | "refresh_token" | "_state")
}
