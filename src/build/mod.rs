//! Carries out steps of a plan; every finished step leaves its files and its record in the store.

mod archive;
mod asset;
mod binary;
mod bundle;
mod cargo_config;
mod check;
mod checksums;
mod command;
mod commit;
mod docker_archive;
mod gzip;
mod head;
pub mod image;
mod import;
mod install;
mod layer;
mod layout;
mod log;
mod needs;
mod outside;
mod pack;
mod package;
mod patchelf;
mod pyo3;
mod python;
mod readme;
mod rebuild;
mod resolve;
mod rootfs;
mod rustflags;
mod sbom;
mod schedule;
mod stage;
mod start;
mod supplied;
mod system;
mod tools;
mod unpack;
mod unplanned;
mod wheel;

// Steps run bash, cargo and gcc; `make proof` builds with those of Windows.
#[cfg(test)]
#[cfg(unix)]
mod tests;

use std::path::PathBuf;

use crate::artifact::Artifact;
use crate::oci::registry::Registries;
use crate::plan::{Plan, Step, Work};
use crate::platform::Platform;
use crate::problem::{Failure, Problem};
use crate::target::Target;
use crate::world::handover::is_file_name;
use crate::world::path;
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
    /// Where bases of images come from.
    pub registries: Option<Registries>,
    /// Whether the image layout holds the layers of bases, too.
    pub complete: bool,
    /// Where an archive for `docker load` goes.
    pub docker_archive: Option<PathBuf>,
    /// Carry out the legs' `install` lists instead of only naming what is missing.
    pub install: bool,
    /// Every Python that the plan has wheels for must be there, but for the rare ones, not only one of them.
    pub every_python: bool,
}

impl<'a> Order<'a> {
    /// Some steps as they are built where nothing else is said.
    pub fn new(plan: &'a Plan, steps: Vec<&'a Step>, registries: Registries) -> Self {
        let (prebuilt, docker_archive) = (None, None);
        let (keep_going, complete, install, every_python) = (false, false, false, false);
        let registries = Some(registries);
        Self { plan, steps, prebuilt, keep_going, registries, complete, docker_archive, install, every_python }
    }
}

/// Builds. Missing tools are found before anything starts.
///
/// # Errors
/// `Failure` with exit 2 (a tool is missing, HEAD is not the plan's commit) or 7 (a step failed).
pub fn run(runner: &Runner, printer: &Printer, store: &Store, order: &Order<'_>) -> anyhow::Result<Vec<Artifact>> {
    refuse_bad_names(order)?;
    head::refuse_other(runner, store, order.plan)?;
    let supply = schedule::supply(printer, store, order)?;
    if let Some(registries) = &order.registries {
        tools::refuse(image::unlocked(order.plan, &order.steps, registries))?;
    }
    // Every child may stamp what it makes: https://reproducible-builds.org/docs/source-date-epoch/
    let runner = cargo_config::at_home(runner.clone(), store);
    let runner = runner.with("SOURCE_DATE_EPOCH", order.plan.commit_time.to_string());
    if order.install {
        install::legs(&runner, printer, store, order)?;
    }
    install::maturin(&runner, printer, store, (order, &supply))?;
    install::patchelf(&runner, printer, store, (order, &supply))?;
    let runner = install::on_path(&runner, store);
    let mut problems = tools::missing(&runner, store, order, &supply.compiled);
    problems.extend(needs::missing(store, order.plan, &order.steps, &supply.needing));
    if order
        .steps
        .iter()
        .any(|step| matches!(step.work, Work::Binary(_) | Work::Wheel(_) | Work::Sdist(_) | Work::Check(_)))
    {
        problems.extend(tools::no_temporary_folder(&runner));
    }
    tools::refuse(problems)?;
    if !supply.compiled.is_empty() || order.steps.iter().any(|step| matches!(step.work, Work::Wheel(_))) {
        unplanned::said(&runner, store, &supply.compiled).iter().for_each(|said| printer.warn(said));
    }
    needs::clear_others(store, order.plan)?;
    store.keep_plan(&order.plan.to_json())?;
    let records = schedule::carry_out(&runner, printer, store, order, &supply)?;
    if order.steps.iter().any(|step| matches!(step.work, Work::Image(_))) {
        let lacking = layout::write(store, order.plan, order.registries.as_ref().filter(|_| order.complete))?;
        let more = if lacking > 0 { format!(", without {lacking} layers of bases") } else { String::new() };
        let folder = store.root().join("images");
        let folder = path::relative(folder.strip_prefix(store.repository()).unwrap_or(&folder));
        printer.step("Laid out", format!("images in {folder}{more}"));
        if let (Some(path), Some(platform)) = (&order.docker_archive, host_platform()) {
            let _progress = printer.start("Archiving", format!("images of {platform} for `docker load`"));
            let wanted = (order.registries.as_ref(), platform);
            let count = docker_archive::write(store, order.plan, wanted, path)?;
            printer.step("Archived", format!("{count} images of {platform} in {}", path.display()));
        }
    }
    Ok(records)
}

/// The platform whose images this machine runs; on other systems engines run Linux of the same architecture.
fn host_platform() -> Option<Platform> {
    let host = Target::host()?;
    Platform::ALL.into_iter().find(|platform| platform.arch() == host.arch())
}

/// A plan is a file that came from somewhere: its names become paths here.
fn refuse_bad_names(order: &Order<'_>) -> anyhow::Result<()> {
    for step in &order.plan.steps {
        if let Some(output) = step.outputs.iter().find(|output| !is_file_name(&output.name)) {
            let problem = Problem::new("damaged-plan", format!("the plan has a file named `{}`", output.name));
            return Err(Failure::usage(problem.hint("make the plan again")).into());
        }
    }
    Ok(())
}

/// Whether a step does nothing: a check that was planned as not run.
fn is_idle(step: &Step) -> bool {
    matches!(&step.work, Work::Check(work) if work.not_run.is_some())
}
