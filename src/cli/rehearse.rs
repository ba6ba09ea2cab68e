//! `rehearse`: the whole release against servers in this process, on the same path as the real one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use tokio::runtime::Runtime;
use url::Url;

use super::act;
use super::args;
use super::error::Refused;
use super::not_made;
use super::output::{Fields, Report};
use super::publish;
use super::session::{Session, Wish};
use super::stage::{self, Stage};
use super::table::Table;
use super::verify;
use crate::artifact::Manifest;
use crate::build::{self, Order};
use crate::plan::{DestinationKind, Plan, WithoutTag};
use crate::problem::{Exit, Failure, Problem};
use crate::publish::{Endpoint, Endpoints};
use crate::receipt::Receipts;
use crate::rehearsal::github::{Fault, Options, Repository, Server, Tag};
use crate::rehearsal::{pypi, registry};
use crate::secret::Secret;
use crate::world::interrupt::{self, Holding};
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
    let project = session.project()?;
    let wish = Wish {
        without_tag: WithoutTag::Assume,
        host: true,
        also: &args.also,
        stand_ins: true,
        prebuilt: args.prebuilt.as_deref(),
        ..Wish::default()
    };
    let plan = session.plan(&project, wish)?;
    let store = Store::open(&project.root, &plan.output, Sharing::Nobody, &session.printer)?;
    let stage = Stage::start(session, &plan, args.bases.as_deref(), &faults.stage)?;
    let order = Order {
        plan: &plan,
        steps: plan.steps.iter().collect(),
        prebuilt: args.prebuilt.clone(),
        keep_going: false,
        registries: Some(stage.registries.clone()),
        complete: false,
        docker_archive: None,
        install: false,
        every_python: false,
    };
    let during = |error| Refused::during(error, Fields { plan: Some(plan.clone()), ..Fields::default() });
    build::run(&session.runner(), &session.printer, &store, &order).map_err(during)?;
    let manifest = crate::verify::run(&session.printer, &store, &plan, None).map_err(during)?;
    session.printer.block(&verify::table(&manifest).render(&session.printer));
    if let Some(images) = verify::images(&plan, &manifest) {
        session.printer.block(&images.render(&session.printer));
        if args.bases.is_none() {
            session.printer.step("Assumed", "each base is a stand-in without files; `--bases LAYOUT` takes real ones");
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Not in the output folder: what is shown stays although another run makes everything anew.
    let spool = tempfile::Builder::new().prefix("longshore-rehearsal-").tempdir()?;
    let scene = (&plan, &manifest, &store);
    let (mut report, server) =
        runtime.block_on(on_stage(session, (args.port, spool.path()), scene, (&stage, faults)))?;
    not_made::tell(session, &plan.scope.not_made, "");
    if args.serve {
        let stay = stay(session, runtime, server, stage);
        report.stay = Some(Box::new(move || {
            stay();
            drop(spool);
        }));
        return Ok(report);
    }
    Ok(report.next("longshore generate   (or look at it in a browser: `longshore rehearse --serve`)"))
}

/// Says where everything is, and keeps it there until the user ends it.
pub fn stay(session: &Session, runtime: Runtime, server: Server, stage: Stage) -> Box<dyn FnOnce()> {
    session.printer.step("Serving", format!("{} until Ctrl-C", server.url()));
    for (host, url) in stage.urls() {
        session.printer.step("Serving", format!("{host} at {url}"));
    }
    for (name, url) in stage.packages() {
        session.printer.step("Serving", format!("{name}: pip install --index-url {url}/simple/"));
    }
    // Listens from here on: whoever reads the result may answer it at once.
    let ours = Holding::elsewhere();
    let told = {
        let _entered = runtime.enter();
        interrupt::told_to_end()
    };
    Box::new(move || {
        if let Ok(told) = told {
            runtime.block_on(told);
        }
        // Nothing comes after it: others who hear of the signal a moment later leave it to us, too.
        std::mem::forget(ours);
        server.stop();
        drop(stage);
    })
}

/// Publishes to a server of our own.
async fn on_stage(
    session: &Session,
    (port, spool): (u16, &Path),
    (plan, manifest, store): (&Plan, &Manifest, &Store),
    (stage, faults): (&Stage, Faults),
) -> anyhow::Result<(Report, Server)> {
    let injected = !faults.github.is_empty() || !faults.stage.registry.is_empty() || !faults.stage.index.is_empty();
    let server = start(plan, port, faults.github, spool).await?;
    let endpoints = endpoints(plan, &server)?;
    let destinations = plan.destinations.iter().map(|destination| destination.name.clone()).collect();
    let (registries, indexes) = (&stage.registries, &stage.indexes);
    let (part, endpoints) = (None, &endpoints);
    let order = crate::publish::Order {
        plan,
        part,
        manifest,
        store,
        endpoints,
        registries,
        indexes,
        destinations,
        wait: Duration::ZERO,
        run: None,
    };
    let receipts = publish_until_done(session, &order, injected).await?;
    rehearsed(session, &server, stage);
    let mut report = publish::report(session, plan, receipts);
    report.fields.value = Some(("rehearsal", places(&server, stage)));
    Ok((report, server))
}

/// Says what played, and how much of it.
pub fn rehearsed(session: &Session, server: &Server, stage: &Stage) {
    let said = |text: String| session.printer.step("Rehearsed", text);
    said(format!("{} with {} requests", server.url(), server.events().len()));
    let names: Vec<String> = stage.urls().into_iter().map(|(host, _)| host).collect();
    if !names.is_empty() {
        said(format!("{} with {} requests", names.join(", "), stage.requests()));
    }
    for (name, url) in stage.packages() {
        said(format!("{url}, which is `{name}`: pip install --index-url {url}/simple/"));
    }
}

/// The same for programs.
pub fn places(server: &Server, stage: &Stage) -> serde_json::Value {
    serde_json::json!({
        "url": server.url(),
        "requests": server.events().len(),
        "registries": stage.urls().into_iter().collect::<BTreeMap<_, _>>(),
        "registry-requests": stage.requests(),
        "indexes": stage.packages().into_iter().collect::<BTreeMap<_, _>>(),
        "index-requests": stage.package_requests(),
    })
}

/// A fault may end a run; the same command again must finish it, and here we are the ones who type it.
async fn publish_until_done(
    session: &Session,
    order: &crate::publish::Order<'_>,
    injected: bool,
) -> anyhow::Result<Receipts> {
    let mut runs = 1;
    loop {
        match crate::publish::run(&session.printer, order).await {
            Ok(receipts) => return Ok(receipts),
            Err(error) => {
                let exit = error.downcast_ref::<Failure>().map(|failure| failure.exit);
                if injected && runs < 3 && matches!(exit, Some(Exit::Unfinished | Exit::Denied)) {
                    session.printer.warn(format!("the fault ended the run: {error}"));
                    session.printer.step("Again", "the same command continues");
                    runs += 1;
                    continue;
                }
                return Err(publish::failed(order, error));
            }
        }
    }
}

/// The server, with the repositories and tags of the plan as if they had been pushed.
///
/// # Errors
/// If it cannot be started.
pub async fn start(plan: &Plan, port: u16, faults: Vec<Fault>, spool: &Path) -> anyhow::Result<Server> {
    let mut names = BTreeSet::new();
    for destination in &plan.destinations {
        if let DestinationKind::Github(github) = &destination.kind {
            names.insert(github.repository.clone());
        }
    }
    let date = chrono::DateTime::from_timestamp(plan.commit_time, 0).unwrap_or_default().to_rfc3339();
    let tags: Vec<Tag> = plan
        .releases
        .iter()
        .map(|release| Tag {
            name: release.tag.clone(),
            commit: plan.commit.clone(),
            date: date.clone(),
            ..Tag::default()
        })
        .collect();
    let repositories = names.iter().filter_map(|name| name.split_once('/')).map(|(owner, name)| Repository {
        owner: owner.to_owned(),
        name: name.to_owned(),
        head: plan.commit.clone(),
        tags: tags.clone(),
        ..Repository::default()
    });
    Server::start(Options {
        port,
        repositories: repositories.collect(),
        token: Secret::open(stage::USER),
        reader: None,
        faults,
        spool: spool.to_owned(),
        clock: date.clone(),
    })
    .await
}

/// Every destination is the one server.
fn endpoints(plan: &Plan, server: &Server) -> anyhow::Result<Endpoints> {
    let api = Url::parse(&server.url())?;
    let endpoint = Endpoint { api, token: Some(Secret::open(stage::USER)) };
    Ok(plan.destinations.iter().map(|destination| (destination.name.clone(), endpoint.clone())).collect())
}

/// What goes wrong where.
#[derive(Default)]
struct Faults {
    github: Vec<Fault>,
    stage: stage::Faults,
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
        name.parse().map(|fault| faults.stage.registry.push(fault))
    } else if let Some(name) = wanted.strip_prefix(OF_INDEX) {
        name.parse().map(|fault| faults.stage.index.push(fault))
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
    for fault in Fault::all() {
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
