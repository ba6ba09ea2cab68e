//! What is still missing before a real release, as the commands that are left to type.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::report::Report;
use super::rival::{self, FOLDER};
use super::table::Table;
use super::unlocked;
use crate::destination::Trusted;
use crate::plan::{DestinationKind, Origin, Plan, Release, alike};
use crate::release::{Project, Session};
use crate::shown::{self, AND};
use crate::workflow;
use crate::world::path::relative_from;
use crate::world::process::Cmd;

/// A command, or what only its reader can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    pub what: String,
    pub why: String,
}

impl Missing {
    /// As one line.
    pub fn line(&self) -> String {
        if self.why.is_empty() { self.what.clone() } else { format!("{} ({})", self.what, self.why) }
    }

    pub fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.into() }
    }
}

/// Puts what is missing below a result, and into its fields.
///
/// # Errors
/// As [`missing`].
pub fn add(report: &mut Report, session: &Session, project: &Project, plan: &Plan) -> anyhow::Result<()> {
    let missing = missing(session, project, plan)?;
    report.fields.value = Some(("missing", serde_json::to_value(&missing)?));
    if missing.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&["BEFORE A REAL RELEASE", "WHY"]);
    for Missing { what, why } in missing {
        table.row([what, why]);
    }
    report.text = format!("{}\n{}", report.text, table.render(&session.printer));
    Ok(())
}

/// In the order in which it is typed; nothing for a snapshot, in CI, or where nothing is published.
///
/// # Errors
/// If registries cannot be told.
pub fn missing(session: &Session, project: &Project, plan: &Plan) -> anyhow::Result<Vec<Missing>> {
    if session.env.is_true("CI") || plan.origin == Origin::Snapshot || plan.destinations.is_empty() {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    if let Some(command) = unlocked::next(session, project, plan)? {
        all.push(Missing::new(command, "base images or charts of others are not locked"));
    }
    let files: Vec<&str> = plan.workflows.iter().map(|workflow| workflow.file.as_str()).collect();
    let lacking = files.iter().find(|file| !is_generated(&project.top, file));
    if let Some(file) = lacking {
        all.push(Missing::new("longshore generate", format!("{FOLDER}/{file} is not there")));
    }
    for rival in rival::find(&project.top, plan) {
        let what = format!("remove what publishes from {FOLDER}/{}", rival.file);
        all.push(Missing::new(what, format!("it runs for tags like `{}`, too, with {}", rival.tag, rival.publishers)));
    }
    let dirty = project.facts.head.dirty.first();
    let is_changed = dirty.is_some() || !all.is_empty();
    if is_changed {
        let why = match dirty {
            Some(_) => format!("the work tree differs from the commit: {}", shown::some(&project.facts.head.dirty, 1)),
            None => String::new(),
        };
        let generated = lacking.is_some() || project.facts.head.dirty.iter().any(|path| path.starts_with(FOLDER));
        all.push(Missing::new(commit(session, project, generated)?, why));
    }
    if project.facts.remote.is_none() && project.facts.remotes.is_empty() {
        let why = format!("without it the repository is assumed to be `{}`", plan.repository);
        let origin = Cmd::new("git", &project.top).args(["remote", "get-url", "origin"]);
        let what = if session.runner().text(&origin).is_ok() {
            "git remote set-url origin URL"
        } else {
            "git remote add origin URL"
        };
        all.push(Missing::new(what, why));
    }
    all.extend(publishers(plan));
    if plan.origin == Origin::Tag && !is_changed {
        all.push(Missing::new(push_tags(project, plan), "unless the tag is there"));
    } else {
        all.extend(tags(project, plan));
    }
    Ok(all)
}

fn is_generated(top: &Path, file: &str) -> bool {
    std::fs::read_to_string(top.join(FOLDER).join(file)).is_ok_and(|text| workflow::is_generated(&text))
}

/// `git add … && git commit …`, as it is typed in the folder where the user is.
///
/// # Errors
/// If that folder cannot be told.
pub fn commit(session: &Session, project: &Project, generated: bool) -> anyhow::Result<String> {
    let here = session.folder()?;
    let mut paths: Vec<PathBuf> = Vec::new();
    if project.config.written {
        let name = project.source.name.rsplit(['/', '\\']).next().unwrap_or_default();
        paths.push(project.root.join(name));
    }
    if generated {
        paths.push(project.top.join(FOLDER));
    }
    if paths.is_empty() {
        return Ok("git commit -a".into());
    }
    let paths: Vec<String> = paths.iter().map(|path| relative_from(&here, path)).collect();
    Ok(format!("git add {}{AND}git commit -m \"release workflow\"", shell_words::join(&paths)))
}

/// What an index must know before it trusts a workflow; whether it does cannot be asked.
fn publishers(plan: &Plan) -> Option<Missing> {
    let trusted = plan.destinations.iter().find_map(|destination| match &destination.kind {
        DestinationKind::Pypi(pypi) if pypi.trusted != Trusted::Never => Some(&destination.name),
        _ => None,
    })?;
    let what = format!("register the workflow at `{trusted}` as a trusted publisher");
    Some(Missing::new(what, "unless it is, or a token is used; `longshore generate` shows what to enter"))
}

/// The tag to push; if all are taken, another version comes first.
pub fn tags(project: &Project, plan: &Plan) -> Vec<Missing> {
    let is_free = |tag: &&str| !project.facts.tags.iter().any(|known| known.name == **tag);
    let free: Vec<&str> = plan.releases.iter().map(|release| release.tag.as_str()).filter(is_free).collect();
    let raise = |release: &Release, why: String| {
        let tag = release.tags.replace("{version}", "VERSION");
        vec![Missing::new("bump the version and commit that", why), Missing::new(push(&tag), "VERSION is the new one")]
    };
    match (free.as_slice(), plan.releases.first()) {
        ([], None) => Vec::new(),
        ([], Some(release)) => raise(release, format!("the tag `{}` already exists", release.tag)),
        ([tag], Some(release)) => match alike::released_as(&project.facts, release) {
            Some(why) => raise(release, why),
            None => vec![Missing::new(push(tag), "")],
        },
        (tags, _) => vec![Missing::new(push("TAG"), format!("TAG is one of {}", tags.join(", ")))],
    }
}

/// What publishes the releases whose tags are there.
pub fn push_tags(project: &Project, plan: &Plan) -> String {
    let is_there = |tag: &&str| project.facts.tags.iter().any(|known| known.name == **tag);
    let tags: Vec<&str> = plan.releases.iter().map(|release| release.tag.as_str()).filter(is_there).collect();
    format!("git push origin {}", tags.join(" "))
}

pub fn push(tag: &str) -> String {
    format!("git tag {tag}{AND}git push origin {tag}")
}
