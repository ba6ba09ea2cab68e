//! Bases of images that are not locked: said before a tag is pushed, and not by a job after it.

use super::lock;
use crate::build::image::unlocked;
use crate::plan::{Origin, Plan, Step};
use crate::problem::{Exit, Failure};
use crate::release::stage_file::StageFile;
use crate::release::{Access, Project, Session};
use crate::shown::AND;

/// What pins them.
pub fn command() -> String {
    format!("longshore lock{AND}git add longshore.lock")
}

/// Warns; in CI, for a tag, it is an error: each job after this one would find it, the last ones after everything is built.
///
/// # Errors
/// Exit 2 for a tag in CI.
pub fn tell(session: &Session, plan: &Plan) -> anyhow::Result<()> {
    if StageFile::of(&session.env)?.is_some() {
        return Ok(());
    }
    let steps: Vec<&Step> = plan.steps.iter().collect();
    let problems = unlocked(plan, &steps, &Access::registries(session, plan)?);
    let Some(first) = problems.first() else { return Ok(()) };
    if session.env.is_true("CI") && plan.origin == Origin::Tag {
        return Err(Failure { exit: Exit::Usage, problems }.into());
    }
    let more = match problems.len() {
        1 => String::new(),
        2 => " (1 more is not)".to_owned(),
        count => format!(" ({} more are not)", count - 1),
    };
    session.printer.warn(format!("{}{more}; before pushing a tag, run `{}` and commit", first.message, command()));
    Ok(())
}

/// The command that is still to be typed before the workflows can publish images; nothing without such.
///
/// # Errors
/// If registries cannot be told.
pub fn next(session: &Session, project: &Project, plan: &Plan) -> anyhow::Result<Option<String>> {
    let registries = Access::registries(session, plan)?;
    let steps: Vec<&Step> = plan.steps.iter().collect();
    // What Dockerfiles name is planned anew for the second question.
    let open = !unlocked(plan, &steps, &registries).is_empty() && lock::is_open(project);
    Ok(open.then(command))
}
