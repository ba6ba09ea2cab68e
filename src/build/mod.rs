//! Carries out steps of a plan; every finished step leaves its files and its record in the store.

use std::path::PathBuf;

use crate::artifact::Artifact;
use crate::plan::{Plan, Step};
use crate::world::process::Runner;
use crate::world::store::Store;
use crate::world::terminal::Printer;

/// What is to be built.
pub struct Order<'a> {
    /// The plan the steps are from.
    pub plan: &'a Plan,
    /// The steps to carry out, each after its needs. Needs that are not among them must lie in the store.
    pub steps: Vec<&'a Step>,
    /// Folder of finished executables: `<triple>/<executable>`.
    pub prebuilt: Option<PathBuf>,
    /// Go on with steps that do not need a failed one.
    pub keep_going: bool,
    /// Carry out the legs' `install` lists instead of only naming what is missing.
    pub install: bool,
}

/// Builds. Missing tools are found before anything starts.
///
/// # Errors
/// `Failure` with exit 2 (a tool is missing, HEAD is not the plan's commit) or 7 (a step failed).
pub fn run(_runner: &Runner, _printer: &Printer, _store: &Store, _order: &Order<'_>) -> anyhow::Result<Vec<Artifact>> {
    unreachable!("not written yet")
}
