//! `check`: every problem of longshore.yaml at once, and of the plan made from it.

use super::missing;
use super::plan::dubious;
use super::report::Report;
use super::unlocked;
use crate::release::{Project, Session, Wish};

pub fn run(session: &Session) -> anyhow::Result<Report> {
    let project = Project::open(session)?;
    // A dirty tree stands in the table; here is no result that it could spoil.
    let plan = project.plan_unsaid(session, Wish { every_component: true, ..Wish::default() })?;
    project.refuse_unlocked(&plan)?;
    session.hide(&plan);
    dubious(session, &plan);
    unlocked::tell(session, &plan)?;
    let name = if project.config.written { project.source.name.as_str() } else { "the assumed configuration" };
    let text = format!("{name} is fine: {} steps\n", plan.steps.len());
    let mut report = Report::plan(text, &plan);
    missing::add(&mut report, session, &project, &plan)?;
    Ok(report.next("longshore plan"))
}
