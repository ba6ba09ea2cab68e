//! What is to be built.

use std::path::PathBuf;

use crate::oci::registry::Registries;
use crate::plan::{Plan, Step, Work};
use crate::problem::{Exit, Failure, Problem};
use crate::world::handover::is_file_name;

/// The steps to carry out, and how.
pub struct Order<'a> {
    pub plan: &'a Plan,
    /// The steps to carry out, each after its needs. Needs that are not among them must lie in the store.
    pub steps: Vec<&'a Step>,
    /// Folder of prebuilt binaries: `<triple>/<executable>`.
    pub prebuilt: Option<PathBuf>,
    /// Go on with steps that do not need a failed one.
    pub keep_going: bool,
    pub registries: Option<Registries>,
    /// Where images that Dockerfiles name are fetched instead.
    pub bases: Option<Registries>,
    /// Whether the image layout holds the layers of bases, too.
    pub base_layers: bool,
    /// Where an archive for `docker load` goes.
    pub docker_archive: Option<PathBuf>,
    /// Carry out the jobs' `install` lists instead of only naming what is missing.
    pub install: bool,
    /// Every Python that the plan has wheels for must be there, but for the rare ones, not only one of them.
    pub every_python: bool,
}

impl<'a> Order<'a> {
    /// Some steps as they are built where nothing else is said.
    pub fn new(plan: &'a Plan, steps: Vec<&'a Step>, registries: Registries) -> Self {
        let (prebuilt, docker_archive) = (None, None);
        let (keep_going, base_layers, install, every_python) = (false, false, false, false);
        let registries = Some(registries);
        let bases = None;
        Self {
            plan,
            steps,
            prebuilt,
            keep_going,
            registries,
            bases,
            base_layers,
            docker_archive,
            install,
            every_python,
        }
    }

    /// A plan is a file that came from somewhere: its names become paths here.
    ///
    /// # Errors
    /// `Failure` with exit 2 if one is not a name.
    pub fn refuse_bad_names(&self) -> anyhow::Result<()> {
        for step in &self.plan.steps {
            if let Some(name) = step.outputs().into_iter().find(|name| !is_file_name(name)) {
                let problem = Problem::new("damaged-plan", format!("the plan contains the invalid file name `{name}`"));
                return Err(Failure::usage(problem.hint("plan again")).into());
            }
        }
        Ok(())
    }
}

/// Whether a step does nothing: a check that was planned as not run.
pub fn is_idle(step: &Step) -> bool {
    matches!(&step.work, Work::Check(work) if work.not_run.is_some())
}

/// As one failure, if anything is missing.
///
/// # Errors
/// `Failure` with exit 2 and all problems.
pub fn refuse(problems: Vec<Problem>) -> anyhow::Result<()> {
    if problems.is_empty() { Ok(()) } else { Err(Failure { exit: Exit::Usage, problems }.into()) }
}
