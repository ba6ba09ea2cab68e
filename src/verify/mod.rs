//! Does each artifact hold what its step promised? Reads bytes, runs nothing.

mod archive;
mod binary;
mod checksums;
mod content;
mod distribution;
mod fit;
mod image;
mod layer;
mod set;
pub mod wheel;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::artifact::{self, InspectedBinary, MANIFEST_SCHEMA, Manifest};
use crate::digest::Digest;
use crate::format::Format;
use crate::lfs;
use crate::plan::{Part, Plan, Step, Work};
use crate::problem::{Exit, Failure, Problem};
use crate::step_id::StepId;
use crate::world::busy;
use crate::world::store::{Store, write_json};
use crate::world::terminal::{Printer, Progress};

use archive::Made;
use content::Listing;
use distribution::Distributions;
use set::Arrived;

/// Verifies everything in the store against the plan's scope, or one part's share of it, and writes `manifest.json`. A
/// manifest of before is gone as soon as this starts: nothing unverified can be published.
///
/// # Errors
/// `Failure` with exit 3 and every problem, each with its step and leg.
pub fn run(printer: &Printer, store: &Store, plan: &Plan, part: Option<&Part>) -> anyhow::Result<Manifest> {
    busy::remove(&store.manifest())?;
    let inside = |step: &&Step| part.is_none_or(|part| part.steps.contains(&step.id));
    let steps: Vec<&Step> = plan.steps.iter().filter(inside).collect();
    let progress = printer.start("Verifying", format!("{} steps", steps.len()));
    let set = set::arrived(store, plan, &steps)?;
    let job = Job { store, set: &set, progress: &progress };
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
    };
    write_json(&store.manifest(), &manifest)?;
    Ok(manifest)
}

/// What reading the files of one or more steps brought to light.
#[derive(Default)]
struct Found {
    problems: Vec<Problem>,
    /// What keeps nobody from publishing.
    warnings: Vec<String>,
    binaries: Vec<InspectedBinary>,
    /// What the bundles of assets hold, by step.
    listings: BTreeMap<StepId, Listing>,
    /// Wheels and sdists.
    distributions: Distributions,
}

struct Job<'a> {
    store: &'a Store,
    set: &'a Arrived,
    progress: &'a Progress<'a>,
}

