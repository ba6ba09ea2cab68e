//! What all connections of a GitHub share: its settings, its state, and the log of requests.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, header};

use crate::digest::Digest;
use crate::rehearsal::hold::Stops;
use crate::rehearsal::percent::query;
use crate::secret::Secret;

use super::asked::Asked;
use super::event::Log;
use super::fault::{Faults, Strike};
use super::route::RequestKind;
use super::state::{GithubState, Who};

pub(super) struct Shared {
    pub(super) state: Mutex<GithubState>,
    pub(super) log: Log,
    pub(super) stops: Stops,
    pub(super) faults: Mutex<Faults>,
    pub(super) spool: PathBuf,
    pub(super) token: Secret,
    pub(super) reader: Option<Secret>,
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, GithubState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the bytes of an asset lie.
    pub(super) fn spooled(&self, asset: u64) -> PathBuf {
        self.spool.join(format!("{asset}.asset"))
    }

    /// What opens the stored bytes of an asset without a token.
    pub(super) fn signature(&self, asset: u64) -> String {
        Digest::of(format!("{asset} {}", self.token.expose()).as_bytes()).hex()
    }

    pub(super) fn strike(&self, kind: RequestKind) -> Option<Strike> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).strike(kind)
    }

    pub(super) fn who(&self, headers: &HeaderMap) -> Option<Who> {
        let Some(value) = headers.get(header::AUTHORIZATION) else { return Some(Who::Anonymous) };
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        let known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token");
        match token.trim() {
            _ if !known => None,
            token if token == self.token.expose() => Some(Who::Writer),
            token if self.reader.as_ref().is_some_and(|reader| token == reader.expose()) => Some(Who::Reader),
            _ => None,
        }
    }

    /// Whether a signature opens the stored bytes of an asset.
    pub(super) fn opens(&self, asked: &Asked<'_>, asset: u64) -> bool {
        query(asked.query, "sig").is_some_and(|signature| signature == self.signature(asset))
    }
}
