//! What of a plan is published at once: all of it, the share of a workflow file, or some destinations only.

use crate::plan::{DestinationKind, Part, Plan, Step, Workflow};
use crate::problem::{Failure, Problem};

/// What of a plan is published: a part's share of it, of that the destinations that are named; nothing for everything.
///
/// # Errors
/// Exit 2 for a part or a destination that is not there.
pub fn share(plan: &Plan, part: Option<&str>, to: &[String]) -> anyhow::Result<Option<Part>> {
    let part = plan.part(part).map_err(Failure::usage)?;
    // One part is the whole plan as long as one workflow file publishes everything.
    let part = part.filter(|_| plan.parts.len() > 1);
    if to.is_empty() {
        return Ok(part.cloned());
    }
    let everything = || Part {
        file: String::new(),
        environment: None,
        steps: plan.steps.iter().map(|step| step.id.clone()).collect(),
        destinations: plan.destinations.iter().map(|destination| destination.name.clone()).collect(),
        workflow: Workflow::default(),
    };
    let mut part = part.cloned().unwrap_or_else(everything);
    part.destinations = narrow(plan, &part, to)?;
    Ok(Some(part))
}

/// The shares of a part that are named: destinations, or one artifact's share of one.
fn narrow(plan: &Plan, part: &Part, to: &[String]) -> anyhow::Result<Vec<String>> {
    let below = |share: &str, whole: &str| share.strip_prefix(whole).is_some_and(|rest| rest.starts_with('.'));
    let refuse = |code, text: String, hint: String| Err(Failure::usage(Problem::new(code, text).hint(hint)).into());
    let mut shares = Vec::new();
    for wanted in to {
        let own = || part.destinations.iter().filter(|share| *share == wanted || below(share, wanted));
        if own().next().is_some() {
            shares.extend(own().cloned());
            continue;
        }
        let destination = plan.destinations.iter().find(|one| below(wanted, &one.name));
        if destination.is_some_and(|one| matches!(one.kind, DestinationKind::Github(_))) {
            let text = format!("`{wanted}`: a release is published as a whole");
            return refuse("split-release", text, "name the destination alone".into());
        }
        let one = Part { destinations: vec![wanted.clone()], ..part.clone() };
        let goes = |step: &&Step| {
            destination.is_some_and(|to| part.publishes(&to.name, step) && one.publishes(&to.name, step))
        };
        if !plan.steps.iter().any(|step| goes(&step)) {
            let text = format!("nothing is published to `{wanted}`");
            return refuse("unknown-destination", text, format!("known: {}", part.destinations.join(", ")));
        }
        shares.push(wanted.clone());
    }
    Ok(shares)
}

/// The destinations that something is published to.
pub fn destinations(plan: &Plan, share: Option<&Part>) -> Vec<String> {
    let all = plan.destinations.iter().map(|destination| destination.name.clone());
    all.filter(|name| share.is_none_or(|share| share.goes_to(name))).collect()
}
