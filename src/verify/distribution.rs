//! Wheels and sdists against their steps: each as planned, all of a distribution alike, variants what they claim to be.

use std::fs::File;
use std::io::Seek;

use super::content::printable;
use super::finished::Finished;
use super::found::{Findings, Read};
use super::problem::again;
use super::wheel::{self, Expected, ExpectedSdist, Flaw, Wheel};
use crate::artifact::{Artifact, InspectedBinary};
use crate::core_metadata::CoreMetadata;
use crate::digest::Digest;
use crate::plan::{Check, CheckWork, DestinationKind, Plan, SdistWork, StageWork, Step, WheelBuilder, WheelWork, Work};
use crate::problem::Problem;
use crate::pypi::{self, Refusal, content_type};
use crate::wheel::{DistributionName, WheelName};

/// One wheel.
///
/// # Errors
/// If it cannot be read.
pub fn check_wheel(
    of: Finished<'_>,
    reader: File,
    work: &WheelWork,
    found: &mut Findings,
) -> anyhow::Result<Vec<Problem>> {
    let Finished { step, file } = of;
    let (Some(target), Ok(planned)) = (step.target, file.name.parse::<WheelName>()) else {
        return Ok(vec![of.problem("dist-name", "is not a wheel file name")]);
    };
    let siblings = siblings(&work.stage);
    let expected = Expected {
        distribution: &work.stage.distribution,
        version: &work.stage.version,
        tag: &planned.tag,
        target,
        modules: &work.stage.modules,
        siblings: &siblings,
        max_size: work.max_size,
        present: &work.present,
        absent: &work.absent,
        prebuilt: work.builder == WheelBuilder::Prebuilt,
    };
    let whole = reader.try_clone()?;
    let (wheel, flaws) = wheel::read(reader, &file.name, &expected)?;
    let mut problems: Vec<Problem> = flaws.into_iter().map(|flaw| of_file(of, flaw)).collect();
    problems.extend(other_bytes(of, wheel.as_ref().map(|wheel| wheel.bytes), whole)?);
    let Some(wheel) = wheel else { return Ok(problems) };
    found.binaries.extend(wheel.libraries.iter().map(|library| InspectedBinary {
        step: step.id.to_string(),
        name: library.path.clone(),
        size: library.size,
        facts: library.facts.clone(),
    }));
    found.wheels.push(Read { step: step.id.clone(), name: file.name.clone(), held: wheel });
    Ok(problems)
}

/// One sdist.
///
/// # Errors
/// If it cannot be read.
pub fn check_sdist(
    of: Finished<'_>,
    reader: File,
    work: &SdistWork,
    found: &mut Findings,
) -> anyhow::Result<Vec<Problem>> {
    let Finished { step, file } = of;
    let siblings = siblings(&work.stage);
    let expected = ExpectedSdist {
        distribution: &work.stage.distribution,
        version: &work.stage.version,
        siblings: &siblings,
        max_size: None,
    };
    let whole = reader.try_clone()?;
    let (sdist, flaws) = wheel::read_sdist(reader, &file.name, &expected)?;
    let mut problems: Vec<Problem> = flaws.into_iter().map(|flaw| of_file(of, flaw)).collect();
    problems.extend(other_bytes(of, sdist.as_ref().map(|sdist| sdist.bytes), whole)?);
    let held = sdist.map(|held| Read { step: step.id.clone(), name: file.name.clone(), held });
    found.sdists.extend(held);
    Ok(problems)
}

/// What cannot be read may have been changed after it was made.
fn other_bytes(of: Finished<'_>, read: Option<(Digest, u64)>, mut whole: File) -> anyhow::Result<Option<Problem>> {
    let (digest, size) = match read {
        Some(bytes) => bytes,
        None => {
            whole.rewind()?;
            Digest::of_reader(whole)?
        }
    };
    Ok(of.other_bytes(digest, size))
}

