//! The generated workflow files: a workflow of the plan as GitHub Actions YAML, its pins, and drift.
//!
//! The files hold no logic: they check out, hand over tars, and call the action. Syntax:
//! <https://docs.github.com/actions/reference/workflow-syntax-for-github-actions>.

pub mod drift;
pub mod frame;
pub mod job;
pub mod pins;
mod scalar;

pub use frame::{MARK, is_generated, write};
pub use pins::Pins;
