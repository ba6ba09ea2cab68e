//! Which steps are in: all, the host's, or what `--only` selects with all it needs.

use std::collections::BTreeSet;

use globset::GlobBuilder;

use super::inputs::Inputs;
use super::planner::Planned;
use super::{Job, NotMade, Request, Scope, ScopeKind, Step, Work, job, not_made};
use crate::config::schema::nearest;
use crate::problem::Problem;
use crate::step_id::StepId;
use crate::target::Target;

pub struct Left {
    out: Vec<StepId>,
    /// What of it the host does not make.
    not_made: Vec<NotMade>,
}

/// Removes the steps that are not in.
pub fn limit(inputs: &Inputs<'_>, all: Vec<Planned>) -> (Vec<Planned>, Left) {
    let jobs = if inputs.request.host.is_some() { job::jobs(inputs, all.clone(), &[]).1 } else { Vec::new() };
    let steps: Vec<&Step> = all.iter().map(|planned| &planned.step).collect();
    let mut selected = (!inputs.request.only.is_empty()).then(|| select(inputs, &steps));
    if let Some(kept) = &inputs.request.kept {
        let mut all = BTreeSet::new();
        add(&mut all, steps.iter().copied().filter(|step| kept.contains(&step.id)).collect(), &steps);
        selected = Some(selected.map_or(all.clone(), |selected| selected.intersection(&all).cloned().collect()));
    }
    let is_selected = |step: &Step| selected.as_ref().is_none_or(|selected| selected.contains(&step.id));
    let (made, not_made) = match inputs.request.host {
        Some(host) => {
            unknown(&inputs.request.also, &steps).into_iter().for_each(|problem| inputs.refuse(problem));
            let made = made_here(inputs, host, &jobs, &steps);
            let left_out = |step: &Step| is_selected(step) && !made.contains(&step.id);
            let not_made = not_made::not_made(&steps, &jobs, left_out, compiles);
            (made, not_made)
        }
        None => (steps.iter().map(|step| step.id.clone()).collect(), Vec::new()),
    };
    let is_inside = |step: &Step| is_selected(step) && made.contains(&step.id);
    let inside: BTreeSet<StepId> = steps.iter().filter(|step| is_inside(step)).map(|step| step.id.clone()).collect();
    let out = steps.iter().filter(|step| !inside.contains(&step.id)).map(|step| step.id.clone()).collect();
    if !steps.is_empty() && inside.is_empty() && inputs.refusals() == 0 && inputs.request.host.is_some() {
        inputs.refuse(nothing(inputs, &not_made));
    }
    let kept = all.into_iter().filter(|planned| inside.contains(&planned.step.id));
    (kept.map(|planned| shrunk(planned, &inside)).collect(), Left { out, not_made })
}

/// Nothing is left of what is asked for.
fn nothing(inputs: &Inputs<'_>, not_made: &[NotMade]) -> Problem {
    let needed: Vec<String> = not_made.iter().map(NotMade::needed).collect();
    let what =
        if inputs.request.only.is_empty() { "no step of this release can be" } else { "no selected step can be" };
    let text = match needed.is_empty() {
        true => format!("{what} built on this machine"),
        false => format!("{what} built on this machine: they need {}", needed.join(", ")),
    };
    let of_host = |one: &&NotMade| inputs.request.host.is_some_and(|host| one.is_for(host));
    let hint = match not_made.iter().find(of_host) {
        Some(one) => format!(
            "`--also {}` builds them here if the tools for it are installed, `--prebuilt DIR` provides prebuilt binaries",
            one.target
        ),
        None => "provide prebuilt binaries with `--prebuilt DIR`".to_owned(),
    };
    Problem::new("nothing-for-host", text).hint(hint)
}

/// What of `--also` wants steps that are not there.
pub fn unknown(also: &[Target], steps: &[&Step]) -> Vec<Problem> {
    let is_unknown = |also: &&Target| !steps.iter().any(|step| step.target == Some(**also));
    let problem = |also: &Target| {
        let known: BTreeSet<&str> = steps.iter().filter_map(|step| step.target).map(Target::triple).collect();
        let hint = format!("its targets: {}", known.into_iter().collect::<Vec<_>>().join(", "));
        Problem::new("unknown-also", format!("nothing is built for `--also {also}`")).hint(hint)
    };
    also.iter().filter(is_unknown).map(problem).collect()
}

