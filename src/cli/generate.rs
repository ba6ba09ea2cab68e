//! `generate`: the workflow files of `.github/workflows`, written anew or compared.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use url::Url;

use super::actions_lock::{self, ActionsLock};
use super::args;
use super::inside;
use super::missing;
use super::report::Report;
use super::rival::{self, FOLDER};
use super::table::Table;
use super::unlocked;
use crate::destination::Trusted;
use crate::facts::{self, Remote};
use crate::plan::{DestinationKind, Origin, Plan, Step, Workflow, destination};
use crate::problem::{Exit, Failure, Problem};
use crate::release::{Project, Session, Wish, config_file};
use crate::workflow::pins::{self, ACTION, Own, Pin};
use crate::workflow::{self, Pins};
use crate::world::http::{Client, Request};
use crate::world::runtime;
use crate::world::sink;

/// How long GitHub may take to say which commit the action's tag is.
const PATIENCE: Duration = Duration::from_secs(15);

/// A workflow file: as it is there, and as it should be.
struct File {
    name: String,
    path: PathBuf,
    there: Option<String>,
}

/// `longshore generate`
///
/// # Errors
/// Exit 2 if a file is in the way or nothing is published, 8 for `--check`.
pub fn run(session: &Session, args: &args::Generate) -> anyhow::Result<Report> {
    let project = Project::open_as_cloned(session)?;
    let top = project.top.clone();
    refuse_unread(&project)?;
    let plan = project.plan(session, Wish { every_release: true, stub_bases: true, ..Wish::default() })?;
    if plan.workflows.is_empty() {
        let problem = Problem::new("nothing-published", "nothing is published, so no workflow is needed");
        return Err(Failure::usage(problem.hint("destinations are listed under `publish:`")).into());
    }
    let files = files(&plan, &top)?;
    refuse_foreign(&files, args.check)?;
    let lock = ActionsLock::of(&top, &session.printer);
    let own = own(session, args, &files, &lock)?;
    let directory = project.root.strip_prefix(&top).unwrap_or(Path::new("")).to_string_lossy().replace('\\', "/");
    let wanted: Vec<String> = plan
        .workflows
        .iter()
        .zip(&files)
        .map(|(workflow, file)| {
            let there = file.there.as_deref().unwrap_or_default();
            let pins = Pins::new(own.clone()).keeping(there, |uses| lock.locks(&file.name, uses));
            workflow::write(&plan, workflow, &pins, &directory)
        })
        .collect();
    warn_of_others(session, &top, &plan);
    if args.check {
        return check(session, &files, &wanted, &lock);
    }
    let folder = top.join(FOLDER);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let (table, is_changed) = write(&files, &wanted)?;
    if !files.iter().all(|file| is_fixed(&lock, &file.name, &own)) {
        session.printer.warn(format!(
            "the action is not pinned: `{ACTION}@{}` can be moved; `longshore generate` pins it once GitHub answers, \
             `--action-ref SHA` pins it without asking",
            reference(&own)
        ));
    }
    let mut text = table.render(&session.printer);
    let (remote, _) = facts::git::remote_of(&session.runner(), &session.env, &top)?;
    text.push_str(&publishers(session, &plan, remote.as_ref()));
    let mut report = Report::text(text);
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    report.fields.value = Some(("files", serde_json::json!(names)));
    let next = next(session, &project, &plan, is_changed)?;
    let is_unlocked = files.iter().zip(&wanted).any(|(file, text)| !lock.unlocked(&file.name, text).is_empty());
    // GitHub does not start such a workflow.
    Ok(report.next(if is_unlocked { format!("{}\n      {next}", actions_lock::COMMAND) } else { next }))
}

/// The jobs read longshore.yaml and nothing else: what was generated from another file would not be what they do.
fn refuse_unread(project: &Project) -> anyhow::Result<()> {
    let name = project.source.name.rsplit(['/', '\\']).next().unwrap_or_default();
    if !project.config.written || name == config_file::CONFIG {
        return Ok(());
    }
    let text = format!("the workflows would not read `{}`", project.source.name);
    Err(Failure::usage(Problem::new("config-not-read", text).hint("rename it to `longshore.yaml`")).into())
}

