//! What each workflow file builds and publishes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::destination::Destination;
use super::step::Step;
use crate::destination::When;
use crate::step_id::StepId;

/// What one workflow file builds and publishes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Workflow {
    /// The workflow's file name, e.g. `release.yml`.
    pub file: String,
    /// The environment of its publish job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Ids of the steps it carries out.
    pub steps: Vec<StepId>,
    /// Where it publishes to: `pypi` is all that goes there, `pypi.app` one artifact's share.
    pub destinations: Vec<String>,
    /// How its workflow file is written.
    #[serde(default, skip_serializing_if = "WorkflowOptions::is_default")]
    pub options: WorkflowOptions,
}

/// How a workflow file is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkflowOptions {
    /// Path of a composite action that every job runs first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup: Option<String>,
    /// Label of the runner of the plan, verify and publish jobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner: Option<String>,
    /// Reusable workflows of the user's own.
    #[serde(default, skip_serializing_if = "WorkflowJobs::is_default")]
    pub jobs: WorkflowJobs,
    /// What a pull request does.
    #[serde(default, skip_serializing_if = "PullRequest::is_default")]
    pub pull_request: PullRequest,
}

/// Paths of reusable workflows, by the job they run after.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct WorkflowJobs {
    /// Before anything is built.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after_plan: Vec<String>,
    /// Before anything becomes public.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after_verify: Vec<String>,
    /// When everything is public.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after_publish: Vec<String>,
}

/// What a pull request does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PullRequest {
    /// Nothing.
    Off,
    /// It is planned.
    Plan,
    /// It is planned, built and verified.
    #[default]
    Build,
}

impl WorkflowOptions {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl WorkflowJobs {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl PullRequest {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Workflow {
    /// Whether this workflow, and so no other, publishes a step's files to a destination.
    pub fn publishes(&self, destination: &str, step: &Step) -> bool {
        step.publish.iter().any(|name| name == destination)
            && self.destinations.iter().any(|share| {
                share == destination
                    || share
                        .strip_prefix(destination)
                        .and_then(|rest| rest.strip_prefix('.'))
                        .is_some_and(|artifact| step.id.is_of(artifact))
            })
    }

    /// Whether it publishes anything to a destination.
    pub fn goes_to(&self, destination: &str) -> bool {
        self.destinations.iter().any(|share| share == destination || named(share, destination))
    }

    /// The file's name without its ending.
    pub fn stem(&self) -> &str {
        self.file.rsplit_once('.').map_or(&self.file, |(stem, _)| stem)
    }
}

pub fn named(share: &str, destination: &str) -> bool {
    share.strip_prefix(destination).is_some_and(|rest| rest.starts_with('.'))
}

/// The first GitHub destination that takes every release which any destination takes.
pub fn coordination(destinations: &[Destination]) -> Option<&Destination> {
    let covers = |one: When| one == When::Always || destinations.iter().all(|other| other.when == one);
    destinations.iter().find(|destination| destination.kind.github().is_some() && covers(destination.when))
}
