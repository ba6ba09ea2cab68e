//! Lock files: whether `--locked` can hold, by what is in the commit and not by what lies on disk.

use super::inputs::Inputs;
use super::{Plan, Step, Work};
use crate::config::{Binaries, Config};
use crate::facts::{Facts, Package};
use crate::problem::Problem;

/// Whether cargo is told `--locked`: as it is written, else if the commit has a lock file.
pub fn holds(written: Option<bool>, package: Option<&Package>) -> bool {
    written.unwrap_or_else(|| package.is_some_and(|package| package.lock.is_some()))
}

/// The steps of a plan whose `locked: true` cannot hold: one problem for each entry.
pub fn broken(plan: &Plan, config: &Config, facts: &Facts) -> Vec<Problem> {
    let mut problems = Vec::new();
    for step in &plan.steps {
        let Some((package, true)) = build(facts, step) else { continue };
        if package.lock.is_none() {
            let problem = Problem::new("no-lock-file", format!("`{}` is not committed", lock(package)));
            let problem = problem.hint(format!("`git add --force {}`, or remove `locked: true`", lock(package)));
            let problem = problem.at_value(format!("{}.locked", at(config, step)));
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
    }
    problems
}

/// What is not locked although it is not `locked: false`.
pub fn notes(inputs: &Inputs<'_>, steps: &[Step]) -> Vec<String> {
    let mut notes = Vec::new();
    for step in steps {
        let Some((package, false)) = build(inputs.facts, step) else { continue };
        if package.lock.is_some() || is_said(inputs, step, package) {
            continue;
        }
        let lock = lock(package);
        let note = format!(
            "`{lock}` is not committed: builds use whatever dependencies are current and cannot be reproduced (commit it, or set `locked: false`)"
        );
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}

/// Where the entry of a step is configured, by the name that is written there.
fn at(config: &Config, step: &Step) -> String {
    if step.work.stage().is_some() {
        return format!("wheels.{}", step.artifact());
    }
    let entry = match &config.binaries {
        Binaries::Listed(list) => list.iter().find(|one| step.id.is_of(&one.name)),
        Binaries::Implied(_) | Binaries::Off => None,
    };
    format!("binaries.{}", entry.map_or(step.id.entry(), |one| &one.name))
}

/// The package that a step builds, and whether that is to be locked.
fn build<'f>(facts: &'f Facts, step: &Step) -> Option<(&'f Package, bool)> {
    let mut packages = facts.packages.iter();
    match &step.work {
        Work::Binary(work) if work.prebuilt.is_empty() => {
            let package =
                packages.find(|package| package.name == work.package && package.workspace == work.manifest)?;
            Some((package, work.locked))
        }
        Work::Wheel(work) if work.prebuilt.is_empty() => {
            let package = packages.find(|package| package.manifest == work.stage.manifest)?;
            Some((package, work.locked))
        }
        _ => None,
    }
}

/// Whether `locked: false` is set for it.
fn is_said(inputs: &Inputs<'_>, step: &Step, package: &Package) -> bool {
    let off = |locked: Option<bool>| locked == Some(false);
    if let Work::Wheel(work) = &step.work {
        let own = inputs.config.wheels.iter().filter(|wheel| wheel.name == work.stage.distribution);
        return own.flat_map(|wheel| &wheel.builds).any(|(_, settings)| off(settings.cargo.locked));
    }
    match &inputs.config.binaries {
        Binaries::Listed(list) => {
            let named = |name: &str, written: &Option<String>| written.as_deref().unwrap_or(name) == package.name;
            let mut builds = list.iter().flat_map(|one| one.builds.iter().map(move |(_, build)| (one, build)));
            builds.any(|(one, build)| off(build.locked) && named(&one.name, &build.package))
        }
        Binaries::Implied(implied) => implied.builds.iter().any(|(_, build)| off(build.locked)),
        Binaries::Off => false,
    }
}

fn lock(package: &Package) -> String {
    package
        .workspace
        .strip_suffix("Cargo.toml")
        .map_or_else(|| "Cargo.lock".into(), |folder| folder.to_owned() + "Cargo.lock")
}
