//! `release`: plan, build, verify, publish and confirm, on this machine.

use std::time::Duration;

use super::args;
use super::bases::GivenBases;
use super::error::Refused;
use super::invocation::Invocation;
use super::publish;
use super::report::{Fields, Report};
use crate::plan::{Plan, WithoutTag};
use crate::problem::{Failure, Problem};
use crate::release::stage_file;
use crate::release::steps::impossible;
use crate::release::{Access, Asked, Project, Release, Session, Wish, pushed_tag};
use crate::world::store::{Sharing, Store};

/// `longshore release`
///
/// # Errors
/// Of every stage; nothing is started if this machine cannot build all of it.
pub fn run(invocation: &Invocation, args: &args::Release) -> anyhow::Result<Report> {
    let session = &invocation.session;
    if session.env.get(stage_file::VARIABLE).is_some() {
        let text = format!("`{}` is set: nothing would be released", stage_file::VARIABLE);
        let hint = format!("`unset {}`; to try it: `longshore rehearse`", stage_file::VARIABLE);
        return Err(Failure::usage(Problem::new("bad-stage", text).hint(hint)).into());
    }
    let project = Project::open(session)?;
    let prebuilt = args.prebuilt.as_deref();
    let asked = Asked::Registries;
    let wish = Wish { without_tag: WithoutTag::Refuse, here: true, prebuilt, asked, ..Wish::default() };
    let plan = project.plan(session, wish)?;
    let access = Access::of(session, &plan)?;
    refuse_impossible(&plan, args)?;
    tell_unchanged(session, &plan);
    pushed_tag::check(session, &plan, &access.registries, &project.root)?;
    publish::ask(invocation, &plan, None)?;
    let store = Store::open(&project.root, &plan.output, Sharing::Nobody, &session.printer)?;
    let release = Release { session, plan: &plan, store: &store, access: &access };
    let during = |error| Refused::during(error, Fields { plan: Some(plan.clone()), ..Fields::default() });
    let seen = release.observe().map_err(during)?;
    let mut given = args.bases.as_deref().map(GivenBases::new);
    let bases = given.as_mut().map(|given| given.of_plan(session, &plan)).transpose()?;
    let manifest = release.make(prebuilt, bases).map_err(during)?;
    let receipts =
        release.publish(seen, &manifest, None, Duration::ZERO).map_err(|error| publish::failed(&release, error))?;
    Ok(publish::report(session, &plan, receipts, true))
}

/// What is published already, from the very same inputs.
fn tell_unchanged(session: &Session, plan: &Plan) {
    let each = plan.unchanged.iter().map(|release| format!("{} {}", release.component, release.version));
    let all: Vec<String> = each.collect();
    if !all.is_empty() {
        session.printer.step("Unchanged", all.join(", "));
    }
}

/// All of it is built here, or none.
fn refuse_impossible(plan: &Plan, args: &args::Release) -> anyhow::Result<()> {
    let cannot = impossible(plan, args.prebuilt.as_deref())?;
    if cannot.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = cannot.iter().map(|step| format!("  {}", step.id)).collect();
    let text = format!("this machine cannot build {} of {} steps:\n{}", ids.len(), plan.steps.len(), ids.join("\n"));
    let tags: Vec<&str> = plan.releases.iter().map(|release| release.tag.as_str()).collect();
    let hint = format!(
        "push the tag (`git push origin {}`) and let CI build, or provide them with `--prebuilt DIR`",
        tags.join(" ")
    );
    Err(Failure::usage(Problem::new("cannot-build", text).hint(hint)).into())
}
