//! `build`: steps of a plan, on this machine.

use super::args;
use super::bases::GivenBases;
use super::error::Refused;
use super::not_made;
use super::report::{Fields, Report};
use super::table::{Table, size};
use crate::artifact::Artifact;
use crate::build::{self, Order};
use crate::digest::Digest;
use crate::plan::{Plan, Step, WithoutTag};
use crate::problem::{Failure, Problem};
use crate::release::stage_file;
use crate::release::steps::{self, Chosen, Which};
use crate::release::{Access, Project, Session, Wish};
use crate::shown;
use crate::step_id::StepId;
use crate::world::handover;
use crate::world::store::{Sharing, Store};

/// `longshore build`
///
/// # Errors
/// Exit 2 if something is missing before it starts, 7 if a step fails.
pub fn run(session: &Session, args: &args::Build) -> anyhow::Result<Report> {
    let (plan, store) = plan(session, args)?;
    session.receive(&plan, &store, &args.from)?;
    let (workflow, which) = (args.workflow.as_deref(), which(args, session.selection.plan.is_some()));
    let Chosen { steps: chosen, elsewhere } = steps::chosen(&plan, which, workflow)?;
    let mut given = args.bases.as_deref().map(GivenBases::new);
    let bases = given.as_mut().map(|given| given.of_plan(session, &plan)).transpose()?;
    let in_job = session.env.is_true("CI") && args.job.is_some();
    let order = Order {
        prebuilt: args.prebuilt.clone(),
        keep_going: args.keep_going,
        bases,
        base_layers: args.base_layers,
        docker_archive: args.docker_archive.clone(),
        install: in_job,
        // A rehearsal of the jobs runs on whatever machine there is.
        every_python: in_job && session.env.get(stage_file::VARIABLE).is_none(),
        ..Order::new(&plan, chosen, Access::registries(session, &plan)?)
    };
    let during = |error| Refused::during(error, Fields { plan: Some(plan.clone()), ..Fields::default() });
    let artifacts = build::run(&session.runner(), &session.printer, &store, &order).map_err(during)?;
    skipped(session, &elsewhere);
    if let Some(tar) = &args.pack {
        let ids: Vec<&str> = order.steps.iter().map(|step| step.id.as_str()).collect();
        handover::pack(&store, &ids, false, tar)?;
    }
    if !matches!(which, Which::Job(_) | Which::Merge) {
        not_made::tell(session, &steps::left(&plan, &order.steps, workflow)?, "");
    }
    let text = table(&artifacts).render(&session.printer);
    let mut report = Report::plan(text, &plan);
    report.fields.artifacts = Some(artifacts);
    let next = match (which, &session.selection.plan) {
        (Which::Host(_), Some(file)) => format!("longshore build --plan {} --merge", file.display()),
        _ => "longshore verify".to_owned(),
    };
    Ok(if args.job.is_none() { report.next(next) } else { report })
}

/// The stored plan, or one that is made here; and its output folder.
fn plan(session: &Session, args: &args::Build) -> anyhow::Result<(Plan, Store)> {
    if let Some(file) = &session.selection.plan {
        return session.stored(file, args.plan_digest, Sharing::Nobody);
    }
    let project = Project::open(session)?;
    let whole = args.all || args.merge || args.job.is_some();
    let wish = Wish {
        without_tag: WithoutTag::Snapshot,
        host: !whole,
        also: &args.also,
        prebuilt: args.prebuilt.as_deref(),
        ..Wish::default()
    };
    let plan = project.plan(session, wish)?;
    wanted(&plan, args.plan_digest)?;
    let store = Store::open(&project.root, &plan.output, Sharing::Nobody, &session.printer)?;
    Ok((plan, store))
}

/// What the flags choose. A plan that was made here for this machine holds nothing else.
fn which(args: &args::Build, stored: bool) -> Which<'_> {
    match &args.job {
        Some(job) => Which::Job(job),
        None if args.merge => Which::Merge,
        None if args.all || !stored => Which::All,
        None => Which::Host(&args.also),
    }
}

/// Refuses a plan that was made here and is not the one that was asked for.
fn wanted(plan: &Plan, digest: Option<Digest>) -> anyhow::Result<()> {
    let found = plan.digest();
    match digest {
        Some(wanted) if wanted != found => {
            let text = format!("the plan made here is {found}, expected {wanted}");
            let hint = "pass the plan that was made there: `--plan plan.json`";
            Err(Failure::usage(Problem::new("wrong-plan-digest", text).hint(hint)).into())
        }
        _ => Ok(()),
    }
}

/// Says which checks are left to another machine; `verify` does not pass without their results.
fn skipped(session: &Session, elsewhere: &[&Step]) {
    let Some(first) = elsewhere.first() else { return };
    let ids: Vec<&StepId> = elsewhere.iter().map(|step| &step.id).collect();
    let job = first.job.as_deref().map_or_else(String::new, |job| format!(", by `longshore build --job {job}`"));
    let text = format!(
        "{} not run: this machine cannot run programs for another system or processor; `longshore verify` needs the results of a machine that can{job}",
        shown::some(&ids, 3)
    );
    session.printer.warn(text);
}

pub fn table(artifacts: &[Artifact]) -> Table {
    let mut table = Table::new(&["STEP", "FILE", "SIZE", "SHA256"]);
    for artifact in artifacts {
        for file in &artifact.files {
            table.row([artifact.step.clone(), file.name.clone(), size(file.size), file.sha256.hex()]);
        }
        if let Some(check) = &artifact.check {
            table.row([artifact.step.clone(), check.detail.lines().next().unwrap_or_default().to_owned()]);
        }
    }
    table
}