/// Whether what a workflow calls of ours cannot be moved.
fn is_fixed(lock: &ActionsLock, file: &str, own: &Own) -> bool {
    own.is_fixed() || matches!(own, Own::At(pin) if lock.locks(file, &format!("{ACTION}@{}", pin.reference)))
}

/// The workflow files of a plan, as they are there.
fn files(plan: &Plan, top: &Path) -> anyhow::Result<Vec<File>> {
    let file = |workflow: &Workflow| {
        inside::refuse_links_out(top, &format!("{FOLDER}/{}", workflow.file))?;
        let path = top.join(FOLDER).join(&workflow.file);
        Ok(File { name: workflow.file.clone(), there: read(&path)?, path })
    };
    plan.workflows.iter().map(file).collect()
}

/// Writes what is not there yet, and says whether that was anything.
fn write(files: &[File], wanted: &[String]) -> anyhow::Result<(Table, bool)> {
    let mut is_changed = false;
    let mut table = Table::new(&["FILE", "STATE", "LINES"]);
    for (file, text) in files.iter().zip(wanted) {
        let state = if file.there.as_ref().is_some_and(|there| there.replace("\r\n", "\n") == *text) {
            "unchanged"
        } else {
            is_changed = true;
            sink::write(&file.path, text.as_bytes())?;
            if file.there.is_some() { "changed" } else { "written" }
        };
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#')).count();
        table.row([format!("{FOLDER}/{}", file.name), state.to_owned(), lines.to_string()]);
    }
    Ok((table, is_changed))
}

/// The commands that are left, one a line.
fn next(session: &Session, project: &Project, plan: &Plan, is_changed: bool) -> anyhow::Result<String> {
    // With tags and what is not committed; before the first commit nothing is known of them.
    let here = Project::open(session).ok();
    // What the plan job would find only after the tag was pushed.
    let lock = unlocked::next(session, project, plan)?;
    let mut lines: Vec<String> = lock.iter().cloned().collect();
    if is_changed || lock.is_some() || here.as_ref().is_none_or(|here| !here.facts.head.dirty.is_empty()) {
        lines.push(missing::commit(session, project, true)?);
    }
    let project = here.as_ref().unwrap_or(project);
    let is_ready = lines.is_empty();
    let wish = Wish { every_component: true, stub_bases: true, ..Wish::default() };
    match project.plan_unsaid(session, wish) {
        Ok(plan) if is_ready && plan.origin == Origin::Tag => lines.push(missing::push_tags(project, &plan)),
        Ok(plan) => lines.extend(missing::tags(project, &plan).into_iter().map(|one| one.line())),
        Err(_) => {
            let form = plan.releases.first().map(|release| release.tags.as_str()).unwrap_or_default();
            lines.push(missing::push(&form.replace("{version}", "VERSION")));
        }
    }
    Ok(lines.join("\n      "))
}

fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Ok(Some(String::new())),
        Err(error) => Err(anyhow::Error::new(error).context(format!("cannot read `{}`", path.display()))),
    }
}

/// Refuses to overwrite a file written by hand.
fn refuse_foreign(files: &[File], check: bool) -> anyhow::Result<()> {
    let foreign = |file: &&File| file.there.as_deref().is_some_and(|text| !workflow::is_generated(text));
    let problems: Vec<Problem> = files
        .iter()
        .filter(foreign)
        .map(|file| {
            let text = format!("`{FOLDER}/{}` exists and was not generated; it is not overwritten", file.name);
            let hint = match files {
                [_] => format!(
                    "add `workflows: {{ longshore.yml: {{}} }}` to longshore.yaml (or rename `{}:` there), or move your file away",
                    file.name
                ),
                _ => format!("rename `{}:` under `workflows:` in longshore.yaml, or move your file away", file.name),
            };
            Problem::new("foreign-workflow", text).hint(hint)
        })
        .collect();
    let exit = if check { Exit::Drift } else { Exit::Usage };
    if problems.is_empty() { Ok(()) } else { Err(Failure { exit, problems }.into()) }
}

