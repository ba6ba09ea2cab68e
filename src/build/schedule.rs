//! In which order steps are carried out, which ones together, and what remains of those that fail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::binary::{self, Compilation};
use super::checks::{container, import, readme, rebuild, render, resolve, secrets, smoke};
use super::image::{self, Bases};
use super::log::Log;
use super::machine::Machine;
use super::order::{Order, is_idle};
use super::reuse::Reuse;
use super::supplied::Supply;
use super::{archive, asset, chart, checksums, dockerfile, layer, needs, stored, wheel};
use crate::artifact::{ARTIFACT_SCHEMA, Artifact, CheckResult, File};
use crate::digest::Digest;
use crate::plan::{Check, CheckWork, Step, Work};
use crate::problem::{Exit, Failure, Problem};
use crate::step_id::StepId;
use crate::world::disk;
use crate::world::terminal::{Printer, Progress};

/// Carries out all steps and returns their records in the order of the steps.
///
/// # Errors
/// `Failure` with exit 7, or 3 for what PyPI would refuse, and a problem for each failed step.
pub fn carry_out(
    machine: Machine<'_>,
    printer: &Printer,
    order: &Order<'_>,
    supply: &Supply<'_>,
) -> anyhow::Result<Vec<Artifact>> {
    let mut pending: Vec<&Step> = order.steps.iter().copied().filter(|step| !is_idle(step)).collect();
    let mut records: BTreeMap<String, Artifact> = BTreeMap::new();
    let (mut problems, mut exit) = (Vec::new(), None);
    let reuse = Reuse::ask(machine, &pending)?;
    let is_built = |step: &&Step| reuse.found(&step.id).is_none() && !reuse.leaves_out(step);
    let built: Vec<&Step> = pending.iter().copied().filter(is_built).collect();
    dockerfile::refuse_without_engine(machine.runner, &built)?;
    let bases = Bases::ask(order.registries.as_ref(), &order.steps);
    let commit = archive::Files::of(machine, &order.steps)?;
    let site = Schedule { machine, order, supply, digest: order.plan.digest(), bases, commit, reuse };
    while !pending.is_empty() && (problems.is_empty() || order.keep_going) {
        anyhow::ensure!(!machine.runner.is_stopped(), "interrupted");
        let batch = next(&pending, supply);
        if batch.is_empty() {
            break;
        }
        let ids: BTreeSet<&str> = batch.iter().map(|step| step.id.as_str()).collect();
        pending.retain(|step| !ids.contains(step.id.as_str()));
        let (done, failed) = site.batch(printer, &batch);
        for record in done {
            records.insert(record.step.clone(), record);
        }
        for Failed { steps, mut problem, exit: own } in failed {
            exit = exit.or(own);
            let lost = drop_dependents(&mut pending, steps);
            if order.keep_going && !lost.is_empty() {
                problem.message.push_str(&format!("; skipped because of it: {}", lost.join(", ")));
            }
            problems.push(problem);
        }
    }
    if !problems.is_empty() {
        return Err(Failure { exit: exit.unwrap_or(Exit::Build), problems }.into());
    }
    Ok(order.steps.iter().filter_map(|step| records.remove(step.id.as_str())).collect())
}

/// Removes what needs a failed step, directly or not, and names it.
fn drop_dependents(pending: &mut Vec<&Step>, failed: Vec<StepId>) -> Vec<String> {
    let mut dropped = Vec::new();
    let mut lost: BTreeSet<StepId> = failed.into_iter().collect();
    let mut before = usize::MAX;
    while before != pending.len() {
        before = pending.len();
        pending.retain(|step| {
            let is_lost = step.needs.iter().any(|need| lost.contains(need));
            if is_lost {
                lost.insert(step.id.clone());
                dropped.push(format!("`{}`", step.id));
            }
            !is_lost
        });
    }
    dropped
}

