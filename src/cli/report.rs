//! What a command has to say: text for people, fields for programs, and what to type next.

use schemars::JsonSchema;
use serde::Serialize;

use crate::artifact::{Artifact, Manifest};
use crate::plan::{Plan, Release};
use crate::receipt::Receipt;

/// What a command has to say when it succeeded.
#[derive(Default)]
pub struct Report {
    /// For standard output, complete with its last newline.
    pub text: String,
    /// For standard error: what to type next.
    pub next: Option<String>,
    pub fields: Fields,
    /// What keeps running after the result was printed, until the user ends it.
    pub stay: Option<Box<dyn FnOnce()>>,
}

/// The fields of a result that depend on the command.
#[derive(Default)]
pub struct Fields {
    pub plan: Option<Plan>,
    /// Whether to list the plan's steps.
    pub steps: bool,
    pub artifacts: Option<Vec<Artifact>>,
    pub manifest: Option<Manifest>,
    pub receipts: Option<Vec<Receipt>>,
    /// How much of the release is public.
    pub state: ReleaseState,
    /// Any further value, e.g. the matrix.
    pub value: Option<(&'static str, serde_json::Value)>,
}

/// How much of a release is public.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReleaseState {
    /// Nothing.
    #[default]
    Nothing,
    /// A part of it.
    Partial,
    /// All of it.
    Complete,
}

impl Report {
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub fn plan(text: impl Into<String>, plan: &Plan) -> Self {
        let fields = Fields { plan: Some(plan.clone()), ..Fields::default() };
        Self { text: text.into(), fields, ..Self::default() }
    }

    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

/// A release in the output.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OutputRelease {
    component: String,
    /// Its version.
    pub version: String,
    tag: String,
    /// The commit of its tag.
    pub commit: String,
    /// Whether the version is a prerelease.
    pub prerelease: bool,
}

impl OutputRelease {
    pub fn all(plan: &Plan) -> Vec<Self> {
        plan.releases.iter().map(|release| Self::of(plan, release)).collect()
    }

    fn of(plan: &Plan, release: &Release) -> Self {
        Self {
            component: release.component.clone(),
            version: release.version.to_string(),
            tag: release.tag.clone(),
            commit: plan.commit.clone(),
            prerelease: release.prerelease,
        }
    }
}