/// The name in the repository, under which a distribution would find its own extras.
fn siblings(stage: &StageWork) -> Vec<DistributionName> {
    stage.written.iter().filter_map(|written| written.parse().ok()).collect()
}

fn of_file(of: Finished<'_>, flaw: Flaw) -> Problem {
    of.problem(flaw.code, flaw.text).hint(flaw.hint)
}

/// What only shows when files are compared with each other: those of the demanded steps.
pub fn compare(plan: &Plan, steps: &[&Step], record: &dyn Fn(&str) -> Option<Artifact>, found: &mut Findings) {
    let (wheels, sdists) = (std::mem::take(&mut found.wheels), std::mem::take(&mut found.sdists));
    for (name, step) in distributions(steps) {
        let is_own = |id: &str| {
            plan.step(id).and_then(|step| step.work.stage()).is_some_and(|stage| stage.distribution == *name)
        };
        let own: Vec<(&str, &Wheel)> =
            wheels.iter().filter(|read| is_own(&read.step)).map(|read| (read.name.as_str(), &read.held)).collect();
        let sdist = sdists.iter().find(|read| is_own(&read.step)).map(|read| &read.held);
        for flaw in wheel::agree(&own, sdist) {
            found.problems.push(of_distribution(step, name, flaw));
        }
        let held = wheels.iter().filter(|read| is_own(&read.step)).map(|read| (read.at(), &read.held.metadata));
        let sources = sdists.iter().filter(|read| is_own(&read.step)).map(|read| (read.at(), &read.held.metadata));
        index(plan, &held.chain(sources).collect::<Vec<_>>(), found);
    }
    for step in steps {
        let Work::Check(check) = &step.work else { continue };
        let (Check::Resolve(_), Some(own)) = (&check.check, plan.step(&check.subject)) else { continue };
        let Some(result) = record(&step.id).and_then(|record| record.check) else { continue };
        for (other, crates) in &result.crates {
            let of = |step: &Step| -> Vec<&Wheel> {
                wheels.iter().filter(|read| read.step == step.id).map(|read| &read.held).collect()
            };
            let own_wheels = of(own);
            let Some(sibling) = steps.iter().copied().find(|step| is_wheel_of(step, other, own)) else {
                // Another workflow file makes it, at the same time: its wheel is not here, what cargo says of it is.
                let lacks = result.lacks.get(other).map(Vec::as_slice).unwrap_or_default();
                let Some(absent) = plan.steps.iter().find(|step| is_wheel_of(step, other, own)) else { continue };
                let flaws = wheel::variants(&own_wheels, &[], crates);
                let flaws = flaws.into_iter().chain(wheel::variants(&[], &own_wheels, lacks));
                found.problems.extend(flaws.map(|flaw| of_pair(own, absent, flaw)));
                if crates.is_empty() && lacks.is_empty() {
                    found.problems.push(alike(own, absent));
                }
                continue;
            };
            let other_wheels = of(sibling);
            for flaw in wheel::variants(&own_wheels, &other_wheels, crates) {
                found.problems.push(of_pair(own, sibling, flaw));
            }
            let back = resolved(plan, record, sibling, own).unwrap_or_default();
            if own.id < sibling.id && crates.is_empty() && back.is_empty() {
                found.problems.push(alike(own, sibling));
            }
        }
    }
}

