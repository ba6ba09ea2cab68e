//! `plan --affected REF`: leaves out what is made from the same inputs as it was at another commit.

use std::collections::BTreeSet;
use std::path::Path;

use crate::plan::{Origin, Plan, Work};
use crate::problem::{Failure, Problem};
use crate::release::{Project, Session, Wish};
use crate::step_id::StepId;
use crate::world::process::Cmd;

/// The steps that stay: those whose inputs differ from what they were, and those without inputs. Everything, if the other
/// commit cannot be planned.
///
/// # Errors
/// For the plan of a tag: what a release publishes is decided by what is public, not by what changed.
pub fn steps(session: &Session, project: &Project, plan: &Plan, reference: &str) -> anyhow::Result<BTreeSet<StepId>> {
    if plan.origin == Origin::Tag {
        let problem = Problem::new("affected-release", "`--affected` does not limit a release");
        let hint = "leave it out, or use `--snapshot`: a release asks its destinations what is there already";
        return Err(Failure::usage(problem.hint(hint)).into());
    }
    let all = || plan.steps.iter().map(|step| step.id.clone()).collect();
    let before = match planned_at(session, project, reference) {
        Ok(before) => before,
        Err(error) => {
            let first = error.to_string();
            let first = first.lines().next().unwrap_or_default();
            session.printer.warn(format!("`{reference}` cannot be planned, so everything is affected: {first}"));
            return Ok(all());
        }
    };
    let is_same = |id: &StepId| {
        let own = plan.inputs.get(id);
        own.is_some_and(|own| before.inputs.get(id).is_some_and(|old| old.digest() == own.digest()))
    };
    let mut left: BTreeSet<StepId> = BTreeSet::new();
    // Each step stands after those it needs.
    for step in &plan.steps {
        let unchanged = match &step.work {
            Work::Image(work) if work.from_dockerfile().is_some() => is_same(&step.id),
            Work::Chart(_) => is_same(&step.id),
            Work::Check(check) => left.contains(&check.subject),
            Work::Index(work) => work.images.iter().all(|image| left.contains(image)),
            _ => false,
        };
        if unchanged {
            left.insert(step.id.clone());
        }
    }
    // What an affected step needs is made again; so are binaries and assets that nothing else is made of.
    let count = left.iter().filter(|id| plan.inputs.contains_key(*id)).count();
    session
        .printer
        .step("Unaffected", format!("{count} images and charts are made from the same inputs as at `{reference}`"));
    Ok(plan.steps.iter().map(|step| step.id.clone()).filter(|id| !left.contains(id)).collect())
}

/// The plan of another commit, in a clone of its own: the work tree stays as it is.
fn planned_at(session: &Session, project: &Project, reference: &str) -> anyhow::Result<Plan> {
    let runner = session.runner();
    let place = tempfile::Builder::new().prefix("longshore-before-").tempdir()?;
    let git = |dir: &Path, args: &[&str]| {
        runner.text(&Cmd::new("git", dir).args(["-c", "safe.directory=*"]).args(args.iter().copied()))
    };
    let commit = format!("{reference}^{{commit}}");
    let commit = git(&project.top, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])?;
    let copy = place.path().join("repository");
    let (from, into) = (project.top.display().to_string(), copy.display().to_string());
    git(place.path(), &["clone", "--quiet", "--shared", "--no-checkout", &from, &into])?;
    git(&copy, &["-c", "advice.detachedHead=false", "checkout", "--quiet", "--detach", commit.trim()])?;
    let folder = copy.join(project.root.strip_prefix(&project.top).unwrap_or(Path::new("")));
    // The tag that started this run is of another commit.
    let env = session.env.only(|name, _| name != "GITHUB_REF");
    let mut selection = session.selection.clone();
    (selection.tags, selection.snapshot) = (Vec::new(), true);
    let inside = session.elsewhere(env, folder, selection);
    Project::open(&inside)?.plan_unsaid(&inside, Wish::default())
}
