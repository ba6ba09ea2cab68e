//! A stored plan: read, and seen to be one of ours that stays in its folder.

use std::path::{Component, Path};

use crate::digest::Digest;
use crate::plan::{self, Plan};
use crate::portable;
use crate::problem::{Failure, Problem};
use crate::world::handover;
use crate::world::store;

/// Reads a plan and sees that it is one of ours, and of the digest that is wanted.
///
/// # Errors
/// If it is missing, damaged, of another version, or another one.
pub fn read(file: &Path, wanted: Option<Digest>) -> anyhow::Result<Plan> {
    let usage = |problem: Problem| anyhow::Error::from(Failure::usage(problem));
    if !file.is_file() {
        let problem = Problem::new("no-plan", format!("there is no plan at `{}`", file.display()));
        return Err(usage(problem.hint("run `longshore plan --out plan.json`, or pass it with `--plan`")));
    }
    if let Some(wanted) = wanted {
        handover::check_plan(file, wanted)?;
    }
    let plan: Plan = store::read_json(file).map_err(|error| {
        let hint = "it was edited, truncated, or written by another version of longshore: plan again";
        usage(Problem::new("bad-plan", format!("{error:#}")).hint(hint))
    })?;
    if let Some(what) = astray(&plan) {
        let hint = "plan again: `longshore plan --out plan.json`";
        return Err(usage(Problem::new("bad-plan", format!("`{}`: {what}", file.display())).hint(hint)));
    }
    if plan.schema != plan::SCHEMA {
        return Err(usage(Problem::new(
            "bad-plan",
            format!("plan format `{}`, expected `{}`", plan.schema, plan::SCHEMA),
        )));
    }
    Ok(plan)
}

/// What in a plan would be written or read outside the folder that is for it.
fn astray(plan: &Plan) -> Option<String> {
    let inside = |component: Component<'_>| matches!(component, Component::Normal(_) | Component::CurDir);
    if plan.output.is_empty() || !Path::new(&plan.output).components().all(inside) {
        return Some(format!("the output folder `{}` is not inside the project", plan.output.escape_default()));
    }
    if portable::is_of_git(&plan.output) {
        return Some(format!("the output folder `{}` belongs to git", plan.output.escape_default()));
    }
    let mut outputs = plan.steps.iter().flat_map(|step| step.outputs());
    let output = outputs.find(|name| !handover::is_file_name(name))?;
    Some(format!("`{}` is not the name of a file", output.escape_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_stays_in_its_folder() {
        let check = |output: &str, step: &str, name: &str, expected: bool| {
            let text = serde_json::json!({
                "schema": "longshore/plan/1", "name": "a", "repository": "o/a", "commit": "1", "commit_time": 0,
                "dirty": false, "origin": "tag", "output": output, "releases": [], "scope": { "kind": "all" },
                "jobs": [], "workflows": [], "destinations": [], "assumed": [],
                "steps": [{ "id": step, "component": "", "needs": [], "outputs": [{ "name": name }], "publish": [],
                            "kind": "checksums", "covers": [] }]
            });
            let plan = serde_json::from_value(text).unwrap();
            assert_eq!(astray(&plan).is_none(), expected, "{output} {step} {name}");
        };
        check("target/longshore", "checksums.a", "SHA256SUMS", true);
        for output in ["", "/tmp/x", "..", "target/../../x", ".git", "a/.GIT/x"] {
            check(output, "checksums.a", "SHA256SUMS", false);
        }
        check("out", "checksums.a", "../SHA256SUMS", false);
    }
}