/// Files that publish nothing, those that were generated once and are named no more, and others that would release the same
/// once more: said, never deleted.
fn warn_of_others(session: &Session, top: &Path, plan: &Plan) {
    for name in &plan.idle {
        session.printer.warn(format!("`{FOLDER}/{name}` is not written: nothing is published to its destinations"));
    }
    let Ok(entries) = std::fs::read_dir(top.join(FOLDER)) else { return };
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    let named =
        |name: &String| plan.idle.contains(name) || plan.workflows.iter().any(|workflow| workflow.file == *name);
    for name in names.iter().filter(|name| !named(name)) {
        let Some(text) = read(&top.join(FOLDER).join(name)).ok().flatten() else { continue };
        if workflow::is_generated(&text) {
            let text = format!("`{FOLDER}/{name}` was generated, but is no longer in longshore.yaml");
            session.printer.warn(format!("{text}: delete it, or add it to `workflows:`"));
        }
    }
    for rival in rival::find(top, plan) {
        session.printer.warn(format!("{rival}: only one workflow may publish a release, remove it there"));
    }
}

/// How the action is called: `--action-ref`, else what the files have, else the commit of its newest version.
fn own(session: &Session, args: &args::Generate, files: &[File], lock: &ActionsLock) -> anyhow::Result<Own> {
    if let Some(text) = &args.action_ref {
        if !is_reference(text) {
            let problem = Problem::new("bad-action-ref", format!("`{text}` is not a commit, branch or tag"));
            let hint = "give the 40 hex digits of a commit, or `./` for the action in this repository";
            return Err(Failure::usage(problem.hint(hint)).into());
        }
        return Ok(Own::of(text));
    }
    let mut there: Vec<(&str, Own)> = Vec::new();
    for file in files {
        let own = file.there.as_deref().map(pins::own).unwrap_or_default();
        there.extend(own.into_iter().map(|own| (file.name.as_str(), own)));
    }
    if let Some((name, other)) = there.iter().find(|(_, own)| reference(own) != reference(&there[0].1)) {
        let text = format!(
            "the files pin the action differently: `{}` in `{}`, `{}` in `{name}`",
            reference(&there[0].1),
            there[0].0,
            reference(other)
        );
        let problem = Problem::new("two-action-pins", text)
            .hint("they plan one release together: `longshore generate --action-ref SHA` pins all to one commit");
        return Err(Failure::new(if args.check { Exit::Drift } else { Exit::Usage }, problem).into());
    }
    match there.into_iter().next() {
        Some((name, own)) if is_fixed(lock, name, &own) || args.check => Ok(own),
        _ if args.check => Ok(Own::of(&newest())),
        Some((_, Own::At(pin))) if is_reference(&pin.reference) => Ok(resolve(session, &pin.reference)),
        _ => Ok(resolve(session, &newest())),
    }
}

/// Whether a text can be a commit, branch or tag, and nothing more.
fn is_reference(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte))
}

/// The moving tag of the action that takes this program's configuration.
fn newest() -> String {
    format!("v{}", env!("CARGO_PKG_VERSION_MAJOR"))
}

fn reference(own: &Own) -> String {
    match own {
        Own::At(pin) => pin.reference.clone(),
        Own::Here => "./".into(),
    }
}

/// Asks GitHub for the commit of a tag or branch of the action; without an answer that itself is taken.
fn resolve(session: &Session, tag: &str) -> Own {
    let found = commit(session, tag).inspect_err(|error| {
        session.printer.warn(format!("cannot ask GitHub which commit `{ACTION}@{tag}` is: {error}"));
    });
    let pin = found.ok().map(|commit| Pin { reference: commit, version: Some(tag.to_owned()) });
    pin.filter(Pin::is_fixed).map_or_else(|| Own::of(tag), Own::At)
}

/// <https://docs.github.com/rest/commits/commits#get-a-commit>
fn commit(session: &Session, tag: &str) -> anyhow::Result<String> {
    let base = session.env.get("LONGSHORE_GITHUB_API").unwrap_or("https://api.github.com").trim_end_matches('/');
    let url = Url::parse(&format!("{base}/repos/{ACTION}/commits/{tag}"))?;
    let answer = async {
        let client = Client::new(&url)?.stall(PATIENCE);
        Ok::<_, anyhow::Error>(client.send(Request::get(url.clone())).await?)
    };
    let reply = runtime::block_on(async { tokio::time::timeout(PATIENCE, answer).await })???;
    anyhow::ensure!(reply.is_success(), "HTTP {}", reply.status);
    let value: serde_json::Value = serde_json::from_slice(&reply.body)?;
    Ok(value["sha"].as_str().unwrap_or_default().to_owned())
}

