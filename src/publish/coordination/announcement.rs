//! What a workflow file tells the others: what it will publish, of which plan, and which run made it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::artifact::Manifest;
use crate::digest::Digest;
use crate::plan::{Plan, Step, Workflow};
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::publish::github::api::Api;
use crate::publish::github::model::{Asset, GithubRelease};
use crate::publish::promise;

/// The format of `longshore-<stem>.manifest.json`.
const SCHEMA: &str = "longshore/coordination/1";
/// The most that is read of one: a manifest has some hundred bytes for each file.
const LARGEST: u64 = 64 << 20;
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A workflow file's announcement: exactly this will be published.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Announcement {
    #[serde(flatten)]
    head: Head,
    pub manifest: Manifest,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Head {
    schema: String,
    plan: Digest,
    commit: String,
    /// The version that planned.
    longshore: String,
    /// Where its bytes were made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    /// The workflow files that make this release.
    workflows: Vec<String>,
}

impl Announcement {
    pub fn new(run: Option<&str>, makers: &[&Workflow], manifest: Manifest) -> Self {
        let head = Head {
            schema: SCHEMA.into(),
            plan: manifest.plan,
            commit: manifest.commit.clone(),
            longshore: VERSION.into(),
            run: run.map(str::to_owned),
            workflows: makers.iter().map(|workflow| workflow.file.clone()).collect(),
        };
        Self { head, manifest }
    }

    /// The run that made it, for people.
    pub fn run(&self) -> &str {
        self.head.run.as_deref().unwrap_or("an unknown run")
    }

    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Where an announcement was found.
pub struct Place<'a> {
    pub api: &'a Api<'a>,
    pub release: &'a GithubRelease,
    pub asset: &'a Asset,
    pub workflow: &'a Workflow,
}

impl Place<'_> {
    /// Sees that it is not too long to be read.
    ///
    /// # Errors
    /// If it is.
    pub fn fits(&self) -> Result<(), Failure> {
        if self.asset.size <= LARGEST {
            return Ok(());
        }
        Err(self.unreadable(&format!("it has {} bytes; the limit is {} MiB", self.asset.size, LARGEST >> 20)))
    }

    /// Reads an announcement and sees that it is of this plan.
    ///
    /// # Errors
    /// If it is of another one, or none.
    pub fn read(&self, plan: &Plan, bytes: &[u8]) -> Result<Announcement, Failure> {
        let head: Head = serde_json::from_slice(bytes).map_err(|error| self.unreadable(&error))?;
        if head.plan != plan.digest() {
            return Err(self.another(plan, &head));
        }
        let announcement: Announcement = serde_json::from_slice(bytes).map_err(|error| self.unreadable(&error))?;
        match odd(plan, self.workflow, &announcement.manifest) {
            Some(what) => Err(self.unreadable(&what)),
            None => Ok(announcement),
        }
    }

    pub fn unreadable(&self, error: &dyn fmt::Display) -> Failure {
        let Self { release, asset, .. } = self;
        let message = format!("`{}` of `{}` cannot be read: {error}", asset.name, release.tag_name);
        let hint = "was it written by another version of longshore? use one version in all workflow files";
        Failure::Conflict(Problem::new("coordination-unreadable", message).hint(hint))
    }

    /// Another plan is never waited for.
    fn another(&self, plan: &Plan, head: &Head) -> Failure {
        let (tag, file) = (&self.release.tag_name, &self.workflow.file);
        let message = if head.commit != plan.commit {
            format!(
                "`{file}` publishes `{tag}` from a plan for commit {}; this plan is for {}",
                head.commit, plan.commit
            )
        } else if head.longshore != VERSION {
            format!("`{file}` planned `{tag}` with longshore {}; this is longshore {VERSION}", head.longshore)
        } else {
            format!("`{file}` planned `{tag}` differently from the same commit: with other arguments or environment")
        };
        let mut hint = if head.commit == plan.commit {
            "plan with the same version and arguments in all workflow files (`longshore generate --check`)".to_owned()
        } else {
            "was the tag moved?".to_owned()
        };
        if self.is_hidden(head) {
            hint.push_str(&format!(
                "; nothing is public yet: `gh release delete {tag} --repo {}` deletes the draft, then run all workflow files again",
                self.api.repository
            ));
        } else {
            hint.push_str(
                "; parts may be public already: finish the release with that plan, or release the next version",
            );
        }
        Failure::Conflict(Problem::new("coordination-other-plan", message).hint(hint))
    }

    /// Whether nothing can be published yet: a draft that still waits for another workflow file.
    fn is_hidden(&self, head: &Head) -> bool {
        let has = |file: &String| {
            let stem = file.rsplit_once('.').map_or(file.as_str(), |(stem, _)| stem);
            self.release.assets.iter().any(|asset| asset.name == format!("longshore-{stem}.manifest.json"))
        };
        self.release.draft && !head.workflows.iter().all(has)
    }
}

/// What a workflow promises that is not the plan's, or does not promise though it is.
fn odd(plan: &Plan, workflow: &Workflow, manifest: &Manifest) -> Option<String> {
    let takes = |step: &Step| step.publish.iter().any(|to| workflow.publishes(to, step));
    promise::broken(plan, manifest, takes).map(|problem| problem.message)
}
