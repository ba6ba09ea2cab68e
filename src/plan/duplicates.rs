//! Refuses two steps with one id, and two published files of one release with one name, also where only case tells them apart.

use super::inputs::Inputs;
use super::planner::Planned;
use crate::problem::Problem;
use crate::step_id::{self, StepKind};

/// No two steps share an id, no two published files of one release share a name.
pub fn refuse(inputs: &Inputs<'_>, all: &[Planned]) {
    for (index, Planned { step, at, .. }) in all.iter().enumerate() {
        if step.id.len() > step_id::LONGEST {
            inputs.refuse(Problem::new("long-name", format!("step id `{}` is longer than 100 characters", step.id)));
        }
        for Planned { step: other, .. } in &all[..index] {
            if other.id == step.id {
                let hint = "ids are in lower case, with `-` for a dot: rename one of them";
                let problem = Problem::new("duplicate-step", format!("two steps are called `{}`", step.id)).hint(hint);
                once(inputs, problem.at_key(at.as_str()));
            }
            if other.component != step.component || step.publish.is_empty() || other.publish.is_empty() {
                continue;
            }
            let theirs = other.outputs();
            let same = |name: &&str| theirs.iter().any(|other| other.eq_ignore_ascii_case(name));
            if let Some(name) = step.outputs().into_iter().find(same) {
                let text = format!("`{}` and `{}` both write `{name}`", other.id, step.id);
                let hint = match step.id.kind() {
                    StepKind::Chart => "give one of them another `name` in its Chart.yaml",
                    // One entry makes it for several targets.
                    _ if (other.id.entry(), other.id.kind()) == (step.id.entry(), step.id.kind()) => {
                        "put what they differ in into `file:`, for example `{target}`"
                    }
                    _ => "give one of them another `file:`",
                };
                let problem = Problem::new("same-file-name", text).hint(hint);
                let problem = problem.at_value(format!("{at}.file")).step(&step.id);
                once(inputs, problem);
            }
        }
    }
}

/// One entry, one problem: its other targets collide for the same reason.
fn once(inputs: &Inputs<'_>, problem: Problem) {
    if !inputs.is_refused_for(|known| known.code == problem.code && known.at == problem.at) {
        inputs.refuse(problem);
    }
}
