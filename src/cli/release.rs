//! `release`: plan, build, verify, publish and confirm, on this machine.

use super::args;
use super::build::impossible;
use super::error::Refused;
use super::index;
use super::output::{Fields, Report};
use super::publish;
use super::pushed;
use super::registry;
use super::session::{Session, Wish};
use super::stage_file;
use crate::build::{self, Order};
use crate::plan::WithoutTag;
use crate::problem::{Failure, Problem};
use crate::world::store::{Sharing, Store};

/// `longshore release`
///
/// # Errors
/// Of every stage; nothing is started if this machine cannot build all of it.
pub fn run(session: &Session, args: &args::Release) -> anyhow::Result<Report> {
    if session.env.get(stage_file::VARIABLE).is_some() {
        let text = format!("`{}` is set: nothing would be released", stage_file::VARIABLE);
        let hint = format!("`unset {}`; to try it: `longshore rehearse`", stage_file::VARIABLE);
        return Err(Failure::usage(Problem::new("bad-stage", text).hint(hint)).into());
    }
    let project = session.project()?;
    let wish =
        Wish { without_tag: WithoutTag::Refuse, here: true, prebuilt: args.prebuilt.as_deref(), ..Wish::default() };
    let plan = session.plan(&project, wish)?;
    let registries = registry::registries(session, &plan)?;
    let endpoints = publish::endpoints(&plan, &session.env)?;
    let indexes = index::indexes(&plan, &session.env)?;
    let cannot = impossible(&plan, args.prebuilt.as_deref())?;
    if !cannot.is_empty() {
        let ids: Vec<String> = cannot.iter().map(|step| format!("  {}", step.id)).collect();
        let text =
            format!("this machine cannot build {} of {} steps:\n{}", ids.len(), plan.steps.len(), ids.join("\n"));
        let hint = format!(
            "push the tag (`git push origin {}`) and let CI build, or bring them with `--prebuilt DIR`",
            tags(&plan)
        );
        return Err(Failure::usage(Problem::new("cannot-build", text).hint(hint)).into());
    }
    pushed::check(session, &plan, &registries, &project.root)?;
    publish::ask(session, &plan, None)?;
    let store = Store::open(&project.root, &plan.output, Sharing::Nobody, &session.printer)?;
    let order = Order {
        plan: &plan,
        steps: plan.steps.iter().collect(),
        prebuilt: args.prebuilt.clone(),
        keep_going: false,
        registries: Some(registries.clone()),
        complete: false,
        docker_archive: None,
        install: false,
        every_python: false,
    };
    let during = |error| Refused::during(error, Fields { plan: Some(plan.clone()), ..Fields::default() });
    build::run(&session.runner(), &session.printer, &store, &order).map_err(during)?;
    let manifest = crate::verify::run(&session.printer, &store, &plan, None).map_err(during)?;
    let destinations = plan.destinations.iter().map(|destination| destination.name.clone()).collect();
    let order = crate::publish::Order {
        plan: &plan,
        part: None,
        manifest: &manifest,
        store: &store,
        endpoints: &endpoints,
        registries: &registries,
        indexes: &indexes,
        destinations,
        wait: std::time::Duration::ZERO,
        run: None,
    };
    let receipts = publish::publish(session, &order)?;
    Ok(publish::report(session, &plan, receipts))
}

fn tags(plan: &crate::plan::Plan) -> String {
    plan.releases.iter().map(|release| release.tag.as_str()).collect::<Vec<_>>().join(" ")
}
