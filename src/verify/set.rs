//! Exactly the records and files of the plan's scope, made for this plan and commit, with every planned check passed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;

use super::problem::{again, origin, problem};
use crate::artifact::{self, ARTIFACT_SCHEMA, Artifact, Mode};
use crate::digest::Digest;
use crate::format::Format;
use crate::plan::{ArchiveWork, AssetOutputs, AssetWork, CheckWork, ImageWork, OfKind, Plan, Step, Work};
use crate::problem::Problem;
use crate::step_id::StepId;
use crate::world::store::{Store, read_json};

/// The records that arrived and belong to the plan, and what is wrong with the set.
pub struct Arrived {
    pub plan: Digest,
    /// What is wrong, in the plan's order; things that are too much last.
    pub problems: Vec<Problem>,
    records: BTreeMap<StepId, Artifact>,
}

impl Arrived {
    /// The record of a step, if there is one for this plan.
    pub fn record(&self, step: &str) -> Option<&Artifact> {
        self.records.get(step)
    }

    pub fn file(&self, step: &str, name: &str) -> Option<&artifact::File> {
        self.record(step)?.files.iter().find(|file| file.name == name)
    }
}

/// Reads the record of every demanded step and compares it with the plan. Files are not read yet. Those of the plan's
/// other steps may lie here too: one machine makes things for several parts.
///
/// # Errors
/// If a folder cannot be listed.
pub fn arrived(store: &Store, plan: &Plan, steps: &[&Step]) -> anyhow::Result<Arrived> {
    let mut set = Arrived { plan: plan.digest(), problems: Vec::new(), records: BTreeMap::new() };
    let wanted = || steps.iter().copied().filter(|step| leaves_record(step));
    let mut absent = Vec::new();
    for step in wanted() {
        let path = store.record(&step.id);
        if !path.exists() {
            absent.push(step);
            continue;
        }
        match read_json::<Artifact>(&path) {
            Err(error) => set.problems.push(problem(step, "damaged-record", error)),
            Ok(record) => match wrong_record(step, plan, set.plan, &record) {
                Some(problem) => set.problems.push(problem),
                None => {
                    set.records.insert(step.id.clone(), record);
                }
            },
        }
    }
    set.problems.extend(missing(&absent, &wanted().collect::<Vec<_>>()));
    for step in wanted() {
        let is_missed = set.record(&step.id).is_some_and(|record| record.not_needed.is_some())
            && !may_be_left_out(plan, &set, step);
        if is_missed {
            let text = format!("the record of `{}` says it is not needed, but it is", step.id);
            set.problems.push(problem(step, "missing-artifact", text));
        }
        if let (Work::Check(work), Some(record)) = (&step.work, set.records.get(&step.id)) {
            set.problems.extend(wrong_check(step, work, &set, record));
        }
    }
    set.problems.extend(too_much(store, plan)?);
    Ok(set)
}

/// Nothing that was built needs the step.
fn may_be_left_out(plan: &Plan, set: &Arrived, step: &Step) -> bool {
    let is_left_out = |id: &StepId| set.record(id).is_some_and(|record| record.not_needed.is_some());
    let is_published = |id: &StepId| set.record(id).is_some_and(|record| record.published.is_some());
    match &step.work {
        Work::Check(check) => is_left_out(&check.subject),
        Work::Index(index) => index.images.iter().any(is_left_out),
        _ => {
            let above: Vec<&Step> = plan.images_on(&step.id).collect();
            !above.is_empty() && above.iter().all(|above| is_published(&above.id) || is_left_out(&above.id))
        }
    }
}

/// A check that is not run leaves nothing.
fn leaves_record(step: &Step) -> bool {
    !matches!(&step.work, Work::Check(CheckWork { not_run: Some(_), .. }))
}

/// One problem per missing step; one for all when nothing of a job came.
fn missing(absent: &[&Step], wanted: &[&Step]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut told = Vec::new();
    for step in absent {
        let of_job = |steps: &[&Step]| steps.iter().filter(|other| other.job == step.job).count();
        if told.contains(&&step.job) {
            continue;
        }
        let count = of_job(absent);
        if count > 1 && count == of_job(wanted) {
            told.push(&step.job);
            let text = format!("no results of {}: {count} steps are missing, the first is `{}`", origin(step), step.id);
            let hint = format!("{}; pass the tars of the other machines with `--from`", again(step));
            problems.push(Problem::new("missing-artifact", text).step(&step.id).hint(hint));
        } else if matches!(step.work, Work::Check(_)) {
            problems.push(problem(step, "check-missing", format!("the result of `{}` is missing", step.id)));
        } else {
            problems.push(problem(step, "missing-artifact", format!("`{}` is missing", step.id)));
        }
    }
    problems
}

