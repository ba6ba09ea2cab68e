//! What the plan of one machine leaves to others, and why.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Leg, Step};
use crate::step_id::{StepId, StepKind};
use crate::target::Target;

/// Steps of the whole release that the machine does not make, by the machine they wait for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotMade {
    /// What has to be compiled for it.
    pub target: Target,
    /// The container it is compiled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The ids of what is compiled for it, and of all that waits for that.
    pub steps: Vec<StepId>,
}

/// Groups what is left out by the first thing it waits for; `compiled` tells those that are waited for.
pub fn not_made(
    steps: &[Step],
    legs: &[Leg],
    left_out: impl Fn(&Step) -> bool,
    compiled: impl Fn(&Step) -> bool,
) -> Vec<NotMade> {
    let mut found: Vec<NotMade> = Vec::new();
    let mut group_of: BTreeMap<&str, usize> = BTreeMap::new();
    // A step stands after its needs.
    for step in steps.iter().filter(|step| left_out(step)) {
        let waits = step.needs.iter().find_map(|need| group_of.get(need.as_str()).copied());
        let own = step.target.filter(|_| compiled(step));
        let group = match (waits, own) {
            (Some(group), _) => group,
            (None, Some(target)) => {
                let container =
                    legs.iter().find(|leg| leg.steps.contains(&step.id)).and_then(|leg| leg.container.clone());
                let known = found.iter().position(|one| one.target == target && one.container == container);
                known.unwrap_or_else(|| {
                    found.push(NotMade { target, container, steps: Vec::new() });
                    found.len() - 1
                })
            }
            (None, None) => continue,
        };
        group_of.insert(&step.id, group);
        found[group].steps.push(step.id.clone());
    }
    found
}

impl NotMade {
    /// What a machine must compile for it.
    pub fn needed(&self) -> String {
        match &self.container {
            Some(container) => format!("{} in the container `{container}`", self.target),
            None => self.target.to_string(),
        }
    }

    /// Whether a host runs its executables, and lacks no more than tools to make them.
    pub fn is_for(&self, host: Target) -> bool {
        self.container.is_none() && self.target.os() == host.os() && self.target.arch() == host.arch()
    }

    /// The ids of one kind of steps.
    pub fn of(&self, kind: StepKind) -> impl Iterator<Item = &StepId> {
        self.steps.iter().filter(move |id| id.kind() == kind)
    }

    /// What it would make that somebody gets, `2 images, 1 archive`; else what is compiled.
    pub fn counts(&self) -> String {
        let count = |kind: StepKind| match self.of(kind).count() {
            0 => None,
            1 => Some(format!("1 {}", kind.words())),
            more if kind == StepKind::Binary => Some(format!("{more} binaries")),
            more => Some(format!("{more} {}s", kind.words())),
        };
        let made = [StepKind::Image, StepKind::Archive, StepKind::Wheel, StepKind::Sdist];
        let made: Vec<String> = made.into_iter().filter_map(count).collect();
        if made.is_empty() { count(StepKind::Binary).unwrap_or_default() } else { made.join(", ") }
    }
}
