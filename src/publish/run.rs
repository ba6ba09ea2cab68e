//! What a destination is asked with: the plan and how to reach it. No bytes: it can be asked before anything is built.

use url::Url;

use super::failure::Failure;
use super::github;
use super::order::{Destinations, Endpoint, Endpoints, Here, Indexes};
use super::seen::Seen;
use crate::digest::Digest;
use crate::oci::registry::{Error, Registries};
use crate::plan::{Destination, Plan, Release, Step, Workflow};
use crate::problem::Problem;
use crate::reference::Reference;
use crate::world::http::{self, is_loopback};
use crate::world::patience::Pace;
use crate::world::terminal::Printer;

/// One run: what is published, and how its destinations are reached.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    pub printer: &'a Printer,
    pub plan: &'a Plan,
    pub registries: &'a Registries,
    /// How indexes of Python packages are reached.
    pub indexes: &'a Indexes,
    /// Where deployment files are written and commands run.
    pub here: Here<'a>,
    /// Names of the destinations to publish to, in order.
    pub destinations: &'a [String],
    /// The workflow file's share that is published; nothing for everything.
    pub workflow: Option<&'a Workflow>,
    /// What was seen before the build.
    pub seen: &'a Seen,
    /// Releases on GitHub that are there, whatever its lists say: it shows a new one only after a while.
    pub known: &'a [github::model::GithubRelease],
    endpoints: &'a Endpoints,
    pace: Option<Pace>,
}

/// A file that a destination gets, known before it is made.
#[derive(Clone, Copy)]
pub struct PlannedFile<'a> {
    pub step: &'a Step,
    pub name: &'a str,
}

impl<'a> Run<'a> {
    /// One to these destinations, perhaps at another pace than their own.
    pub fn new(printer: &'a Printer, to: &'a Destinations<'_>, seen: &'a Seen, pace: Option<Pace>) -> Self {
        Self {
            printer,
            plan: to.plan,
            registries: to.registries,
            indexes: to.indexes,
            here: to.here,
            destinations: &to.names,
            workflow: to.workflow,
            seen,
            known: &[],
            endpoints: to.endpoints,
            pace,
        }
    }

    /// The same, with releases that are known to be there.
    pub fn knowing(self, known: &'a [github::model::GithubRelease]) -> Self {
        Self { known, ..self }
    }

    pub fn pace(&self, url: &Url) -> Pace {
        self.pace.unwrap_or_else(|| Pace::of(url))
    }

    /// Whether a step's files are published to a destination.
    pub fn takes(&self, destination: &str, step: &Step) -> bool {
        match self.workflow {
            Some(workflow) => workflow.publishes(destination, step),
            None => step.publish.iter().any(|name| name == destination),
        }
    }

    /// The releases that a destination takes; of the others it is said that it does not.
    pub fn releases(&self, destination: &Destination) -> Vec<&'a Release> {
        let mut taken = Vec::new();
        for release in &self.plan.releases {
            if destination.when.takes(release.prerelease) {
                taken.push(release);
                continue;
            }
            let kind = if release.prerelease { "a prerelease" } else { "stable" };
            self.printer.step("Skipping", format!("{} for `{}`: it is {kind}", release.tag, destination.name));
        }
        taken
    }

    /// The files of one release for one destination, in the plan's order of steps.
    pub fn files(&self, destination: &Destination, release: &Release) -> Vec<PlannedFile<'a>> {
        let of = |step: &&Step| step.component == release.component && self.takes(&destination.name, step);
        let files = |step: &'a Step| step.outputs().into_iter().map(move |name| PlannedFile { step, name });
        self.plan.steps.iter().filter(of).flat_map(files).collect()
    }

    /// What a registry has under a fixed tag.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn look(&self, tag: &Reference) -> Result<Option<Digest>, Error> {
        match self.seen.digest(tag) {
            Some(digest) => Ok(Some(digest)),
            None => Ok(self.registries.head(tag).await?.map(|there| there.digest)),
        }
    }

    /// What a registry has under a name. In a rehearsal what was published before is not there, and any digest does.
    ///
    /// # Errors
    /// If it is not there, or there is no answer.
    pub async fn digest(&self, reference: &Reference) -> Result<Digest, Failure> {
        if let Some(found) = self.registries.head(reference).await? {
            return Ok(found.digest);
        }
        if self.here.rehearsed {
            return Ok(Digest::of(reference.to_string().as_bytes()));
        }
        let text = format!("`{reference}` is not in its registry, and its digest is needed");
        Err(Failure::Missing(Problem::new("image-missing", text).hint("release it first, or in the same run")))
    }

    /// The tag under which what concerns the whole run is recorded: that of its first release.
    pub fn tag(&self) -> String {
        let first = self.plan.releases.iter().chain(&self.plan.unchanged).next();
        first.map(|release| release.tag.clone()).unwrap_or_default()
    }

    /// How a GitHub is reached, if it may be.
    ///
    /// # Errors
    /// If it may not.
    pub fn endpoint(&self, name: &str) -> Result<&'a Endpoint, Failure> {
        let endpoint = self.endpoints.get(name);
        let endpoint = endpoint.ok_or_else(|| anyhow::anyhow!("no URL of the destination `{name}` is configured"));
        let endpoint = endpoint.map_err(Failure::from)?;
        self.may_reach(&endpoint.api).map(|()| endpoint)
    }

    /// Unreleasable plans stay on this machine, and a token is never sent in clear text.
    ///
    /// # Errors
    /// If this plan may not go there.
    pub fn may_reach(&self, api: &Url) -> Result<(), Failure> {
        let problem = if let Some(reason) = self.plan.only_loopback().filter(|_| !is_loopback(api)) {
            Problem::new("loopback-only", format!("this plan cannot be published to `{}`: {reason}", http::host(api)))
                .hint("push the tag, or try `longshore rehearse`")
        } else if api.scheme() != "https" && !is_loopback(api) {
            Problem::new("endpoint-insecure", format!("`{}` is reached without encryption", http::host(api)))
                .hint("use its `https` address")
        } else {
            return Ok(());
        };
        Err(Failure::Refused(problem))
    }
}
