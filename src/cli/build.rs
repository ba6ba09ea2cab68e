//! `build`: steps of a plan, on this machine.

use std::path::Path;

use super::args;
use super::error::Refused;
use super::not_made;
use super::report::{Fields, Report};
use super::table::{Table, size};
use crate::artifact::Artifact;
use crate::build::{self, Order};
use crate::digest::Digest;
use crate::plan::{self, NotMade, Plan, Step, WithoutTag, Work};
use crate::problem::{Exit, Failure, Problem};
use crate::release::stage;
use crate::release::{Access, Project, Session, Wish, this_host};
use crate::target::Target;
use crate::world::busy;
use crate::world::files;
use crate::world::handover;
use crate::world::store::{Sharing, Store};

/// `longshore build`
///
/// # Errors
/// Exit 2 if something is missing before it starts, 7 if a step fails.
pub fn run(session: &Session, args: &args::Build) -> anyhow::Result<Report> {
    let whole = args.all || args.rest || args.leg.is_some();
    let (plan, store) = match &session.selection.plan {
        Some(file) => session.stored(file, args.plan_digest, Sharing::Nobody)?,
        None => {
            let project = Project::open(session)?;
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
            (plan, store)
        }
    };
    if !args.from.is_empty() {
        keep_plan(&plan, &store)?;
        let tars: Vec<&Path> = args.from.iter().map(AsRef::as_ref).collect();
        handover::unpack(&store, &tars, Some(plan.digest()))?;
    }
    let in_job = session.env.is_true("CI") && args.leg.is_some();
    let order = Order {
        plan: &plan,
        steps: steps(&plan, args, session.selection.plan.is_some())?,
        prebuilt: args.prebuilt.clone(),
        keep_going: args.keep_going,
        registries: Some(Access::registries(session, &plan)?),
        complete: args.complete,
        docker_archive: args.docker_archive.clone(),
        install: in_job,
        // A rehearsal of the jobs runs on whatever machine there is.
        every_python: in_job && session.env.get(stage::VARIABLE).is_none(),
    };
    let artifacts = match build::run(&session.runner(), &session.printer, &store, &order) {
        Ok(artifacts) => artifacts,
        Err(error) => return Err(Refused::during(error, Fields { plan: Some(plan), ..Fields::default() }).into()),
    };
    if let Some(tar) = &args.pack {
        let ids: Vec<&str> = order.steps.iter().map(|step| step.id.as_str()).collect();
        handover::pack(&store, &ids, false, tar)?;
    }
    not_made::tell(session, &left(&order, args)?, "");
    let text = table(&artifacts).render(&session.printer);
    let mut report = Report::plan(text, &plan);
    report.fields.artifacts = Some(artifacts);
    Ok(if args.leg.is_none() { report.next("longshore verify") } else { report })
}

/// Refuses a plan that was made here and is not the one that was asked for.
fn wanted(plan: &Plan, digest: Option<Digest>) -> anyhow::Result<()> {
    let found = plan.digest();
    match digest {
        Some(wanted) if wanted != found => {
            let text = format!("the plan made here is {found}, wanted is {wanted}");
            let hint = "name the plan that was made there: `--plan plan.json`";
            Err(Failure::usage(Problem::new("wrong-plan-digest", text).hint(hint)).into())
        }
        _ => Ok(()),
    }
}

/// Writes plan.json into the store before results of other machines come in: what another plan left is removed.
fn keep_plan(plan: &Plan, store: &Store) -> anyhow::Result<()> {
    let bytes = plan.to_json();
    if std::fs::read(store.plan()).is_ok_and(|known| known == bytes) {
        return Ok(());
    }
    for name in ["steps", "artifacts", "logs"] {
        files::fresh_folder(&store.root().join(name))?;
    }
    for file in [store.manifest(), store.receipts()] {
        busy::remove(&file)?;
    }
    store.keep_plan(&bytes)
}

/// The steps that the flags select.
fn steps<'p>(plan: &'p Plan, args: &args::Build, stored: bool) -> anyhow::Result<Vec<&'p Step>> {
    let part = plan.part(args.part.as_deref()).map_err(Failure::usage)?;
    let inside = |step: &&Step| part.is_none_or(|part| part.steps.contains(&step.id));
    let all = plan.steps.iter().filter(inside);
    if let Some(id) = &args.leg {
        if !plan.legs.iter().any(|leg| leg.id == *id) {
            let known: Vec<&str> = plan.legs.iter().map(|leg| leg.id.as_str()).collect();
            let problem = Problem::new("unknown-leg", format!("the plan has no leg `{id}`"));
            return Err(Failure::usage(problem.hint(format!("known: {}", known.join(", ")))).into());
        }
        return Ok(all.filter(|step| step.leg.as_ref() == Some(id)).collect());
    }
    if args.rest {
        return Ok(all.filter(|step| step.leg.is_none()).collect());
    }
    if args.all || !stored {
        return Ok(all.collect());
    }
    let host = this_host()?;
    let problems = plan::scope::unknown(&args.also, &plan.steps.iter().collect::<Vec<_>>());
    if !problems.is_empty() {
        return Err(Failure { exit: Exit::Usage, problems }.into());
    }
    let ours = |target: Target| target == host || args.also.contains(&target);
    let contained =
        |step: &Step| plan.legs.iter().any(|leg| Some(&leg.id) == step.leg.as_ref() && leg.container.is_some());
    Ok(all.filter(|step| step.leg.is_some() && step.target.is_none_or(ours) && !contained(step)).collect())
}

/// What of the release, or of a stored plan, this machine left to others although nobody named a share of it.
fn left(order: &Order<'_>, args: &args::Build) -> anyhow::Result<Vec<NotMade>> {
    let plan = order.plan;
    if args.leg.is_some() || args.rest {
        return Ok(Vec::new());
    }
    let part = plan.part(args.part.as_deref()).map_err(Failure::usage)?;
    let out = |step: &Step| {
        let wanted = step.leg.is_some() && part.is_none_or(|part| part.steps.contains(&step.id));
        wanted && !order.steps.iter().any(|other| other.id == step.id)
    };
    let of_plan =
        plan::not_made::not_made(&plan.steps.iter().collect::<Vec<_>>(), &plan.legs, out, plan::scope::compiles);
    Ok(plan.scope.not_made.iter().cloned().chain(of_plan).collect())
}

/// What was made.
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

/// The steps that this machine cannot carry out: other systems' compilations that nobody supplies, and containers.
pub fn impossible<'p>(plan: &'p Plan, prebuilt: Option<&Path>) -> anyhow::Result<Vec<&'p Step>> {
    let host = this_host()?;
    let cannot = |step: &&Step| {
        let Some(target) = step.target else { return false };
        let reaches = match &step.work {
            Work::Binary(work) => work.builder.reaches(host, target),
            Work::Wheel(work) => work.builder.reaches(host, target),
            _ => return false,
        };
        let there = |output: &plan::Output| {
            prebuilt.zip(step.prebuilt_path(&output.name)).is_some_and(|(folder, path)| folder.join(path).is_file())
        };
        let given = !step.outputs.is_empty() && step.outputs.iter().all(there);
        let contained = plan.legs.iter().any(|leg| Some(&leg.id) == step.leg.as_ref() && leg.container.is_some());
        !given && (contained || !reaches)
    };
    Ok(plan.steps.iter().filter(cannot).collect())
}