fn wrong_record(step: &Step, plan: &Plan, digest: Digest, record: &Artifact) -> Option<Problem> {
    let wrong = |code, text: String| Some(problem(step, code, text));
    let id = &step.id;
    if record.schema != ARTIFACT_SCHEMA {
        return wrong(
            "damaged-record",
            format!("the record of `{id}` is `{}`, not `{ARTIFACT_SCHEMA}`", record.schema),
        );
    }
    if record.step != *id {
        return wrong("duplicate-artifact", format!("the record of `{id}` says it belongs to `{}`", record.step));
    }
    if record.commit != plan.commit {
        return wrong(
            "other-commit",
            format!("`{id}` was built from commit {}, but the plan is for {}", record.commit, plan.commit),
        );
    }
    if record.plan != digest {
        return wrong("other-plan", format!("`{id}` was built for plan {}, but this is {digest}", record.plan));
    }
    if record.published.is_some() || record.not_needed.is_some() {
        if let Some(text) = not_built(step, plan, record) {
            return wrong("damaged-record", text);
        }
        if record.not_needed.is_some() {
            return None;
        }
    }
    if record.kind != step.work.kind() {
        return wrong(
            "wrong-kind",
            format!("the record of `{id}` has kind `{}`, not `{}`", record.kind, step.work.kind()),
        );
    }
    let made: Vec<&str> = record.files.iter().map(|file| file.name.as_str()).collect();
    let planned = step.outputs();
    if !step.made(&made) {
        return wrong(
            "wrong-outputs",
            format!("`{id}` produced {}, but the plan says {}", names(&made), names(&planned)),
        );
    }
    for (index, file) in record.files.iter().enumerate() {
        if mode(&step.work, index).is_some_and(|mode| mode != file.mode) {
            let text = format!("`{}` was recorded with mode {:04o}", file.name, file.mode.bits());
            return wrong("wrong-mode", text);
        }
    }
    None
}

/// Why a record cannot say that its step did not build.
fn not_built(step: &Step, plan: &Plan, record: &Artifact) -> Option<String> {
    let id = &step.id;
    if let Some(place) = &record.published {
        let takes = ImageWork::of(&step.work).and_then(ImageWork::from_dockerfile).is_some_and(|recipe| recipe.reuse);
        let goes_there = plan.published(id).any(|image| image.repositories.contains(&place.repository));
        return (!takes || !goes_there)
            .then(|| format!("the record of `{id}` says it is `{place}`, which the plan does not allow"));
    }
    (!plan.may_be_left_out(step) || !record.files.is_empty())
        .then(|| format!("the record of `{id}` says it is not needed, but it is"))
}

/// The mode of an output; nothing where the user's own files decide.
fn mode(work: &Work, index: usize) -> Option<Mode> {
    let is_bare = |work: &ArchiveWork| work.outputs.get(index).is_some_and(|output| output.format == Format::Binary);
    match work {
        Work::Binary(_) => Some(Mode::Executable),
        Work::Archive(work) if is_bare(work) => Some(Mode::Executable),
        Work::Asset(AssetWork { outputs: AssetOutputs::Files(_), .. }) => None,
        _ => Some(Mode::Plain),
    }
}

fn wrong_check(step: &Step, work: &CheckWork, set: &Arrived, record: &Artifact) -> Option<Problem> {
    if record.not_needed.is_some() {
        return None;
    }
    let Some(result) = &record.check else {
        return Some(problem(step, "check-missing", format!("the record of `{}` contains no result", step.id)));
    };
    if !result.passed {
        let hint = format!("see its log `logs/{}.log` of {}; fix the problem and build again", step.id, origin(step));
        return Some(problem(step, "check-failed", format!("`{}` failed: {}", step.id, result.detail)).hint(hint));
    }
    // Without the subject's record nothing can be compared; that it is missing is a problem of its own.
    let made = set.record(&work.subject)?;
    made.files.iter().find_map(|file| match work.saw(result, &file.name) {
        Some(digest) if digest == file.sha256 => None,
        Some(digest) => {
            let text = format!("`{}` was run on another `{}`: {digest}, not {}", step.id, file.name, file.sha256);
            Some(problem(step, "check-stale", text))
        }
        None => Some(problem(step, "check-missing", format!("`{}` was not run on `{}`", step.id, file.name))),
    })
}

/// Records and files that no step of the plan makes.
fn too_much(store: &Store, plan: &Plan) -> anyhow::Result<Vec<Problem>> {
    let mut problems = Vec::new();
    let extra = |path: &Path, step: Option<&Step>, text: String| {
        let problem = match step {
            Some(step) => problem(step, "extra-artifact", text),
            None => Problem::new("extra-artifact", text),
        };
        problem.hint(format!("remove `{}`", path.strip_prefix(store.repository()).unwrap_or(path).display()))
    };
    for name in list(&store.root().join("artifacts"))? {
        let path = store.root().join("artifacts").join(&name);
        let step = name.strip_suffix(".json").and_then(|id| plan.step(id));
        // A build that was killed may leave the beginning of a record, `.tmp…`, which is never read.
        if !step.is_some_and(leaves_record) && !name.starts_with(".tmp") {
            problems.push(extra(&path, step, format!("record `{name}` does not belong to a step of this plan")));
        }
    }
    for id in list(&store.root().join("steps"))? {
        let folder = store.step(&id);
        let Some(step) = plan.step(&id) else {
            problems.push(extra(&folder, None, format!("`{id}` is not a step of this plan, but has files")));
            continue;
        };
        for name in list(&folder)? {
            if !step.makes(&name) {
                let path = folder.join(&name);
                problems.push(extra(&path, Some(step), format!("`{id}` has the file `{name}`, which is not planned")));
            }
        }
    }
    Ok(problems)
}

/// The names in a folder, sorted; none if it does not exist.
fn list(folder: &Path) -> anyhow::Result<Vec<String>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn names(names: &[&str]) -> String {
    if names.is_empty() { "nothing".into() } else { format!("`{}`", names.join("`, `")) }
}
