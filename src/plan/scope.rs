//! Which steps are in: all, the host's, or what `--only` selects with all it needs.

use std::collections::BTreeSet;

use globset::GlobBuilder;

use super::decide::{Inputs, Problems};
use super::{Leg, Output, Request, Scope, ScopeKind, Step, Work, runner};
use crate::config::schema::nearest;
use crate::problem::Problem;
use crate::target::Libc;

/// Removes the steps that are not in; returns their ids.
pub fn limit(inputs: &Inputs<'_>, steps: &mut Vec<Step>, problems: &mut Problems) -> Vec<String> {
    let mut inside: BTreeSet<String> = match inputs.request.host {
        Some(_) => host(inputs, steps),
        None => steps.iter().map(|step| step.id.clone()).collect(),
    };
    if !inputs.request.only.is_empty() {
        let selected = select(&inputs.request.only, steps, problems);
        inside.retain(|id| selected.contains(id));
    }
    let left_out = steps.iter().filter(|step| !inside.contains(&step.id)).map(|step| step.id.clone()).collect();
    let had_steps = !steps.is_empty();
    steps.retain(|step| inside.contains(&step.id));
    shrink(steps, &inside);
    if had_steps && steps.is_empty() && problems.is_empty() && inputs.request.host.is_some() {
        let problem = Problem::new("nothing-for-host", "no step of this release can be made on this machine");
        problems.push(problem.hint("bring finished executables with `--prebuilt DIR`"));
    }
    left_out
}

/// An index lists the images that are in; a layer is in for the images that stand on it.
fn shrink(steps: &mut [Step], inside: &BTreeSet<String>) {
    for step in steps {
        if let Work::Index(work) = &mut step.work {
            work.images.retain(|id| inside.contains(id));
            step.needs.retain(|id| inside.contains(id));
        }
    }
}

/// How the plan names its scope.
pub fn scope(request: &Request, left_out: Vec<String>) -> Scope {
    let kind = match (request.only.is_empty(), request.host) {
        (false, _) => ScopeKind::Only,
        (true, Some(_)) => ScopeKind::Host,
        (true, None) => ScopeKind::All,
    };
    Scope { kind, only: request.only.clone(), left_out }
}

/// Steps without a target, steps of the host's triple without a container, what is supplied, and what needs only those.
fn host(inputs: &Inputs<'_>, steps: &[Step]) -> BTreeSet<String> {
    let containers = super::leg::legs(inputs, &mut steps.to_vec(), &[]);
    let contained = |step: &Step| containers.iter().any(|leg| leg.container.is_some() && leg.steps.contains(&step.id));
    let mut inside = BTreeSet::new();
    for step in steps {
        let own = step.target.is_none() || step.target == inputs.request.host && !contained(step);
        let given = |output: &Output| {
            step.prebuilt_path(&output.name).is_some_and(|path| inputs.request.prebuilt.contains(&path))
        };
        let supplied = !step.outputs.is_empty() && step.outputs.iter().all(given);
        let follows = !compiles(step) && !step.needs.is_empty();
        let needs_inside = match step.work {
            Work::Index(_) => step.needs.iter().any(|need| inside.contains(need)),
            _ => step.needs.iter().all(|need| inside.contains(need)),
        };
        if supplied || (own || follows) && needs_inside {
            inside.insert(step.id.clone());
        }
    }
    // A layer without binaries is for images that may not be in.
    let layers: Vec<&Step> = steps.iter().filter(|step| matches!(step.work, Work::Layer(_))).collect();
    for layer in layers {
        let stands_on = |step: &Step| inside.contains(&step.id) && step.needs.contains(&layer.id);
        if !steps.iter().any(stands_on) {
            inside.remove(&layer.id);
        }
    }
    inside
}

/// Whether a machine of its target is wanted.
fn compiles(step: &Step) -> bool {
    matches!(step.work, Work::Binary(_) | Work::Wheel(_) | Work::Sdist(_))
}

/// The steps that selectors mean, and all they need.
fn select(selectors: &[String], steps: &[Step], problems: &mut Problems) -> BTreeSet<String> {
    let mut selected = BTreeSet::new();
    for selector in selectors {
        let glob = GlobBuilder::new(selector).build().ok().map(|glob| glob.compile_matcher());
        let prefix = format!("{selector}.");
        let means = |step: &&Step| {
            step.id == *selector
                || step.id.starts_with(&prefix)
                || glob.as_ref().is_some_and(|glob| glob.is_match(&step.id))
        };
        let found: Vec<&Step> = steps.iter().filter(means).collect();
        if found.is_empty() {
            let near = nearest(selector, steps.iter().map(|step| step.id.as_str()));
            let hint = near.map_or_else(
                || "`longshore plan` lists the steps".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            problems.push(Problem::new("unknown-step", format!("`--only {selector}` selects no step")).hint(hint));
        }
        add(&mut selected, found, steps);
    }
    // A check belongs to what it proves. One that needs more than is selected, as the wheel that an sdist is built back
    // into, would bring that along.
    let proves = |step: &&Step| {
        matches!(&step.work, Work::Check(check) if selected.contains(&check.subject))
            && step.needs.iter().all(|need| selected.contains(need))
    };
    let checks: Vec<&Step> = steps.iter().filter(proves).collect();
    add(&mut selected, checks, steps);
    selected
}

/// Steps, and all they need.
fn add<'s>(selected: &mut BTreeSet<String>, mut queue: Vec<&'s Step>, steps: &'s [Step]) {
    while let Some(step) = queue.pop() {
        if selected.insert(step.id.clone()) {
            queue.extend(steps.iter().filter(|other| step.needs.contains(&other.id)));
        }
    }
}

/// Where one machine does everything, checks of what it cannot run are marked, and its own leg installs nothing.
pub fn host_checks(inputs: &Inputs<'_>, steps: &mut [Step], legs: &mut [Leg]) {
    let Some(host) = inputs.request.host.or(inputs.request.machine) else { return };
    for step in steps {
        let Some(target) = step.target else { continue };
        if let Work::Check(check) = &mut step.work
            && !check.needs_no_host()
        {
            // Executables for musl are static, its wheels are for a Python of it.
            let foreign = check.import.is_some() && target.libc() == Libc::Musl;
            let native = runner::runs(runner::native(host), target) && !foreign;
            check.not_run = (!native).then(|| format!("this machine ({host}) cannot run {target}"));
        }
    }
    for leg in legs.iter_mut().filter(|leg| leg.target.is_some_and(|target| target == host)) {
        leg.install.clear();
    }
}
