//! `rehearse`: the whole release against servers in this process, on the same path as the real one.

use std::time::Duration;

use super::act;
use super::args;
use super::engines;
use super::error::Refused;
use super::missing;
use super::not_made;
use super::publish;
use super::report::{Fields, Report};
use super::servers::{Faults, Servers, Setup};
use super::table::Table;
use super::verify;
use crate::artifact::Manifest;
use crate::build::{self, Order};
use crate::plan::{Plan, WithoutTag};
use crate::problem::{Exit, Failure, Problem};
use crate::publish::Seen;
use crate::receipt::Receipts;
use crate::rehearsal::{github, pypi, registry};
use crate::release::{Access, Asked, Project, Release, Session, Wish};
use crate::target::Target;
use crate::world::store::{Sharing, Store};
use crate::world::terminal::Printer;

/// `longshore rehearse`
///
/// # Errors
/// Of every stage.
pub fn run(session: &Session, args: &args::Rehearse) -> anyhow::Result<Report> {
    let Some(faults) = faults(args.fault.as_deref())? else { return Ok(Report::text(list())) };
    if let Some(workflow) = &args.act {
        return act::run(session, args, workflow.as_deref());
    }
    let project = Project::open(session)?;
    let stub_builds = engines::stub_builds(session, &project, args.bases.is_some());
    let wish = Wish {
        stub_builds: Some(&stub_builds),
        without_tag: WithoutTag::Assume,
        host: true,
        also: &args.also,
        stub_bases: true,
        asked: Asked::Clock,
        prebuilt: args.prebuilt.as_deref(),
        ..Wish::default()
    };
    let plan = project.plan(session, wish)?;
    let store = Store::open(&project.root, &plan.output, Sharing::Nobody, &session.printer)?;
    // Not in the output folder: what is shown stays although another run makes everything anew.
    let spool = tempfile::Builder::new().prefix("longshore-rehearsal-").tempdir()?;
    let setup = Setup { port: args.port, bases: args.bases.as_deref(), faults };
    let servers = Servers::start(&plan, &setup, spool.path())?;
    let access = Access::of_stage(session, &plan, &servers.stage()?)?;
    let release = Release { session, plan: &plan, store: &store, access: &access };
    let during = |error| Refused::during(error, Fields { plan: Some(plan.clone()), ..Fields::default() });
    let manifest = release.make(args.prebuilt.as_deref(), None).map_err(during)?;
    tell(session, &plan, &manifest, args);
    engines::tell(session, &plan);
    let receipts = publish_until_done(&release, &manifest, setup.faults.any())?;
    servers.tell(session);
    let mut report = publish::report(session, &plan, receipts, args.serve);
    report.fields.value = Some(("rehearsal", servers.to_json()));
    left_out(session, &project, &plan, wish);
    if args.serve {
        let stay = servers.stay(session);
        report.stay = Some(Box::new(move || {
            stay();
            drop(spool);
        }));
        return Ok(report);
    }
    let next = missing::missing(session, &project, &plan)?.into_iter().next();
    let next = next.map_or_else(|| missing::push_tags(&project, &plan), |one| one.line());
    Ok(report.next(format!("{next}\n      longshore rehearse --serve, to look at it in a browser")))
}

/// What is left to other machines, and why this one does not make it.
fn left_out(session: &Session, project: &Project, plan: &Plan, wish: Wish<'_>) {
    let lacking = |target: Target| -> anyhow::Result<Vec<Problem>> {
        let also: Vec<Target> = wish.also.iter().copied().chain([target]).collect();
        let plan = project.plan_unsaid(session, Wish { also: &also, ..wish })?;
        let steps = plan.steps.iter().filter(|step| step.target == Some(target)).collect();
        let store = Store::new(&project.root, &plan.output);
        let order = Order::new(&plan, steps, Access::registries(session, &plan)?);
        Ok(build::lacking(&session.runner(), &store, &order))
    };
    not_made::table(session, plan, |target| lacking(target).unwrap_or_default());
}

fn tell(session: &Session, plan: &Plan, manifest: &Manifest, args: &args::Rehearse) {
    let binaries = verify::table(manifest);
    if !binaries.is_empty() {
        binaries.show(&session.printer);
    }
    if let Some(images) = verify::images(plan, manifest) {
        images.show(&session.printer);
        if args.bases.is_none() {
            session.printer.step("Assumed", "base images are stubs without files; `--bases LAYOUT` uses real ones");
        }
    }
}

/// A fault may end a run; the same command again must finish it, and here we are the ones who type it.
fn publish_until_done(release: &Release<'_>, manifest: &Manifest, injected: bool) -> anyhow::Result<Receipts> {
    let printer = &release.session.printer;
    let mut runs = 1;
    loop {
        match release.publish(Seen::default(), manifest, None, Duration::ZERO) {
            Ok(receipts) => return Ok(receipts),
            Err(error) => {
                let exit = error.downcast_ref::<Failure>().map(|failure| failure.exit);
                if injected && runs < 3 && matches!(exit, Some(Exit::Unfinished | Exit::Denied)) {
                    printer.warn(format!("the fault ended the run: {error}"));
                    printer.step("Again", "run the same command again to continue");
                    runs += 1;
                    continue;
                }
                return Err(publish::failed(release, error));
            }
        }
    }
}

/// What stands before the name of a registry's or an index's fault.
const OF_REGISTRY: &str = "registry.";
const OF_INDEX: &str = "pypi.";

/// `--fault`: one name; nothing for `help`.
fn faults(wanted: Option<&str>) -> anyhow::Result<Option<Faults>> {
    let Some(wanted) = wanted else { return Ok(Some(Faults::default())) };
    let mut faults = Faults::default();
    let parsed = if wanted == "help" {
        return Ok(None);
    } else if let Some(name) = wanted.strip_prefix(OF_REGISTRY) {
        name.parse().map(|fault| faults.registry.push(fault))
    } else if let Some(name) = wanted.strip_prefix(OF_INDEX) {
        name.parse().map(|fault| faults.index.push(fault))
    } else {
        wanted.parse().map(|fault| faults.github.push(fault))
    };
    parsed.map(|()| Some(faults)).map_err(|text: String| {
        let problem = Problem::new("unknown-fault", text).hint("`longshore rehearse --fault help` describes them");
        Failure::usage(problem).into()
    })
}

fn list() -> String {
    let mut table = Table::new(&["FAULT", "WHAT HAPPENS"]);
    for fault in github::Fault::all() {
        table.row([fault.to_string(), fault.description().to_owned()]);
    }
    for fault in registry::Fault::all() {
        table.row([format!("{OF_REGISTRY}{fault}"), fault.description().to_owned()]);
    }
    for fault in pypi::Fault::all() {
        table.row([format!("{OF_INDEX}{fault}"), fault.description().to_owned()]);
    }
    table.render(&Printer::silent())
}
