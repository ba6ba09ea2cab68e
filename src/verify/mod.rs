//! Does each artifact hold what its step promised? Reads bytes, runs nothing.

mod archive;
mod binary;
mod chart;
mod checksums;
mod content;
mod distribution;
mod dockerfile;
mod finished;
mod fit;
mod found;
mod image;
mod layer;
mod problem;
mod set;
pub mod start;
pub mod wheel;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::artifact::{MANIFEST_SCHEMA, Manifest};
use crate::digest::Digest;
use crate::format::Format;
use crate::lfs;
use crate::plan::{AssetOutputs, AssetWork, Plan, Step, Work, Workflow};
use crate::problem::{Exit, Failure, Problem};
use crate::step_id::StepId;
use crate::world::busy;
use crate::world::store::{Store, write_json};
use crate::world::terminal::{Printer, Progress};

use archive::Made;
use content::Listing;
use finished::Finished;
use found::Findings;
use set::Arrived;

/// Verifies everything in the store against the plan's scope, or one workflow's share of it, and writes `manifest.json`. A
/// manifest of before is gone as soon as this starts: nothing unverified can be published.
///
/// # Errors
/// `Failure` with exit 3 and every problem, each with its step and job.
pub fn run(printer: &Printer, store: &Store, plan: &Plan, workflow: Option<&Workflow>) -> anyhow::Result<Manifest> {
    busy::remove(&store.manifest())?;
    let inside = |step: &&Step| workflow.is_none_or(|workflow| workflow.steps.contains(&step.id));
    let steps: Vec<&Step> = plan.steps.iter().filter(inside).collect();
    let progress = printer.start("Verifying", format!("{} steps", steps.len()));
    let set = set::arrived(store, plan, &steps)?;
    let job = Verification { store, set: &set, progress: &progress };
    let mut found = job.examine_all(plan, &steps)?;
    found.warnings.iter().for_each(|warning| printer.warn(warning));
    let mut problems = set.problems.clone();
    problems.append(&mut found.problems);
    if !problems.is_empty() {
        return Err(Failure { exit: Exit::Verification, problems }.into());
    }
    let manifest = Manifest {
        schema: MANIFEST_SCHEMA.into(),
        plan: set.plan,
        commit: plan.commit.clone(),
        artifacts: steps.iter().filter_map(|step| set.record(&step.id)).cloned().collect(),
        binaries: found.binaries,
        images: found.images,
    };
    write_json(&store.manifest(), &manifest)?;
    Ok(manifest)
}

struct Verification<'a> {
    store: &'a Store,
    set: &'a Arrived,
    progress: &'a Progress<'a>,
}

impl Verification<'_> {
    /// All steps; archives last, since what they must hold may come out of an asset.
    fn examine_all(&self, plan: &Plan, steps: &[&Step]) -> anyhow::Result<Findings> {
        let (archives, others): (Vec<&Step>, Vec<&Step>) =
            steps.iter().partition(|step| matches!(step.work, Work::Archive(_) | Work::Layer(_)));
        let mut found = self.examine(&others, &BTreeMap::new())?;
        let listings = std::mem::take(&mut found.listings);
        found.problems.append(&mut self.examine(&archives, &listings)?.problems);
        for step in steps {
            match &step.work {
                Work::Image(work) => image::check(self.store, self.set, step, work, &mut found)?,
                Work::Index(work) => image::check_index(self.store, self.set, step, work, &mut found.problems)?,
                _ => {}
            }
        }
        distribution::compare(plan, steps, &|id| self.set.record(id).cloned(), &mut found);
        Ok(found)
    }

    /// Some steps, on all processors; what is found comes in the order of the steps.
    fn examine(&self, steps: &[&Step], assets: &BTreeMap<StepId, Listing>) -> anyhow::Result<Findings> {
        let next = AtomicUsize::new(0);
        let results = Mutex::new(Vec::new());
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(steps.len());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some((index, step)) = take(&next, steps) {
                        let found = self.step(step, assets);
                        results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((index, found));
                    }
                });
            }
        });
        let mut results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        results.sort_by_key(|(index, _)| *index);
        let mut all = Findings::default();
        for (_, found) in results {
            all.append(found?);
        }
        Ok(all)
    }

    fn step(&self, step: &Step, assets: &BTreeMap<StepId, Listing>) -> anyhow::Result<Findings> {
        let Some(record) = self.set.record(&step.id) else { return Ok(Findings::default()) };
        let made = Made { set: self.set, assets };
        let mut found = Findings::default();
        for (index, file) in record.files.iter().enumerate() {
            self.progress.tell(&file.name);
            let file = Finished { step, file };
            let Some(reader) = file.open(self.store, &mut found.problems)? else { continue };
            let problems = match &step.work {
                Work::Binary(work) => binary::check(file, reader, work, &mut found)?,
                Work::Checksums(work) => checksums::check(file, reader, work, self.set)?,
                Work::Archive(work) => match work.outputs[index].format {
                    Format::Binary => archive::check_bare(file, reader, index, work, &made)?,
                    format => archive::check(file, reader, format, work, &made)?,
                },
                Work::Asset(work) => match &work.outputs {
                    AssetOutputs::Bundle([output]) => archive::check_bundle(file, reader, output.format, &mut found)?,
                    AssetOutputs::Files(_) => plain(file, reader)?,
                },
                Work::Layer(work) => layer::check(file, reader, work, &made)?,
                Work::Wheel(work) => distribution::check_wheel(file, reader, work, &mut found)?,
                Work::Sdist(work) => distribution::check_sdist(file, reader, work, &mut found)?,
                Work::Check(_) | Work::Image(_) | Work::Index(_) | Work::Chart(_) => plain(file, reader)?,
            };
            found.problems.extend(problems);
        }
        match &step.work {
            Work::Asset(work @ AssetWork { outputs: AssetOutputs::Files(_), .. }) => {
                found.listings.insert(step.id.clone(), archive::loose(work, record));
            }
            Work::Chart(work) => chart::check(self.store, self.set, step, work, &mut found)?,
            _ => {}
        }
        Ok(found)
    }
}

/// A file of which nothing is known but its bytes.
fn plain(of: Finished<'_>, mut reader: File) -> anyhow::Result<Vec<Problem>> {
    let mut start = Vec::new();
    reader.by_ref().take(lfs::LONGEST + 1).read_to_end(&mut start)?;
    let (digest, size) = Digest::of_reader(start.as_slice().chain(reader))?;
    let pointer =
        lfs::is_pointer_text(&start).then(|| of.problem("lfs-pointer", "is a Git LFS pointer instead of the file"));
    Ok(of.other_bytes(digest, size).into_iter().chain(pointer).collect())
}

fn take<'a, T>(next: &AtomicUsize, items: &'a [T]) -> Option<(usize, &'a T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    items.get(index).map(|item| (index, item))
}

#[cfg(test)]
mod tests;