/// Whether every file says what would be written.
fn check(session: &Session, files: &[File], wanted: &[String], lock: &ActionsLock) -> anyhow::Result<Report> {
    let mut problems = Vec::new();
    for (file, wanted) in files.iter().zip(wanted) {
        for uses in lock.unlocked(&file.name, file.there.as_deref().unwrap_or_default()) {
            let text = format!("`{FOLDER}/{}` calls `{uses}`, which actions.lock does not lock for it", file.name);
            session.printer.warn(format!("{text}: GitHub does not start it; run `{}`", actions_lock::COMMAND));
        }
        let problem = match &file.there {
            None => Problem::new("workflow-missing", format!("`{FOLDER}/{}` does not exist", file.name)),
            Some(there) => {
                match workflow::drift::drift(&there.replace("\r\n", "\n"), wanted, |uses| lock.locks(&file.name, uses))
                {
                    None => continue,
                    Some(diff) => {
                        let text = format!("`{FOLDER}/{}` is out of date:\n{}", file.name, diff.trim_end());
                        Problem::new("workflow-drift", text)
                    }
                }
            }
        };
        let hint = "run `longshore generate`; make changes in longshore.yaml instead (`setup`, `jobs`)";
        problems.push(problem.hint(hint));
    }
    if !problems.is_empty() {
        return Err(Failure { exit: Exit::Drift, problems }.into());
    }
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    Ok(Report::text(format!("{} up to date\n", names.join(", "))))
}

/// What must be registered at an index before it trusts a workflow:
/// <https://docs.pypi.org/trusted-publishers/adding-a-publisher/>.
fn publishers(session: &Session, plan: &Plan, remote: Option<&Remote>) -> String {
    let mut table = Table::new(&["PROJECT", "OWNER", "REPOSITORY", "WORKFLOW", "ENVIRONMENT"]);
    let mut places: Vec<&str> = Vec::new();
    // A repository that is named, or a remote that is called a GitHub, is where the workflows are.
    let named = plan.destinations.iter().find_map(|destination| match &destination.kind {
        DestinationKind::Github(github) if github.host == "github.com" => github.repository.split_once('/'),
        _ => None,
    });
    let elsewhere = remote.filter(|remote| !destination::is_github(remote) && named.is_none());
    let (owner, repository) = match remote {
        Some(remote) if destination::is_github(remote) => (remote.owner.as_str(), remote.name.as_str()),
        Some(_) => named.unwrap_or_default(),
        None => ("OWNER", "REPOSITORY"),
    };
    for workflow in &plan.workflows {
        for destination in plan.destinations.iter().filter(|one| workflow.goes_to(&one.name)) {
            let Some(pypi) = destination.kind.pypi() else { continue };
            let place = ["https://pypi.org", "https://test.pypi.org"]
                .into_iter()
                .find(|place| pypi.upload.contains(place.trim_start_matches("https://")));
            let Some(place) = place.filter(|_| pypi.trusted != Trusted::Never) else { continue };
            places.extend((!places.contains(&place)).then_some(place));
            let mut names: Vec<&str> = plan
                .steps
                .iter()
                .filter(|step| workflow.publishes(&destination.name, step))
                .map(Step::artifact)
                .collect();
            names.dedup();
            for name in names {
                let environment = workflow.environment.clone().unwrap_or_else(|| "(any)".into());
                let cells = [name.into(), owner.into(), repository.into(), workflow.file.clone(), environment];
                table.row(cells);
            }
        }
    }
    if places.is_empty() {
        return String::new();
    }
    if let Some(remote) = elsewhere {
        session.printer.warn(format!(
            "no trusted publishers are shown: the git remote is on `{}`, and PyPI knows these workflows in repositories on \
             github.com only",
            remote.host
        ));
        return String::new();
    }
    let pages: Vec<String> = places.iter().map(|place| format!("{place}/manage/account/publishing/")).collect();
    format!("\nregister these trusted publishers at {}\n{}", pages.join(" and "), table.render(&session.printer))
}
