//! What all connections of an index share: its settings, its state, and the log of requests.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::request::Parts;

use crate::rehearsal::hold::Stops;

use super::fault::{Fault, FaultKind, Faults};
use super::options::{Quirks, Token, WorkflowJob};
use super::state::IndexState;

pub(super) struct Shared {
    pub(super) address: SocketAddr,
    /// What signs identity tokens.
    pub(super) key: String,
    pub(super) tokens: Vec<Token>,
    pub(super) jobs: Vec<WorkflowJob>,
    pub(super) prohibited: Vec<String>,
    pub(super) classifiers: Vec<String>,
    pub(super) lenient: bool,
    pub(super) quirks: Quirks,
    pub(super) folder: PathBuf,
    pub(super) state: Mutex<IndexState>,
    /// Held while an upload is checked and stored.
    pub(super) uploads: tokio::sync::Mutex<()>,
    pub(super) faults: Mutex<Faults>,
    pub(super) stops: Stops,
    pub(super) log: Mutex<Vec<String>>,
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, IndexState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn strike(&self, kind: FaultKind) -> Option<Fault> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).strike(kind)
    }

    /// Notes a request and returns its number, from 1.
    pub(super) fn note(&self, parts: &Parts) -> usize {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let query = parts.uri.query().map_or(String::new(), |query| format!("?{query}"));
        log.push(format!("{} {}{query}", parts.method, parts.uri.path()));
        log.len()
    }
}
