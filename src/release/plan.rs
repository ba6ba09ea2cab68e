//! The plan of a project, as a command wants it.

use std::collections::BTreeSet;
use std::path::Path;

use super::access::Access;
use super::project::Project;
use super::rejected::Rejected;
use super::session::Session;
use super::snapshots::{self, Asked};
use super::stage_file::StageFile;
use crate::facts::Facts;
use crate::facts::lock::Lock;
use crate::plan::chart_dependencies::{UsedChart, used as used_charts};
use crate::plan::dockerfile::UsedImage;
use crate::plan::{self, Plan, Request, StubBuilds, WithoutTag};
use crate::problem::{Failure, Problem};
use crate::shown;
use crate::step_id::StepId;
use crate::target::Target;

#[derive(Clone, Copy, Debug, Default)]
pub struct Wish<'a> {
    pub without_tag: WithoutTag,
    /// Only what this machine makes.
    pub host: bool,
    /// Other targets to build on this machine.
    pub also: &'a [Target],
    /// Everything, all of it on this machine.
    pub here: bool,
    /// Base images are stubs: none need be locked.
    pub stub_bases: bool,
    /// Which images from Dockerfiles are stubs.
    pub stub_builds: Option<&'a StubBuilds>,
    /// Only these steps, and what they need.
    pub kept: Option<&'a BTreeSet<StepId>>,
    /// Who is asked for the versions of a snapshot.
    pub asked: Asked,
    /// Folder of prebuilt binaries.
    pub prebuilt: Option<&'a Path>,
    /// Every component, whatever tags are at the commit.
    pub every_component: bool,
    /// For no release in particular: what is the same for all of them.
    pub every_release: bool,
}

impl Project {
    /// Makes the plan.
    ///
    /// # Errors
    /// Every problem of configuration, facts and request.
    pub fn plan(&self, session: &Session, wish: Wish<'_>) -> anyhow::Result<Plan> {
        let plan = self.plan_to_show(session, wish)?;
        self.refuse_unlocked(&plan)?;
        Ok(plan)
    }

    /// The same, also where it cannot be carried out: the caller goes on with [`Self::refuse_unlocked`].
    ///
    /// # Errors
    /// As [`Self::plan`].
    pub fn plan_to_show(&self, session: &Session, wish: Wish<'_>) -> anyhow::Result<Plan> {
        let plan = self.plan_unsaid(session, wish)?;
        if !self.facts.head.dirty.is_empty() {
            let files = shown::some(&self.facts.head.dirty, 1);
            let text =
                format!("the work tree differs from the commit ({files}); the result can only be used on this machine");
            session.printer.warn(text);
        }
        session.hide(&plan);
        Ok(plan)
    }

    /// The same without a word about a dirty tree.
    ///
    /// # Errors
    /// As [`Self::plan`].
    pub fn plan_unsaid(&self, session: &Session, wish: Wish<'_>) -> anyhow::Result<Plan> {
        let request = self.request(session, wish)?;
        let plan = |facts: &Facts| plan::plan(&self.config, facts, &request).map_err(|problems| self.located(problems));
        let first = plan(&self.facts)?;
        if wish.asked == Asked::Nobody || first.snapshots.is_empty() {
            return Ok(first);
        }
        let registries = match wish.asked {
            Asked::Registries => Some(Access::registries(session, &first)?),
            _ => None,
        };
        let published = snapshots::published(session, &first, registries.as_ref())?;
        plan(&Facts { published, ..self.facts.clone() })
    }

    /// The charts of others that charts depend on.
    pub fn charts(&self) -> Vec<UsedChart> {
        used_charts(&self.config, &self.facts)
    }

    /// Every image that Dockerfiles name, with a lock file that may be newer than the project's.
    ///
    /// # Errors
    /// Every problem of these images.
    pub fn images(&self, lock: &Lock) -> anyhow::Result<Vec<UsedImage>> {
        let facts = Facts { lock: lock.clone(), ..self.facts.clone() };
        plan::images(&self.config, &facts).map_err(|problems| self.located(problems))
    }

    /// Refuses a plan that promises a lock file which the commit has not.
    ///
    /// # Errors
    /// One problem for each entry.
    pub fn refuse_unlocked(&self, plan: &Plan) -> anyhow::Result<()> {
        let problems = plan::locked::broken(plan, &self.config, &self.facts);
        if problems.is_empty() { Ok(()) } else { Err(self.located(problems)) }
    }

    /// Problems of a plan, drawn where the configuration says what they are about.
    fn located(&self, problems: Vec<Problem>) -> anyhow::Error {
        let source = self.source.clone();
        let diagnostics = problems.into_iter().map(|problem| source.locate(problem)).collect();
        Rejected { diagnostics, source }.into()
    }
}

impl Project {
    fn request(&self, session: &Session, wish: Wish<'_>) -> anyhow::Result<Request> {
        let (config, request) = (&self.config, request(session, wish)?);
        if config.snapshot && !request.tags.is_empty() {
            let problem =
                Problem::new("snapshot-of-a-tag", "the overlay makes a snapshot, and `--tag` names a release");
            return Err(Failure::usage(problem.hint("leave out one of them")).into());
        }
        let host = if config.host { Some(this_host()?) } else { None };
        Ok(Request { snapshot: request.snapshot || config.snapshot, host: request.host.or(host), ..request })
    }
}

fn request(session: &Session, wish: Wish<'_>) -> anyhow::Result<Request> {
    let chosen = &session.selection;
    let stage = StageFile::of(&session.env)?;
    // Under act there is one machine: a plan that holds more would skip it silently later.
    let host = wish.host || session.env.is_true("ACT");
    Ok(Request {
        tags: chosen.tags.clone(),
        components: chosen.components.clone(),
        every_component: wish.every_component,
        only: chosen.only.clone(),
        kept: wish.kept.cloned(),
        every_release: wish.every_release,
        snapshot: chosen.snapshot,
        label: chosen.label.clone(),
        without_tag: wish.without_tag,
        also: wish.also.to_vec(),
        host: if host { Some(this_host()?) } else { None },
        machine: if wish.here { Some(this_host()?) } else { None },
        stub_bases: wish.stub_bases || stage.is_some(),
        stub_builds: wish.stub_builds.cloned().or(stage.map(|stage| stage.stub_builds)).unwrap_or_default(),
        prebuilt: wish.prebuilt.map(prebuilt).transpose()?.unwrap_or_default(),
    })
}

/// The triple of this machine.
///
/// # Errors
/// If it is unknown.
pub fn this_host() -> anyhow::Result<Target> {
    Target::host().ok_or_else(|| {
        let problem = Problem::new("unknown-host", "the target triple of this machine is unknown");
        Failure::usage(problem).into()
    })
}

/// The files in a folder: `DIR/<triple>/<executable>`, and wheels and sdists by their names.
fn prebuilt(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let names = Target::all().flat_map(|target| [format!("{target}/"), format!("{target}-static/")]);
    for name in names.chain([String::new()]) {
        let Ok(entries) = std::fs::read_dir(folder.join(&name)) else { continue };
        for entry in entries {
            let entry = entry?;
            if let (true, Ok(file)) = (entry.path().is_file(), entry.file_name().into_string()) {
                found.insert(format!("{name}{file}"));
            }
        }
    }
    if found.is_empty() {
        let text = format!("`{}` contains no file that a step uses", folder.display());
        let problem =
            Problem::new("no-prebuilt", text).hint("it must contain <triple>/<executable>, or wheels and sdists");
        return Err(Failure::usage(problem).into());
    }
    Ok(found)
}