/// The steps to carry out next, together: equal cargo settings, or all archives; anything else alone. What may fail for
/// reasons of the user's comes before packing.
fn next<'a>(pending: &[&'a Step], supply: &Supply<'_>) -> Vec<&'a Step> {
    let waiting: BTreeSet<&str> = pending.iter().map(|step| step.id.as_str()).collect();
    let ready =
        || pending.iter().copied().filter(|step| step.needs.iter().all(|need| !waiting.contains(need.as_str())));
    let Some(first) = ready().min_by_key(|step| rank(step)) else { return Vec::new() };
    if is_alone(first, supply) {
        return ready().filter(|step| is_alone(step, supply) && rank(step) == rank(first)).collect();
    }
    let compiled = |step: &Step| supply.compiled.iter().find(|compilation| compilation.step.id == step.id);
    match compiled(first) {
        Some(compilation) => {
            ready().filter(|step| compiled(step).is_some_and(|other| compilation.goes_with(other))).collect()
        }
        None => vec![first],
    }
}

/// Whether a step shares nothing with others: several of them are carried out at once. Commands of the user's come first in
/// the order they are written.
fn is_alone(step: &Step, supply: &Supply<'_>) -> bool {
    match &step.work {
        Work::Archive(_) => true,
        Work::Image(work) => work.from_dockerfile().is_some_and(|recipe| recipe.before.is_empty()),
        Work::Check(CheckWork { check: Check::Secrets(_), .. }) => true,
        _ => supply.prebuilt.contains_key(step.id.as_str()),
    }
}

fn rank(step: &Step) -> u8 {
    match step.work {
        Work::Asset(_) => 0,
        Work::Binary(_) => 1,
        Work::Check(_) => 2,
        Work::Archive(_) => 3,
        Work::Layer(_) => 4,
        Work::Image(_) => 5,
        Work::Index(_) => 6,
        Work::Wheel(_) | Work::Sdist(_) => 3,
        Work::Chart(_) => 6,
        Work::Checksums(_) => 7,
    }
}

/// So many steps that are carried out at once are named one by one.
const FEW: usize = 4;

struct Failed {
    steps: Vec<StepId>,
    problem: Problem,
    /// How the process ends, if not the step itself failed, such as a missing base image.
    exit: Option<Exit>,
}

/// What all steps of an order share.
struct Schedule<'a> {
    machine: Machine<'a>,
    order: &'a Order<'a>,
    supply: &'a Supply<'a>,
    digest: Digest,
    bases: Bases,
    commit: archive::Files,
    reuse: Reuse,
}

