//! Whether a manifest, ours or one that lies in a draft, holds what the plan promises: it is compared, never believed.

use crate::artifact::{Artifact, Manifest};
use crate::digest::Digest;
use crate::plan::{CheckWork, Plan, Step, Work};
use crate::problem::Problem;

/// What is wrong with a manifest of which the steps that `takes` says are published. Every record in it is of a step of
/// the plan and names exactly its outputs, so that no file is left out in silence.
pub fn broken(plan: &Plan, manifest: &Manifest, takes: impl Fn(&Step) -> bool) -> Option<Problem> {
    let digest = plan.digest();
    if manifest.plan != digest || manifest.commit != plan.commit {
        return Some(Problem::new("manifest-of-another-plan", "the manifest is of another plan"));
    }
    for (at, artifact) in manifest.artifacts.iter().enumerate() {
        let again = manifest.artifacts[..at].iter().any(|other| other.step == artifact.step);
        let Some(step) = plan.step(&artifact.step).filter(|_| !again) else {
            let what = if again { "names it twice" } else { "names it, and the plan has no such step" };
            return Some(differs(&artifact.step, &format!("the manifest {what}")));
        };
        if let Some(what) = other(plan, digest, step, artifact) {
            return Some(differs(&step.id, &what));
        }
    }
    let has = |id: &str| manifest.artifacts.iter().any(|artifact| artifact.step == id);
    let wanted = plan.steps.iter().filter(|step| takes(step));
    let needed = wanted
        .flat_map(|step| std::iter::once(step.id.as_str()).chain(consists_of(&step.work).iter().map(String::as_str)));
    let mut missing = needed.filter(|id| !is_idle(plan, id) && !has(id));
    missing.next().map(|id| Problem::new("manifest-incomplete", format!("the manifest lacks `{id}`")).step(id))
}

fn differs(step: &str, what: &str) -> Problem {
    Problem::new("manifest-differs", format!("the manifest is not what the plan promises: `{step}`: {what}")).step(step)
}

/// How a record is not the one of its step.
fn other(plan: &Plan, digest: Digest, step: &Step, artifact: &Artifact) -> Option<String> {
    let made: Vec<&str> = artifact.files.iter().map(|file| file.name.as_str()).collect();
    let planned: Vec<&str> = step.outputs.iter().map(|output| output.name.as_str()).collect();
    let list =
        |names: &[&str]| if names.is_empty() { "nothing".to_owned() } else { format!("`{}`", names.join("`, `")) };
    if made != planned {
        return Some(format!("it has {}, planned is {}", list(&made), list(&planned)));
    }
    if artifact.kind != step.work.kind() {
        return Some(format!("it is of kind `{}`, planned is `{}`", artifact.kind, step.work.kind()));
    }
    if artifact.plan != digest || artifact.commit != plan.commit {
        return Some("it was made for another plan".into());
    }
    if artifact.check.as_ref().is_some_and(|check| !check.passed) {
        return Some("a check that did not pass".into());
    }
    None
}

/// The steps whose files are sent with those of a step.
fn consists_of(work: &Work) -> &[String] {
    match work {
        Work::Image(image) => &image.layers,
        Work::Index(index) => &index.images,
        _ => &[],
    }
}

/// A check that is not run leaves nothing.
fn is_idle(plan: &Plan, id: &str) -> bool {
    plan.step(id).is_some_and(|step| matches!(&step.work, Work::Check(CheckWork { not_run: Some(_), .. })))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan() -> Plan {
        serde_json::from_str(
            r#"{"schema":"longshore/plan/1","name":"a","repository":"o/a","commit":"1","commit_time":0,"dirty":false,
                "origin":"tag","output":"out","releases":[],"scope":{"kind":"all"},"legs":[],"parts":[],"destinations":[],
                "assumed":[],"steps":[
                {"id":"sums.a","component":"","needs":[],"outputs":[{"name":"a.tar.gz"},{"name":"b"}],"publish":["github"],
                 "kind":"checksums","covers":[]},
                {"id":"sums.b","component":"","needs":[],"outputs":[{"name":"c"}],"publish":[],"kind":"checksums","covers":[]}
                ]}"#,
        )
        .unwrap()
    }

    /// The code for the manifest of both steps after a change, published being the first.
    fn check(change: impl FnOnce(&mut serde_json::Value), expected: Option<&str>) {
        let plan = plan();
        let file = |name: &str| json!({ "name": name, "size": 1, "sha256": plan.digest(), "mode": "0644" });
        let artifact = |step: &str, names: &[&str]| {
            json!({
                "schema": "longshore/artifact/1", "step": step, "kind": "checksums", "plan": plan.digest(), "commit": "1",
                "files": names.iter().map(|name| file(name)).collect::<Vec<_>>()
            })
        };
        let mut manifest = json!({
            "schema": "longshore/manifest/1", "plan": plan.digest(), "commit": "1", "binaries": [],
            "artifacts": [artifact("sums.a", &["a.tar.gz", "b"]), artifact("sums.b", &["c"])]
        });
        change(&mut manifest);
        let read: Manifest = serde_json::from_value(manifest.clone()).unwrap();
        let problem = broken(&plan, &read, |step| step.id == "sums.a");
        assert_eq!(problem.as_ref().map(|problem| problem.code), expected, "{manifest} {problem:?}");
    }

    #[test]
    fn a_manifest_holds_what_the_plan_promises_and_nothing_else() {
        let differs = Some("manifest-differs");
        check(|_| {}, None);
        check(|it| it["artifacts"][0]["files"] = json!([]), differs);
        check(|it| drop(it["artifacts"][0]["files"].as_array_mut().unwrap().pop()), differs);
        check(|it| it["artifacts"][0]["files"].as_array_mut().unwrap().reverse(), differs);
        check(|it| it["artifacts"][1]["files"] = json!([]), differs);
        check(|it| it["artifacts"][0]["files"][0]["name"] = "A.tar.gz".into(), differs);
        check(|it| it["artifacts"][0]["step"] = "sums.x".into(), differs);
        check(|it| it["artifacts"][1]["step"] = "sums.a".into(), differs);
        check(|it| it["artifacts"][0]["kind"] = "asset".into(), differs);
        check(|it| it["artifacts"][0]["commit"] = "2".into(), differs);
        check(|it| it["artifacts"][0]["check"] = json!({ "passed": false, "subjects": [], "detail": "" }), differs);
        check(|it| drop(it["artifacts"].as_array_mut().unwrap().remove(0)), Some("manifest-incomplete"));
        check(|it| drop(it["artifacts"].as_array_mut().unwrap().remove(1)), None);
        check(|it| it["commit"] = "2".into(), Some("manifest-of-another-plan"));
        check(|it| it["plan"] = Digest::of(b"").to_string().into(), Some("manifest-of-another-plan"));
    }
}
