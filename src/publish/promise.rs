//! Whether a manifest, ours or one that lies in a draft, holds what the plan promises: it is compared, never believed.

use crate::artifact::{ARTIFACT_SCHEMA, Artifact, MANIFEST_SCHEMA, Manifest};
use crate::plan::workflow::needed;
use crate::plan::{CheckWork, Plan, Step, Work};
use crate::problem::Problem;

/// What is wrong with a manifest of which the steps that `takes` says are published. Every record in it is of a step of
/// the plan and names exactly its outputs, so that no file is left out in silence; with what is published come the
/// records of all it was made from, and of the checks that prove it.
pub fn broken(plan: &Plan, manifest: &Manifest, takes: impl Fn(&Step) -> bool) -> Option<Problem> {
    let digest = plan.digest();
    let formats = manifest.artifacts.iter().map(|artifact| (artifact.schema.as_str(), ARTIFACT_SCHEMA));
    let mut formats = formats.chain([(manifest.schema.as_str(), MANIFEST_SCHEMA)]);
    if let Some((found, known)) = formats.find(|(found, known)| found != known) {
        let text = format!("the manifest contains a record of format `{found}`; this longshore reads `{known}`");
        return Some(Problem::new("manifest-format", text));
    }
    if manifest.plan != digest || manifest.commit != plan.commit {
        return Some(Problem::new("manifest-of-another-plan", "the manifest belongs to another plan"));
    }
    for (at, artifact) in manifest.artifacts.iter().enumerate() {
        let again = manifest.artifacts[..at].iter().any(|other| other.step == artifact.step);
        let Some(step) = plan.step(&artifact.step).filter(|_| !again) else {
            let what = if again { "contains it twice" } else { "contains it, but the plan has no such step" };
            return Some(differs(&artifact.step, &format!("the manifest {what}")));
        };
        if let Some(what) = other(plan, manifest, step, artifact) {
            return Some(differs(&step.id, &what));
        }
    }
    let has = |id: &str| manifest.artifacts.iter().any(|artifact| artifact.step == id);
    let missing =
        needed(&plan.steps.iter().collect::<Vec<_>>(), takes).into_iter().find(|id| !is_idle(plan, id) && !has(id));
    missing.map(|id| Problem::new("manifest-incomplete", format!("the manifest lacks `{id}`")).step(id))
}

fn differs(step: &str, what: &str) -> Problem {
    Problem::new("manifest-differs", format!("the manifest does not match the plan: `{step}`: {what}")).step(step)
}