/// An index lists the images that are in.
fn shrunk(mut planned: Planned, inside: &BTreeSet<StepId>) -> Planned {
    if let Work::Index(work) = &mut planned.step.work {
        work.images.retain(|id| inside.contains(id));
        planned.step.needs.retain(|id| inside.contains(id));
    }
    planned
}

pub fn scope(request: &Request, left: Left) -> Scope {
    let kind = match (request.only.is_empty() && request.kept.is_none(), request.host) {
        (false, _) => ScopeKind::Only,
        (true, Some(_)) => ScopeKind::Host,
        (true, None) => ScopeKind::All,
    };
    Scope { kind, only: request.only.clone(), left_out: left.out, not_made: left.not_made }
}

/// Steps without a target, steps of the host's triple and of `--also` without a container, what is supplied, and what
/// needs only those.
fn made_here(inputs: &Inputs<'_>, host: Target, jobs: &[Job], steps: &[&Step]) -> BTreeSet<StepId> {
    let ours = |target: Target| target == host || inputs.request.also.contains(&target);
    let contained = |step: &Step| jobs.iter().any(|job| job.container.is_some() && job.steps.contains(&step.id));
    let mut inside = BTreeSet::new();
    for step in steps {
        let own = step.target.is_none_or(|target| ours(target) && !contained(step));
        let outputs = step.outputs();
        let given = |name: &&str| step.prebuilt_path(name).is_some_and(|path| inputs.request.prebuilt.contains(&path));
        let supplied = !outputs.is_empty() && outputs.iter().all(given);
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
    for layer in steps.iter().filter(|step| matches!(step.work, Work::Layer(_))) {
        let stands_on = |step: &&Step| inside.contains(&step.id) && step.needs.contains(&layer.id);
        if !steps.iter().any(stands_on) {
            inside.remove(&layer.id);
        }
    }
    inside
}

/// Whether a machine of its target is wanted.
pub fn compiles(step: &Step) -> bool {
    match &step.work {
        Work::Binary(_) | Work::Wheel(_) | Work::Sdist(_) => true,
        Work::Image(work) => work.from_dockerfile().is_some(),
        _ => false,
    }
}

/// The steps that selectors mean, and all they need.
fn select(inputs: &Inputs<'_>, steps: &[&Step]) -> BTreeSet<StepId> {
    let mut selected = BTreeSet::new();
    for selector in &inputs.request.only {
        let glob = GlobBuilder::new(selector).build().ok().map(|glob| glob.compile_matcher());
        let prefix = format!("{selector}.");
        let means = |step: &&&Step| {
            step.id == *selector
                || step.id.starts_with(&prefix)
                || glob.as_ref().is_some_and(|glob| glob.is_match(&step.id))
        };
        let found: Vec<&Step> = steps.iter().filter(means).copied().collect();
        if found.is_empty() {
            let near = nearest(selector, steps.iter().map(|step| step.id.as_str()));
            let hint = near.map_or_else(
                || "`longshore plan` lists the steps".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            inputs.refuse(Problem::new("unknown-step", format!("`--only {selector}` selects no step")).hint(hint));
        }
        add(&mut selected, found, steps);
    }
    // A check belongs to what it proves. One that needs more than is selected, as the wheel that an sdist is built back
    // into, would bring that along.
    let proves = |step: &&&Step| {
        matches!(&step.work, Work::Check(check) if selected.contains(&check.subject))
            && step.needs.iter().all(|need| selected.contains(need))
    };
    let checks: Vec<&Step> = steps.iter().filter(proves).copied().collect();
    add(&mut selected, checks, steps);
    selected
}

/// Steps, and all they need.
fn add<'s>(selected: &mut BTreeSet<StepId>, mut queue: Vec<&'s Step>, steps: &[&'s Step]) {
    while let Some(step) = queue.pop() {
        if selected.insert(step.id.clone()) {
            queue.extend(steps.iter().filter(|other| step.needs.contains(&other.id)).copied());
        }
    }
}
