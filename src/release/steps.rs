//! Which steps of a plan are carried out on this machine.

use std::path::Path;

use super::plan::this_host;
use crate::plan::{self, NotMade, Plan, Step, Work};
use crate::problem::{Exit, Failure, Problem};
use crate::target::Target;

/// A choice among the steps of a plan.
#[derive(Clone, Copy)]
pub enum Which<'a> {
    /// All of them.
    All,
    /// Those of one leg.
    Leg(&'a str),
    /// Those of no leg.
    Rest,
    /// Those that this machine makes, also for some other targets.
    Host(&'a [Target]),
}

/// The steps that are chosen, of the part of one workflow file or of all.
///
/// # Errors
/// Exit 2 for a leg, a part or a target that is not in the plan.
pub fn chosen<'p>(plan: &'p Plan, which: Which<'_>, part: Option<&str>) -> anyhow::Result<Vec<&'p Step>> {
    let part = plan.part(part).map_err(Failure::usage)?;
    let inside = |step: &&Step| part.is_none_or(|part| part.steps.contains(&step.id));
    let all = plan.steps.iter().filter(inside);
    Ok(match which {
        Which::All => all.collect(),
        Which::Rest => all.filter(|step| step.leg.is_none()).collect(),
        Which::Leg(id) => {
            refuse_unknown(plan, id)?;
            all.filter(|step| step.leg.as_deref() == Some(id)).collect()
        }
        Which::Host(also) => {
            let host = this_host()?;
            let problems = plan::scope::unknown(also, &plan.steps.iter().collect::<Vec<_>>());
            if !problems.is_empty() {
                return Err(Failure { exit: Exit::Usage, problems }.into());
            }
            let ours = |step: &Step| step.target.is_none_or(|target| target == host || also.contains(&target));
            all.filter(|step| step.leg.is_some() && ours(step) && !is_contained(plan, step)).collect()
        }
    })
}

fn refuse_unknown(plan: &Plan, leg: &str) -> anyhow::Result<()> {
    if plan.legs.iter().any(|known| known.id == leg) {
        return Ok(());
    }
    let known: Vec<&str> = plan.legs.iter().map(|leg| leg.id.as_str()).collect();
    let problem = Problem::new("unknown-leg", format!("the plan has no leg `{leg}`"));
    Err(Failure::usage(problem.hint(format!("known: {}", known.join(", ")))).into())
}

/// Whether a step runs in a container.
fn is_contained(plan: &Plan, step: &Step) -> bool {
    plan.legs.iter().any(|leg| Some(&leg.id) == step.leg.as_ref() && leg.container.is_some())
}

/// What of the release, or of a stored plan, this machine left to others although nobody named a share of it.
///
/// # Errors
/// Exit 2 for a part that is not in the plan.
pub fn left(plan: &Plan, chosen: &[&Step], part: Option<&str>) -> anyhow::Result<Vec<NotMade>> {
    let part = plan.part(part).map_err(Failure::usage)?;
    let out = |step: &Step| {
        let wanted = step.leg.is_some() && part.is_none_or(|part| part.steps.contains(&step.id));
        wanted && !chosen.iter().any(|other| other.id == step.id)
    };
    let steps: Vec<&Step> = plan.steps.iter().collect();
    let of_plan = plan::not_made::not_made(&steps, &plan.legs, out, plan::scope::compiles);
    Ok(plan.scope.not_made.iter().cloned().chain(of_plan).collect())
}

/// The steps that this machine cannot carry out: other systems' compilations that nobody supplies, and containers.
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
        let there = |output: &plan::Output| {
            prebuilt.zip(step.prebuilt_path(&output.name)).is_some_and(|(folder, path)| folder.join(path).is_file())
        };
        let given = !step.outputs.is_empty() && step.outputs.iter().all(there);
        !given && (is_contained(plan, step) || !reaches)
    };
    Ok(plan.steps.iter().filter(cannot).collect())
}
