//! What the plan of one machine leaves to others.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

    pub fn of(&self, kind: StepKind) -> impl Iterator<Item = &StepId> {
        self.steps.iter().filter(move |id| id.kind() == kind)
    }

    /// What it would publish, `2 images, 1 archive`; else what is compiled.
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
