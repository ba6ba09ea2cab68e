//! Which steps of a plan are carried out on this machine.

use std::path::Path;

use super::plan::this_host;
use crate::plan::{self, Check, CheckWork, NotMade, Plan, Step, Work};
use crate::problem::{Exit, Failure, Problem};
use crate::target::Target;

/// A choice among the steps of a plan.
#[derive(Clone, Copy)]
pub enum Which<'a> {
    All,
    Job(&'a str),
    /// Those of no job.
    Merge,
    /// Those that this machine makes, also for some other targets.
    Host(&'a [Target]),
}

/// The steps that are chosen.
pub struct Chosen<'p> {
    pub steps: Vec<&'p Step>,
    /// Checks that would start a program for another system or processor: only a machine of that kind can tell.
    pub elsewhere: Vec<&'p Step>,
}

/// The steps that are chosen, of one workflow or of all.
///
/// # Errors
/// Exit 2 for a job, a workflow or a target that is not in the plan.
pub fn chosen<'p>(plan: &'p Plan, which: Which<'_>, workflow: Option<&str>) -> anyhow::Result<Chosen<'p>> {
    let host = this_host()?;
    let (elsewhere, steps) = of(plan, which, workflow)?.into_iter().partition(|step| starts_elsewhere(step, host));
    Ok(Chosen { steps, elsewhere })
}

fn starts_elsewhere(step: &Step, host: Target) -> bool {
    let Work::Check(CheckWork { not_run: None, check: Check::Smoke(_) | Check::Import(_), .. }) = &step.work else {
        return false;
    };
    step.target.is_some_and(|target| (target.os(), target.arch()) != (host.os(), host.arch()))
}

fn of<'p>(plan: &'p Plan, which: Which<'_>, workflow: Option<&str>) -> anyhow::Result<Vec<&'p Step>> {
    let workflow = plan.workflow(workflow).map_err(Failure::usage)?;
    let inside = |step: &&Step| workflow.is_none_or(|workflow| workflow.steps.contains(&step.id));
    let all = plan.steps.iter().filter(inside);
    Ok(match which {
        Which::All => all.collect(),
        Which::Merge => all.filter(|step| step.job.is_none()).collect(),
        Which::Job(id) => {
            refuse_unknown(plan, id)?;
            all.filter(|step| step.job.as_deref() == Some(id)).collect()
        }
        Which::Host(also) => {
            let host = this_host()?;
            let problems = plan::scope::unknown(also, &plan.steps.iter().collect::<Vec<_>>());
            if !problems.is_empty() {
                return Err(Failure { exit: Exit::Usage, problems }.into());
            }
            let ours = |step: &Step| step.target.is_none_or(|target| target == host || also.contains(&target));
            all.filter(|step| step.job.is_some() && ours(step) && !is_contained(plan, step)).collect()
        }
    })
}

fn refuse_unknown(plan: &Plan, job: &str) -> anyhow::Result<()> {
    if plan.jobs.iter().any(|known| known.id == job) {
        return Ok(());
    }
    let known: Vec<&str> = plan.jobs.iter().map(|job| job.id.as_str()).collect();
    let problem = Problem::new("unknown-job", format!("the plan has no job `{job}`"));
    Err(Failure::usage(problem.hint(format!("known: {}", known.join(", ")))).into())
}

/// Whether a step runs in a container.
fn is_contained(plan: &Plan, step: &Step) -> bool {
    plan.jobs.iter().any(|job| Some(&job.id) == step.job.as_ref() && job.container.is_some())
}

/// What this machine left of a release or a stored plan to others, although all of it was selected.
///
/// # Errors
/// Exit 2 for a workflow that is not in the plan.
pub fn left(plan: &Plan, chosen: &[&Step], workflow: Option<&str>) -> anyhow::Result<Vec<NotMade>> {
    let workflow = plan.workflow(workflow).map_err(Failure::usage)?;
    let out = |step: &Step| {
        let wanted = step.job.is_some() && workflow.is_none_or(|workflow| workflow.steps.contains(&step.id));
        wanted && !chosen.iter().any(|other| other.id == step.id)
    };
    let steps: Vec<&Step> = plan.steps.iter().collect();
    let of_plan = plan::not_made::not_made(&steps, &plan.jobs, out, plan::scope::compiles);
    Ok(plan.scope.not_made.iter().cloned().chain(of_plan).collect())
}

/// The steps that this machine cannot carry out: other systems' compilations without prebuilt binaries, and containers.
///
/// # Errors
/// If this machine is of no target that we know.
pub fn impossible<'p>(plan: &'p Plan, prebuilt: Option<&Path>) -> anyhow::Result<Vec<&'p Step>> {
    let host = this_host()?;
    let cannot = |step: &&Step| {
        let Some(target) = step.target else { return false };
        let reaches = match &step.work {
            Work::Binary(work) => work.builder.reaches(host, target),
            Work::Wheel(work) => work.builder.reaches(host, target),
            _ => return false,
        };
        let there = |name: &&str| {
            prebuilt.zip(step.prebuilt_path(name)).is_some_and(|(folder, path)| folder.join(path).is_file())
        };
        let outputs = step.outputs();
        let given = !outputs.is_empty() && outputs.iter().all(there);
        !given && (is_contained(plan, step) || !reaches)
    };
    Ok(plan.steps.iter().filter(cannot).collect())
}
