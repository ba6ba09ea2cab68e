//! Publishes a manifest: observe, do what is missing, read back. Repeating it finishes it.

use std::collections::BTreeMap;

use url::Url;

use crate::artifact::Manifest;
use crate::plan::Plan;
use crate::receipt::Receipts;
use crate::secret::Secret;
use crate::world::store::Store;
use crate::world::terminal::Printer;

/// Where destinations are reached, by destination name. A destination is a URL.
pub type Endpoints = BTreeMap<String, Endpoint>;

/// How one destination is reached.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Base of its API, e.g. `https://api.github.com/` or `https://ghes.example/api/v3/`.
    pub api: Url,
    /// What may be presented to it.
    pub token: Option<Secret>,
}

/// What is to be published.
pub struct Order<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Its verified artifacts.
    pub manifest: &'a Manifest,
    /// Where the bytes lie; the ledger is written there too.
    pub store: &'a Store,
    /// Where to.
    pub endpoints: &'a Endpoints,
    /// Names of the destinations to publish to, in order.
    pub destinations: Vec<String>,
}

/// Publishes and confirms.
///
/// # Errors
/// `Failure` with exit 2, 4, 5 or 6; the ledger in the store holds what was observed until then.
pub async fn run(_printer: &Printer, _order: &Order<'_>) -> anyhow::Result<Receipts> {
    unreachable!("not written yet")
}