impl Schedule<'_> {
    fn batch(&self, printer: &Printer, steps: &[&Step]) -> (Vec<Artifact>, Vec<Failed>) {
        if steps.len() > 1 && is_alone(steps[0], self.supply) {
            return self.at_once(printer, steps);
        }
        let progress = printer.start(verb(steps[0], self.supply), names(steps));
        let done = self.together(&progress, steps, false);
        drop(progress);
        match done {
            Ok(records) => {
                warn(printer, &records);
                (records, Vec::new())
            }
            Err(failed) => (Vec::new(), vec![*failed]),
        }
    }

    /// As many at once as there are processors; each one's bytes depend on itself alone.
    fn at_once(&self, printer: &Printer, steps: &[&Step]) -> (Vec<Artifact>, Vec<Failed>) {
        let what = match steps[0].work {
            Work::Archive(_) => format!("{} archives", steps.len()),
            Work::Image(_) if steps.len() > FEW => format!("{} images", steps.len()),
            Work::Check(_) if steps.len() > FEW => format!("{} images for secrets", steps.len()),
            Work::Image(_) | Work::Check(_) => names(steps),
            _ => format!("{} prebuilt files", steps.len()),
        };
        let progress = printer.start(verb(steps[0], self.supply), what);
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let results = Mutex::new(BTreeMap::new());
        let threads = thread::available_parallelism().map_or(1, usize::from).min(steps.len());
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(&step) = steps.get(number) else { return };
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let result = self.together(&progress, &[step], true);
                        if result.is_err() && !self.order.keep_going {
                            stop.store(true, Ordering::Relaxed);
                        }
                        if let Ok(mut results) = results.lock() {
                            results.insert(number, result);
                        }
                    }
                });
            }
        });
        let (mut records, mut failed) = (Vec::new(), Vec::new());
        for result in results.into_inner().unwrap_or_default().into_values() {
            match result {
                Ok(made) => {
                    warn(printer, &made);
                    records.extend(made);
                }
                Err(problem) => failed.push(*problem),
            }
        }
        failed.sort_by(|one: &Failed, other| one.steps.cmp(&other.steps));
        (records, failed)
    }

    /// Carries out steps that belong together, and writes their records. `named`: others are carried out at the same time, so
    /// each line that is shown names its step.
    fn together(&self, progress: &Progress<'_>, steps: &[&Step], named: bool) -> Result<Vec<Artifact>, Box<Failed>> {
        let ids: Vec<&StepId> = steps.iter().map(|step| &step.id).collect();
        let failed = |error: &anyhow::Error, hint: String| {
            let named: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
            let message = format!("{} failed: {error:#}", named.join(", "));
            let steps = ids.iter().copied().cloned().collect();
            match error.downcast_ref::<Failure>() {
                Some(Failure { exit, problems }) if !problems.is_empty() => {
                    Box::new(Failed { steps, problem: problems[0].clone().step(ids[0]), exit: Some(*exit) })
                }
                _ => {
                    let full = disk::problem(error).filter(|problem| problem.code == "disk-full");
                    let (problem, exit) = match full {
                        Some(full) => (Problem { message, ..full }, Some(Exit::Unexpected)),
                        None => (Problem::new("step-failed", message).hint(hint), None),
                    };
                    Box::new(Failed { steps, problem: problem.step(ids[0]), exit })
                }
            }
        };
        let names: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
        let mut log = match self.clear(&names).and_then(|()| Log::create(self.machine.store, &names, progress, named)) {
            Ok(log) => log,
            Err(error) => return Err(failed(&error, "free disk space for the output folder, and build again".into())),
        };
        self.make(&mut log, steps).map_err(|error| {
            log.tell(format_args!("failed: {error:#}"));
            failed(&error, log.hint(self.machine.store))
        })
    }

    fn clear(&self, ids: &[&str]) -> anyhow::Result<()> {
        ids.iter().try_for_each(|id| needs::forget(self.machine.store, id))
    }

    fn make(&self, log: &mut Log<'_>, steps: &[&Step]) -> anyhow::Result<Vec<Artifact>> {
        let (machine, step) = (self.machine, steps[0]);
        let store = machine.store;
        if let Some(record) = self.without_building(log, step)? {
            store.write_record(&record)?;
            return Ok(vec![record]);
        }
        let files = match &step.work {
            Work::Binary(_) | Work::Wheel(_) | Work::Sdist(_)
                if self.supply.prebuilt.contains_key(step.id.as_str()) =>
            {
                let paths = &self.supply.prebuilt[step.id.as_str()];
                paths.iter().for_each(|path| log.tell(format_args!("copied from {}", path.display())));
                vec![binary::take(store, step, paths)?]
            }
            Work::Binary(_) => {
                let compilations: Vec<Compilation<'_>> =
                    steps.iter().filter_map(|step| Compilation::of(step)).collect();
                anyhow::ensure!(compilations.len() == steps.len(), "a binary step has no target");
                binary::compile(machine, log, &compilations)?
            }
            Work::Asset(work) => vec![asset::make(machine, log, step, work)?],
            Work::Archive(work) => vec![archive::make(machine, &self.commit, step, work)?],
            Work::Checksums(work) => vec![checksums::make(machine, step, work)?],
            Work::Wheel(work) => vec![wheel::make(machine, log, step, work)?],
            Work::Sdist(work) => vec![wheel::make_sdist(machine, log, step, work)?],
            Work::Layer(work) => vec![layer::make(machine, &self.commit, step, work)?],
            Work::Image(work) => match work.from_dockerfile() {
                Some(recipe) => vec![dockerfile::make(machine, log, step, work, recipe)?],
                None => vec![image::make(machine, step, work, &self.bases)?],
            },
            Work::Index(work) => vec![image::make_index(machine, step, work)?],
            Work::Chart(work) => vec![chart::make(machine, &self.commit, step, work)?],
            Work::Check(work) => {
                let result = self.check(log, work)?;
                let record = self.record(step, Vec::new(), Some(result.clone()));
                store.write_record(&record)?;
                if matches!(work.check, Check::Readme) {
                    readme::refuse(step, &result)?;
                }
                anyhow::ensure!(result.passed, "{}", result.detail);
                return Ok(vec![record]);
            }
        };
        let mut records = Vec::new();
        for (step, files) in steps.iter().zip(files) {
            for file in &files {
                log.tell(format_args!("built {} ({} bytes, {})", file.name, file.size, file.sha256));
            }
            let record = Artifact { rustflags: log.rustflags.clone(), ..self.record(step, files, None) };
            store.write_record(&record)?;
            records.push(record);
        }
        Ok(records)
    }

    /// The record of an image that was published before, and of what only images like that would need.
    fn without_building(&self, log: &mut Log<'_>, step: &Step) -> anyhow::Result<Option<Artifact>> {
        let is_left_out = match &step.work {
            Work::Index(index) => index.images.iter().any(|image| stored::is_not_needed(self.machine.store, image)),
            _ => self.reuse.leaves_out(step),
        };
        if is_left_out {
            let why = "all images on it were published before from the same inputs";
            log.tell(format_args!("not needed: {why}"));
            let record = self.record(step, Vec::new(), None);
            return Ok(Some(Artifact { not_needed: Some(why.to_owned()), ..record }));
        }
        let Work::Image(work) = &step.work else { return Ok(None) };
        self.reuse.refused(&step.id).iter().for_each(|why| log.tell(why));
        let Some(found) = self.reuse.found(&step.id) else { return Ok(None) };
        log.tell(format_args!("taken from `{}`, which was published from the same inputs", found.place));
        let files = dockerfile::take_published(self.machine, step, work, found)?;
        Ok(Some(Artifact { published: Some(found.place.clone()), ..self.record(step, files, None) }))
    }

    /// Carries out a check of whatever kind.
    fn check(&self, log: &mut Log<'_>, work: &CheckWork) -> anyhow::Result<CheckResult> {
        let machine = self.machine;
        let subject = machine.step(&work.subject)?;
        match &work.check {
            Check::Smoke(check) => smoke::run(machine.runner, log, machine.store, subject, check),
            Check::Container(check) => container::run(machine, log, check, &work.subject),
            Check::Secrets(check) => secrets::run(machine, log, check, &work.subject),
            Check::Import(check) => import::run(machine, log, check, subject),
            Check::Resolve(check) => resolve::run(machine, log, check, subject),
            Check::Readme => readme::run(machine.runner, log, machine.store, subject),
            Check::Render(check) => render::run(machine, log, check, &work.subject),
            Check::Rebuild(check) => rebuild::run(machine, log, &work.subject, &check.wheel),
        }
    }

    fn record(&self, step: &Step, files: Vec<File>, check: Option<CheckResult>) -> Artifact {
        Artifact {
            schema: ARTIFACT_SCHEMA.to_owned(),
            step: step.id.to_string(),
            kind: step.work.kind().to_owned(),
            plan: self.digest,
            commit: self.order.plan.commit.clone(),
            files,
            check,
            rustflags: Vec::new(),
            published: None,
            not_needed: None,
        }
    }
}

/// What checks could not prove.
fn warn(printer: &Printer, records: &[Artifact]) {
    let checks = records.iter().filter_map(|record| Some((&record.step, record.check.as_ref()?)));
    for (step, warning) in checks.flat_map(|(step, check)| check.warnings.iter().map(move |one| (step, one))) {
        printer.warn_of(step, warning);
    }
}

fn verb(step: &Step, supply: &Supply<'_>) -> &'static str {
    match step.work {
        Work::Asset(_) => "Making",
        _ if supply.prebuilt.contains_key(step.id.as_str()) => "Copying",
        Work::Binary(_) => "Compiling",
        Work::Check(_) => "Checking",
        Work::Archive(_) => "Packing",
        Work::Checksums(_) => "Computing",
        Work::Wheel(_) | Work::Sdist(_) => "Building",
        Work::Chart(_) => "Packaging",
        Work::Layer(_) => "Building",
        Work::Image(ref work) if work.from_dockerfile().is_some() => "Building",
        Work::Image(_) | Work::Index(_) => "Assembling",
    }
}

fn names(steps: &[&Step]) -> String {
    let ids: Vec<&str> = steps.iter().map(|step| step.id.as_str()).collect();
    ids.join(", ")
}
