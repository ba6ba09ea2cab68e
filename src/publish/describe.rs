//! What a destination is, for people: where it puts what, and which credential it gets.

use crate::plan::{Plan, Step, Workflow};
use crate::world::env::Env;

/// What a kind of destination says of one, without asking it.
pub trait Describe {
    /// What of a plan it gets: a line, and lines below it.
    fn planned(&self, plan: &Plan, published: &[&Step]) -> Vec<String>;

    /// Every place that becomes public, of one workflow's share or of all.
    fn places(&self, plan: &Plan, share: Option<&Workflow>, name: &str) -> Vec<String>;

    /// Which credentials are presented to which host: what an edited plan would change.
    fn presented(&self, _: &Env) -> Vec<String> {
        Vec::new()
    }
}

/// The steps that a workflow, or any, publishes to the destination of a name.
pub fn published<'p>(plan: &'p Plan, share: Option<&Workflow>, name: &str) -> Vec<&'p Step> {
    let ours = |step: &&Step| {
        step.publish.iter().any(|to| to == name) && share.is_none_or(|share| share.publishes(name, step))
    };
    plan.steps.iter().filter(ours).collect()
}

/// How many files some steps make.
pub fn files(steps: &[&Step]) -> usize {
    steps.iter().map(|step| step.outputs().len()).sum()
}

/// One line of [`Describe::presented`].
pub fn gets(host: &str, names: &[&str]) -> String {
    format!("{host} gets {}", names.join(", "))
}