/// What PyPI would refuse in the files of one distribution, and what its page would lack. Other indexes take more.
fn index(plan: &Plan, files: &[((&str, &str), &CoreMetadata)], found: &mut Findings) {
    let mut seen: Vec<Refusal> = Vec::new();
    for (index, ((id, name), metadata)) in files.iter().enumerate() {
        let Some(step) = plan.step(id) else { continue };
        let newer = step.work.stage().map(|stage| stage.new_classifiers.as_slice()).unwrap_or_default();
        let for_pypi = step.publish.iter().any(|name| is_pypi(plan, name));
        // The metadata of all is nearly always the same; its version was looked at with each.
        let mut refusals = pypi::Metadata::of_file(metadata).refusals(newer);
        refusals.retain(|one| one.field != "metadata-version" && !seen.contains(one));
        seen.extend(refusals.iter().cloned());
        for Refusal { text, hint, .. } in refusals {
            let text = format!("`{name}` would be refused by PyPI: {}", printable(&text));
            if for_pypi {
                let hint = hint.unwrap_or_else(|| "fix it in pyproject.toml or Cargo.toml".into());
                found.problems.push(Problem::new("dist-refused", text).step(*id).hint(hint));
            } else {
                found.warnings.push(text);
            }
        }
        let may_fail = content_type::may_fail(metadata.get("description-content-type"));
        let is_empty = metadata.description.trim().is_empty();
        if may_fail && !is_empty && index == 0 && for_pypi && !is_rendered(plan, step) {
            let key = "it is rendered if `readme` of `[project]` names that file; or run `twine check`";
            found
                .warnings
                .push(format!("the README of `{name}` is reStructuredText, and no check has rendered it: {key}"));
        }
        if is_empty && index == 0 {
            let key = "set `readme = \"README.md\"` in `[project]`";
            found.warnings.push(format!("`{name}` has no README: its page on an index will be empty; {key}"));
        }
    }
}

/// Whether a check renders the README of a step's distribution.
fn is_rendered(plan: &Plan, step: &Step) -> bool {
    let own = |id: &str| plan.step(id).and_then(|step| step.work.stage()).map(|stage| &stage.distribution);
    let mut checks = plan.steps.iter().filter_map(|other| match &other.work {
        Work::Check(CheckWork { subject, check: Check::Readme, .. }) => own(subject),
        _ => None,
    });
    checks.any(|distribution| step.work.stage().is_some_and(|stage| stage.distribution == *distribution))
}

fn is_pypi(plan: &Plan, destination: &str) -> bool {
    let mut known = plan.destinations.iter().filter(|known| known.name == destination);
    known.any(|known| matches!(&known.kind, DestinationKind::Pypi(index) if index.json.is_some()))
}

/// The crates that one wheel has and another has not.
fn resolved(plan: &Plan, record: &dyn Fn(&str) -> Option<Artifact>, one: &Step, other: &Step) -> Option<Vec<String>> {
    let of_one = |step: &&Step| matches!(&step.work, Work::Check(CheckWork { subject, check: Check::Resolve(_), .. }) if *subject == one.id);
    let check = record(&plan.steps.iter().find(of_one)?.id)?.check?;
    check.crates.get(other.work.stage()?.distribution.as_str()).cloned()
}

fn is_wheel_of(step: &Step, distribution: &str, like: &Step) -> bool {
    let named = step.work.stage().is_some_and(|stage| stage.distribution.as_str() == distribution);
    matches!(step.work, Work::Wheel(_)) && named && step.target == like.target
}

/// Two wheels that nothing can tell apart.
fn alike(one: &Step, other: &Step) -> Problem {
    let names =
        [one, other].map(|step| step.work.stage().map(|stage| stage.distribution.to_string()).unwrap_or_default());
    let text = format!("cannot distinguish `{}` and `{}`: the features of neither add a crate", names[0], names[1]);
    let hint = "configure what only one of them has: `variant-check: {present: [TEXT]}` or `variant-check: {python: EXPRESSION}`, or `variant-check: false`";
    Problem::new("dist-variants", text).step(&one.id).hint(hint)
}

fn of_pair(own: &Step, sibling: &Step, flaw: Flaw) -> Problem {
    let text = format!("`{}` {}", own.id, flaw.text);
    let both = if own.job == sibling.job { again(own) } else { format!("{}, {}", again(own), again(sibling)) };
    let hint = format!("{}; {both}", flaw.hint);
    Problem::new(flaw.code, text).step(&own.id).hint(hint)
}

