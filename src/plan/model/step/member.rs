//! Files of other steps that a step names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::step_id::StepId;

/// An executable in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Member {
    /// Binary step.
    pub step: StepId,
    /// Name of its output.
    pub output: String,
    /// Path inside the archive.
    pub path: String,
}

/// A file a checksums file lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Covered {
    /// The step that makes it.
    pub step: StepId,
    /// Its name.
    pub name: String,
}