/// How a record is not the one of its step.
fn other(plan: &Plan, manifest: &Manifest, step: &Step, artifact: &Artifact) -> Option<String> {
    if artifact.not_needed.is_some() && artifact.files.is_empty() && plan.may_be_left_out(step) {
        return None;
    }
    let made: Vec<&str> = artifact.files.iter().map(|file| file.name.as_str()).collect();
    let planned = step.outputs();
    let list =
        |names: &[&str]| if names.is_empty() { "nothing".to_owned() } else { format!("`{}`", names.join("`, `")) };
    if !step.made(&made) {
        return Some(format!("it has {}, but the plan says {}", list(&made), list(&planned)));
    }
    if artifact.kind != step.work.kind() {
        return Some(format!("it has kind `{}`, but the plan says `{}`", artifact.kind, step.work.kind()));
    }
    if artifact.plan != manifest.plan || artifact.commit != plan.commit {
        return Some("it was built for another plan".into());
    }
    let Work::Check(work) = &step.work else { return None };
    match &artifact.check {
        None => Some("a check without a result".into()),
        Some(result) if !result.passed => Some("a check that did not pass".into()),
        Some(result) => {
            let subject = manifest.artifacts.iter().find(|artifact| artifact.step == work.subject)?;
            let file = subject.files.iter().find(|file| work.saw(result, &file.name) != Some(file.sha256))?;
            Some(format!("a check that was not run on this `{}`", file.name))
        }
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
    use crate::digest::Digest;

    fn plan() -> Plan {
        serde_json::from_str(
            r#"{"schema":"longshore/plan/1","name":"a","repository":"o/a","commit":"1","commit_time":0,"dirty":false,
                "origin":"tag","output":"out","releases":[],"scope":{"kind":"all"},"jobs":[],"workflows":[],"destinations":[],
                "assumed":[],"steps":[
                {"id":"archive.a","component":"","needs":[],"outputs":[{"name":"a.tar.gz","format":"tar.gz"},{"name":"b","format":"binary"}],"publish":["github"],
                 "kind":"archive","executables":[],"files":[],"trees":[]},
                {"id":"checksums.b","component":"","needs":[],"outputs":[{"name":"c"}],"publish":[],"kind":"checksums","covers":[]},
                {"id":"check.smoke.a","component":"","needs":["archive.a"],"outputs":[],"publish":[],"kind":"check",
                 "subject":"archive.a","check":"smoke","args":[]},
                {"id":"check.smoke.b","component":"","needs":["checksums.b"],"outputs":[],"publish":[],"kind":"check",
                 "subject":"checksums.b","check":"smoke","args":[]},
                {"id":"check.import.a","component":"","needs":["archive.a"],"outputs":[],"publish":[],"kind":"check",
                 "subject":"archive.a","check":"import","modules":["a"],"scripts":[]},
                {"id":"check.smoke.idle","component":"","needs":["archive.a"],"outputs":[],"publish":[],"kind":"check",
                 "subject":"archive.a","check":"smoke","args":[],"not_run":"no machine"}
                ]}"#,
        )
        .unwrap()
    }

    /// The code for the manifest of both steps and their checks after a change, published being the first.
    fn check(change: impl FnOnce(&mut serde_json::Value), expected: Option<&str>) {
        let plan = plan();
        let file = |name: &str| json!({ "name": name, "size": 1, "sha256": plan.digest(), "mode": "0644" });
        let artifact = |step: &str, kind: &str, names: &[&str]| {
            json!({
                "schema": "longshore/artifact/1", "step": step, "kind": kind, "plan": plan.digest(), "commit": "1",
                "files": names.iter().map(|name| file(name)).collect::<Vec<_>>()
            })
        };
        let proved = |step: &str, subject: &str, names: &[&str]| {
            let mut record = artifact(step, "check", &[]);
            let seen = |name: &&str| json!({ "step": subject, "name": name, "sha256": plan.digest() });
            let seen: Vec<_> = names.iter().map(seen).collect();
            record["check"] = json!({ "passed": true, "subjects": seen, "detail": "" });
            record
        };
        let mut manifest = json!({
            "schema": "longshore/manifest/1", "plan": plan.digest(), "commit": "1", "binaries": [],
            "artifacts": [artifact("archive.a", "archive", &["a.tar.gz", "b"]), artifact("checksums.b", "checksums", &["c"]),
                          proved("check.smoke.a", "archive.a", &["a.tar.gz", "b"]), proved("check.smoke.b", "checksums.b", &["c"]),
                          proved("check.import.a", "archive.a", &["a.tar.gz", "b"])]
        });
        change(&mut manifest);
        let read: Manifest = serde_json::from_value(manifest.clone()).unwrap();
        let problem = broken(&plan, &read, |step| step.id == "archive.a");
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
        check(|it| it["artifacts"][0]["step"] = "checksums.x".into(), differs);
        check(|it| it["artifacts"][1]["step"] = "archive.a".into(), differs);
        check(|it| it["artifacts"][0]["kind"] = "asset".into(), differs);
        check(|it| it["artifacts"][0]["commit"] = "2".into(), differs);
        check(|it| it["artifacts"][2]["check"]["passed"] = false.into(), differs);
        check(|it| it["artifacts"][2]["check"]["subjects"] = json!([]), differs);
        let untried = |it: &mut serde_json::Value, at: usize| {
            let subjects = it["artifacts"][at]["check"]["subjects"].take();
            it["artifacts"][at]["check"]["subjects"] = json!([]);
            it["artifacts"][at]["check"]["untried"] = subjects;
        };
        check(|it| untried(it, 2), differs);
        // No build machine has that Python: there was a warning, and it does not block.
        check(|it| untried(it, 4), None);
        check(|it| it["artifacts"][2]["check"]["subjects"][1]["sha256"] = Digest::of(b"").to_string().into(), differs);
        check(|it| drop(it["artifacts"][2].as_object_mut().unwrap().remove("check")), differs);
        check(|it| drop(it["artifacts"].as_array_mut().unwrap().remove(0)), Some("manifest-incomplete"));
        check(|it| drop(it["artifacts"].as_array_mut().unwrap().remove(2)), Some("manifest-incomplete"));
        // What is not published, and what proves it.
        check(|it| drop(it["artifacts"].as_array_mut().unwrap().drain(1..2)), None);
        check(|it| drop(it["artifacts"].as_array_mut().unwrap().remove(3)), None);
        check(|it| it["schema"] = "longshore/manifest/9".into(), Some("manifest-format"));
        check(|it| it["artifacts"][1]["schema"] = "longshore/artifact/9".into(), Some("manifest-format"));
        check(|it| it["commit"] = "2".into(), Some("manifest-of-another-plan"));
        check(|it| it["plan"] = Digest::of(b"").to_string().into(), Some("manifest-of-another-plan"));
    }
}
