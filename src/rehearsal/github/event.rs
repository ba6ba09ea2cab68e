//! What happened at the server: every request, its answer and what it changed.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::digest::Digest;

/// One request, in order of arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Counts from 1.
    pub number: usize,
    pub method: String,
    /// Path and query as the client sent them.
    pub path: String,
    pub token: bool,
    /// Status of the answer; absent while none was sent, and for good when the connection was cut.
    pub status: Option<u16>,
    /// Bytes of body that were read from the client.
    pub received: u64,
    /// What it changed, in order.
    pub effects: Vec<Effect>,
    /// Since the server's start.
    pub at: Duration,
}

/// A change of what the server holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    ReleaseCreated {
        id: u64,
        tag: String,
        draft: bool,
    },
    /// A draft became public, with so many assets; `unfinished` of them never arrived whole.
    ReleasePublished {
        id: u64,
        tag: String,
        assets: usize,
        unfinished: usize,
    },
    ReleaseEdited {
        id: u64,
        tag: String,
    },
    ReleaseDeleted {
        id: u64,
        tag: String,
        published: bool,
    },
    /// Publishing made a tag that was not there.
    TagCreated {
        tag: String,
        commit: String,
    },
    /// An upload began and did not end: the asset stays in state `starter`.
    AssetStarted {
        release: u64,
        id: u64,
        name: String,
    },
    AssetUploaded {
        release: u64,
        id: u64,
        name: String,
        size: u64,
        sha256: Digest,
        published: bool,
    },
    AssetEdited {
        release: u64,
        id: u64,
        name: String,
        published: bool,
    },
    AssetDeleted {
        release: u64,
        id: u64,
        name: String,
        uploaded: bool,
        published: bool,
    },
    SettingChanged {
        immutable_releases: bool,
    },
}

impl Effect {
    /// Whether it took away or replaced bytes that the public could already have.
    pub fn breaks_a_promise(&self) -> bool {
        match self {
            Self::ReleaseDeleted { published, .. } | Self::AssetEdited { published, .. } => *published,
            Self::AssetDeleted { uploaded, published, .. } => *uploaded && *published,
            Self::ReleasePublished { unfinished, .. } => *unfinished > 0,
            _ => false,
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReleaseCreated { tag, draft: true, .. } => write!(f, "draft for `{tag}` made"),
            Self::ReleaseCreated { tag, .. } => write!(f, "release `{tag}` made"),
            Self::ReleasePublished { tag, assets, .. } => write!(f, "release `{tag}` published with {assets} assets"),
            Self::ReleaseEdited { tag, .. } => write!(f, "release `{tag}` edited"),
            Self::ReleaseDeleted { tag, .. } => write!(f, "release `{tag}` deleted"),
            Self::TagCreated { tag, commit } => write!(f, "tag `{tag}` made at {commit}"),
            Self::AssetStarted { name, .. } => write!(f, "asset `{name}` begun and not finished"),
            Self::AssetUploaded { name, size, .. } => write!(f, "asset `{name}` stored, {size} bytes"),
            Self::AssetEdited { name, .. } => write!(f, "asset `{name}` edited"),
            Self::AssetDeleted { name, .. } => write!(f, "asset `{name}` deleted"),
            Self::SettingChanged { immutable_releases } => write!(f, "immutable releases set to {immutable_releases}"),
        }
    }
}

/// The list of events, shared by all connections.
pub(super) struct Log {
    started: Instant,
    events: Mutex<Vec<Event>>,
}

impl Log {
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), events: Mutex::default() }
    }

    /// Notes a request and returns its number.
    pub(super) fn begin(&self, method: &str, path: &str, token: bool) -> usize {
        let mut events = self.events();
        let number = events.len() + 1;
        events.push(Event {
            number,
            method: method.to_owned(),
            path: path.to_owned(),
            token,
            status: None,
            received: 0,
            effects: Vec::new(),
            at: self.started.elapsed(),
        });
        number
    }

    pub(super) fn end(&self, number: usize, status: Option<u16>, received: u64, effects: Vec<Effect>) {
        if let Some(event) = self.events().get_mut(number - 1) {
            event.status = status;
            event.received = received;
            event.effects = effects;
        }
    }

    pub(super) fn all(&self) -> Vec<Event> {
        self.events().clone()
    }

    fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
