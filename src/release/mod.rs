//! The release as a library: a project is opened, planned, built, verified and published.

pub mod access;
mod also_wrong;
pub mod config_file;
mod credentials;
mod plan;
pub mod plan_file;
mod project;
pub mod pushed_tag;
mod received;
mod rejected;
mod session;
pub mod share;
mod snapshots;
pub mod stage_file;
pub mod steps;
mod wanted;

use std::path::Path;
use std::time::Duration;

use crate::artifact::Manifest;
use crate::build;
use crate::oci::registry::Registries;
use crate::plan::{Plan, Workflow};
use crate::problem::{Exit, Failure, Problem};
use crate::publish::{self, Seen};
use crate::receipt::Receipts;
use crate::verify;
use crate::world::env::Env;
use crate::world::process::Runner;
use crate::world::runtime;
use crate::world::store::Store;

pub use access::Access;
pub use plan::{Wish, this_host};
pub use project::Project;
pub use rejected::Rejected;
pub use session::{Selection, Session};
pub use snapshots::Asked;

/// A plan that is carried out: where its files lie, and where they go.
pub struct Release<'a> {
    pub session: &'a Session,
    pub plan: &'a Plan,
    pub store: &'a Store,
    pub access: &'a Access,
}

impl Release<'_> {
    /// Asks every destination before anything is built, so that what they refuse does not cost a build. What it returns need
    /// not be asked again by [`Self::publish`].
    ///
    /// # Errors
    /// Those of [`publish::observe`].
    pub fn observe(&self) -> anyhow::Result<Seen> {
        let runner = self.session.runner();
        let to = self.destinations(&runner, None);
        let observing = publish::observe(&self.session.printer, &to);
        let stop = &self.session.stop;
        runtime::block_on(stop.run_until_cancelled(observing))?.unwrap_or_else(|| Err(stopped().into()))
    }

    /// Builds every step here, and verifies all of them. `prebuilt` is a folder of prebuilt binaries; `bases` has the images
    /// that Dockerfiles name, if not their registries do.
    ///
    /// # Errors
    /// Those of [`build::run`] and [`verify::run`].
    pub fn make(&self, prebuilt: Option<&Path>, bases: Option<Registries>) -> anyhow::Result<Manifest> {
        let order = build::Order {
            prebuilt: prebuilt.map(Path::to_owned),
            bases,
            ..build::Order::new(self.plan, self.plan.steps.iter().collect(), self.access.registries.clone())
        };
        build::run(&self.session.runner(), &self.session.printer, self.store, &order)?;
        verify::run(&self.session.printer, self.store, self.plan, None)
    }

    /// Publishes what was verified, or one workflow's share of it. `seen` is what was observed before; `wait` is how long each wait for another workflow may take.
    ///
    /// # Errors
    /// Those of [`publish::run`]; the same call again continues.
    pub fn publish(
        &self,
        seen: Seen,
        manifest: &Manifest,
        workflow: Option<&Workflow>,
        wait: Duration,
    ) -> anyhow::Result<Receipts> {
        let runner = self.session.runner();
        let (to, run) = (self.destinations(&runner, workflow), run_page(&self.session.env));
        let order = publish::Order { to, manifest, seen, store: self.store, wait, run };
        let publishing = publish::run(&self.session.printer, &order);
        let stop = &self.session.stop;
        runtime::block_on(stop.run_until_cancelled(publishing))?.unwrap_or_else(|| Err(stopped().into()))
    }

    fn destinations<'r>(&'r self, runner: &'r Runner, workflow: Option<&'r Workflow>) -> publish::Destinations<'r> {
        publish::Destinations {
            plan: self.plan,
            workflow,
            names: share::destinations(self.plan, workflow),
            endpoints: &self.access.github,
            registries: &self.access.registries,
            indexes: &self.access.indexes,
            here: publish::Here { runner, store: self.store, rehearsed: self.access.rehearsed },
        }
    }
}

fn stopped() -> Failure {
    let problem = Problem::new("interrupted", "publishing was stopped");
    Failure::new(Exit::Interrupted, problem.hint("run the same command again to continue"))
}

/// The page of the run of GitHub Actions that this is a job of.
fn run_page(env: &Env) -> Option<String> {
    let [server, repository, id] =
        ["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"].map(|name| env.get(name));
    Some(format!("{}/{}/actions/runs/{}", server?, repository?, id?))
}
