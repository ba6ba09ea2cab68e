//! What of a plan is published at once: all of it, the share of a workflow file, or some destinations only.

use crate::plan::{Plan, Step, Workflow, WorkflowOptions};
use crate::problem::{Failure, Problem};

/// What of a plan is published: a workflow's share of it, of that the destinations that are named; nothing for everything.
///
/// # Errors
/// Exit 2 for a workflow or a destination that is not there.
pub fn share(plan: &Plan, workflow: Option<&str>, to: &[String]) -> anyhow::Result<Option<Workflow>> {
    let workflow = plan.workflow(workflow).map_err(Failure::usage)?;
    // One workflow is the whole plan as long as one workflow file publishes everything.
    let workflow = workflow.filter(|_| plan.workflows.len() > 1);
    if to.is_empty() {
        return Ok(workflow.cloned());
    }
    let everything = || Workflow {
        file: String::new(),
        environment: None,
        steps: plan.steps.iter().map(|step| step.id.clone()).collect(),
        destinations: plan.destinations.iter().map(|destination| destination.name.clone()).collect(),
        options: WorkflowOptions::default(),
    };
    let mut workflow = workflow.cloned().unwrap_or_else(everything);
    workflow.destinations = narrow(plan, &workflow, to)?;
    Ok(Some(workflow))
}

/// The shares of a workflow that are named: destinations, or one artifact's share of one.
fn narrow(plan: &Plan, workflow: &Workflow, to: &[String]) -> anyhow::Result<Vec<String>> {
    let below = |share: &str, whole: &str| share.strip_prefix(whole).is_some_and(|rest| rest.starts_with('.'));
    let refuse = |code, text: String, hint: String| Err(Failure::usage(Problem::new(code, text).hint(hint)).into());
    let mut shares = Vec::new();
    for wanted in to {
        let own = || workflow.destinations.iter().filter(|share| *share == wanted || below(share, wanted));
        if own().next().is_some() {
            shares.extend(own().cloned());
            continue;
        }
        let destination = plan.destinations.iter().find(|one| below(wanted, &one.name));
        if destination.is_some_and(|one| one.kind.github().is_some()) {
            let text = format!("`{wanted}`: a release is published as a whole");
            return refuse("split-release", text, "use the name of the destination only".into());
        }
        let one = Workflow { destinations: vec![wanted.clone()], ..workflow.clone() };
        let goes = |step: &&Step| {
            destination.is_some_and(|to| workflow.publishes(&to.name, step) && one.publishes(&to.name, step))
        };
        if !plan.steps.iter().any(|step| goes(&step)) {
            let text = format!("nothing is published to `{wanted}`");
            return refuse("unknown-destination", text, format!("known: {}", workflow.destinations.join(", ")));
        }
        shares.push(wanted.clone());
    }
    Ok(shares)
}

/// The destinations that something is published to.
pub fn destinations(plan: &Plan, share: Option<&Workflow>) -> Vec<String> {
    let all = plan.destinations.iter().map(|destination| destination.name.clone());
    all.filter(|name| share.is_none_or(|share| share.goes_to(name))).collect()
}
