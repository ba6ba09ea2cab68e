//! Which workflow files make a release together, and the names of the coordination assets.

use crate::plan::{Plan, Release, Workflow};

/// The names of what the workflow files of a plan tell each other in a release.
pub fn told(plan: &Plan, release: &Release) -> Vec<String> {
    let makers = plan.coordination().map(|(_, coordinating)| makers(plan, coordinating, release)).unwrap_or_default();
    makers.into_iter().flat_map(|workflow| [manifest(workflow), receipts(workflow)]).collect()
}

/// The workflow files of a release: the coordinating one, and all that publish something of its component.
pub fn makers<'p>(plan: &'p Plan, coordinating: &Workflow, release: &Release) -> Vec<&'p Workflow> {
    let publishes = |workflow: &Workflow| {
        let mut steps = plan.steps.iter().filter(|step| step.component == release.component);
        steps.any(|step| step.publish.iter().any(|to| workflow.publishes(to, step)))
    };
    plan.workflows.iter().filter(|workflow| workflow.file == coordinating.file || publishes(workflow)).collect()
}

pub fn manifest(workflow: &Workflow) -> String {
    format!("longshore-{}.manifest.json", workflow.stem())
}

pub fn receipts(workflow: &Workflow) -> String {
    format!("longshore-{}.receipts.json", workflow.stem())
}
