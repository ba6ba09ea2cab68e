//! What both faces answer from.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::caller::Caller;
use super::links::Links;
use super::readiness::Readiness;
use crate::serve::access::Tokens;
use crate::serve::executor::Executor;
use crate::serve::log::Logs;
use crate::serve::rate::Rate;
use crate::serve::store::Store;
use crate::serve::task::TaskId;
use crate::serve::worker::Workers;
use crate::world::terminal::Printer;

pub struct Shared {
    pub store: Store,
    pub logs: Logs,
    pub workers: Arc<Workers>,
    pub executor: Arc<dyn Executor>,
    pub readiness: Readiness,
    pub links: Links,
    pub printer: Printer,
    /// Whether callers on other machines are wanted.
    pub open: bool,
    /// The logs of the service whose tasks were taken over.
    pub old_logs: Option<PathBuf>,
    /// If there are any, whoever wants more than the health must show one.
    pub tokens: Option<Tokens>,
    pub rate: Option<Rate>,
}

impl Shared {
    /// For whoever runs the service; callers hear less.
    pub(super) fn warn(&self, error: &anyhow::Error) {
        self.printer.warn(format!("{error:#}"));
    }

    /// Who has changed what.
    pub(super) fn audit(&self, what: &str, id: &TaskId, who: &Caller) {
        self.printer.step(what, format_args!("{id} by {who}"));
    }

    /// Whether a `Host` may be meant for a service that only this machine uses, without tokens: a name of it, or the one in its own links. Any
    /// other one was made to resolve to this machine by a page that a browser here has open.
    pub(super) fn is_host(&self, host: &str) -> bool {
        self.open || self.tokens.is_some() || self.links.host() == Some(host) || is_loopback(host)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
