//! A check: what proves an artifact by running or reading it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::chart::RenderCheck;
use super::python::{Import, Rebuild, Resolve};
use crate::artifact::CheckResult;
use crate::digest::Digest;
use crate::step_id::StepId;

/// A check. Its result is its artifact record; it has no output file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckWork {
    /// The step whose outputs are looked at.
    pub subject: StepId,
    /// Why it is not run; absent: it is run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_run: Option<String>,
    /// How it is carried out.
    #[serde(flatten)]
    pub check: Check,
}

impl CheckWork {
    /// One of a step that is run.
    pub fn of(subject: &StepId, check: Check) -> Self {
        Self { subject: subject.clone(), not_run: None, check }
    }

    /// The digest of a file of its subject as a result saw it. Only what is imported or rendered may be left untried: where a
    /// Python or Helm is not there.
    pub fn saw(&self, result: &CheckResult, file: &str) -> Option<Digest> {
        let untried = result.untried.iter().filter(|_| matches!(self.check, Check::Import(_) | Check::Render(_)));
        let mut seen = result.subjects.iter().chain(untried);
        seen.find(|seen| seen.step == self.subject && seen.name == file).map(|seen| seen.sha256)
    }
}

/// How a check is carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "check", rename_all = "lowercase")]
pub enum Check {
    /// Each executable of a binary is started.
    Smoke(SmokeCheck),
    /// A container of an image is started.
    Container(ContainerCheck),
    /// No secret of the build is in an image.
    Secrets(SecretsCheck),
    /// A wheel is installed and imported.
    Import(Import),
    /// Cargo says which crates a wheel has that its siblings have not.
    Resolve(Resolve),
    /// The README of a wheel is rendered as PyPI renders it.
    Readme,
    /// An sdist is built into a wheel again.
    Rebuild(Rebuild),
    /// A chart is linted and rendered by Helm.
    Render(RenderCheck),
}

/// Executables that are started once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SmokeCheck {
    /// Arguments for each executable (`--version`).
    pub args: Vec<String>,
    /// Arguments for single executables by file name, instead of `args`; none: it is not started.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub programs: BTreeMap<String, Option<Vec<String>>>,
    /// `smoke` is not set: an executable that does not print its version is a warning.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assumed: bool,
    /// Text that the output must contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
}

/// A search for secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretsCheck {
    /// Names of the environment variables that the build read, by id. Credentials of the release are looked for, too.
    pub secrets: BTreeMap<String, String>,
}

/// A container that is started once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerCheck {
    /// Arguments for its entrypoint.
    pub args: Vec<String>,
    /// A path that must answer over HTTP on the first exposed port, instead of arguments and output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// Text that the output must contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
}