impl Job<'_> {
    /// All steps; archives last, since what they must hold may come out of an asset.
    fn examine_all(&self, plan: &Plan, steps: &[&Step]) -> anyhow::Result<Found> {
        let (archives, others): (Vec<&Step>, Vec<&Step>) =
            steps.iter().partition(|step| matches!(step.work, Work::Archive(_) | Work::Layer(_)));
        let mut found = self.examine(&others, &BTreeMap::new())?;
        let listings = std::mem::take(&mut found.listings);
        found.problems.append(&mut self.examine(&archives, &listings)?.problems);
        for step in steps {
            match &step.work {
                Work::Image(work) => image::check(self.store, self.set, (step, work), &mut found)?,
                Work::Index(work) => image::check_index(self.store, self.set, (step, work), &mut found.problems)?,
                _ => {}
            }
        }
        distribution::compare((plan, steps), &|id| self.set.record(id).cloned(), &mut found);
        Ok(found)
    }

    /// Some steps, on all processors; what is found comes in the order of the steps.
    fn examine(&self, steps: &[&Step], assets: &BTreeMap<StepId, Listing>) -> anyhow::Result<Found> {
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
        let mut all = Found::default();
        for (_, found) in results {
            let mut found = found?;
            all.problems.append(&mut found.problems);
            all.binaries.append(&mut found.binaries);
            all.listings.append(&mut found.listings);
            all.distributions.append(&mut found.distributions);
        }
        Ok(all)
    }

    fn step(&self, step: &Step, assets: &BTreeMap<StepId, Listing>) -> anyhow::Result<Found> {
        let Some(record) = self.set.record(&step.id) else { return Ok(Found::default()) };
        let made = Made { set: self.set, assets };
        let mut found = Found::default();
        for (index, file) in record.files.iter().enumerate() {
            self.progress.tell(&file.name);
            let Some(mut reader) = self.open(step, file, &mut found.problems)? else { continue };
            let problems = &mut found.problems;
            match (&step.work, step.outputs[index].format.filter(|format| *format != Format::Binary)) {
                (Work::Binary(work), _) => binary::check(step, work, (file, reader), &mut found)?,
                (Work::Checksums(work), _) => checksums::check(step, work, (file, reader), self.set, problems)?,
                (Work::Archive(work), Some(format)) => {
                    archive::check(step, work, (file, format, reader), &made, problems)?;
                }
                (Work::Archive(work), None) => archive::check_bare(step, work, (index, file, reader), &made, problems)?,
                (Work::Asset(_), Some(format)) => archive::check_bundle(step, (file, format, reader), &mut found)?,
                (Work::Layer(work), _) => layer::check(step, work, (file, reader), &made, problems)?,
                (Work::Wheel(work), _) => distribution::check_wheel(step, work, (file, reader), &mut found)?,
                (Work::Sdist(work), _) => distribution::check_sdist(step, work, (file, reader), &mut found)?,
                (Work::Asset(_) | Work::Check(_) | Work::Image(_) | Work::Index(_), _) => {
                    let mut start = Vec::new();
                    reader.by_ref().take(lfs::LONGEST + 1).read_to_end(&mut start)?;
                    problems.extend(other_bytes(step, file, Digest::of_reader(start.as_slice().chain(reader))?));
                    if lfs::is_pointer_text(&start) {
                        let text = format!("`{}` is a Git LFS pointer in place of the file", file.name);
                        problems.push(problem(step, "lfs-pointer", text));
                    }
                }
            }
        }
        if let Work::Asset(work) = &step.work
            && !work.bundle
        {
            found.listings.insert(step.id.clone(), archive::loose(work, record));
        }
        Ok(found)
    }

    /// Opens a finished file; one that is not there, or not as recorded, is a problem.
    fn open(&self, step: &Step, file: &artifact::File, problems: &mut Vec<Problem>) -> anyhow::Result<Option<File>> {
        let path = self.store.file(&step.id, &file.name);
        let kind = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => None,
            Ok(_) => Some("is no plain file"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some("is recorded, but not here"),
            Err(error) => return Err(anyhow::Error::new(error).context(format!("cannot read `{}`", path.display()))),
        };
        if let Some(what) = kind {
            problems.push(problem(step, "missing-artifact", format!("`{}` {what}", file.name)));
            return Ok(None);
        }
        let opened = File::open(&path).map_err(|error| anyhow::anyhow!("cannot read `{}`: {error}", path.display()))?;
        problems.extend(set::wrong_mode(step, file, &opened)?);
        Ok(Some(opened))
    }
}

fn take<'a, T>(next: &AtomicUsize, items: &'a [T]) -> Option<(usize, &'a T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    items.get(index).map(|item| (index, item))
}

/// A problem of a step: names where it was made and how to make it again.
fn problem(step: &Step, code: &'static str, message: impl std::fmt::Display) -> Problem {
    let text = format!("{message} ({})", origin(step));
    Problem::new(code, text).step(&step.id).hint(again(step))
}

/// Where a step is carried out, for people.
fn origin(step: &Step) -> String {
    step.leg.as_ref().map_or_else(|| "`build --rest`".into(), |leg| format!("leg `{leg}`"))
}

/// How its files are made again.
fn again(step: &Step) -> String {
    match &step.leg {
        Some(leg) => format!("run `longshore build --leg {leg}` again and verify with its tar"),
        None => "run `longshore build --rest` again".into(),
    }
}

/// The problem of a file whose bytes are not the recorded ones.
fn other_bytes(step: &Step, file: &artifact::File, (digest, size): (Digest, u64)) -> Option<Problem> {
    if digest == file.sha256 && size == file.size {
        return None;
    }
    let text = if size == file.size {
        format!("`{}` is {digest}, but was made as {}", file.name, file.sha256)
    } else {
        format!("`{}` has {size} bytes, but was made with {}: it was swapped or cut off", file.name, file.size)
    };
    Some(problem(step, "wrong-digest", text))
}

#[cfg(test)]
mod tests;
