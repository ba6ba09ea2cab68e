//! Who makes a release together, and the names of what they tell each other in it.

use crate::plan::{Part, Plan, Release};

/// The names of what the workflow files of a plan tell each other in a release.
pub fn told(plan: &Plan, release: &Release) -> Vec<String> {
    let makers = plan.meeting().map(|(_, coordinating)| makers(plan, coordinating, release)).unwrap_or_default();
    makers.into_iter().flat_map(|part| [manifest(part), receipts(part)]).collect()
}

/// Who makes a release: the one that coordinates, and all that publish something of its component.
pub fn makers<'p>(plan: &'p Plan, coordinating: &Part, release: &Release) -> Vec<&'p Part> {
    let publishes = |part: &Part| {
        let mut steps = plan.steps.iter().filter(|step| step.component == release.component);
        steps.any(|step| step.publish.iter().any(|to| part.publishes(to, step)))
    };
    plan.parts.iter().filter(|part| part.file == coordinating.file || publishes(part)).collect()
}

/// What a workflow file will publish.
pub fn manifest(part: &Part) -> String {
    format!("longshore-{}.manifest.json", part.stem())
}

/// What it has published.
pub fn receipts(part: &Part) -> String {
    format!("longshore-{}.receipts.json", part.stem())
}