fn of_distribution(step: &Step, name: &DistributionName, flaw: Flaw) -> Problem {
    Problem::new(flaw.code, format!("`{name}` {}", flaw.text)).step(&step.id).hint(flaw.hint)
}

fn distributions<'p>(steps: &[&'p Step]) -> Vec<(&'p DistributionName, &'p Step)> {
    let mut found: Vec<(&DistributionName, &Step)> = Vec::new();
    for step in steps.iter().copied() {
        if let Some(stage) = step.work.stage()
            && !found.iter().any(|(name, _)| *name == &stage.distribution)
        {
            found.push((&stage.distribution, step));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A prebuilt wheel has its builder's README, whatever the project's own is.
    #[test]
    fn a_readme_that_nothing_rendered_is_said() {
        let stage = json!({
            "distribution": "keel", "version": "1.2.3", "set_version": false, "pyproject": "pyproject.toml",
            "manifest": "Cargo.toml", "features": [], "default_features": true, "all_features": false, "assets": [],
            "modules": ["keel"]
        });
        let step = |id: &str, publish: &[&str], kind: serde_json::Value| {
            let mut step = json!({ "id": id, "component": "", "needs": [], "outputs": [], "publish": publish });
            step.as_object_mut().unwrap().extend(kind.as_object().unwrap().clone());
            step
        };
        let check = |content_type: Option<&str>, planned: bool, to_pypi: bool, expected: bool| {
            let wheel = json!({
                "kind": "wheel", "builder": "prebuilt", "profile": "release", "locked": true, "cargo_args": [],
                "env": {}, "pass_env": [], "before": [], "stage": stage
            });
            let mut steps = vec![step("wheel.keel", if to_pypi { &["pypi"] } else { &[] }, wheel)];
            let readme = json!({ "kind": "check", "subject": "wheel.keel", "check": "readme" });
            steps.extend(planned.then(|| step("check.readme.keel", &[], readme)));
            let plan: Plan = serde_json::from_value(json!({
                "schema": "longshore/plan/1", "name": "keel", "repository": "local/keel", "commit": "1".repeat(40),
                "commit_time": 0, "dirty": false, "origin": "tag", "output": "out", "releases": [],
                "scope": { "kind": "all", "left_out": [] }, "steps": steps, "jobs": [], "workflows": [], "assumed": [],
                "destinations": [{
                    "name": "pypi", "when": "always", "credentials": [], "kind": "pypi", "trusted": "auto",
                    "tokens": {}, "upload": "https://upload.pypi.org/legacy/", "simple": "https://pypi.org/simple/",
                    "json": "https://pypi.org/pypi/"
                }]
            }))
            .unwrap();
            let kind = content_type.map(|kind| format!("Description-Content-Type: {kind}\n")).unwrap_or_default();
            let text = format!("Metadata-Version: 2.4\nName: keel\nVersion: 1.2.3\n{kind}\nKeel\n====\n");
            let (metadata, mut found) = (CoreMetadata::parse(&text).unwrap(), Findings::default());
            index(&plan, &[(("wheel.keel", "keel.whl"), &metadata), (("wheel.keel", "b.whl"), &metadata)], &mut found);
            assert!(found.problems.is_empty(), "{:?}", found.problems);
            let said = found.warnings.iter().filter(|said| said.contains("no check has rendered it")).count();
            assert_eq!(said, usize::from(expected), "{content_type:?} {planned} {to_pypi}: {:?}", found.warnings);
        };
        check(Some("text/x-rst; charset=UTF-8"), false, true, true);
        // What says nothing is reStructuredText to PyPI.
        check(None, false, true, true);
        check(Some("text/x-rst"), true, true, false);
        check(Some("text/markdown"), false, true, false);
        check(Some("text/x-rst"), false, false, false);
    }
}
