//! What ordered steps need from steps done before, here or on another machine: there, whole, of this very plan.

use std::collections::BTreeSet;
use std::fs::File;

use crate::artifact::Artifact;
use crate::digest::Digest;
use crate::plan::{Plan, Step, Work};
use crate::problem::Problem;
use crate::step_id::StepId;
use crate::world::busy;
use crate::world::store::{self, Store};

/// Checks every need of `steps` that is not itself in `ordered`. Reads each file once.
pub fn missing(store: &Store, plan: &Plan, ordered: &[&Step], steps: &[&Step]) -> Vec<Problem> {
    let ordered: BTreeSet<&str> = ordered.iter().map(|step| step.id.as_str()).collect();
    let needs: BTreeSet<&str> = steps.iter().flat_map(|step| &step.needs).map(StepId::as_str).collect();
    let digest = plan.digest();
    let mut problems = Vec::new();
    for need in needs.difference(&ordered) {
        let step = plan.step(need);
        if matches!(step.map(|step| &step.work), Some(Work::Check(work)) if work.not_run.is_some()) {
            continue;
        }
        if let Err(why) = carried(store, digest, need) {
            let build = match step.and_then(|step| step.job.as_ref()) {
                Some(job) => format!("build it first (`build --job {job}`), or hand over its tar with `--from`"),
                None => "build it first (`build --merge`), or hand over its tar with `--from`".to_owned(),
            };
            let message = format!("`{need}` is needed, but {why}");
            problems.push(Problem::new("missing-need", message).hint(build).step((*need).to_owned()));
        }
    }
    problems
}

fn carried(store: &Store, plan: Digest, step: &str) -> Result<(), String> {
    let path = store.record(step);
    if !path.is_file() {
        return Err("it was not built here".into());
    }
    let record: Artifact = store::read_json(&path).map_err(|error| format!("{error:#}"))?;
    if record.plan != plan {
        return Err("it was built for another plan".into());
    }
    for file in &record.files {
        let path = store.file(step, &file.name);
        let read = File::open(&path).and_then(Digest::of_reader);
        match read {
            Ok((sha256, size)) if sha256 == file.sha256 && size == file.size => {}
            Ok(_) => return Err(format!("its file `{}` does not match its record", file.name)),
            Err(error) => return Err(format!("its file `{}` cannot be read: {error}", file.name)),
        }
    }
    Ok(())
}

/// Removes what was built for another plan, so that only this one's files are found.
///
/// # Errors
/// If something cannot be removed.
pub fn clear_others(store: &Store, plan: &Plan) -> anyhow::Result<()> {
    let digest = plan.digest();
    for record in store.records()? {
        // A record may have come from elsewhere: its step is not a path until it looks like one.
        let is_ours = record.plan == digest && plan.step(&record.step).is_some();
        if !is_ours && StepId::is_one(&record.step) {
            forget(store, &record.step)?;
        }
    }
    Ok(())
}

/// Removes a step's files and record.
///
/// # Errors
/// If something cannot be removed.
pub fn forget(store: &Store, step: &str) -> anyhow::Result<()> {
    busy::remove(&store.record(step))?;
    busy::remove(&store.step(step))
}
