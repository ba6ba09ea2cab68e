//! Carries out steps of a plan; every finished step leaves its files and its record in the store.

mod archive;
mod asset;
mod binary;
mod blobs;
mod bundle;
mod cargo_config;
mod chart;
mod checks;
mod checksums;
mod commit;
mod docker_archive;
mod dockerfile;
pub mod engine;
pub mod fetched_chart;
mod finished;
mod gzip;
mod head;
pub mod image;
mod install;
mod layer;
mod layout;
mod log;
mod machine;
mod needs;
mod order;
mod outside;
mod pack;
mod package;
mod patchelf;
pub mod pulled;
mod pyo3;
mod python;
mod python_stage;
mod reuse;
mod rootfs;
mod rustflags;
mod sbom;
mod schedule;
mod scratch;
mod staging;
mod stored;
mod supplied;
mod tools;
mod unpack;
mod unplanned;
mod wheel;

// Steps run bash, cargo and gcc; `make proof` builds with those of Windows.
#[cfg(test)]
#[cfg(unix)]
mod tests;

use std::path::Path;

use crate::artifact::Artifact;
use crate::plan::Work;
use crate::platform::Platform;
use crate::problem::{Exit, Failure, Problem};
use crate::target::Target;
use crate::world::busy;
use crate::world::path;
use crate::world::process::Runner;
use crate::world::store::Store;
use crate::world::terminal::Printer;

pub use dockerfile::{image_of, needs as needs_of, written};
pub use order::Order;
pub use staging::settle;

use machine::Machine;

/// Builds. Missing tools are found before anything starts.
///
/// # Errors
/// `Failure` with exit 2 (a tool is missing, HEAD is not the plan's commit) or 7 (a step failed).
pub fn run(runner: &Runner, printer: &Printer, store: &Store, order: &Order<'_>) -> anyhow::Result<Vec<Artifact>> {
    order.refuse_bad_names()?;
    let checkout = head::checkout(runner, store, order.plan)?;
    let supply = supplied::supply(printer, store, order)?;
    if let Some(registries) = &order.registries {
        order::refuse(image::unlocked(order.plan, &order.steps, registries))?;
    }
    // Every child may stamp what it makes: https://reproducible-builds.org/docs/source-date-epoch/
    let runner = cargo_config::at_home(runner.clone(), store);
    let runner = runner.with("SOURCE_DATE_EPOCH", order.plan.commit_time.to_string());
    if order.install {
        install::jobs(&runner, printer, store, order)?;
    }
    install::maturin(&runner, printer, store, order, &supply)?;
    install::patchelf(&runner, printer, store, order, &supply)?;
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
    order::refuse(problems)?;
    if !supply.compiled.is_empty() || order.steps.iter().any(|step| matches!(step.work, Work::Wheel(_))) {
        unplanned::said(&runner, store, &supply.compiled).iter().for_each(|said| printer.warn(said));
    }
    needs::clear_others(store, order.plan)?;
    // Nobody takes those of the last build for the ones of this.
    busy::remove(&store.finished())?;
    store.keep_plan(&order.plan.to_json())?;
    let (registries, bases) = (order.registries.as_ref(), order.bases.as_ref());
    let machine = Machine { runner: &runner, store, plan: order.plan, checkout: &checkout, registries, bases };
    let records = schedule::carry_out(machine, printer, order, &supply)
        .map_err(|error| if runner.is_stopped() { stopped().into() } else { error })?;
    let count = finished::gather(store, order.plan)?;
    if count > 0 {
        let files = if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
        printer.step("Finished", format!("{files} in {}", shown(store, &store.finished())));
    }
    if order.steps.iter().any(|step| matches!(step.work, Work::Image(_))) {
        let lacking = layout::write(machine, order.base_layers)?;
        let more =
            if lacking > 0 { format!(", without {lacking} layers that are in registries") } else { String::new() };
        printer.step("Wrote", format!("images in {}{more}", shown(store, &store.root().join("images"))));
        if let (Some(path), Some(platform)) = (&order.docker_archive, host_platform()) {
            let _progress = printer.start("Archiving", format!("images of {platform} for `docker load`"));
            let count = docker_archive::write(machine, platform, path)?;
            printer.step("Archived", format!("{count} images of {platform} in {}", path.display()));
        }
    }
    Ok(records)
}

/// A folder of the store as people read it.
fn shown(store: &Store, folder: &Path) -> String {
    path::relative(folder.strip_prefix(store.repository()).unwrap_or(folder))
}

/// The tools for steps that this machine lacks, each with what installs it. Nothing is installed for the answer.
pub fn lacking(runner: &Runner, store: &Store, order: &Order<'_>) -> Vec<Problem> {
    let runner = install::on_path(&cargo_config::at_home(runner.clone(), store), store);
    let compiled: Vec<_> = order.steps.iter().filter_map(|step| binary::Compilation::of(step)).collect();
    tools::missing(&runner, store, order, &compiled)
}

fn stopped() -> Failure {
    let problem = Problem::new("interrupted", "the build was stopped");
    Failure::new(Exit::Interrupted, problem.hint("run the same command again to continue"))
}

/// The platform whose images this machine runs; on other systems engines run Linux of the same architecture.
fn host_platform() -> Option<Platform> {
    let host = Target::host()?;
    Platform::BINARIES.into_iter().find(|platform| platform.arch() == Some(host.arch()))
}
