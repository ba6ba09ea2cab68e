//! A GitHub in this process: its Releases REST API, the pages and downloads that belong to it, and faults on purpose.
//!
//! Answers follow GitHub's OpenAPI description (`api.github.com` 1.1.4), its documentation of releases, limits and
//! immutable releases, and answers that public issues quote. Whatever is uploaded streams to a spool folder.

mod answer;
mod api;
mod asked;
mod event;
mod fault;
mod fields;
mod graphql;
mod json;
mod markdown;
mod options;
mod page;
mod paging;
mod route;
mod rules;
mod seed;
mod serve;
mod shared;
mod site;
mod start;
mod state;
mod upload;

use std::sync::{Arc, Mutex};

use axum::Router;

use super::hold;
use crate::world::server::{self, Port};

pub use super::hold::{Hold, Moment};
pub use event::{Effect, Event};
pub use fault::Fault;
pub use options::Options;
pub use seed::{Asset, Repository, SeedRelease, Tag};

/// A running server. Dropping it ends it.
pub struct Server {
    shared: Arc<shared::Shared>,
    server: server::Server,
}

impl Server {
    /// Starts a server.
    ///
    /// # Errors
    /// If the port cannot be had, the clock is not a time, or the spool folder cannot be written.
    pub fn start(options: Options) -> anyhow::Result<Self> {
        let shared = Arc::new(shared::Shared {
            state: Mutex::new(start::state(&options)?),
            log: event::Log::new(),
            stops: hold::Stops::default(),
            faults: Mutex::new(fault::Faults::new(&options.faults)),
            spool: options.spool,
            token: options.token,
            reader: options.reader,
        });
        let router = Router::new().fallback(serve::serve).with_state(Arc::clone(&shared));
        let server = Port::take(options.port)?.serve(router)?;
        Ok(Self { shared, server })
    }

    /// The base of everything: API (`/repos/…` and `/api/v3/repos/…`), pages and downloads. Ends with a slash.
    pub fn url(&self) -> String {
        format!("http://{}/", self.server.address())
    }

    pub fn port(&self) -> u16 {
        self.server.address().port()
    }

    /// Every request so far, in order of arrival.
    pub fn events(&self) -> Vec<Event> {
        self.shared.log.all()
    }

    /// Stops at the request of that number (from 1, as in [`Event::number`]) and keeps it there, unanswered, until the
    /// returned [`Hold`] is dropped; its connection is cut then.
    pub fn hold_at(&self, number: usize, moment: Moment) -> Hold {
        self.shared.stops.ask(number, moment)
    }

    /// The same at the request of that number among those whose `METHOD /path?query` holds a text.
    pub fn hold_for(&self, text: &str, number: usize, moment: Moment) -> Hold {
        self.shared.stops.ask_for(text, number, moment)
    }

    /// Sets a tag of a repository, also one that is there: what a force-push does. Unknown repositories are ignored.
    pub fn set_tag(&self, repository: &str, tag: &Tag) {
        let (owner, name) = repository.split_once('/').unwrap_or((repository, ""));
        let target = route::Target { owner: owner.to_owned(), name: name.to_owned(), id: None };
        let mut state = self.shared.state();
        let now = state.clock.0;
        if let Some(repository) = state.repository_mut(&target) {
            repository.tags.insert(tag.name.clone(), start::commit(tag, now));
        }
    }

    /// Ends it: open connections are cut, the port is free again.
    pub fn stop(self) {}
}
