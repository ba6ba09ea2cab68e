//! What is to be published, from where, and how its destinations are reached.

use std::collections::BTreeMap;
use std::time::Duration;

use url::Url;

use super::pypi::index::{Credential, Index};
use super::seen::Seen;
use crate::artifact::Manifest;
use crate::oci::registry::Registries;
use crate::plan::{Plan, Workflow};
use crate::secret::Secret;
use crate::wheel::DistributionName;
use crate::world::process::Runner;
use crate::world::store::Store;

/// Where destinations are reached, by destination name. A destination is a URL.
pub type Endpoints = BTreeMap<String, Endpoint>;

/// Indexes of Python packages by destination name, with what may be presented for each distribution.
pub type Indexes = BTreeMap<String, (Index, BTreeMap<DistributionName, Credential>)>;

#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Base of its API, e.g. `https://api.github.com/` or `https://ghes.example/api/v3/`.
    pub api: Url,
    pub token: Option<Secret>,
}

/// Where a plan is published, and how that is reached. It can be asked before anything is built.
#[derive(Clone)]
pub struct Destinations<'a> {
    pub plan: &'a Plan,
    /// The workflow whose share of it is published; nothing for all of it.
    pub workflow: Option<&'a Workflow>,
    /// Names of those to publish to, in order.
    pub names: Vec<String>,
    /// How GitHub is reached, by destination name.
    pub endpoints: &'a Endpoints,
    pub registries: &'a Registries,
    /// How indexes of Python packages are reached, by destination name.
    pub indexes: &'a Indexes,
    pub here: Here<'a>,
}

/// This machine, where deployment files are written and commands run.
#[derive(Clone, Copy)]
pub struct Here<'a> {
    pub runner: &'a Runner,
    /// Its repository is where files are written and commands run; commands that succeeded are remembered in it.
    pub store: &'a Store,
    /// Files are written below the output folder, and commands are only shown.
    pub rehearsed: bool,
}

pub struct Order<'a> {
    pub to: Destinations<'a>,
    pub manifest: &'a Manifest,
    /// What was seen before they were built.
    pub seen: Seen,
    /// Holds the bytes; the ledger is written there too.
    pub store: &'a Store,
    /// How long each wait for another workflow may take.
    pub wait: Duration,
    /// The page of this run, where its files can be found.
    pub run: Option<String>,
}
