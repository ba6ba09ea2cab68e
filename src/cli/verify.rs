//! `verify`: finished files against the plan.

use std::path::Path;

use super::args;
use super::output::Report;
use super::session::{Session, read_plan};
use super::table::{Table, size};
use crate::artifact::Manifest;
use crate::problem::Failure;
use crate::target::Linkage;
use crate::verify;
use crate::world::actions;
use crate::world::handover;

/// `longshore verify`
///
/// # Errors
/// Exit 3 with everything that is wrong.
pub fn run(session: &Session, args: &args::Verify) -> anyhow::Result<Report> {
    let store = session.store()?;
    let tars: Vec<&Path> = args.from.iter().map(AsRef::as_ref).collect();
    handover::unpack(&store, &tars)?;
    let (plan, store) = match &session.global.plan {
        Some(file) => session.stored(file)?,
        None => (read_plan(&store.plan())?, store),
    };
    // One part is the whole plan as long as one workflow file publishes everything.
    plan.part(args.part.as_deref()).map_err(Failure::usage)?;
    let manifest = verify::run(&session.printer, &store, &plan)?;
    if let Some(tar) = &args.pack {
        let ids: Vec<String> = plan.steps.iter().map(|step| step.id.clone()).collect();
        handover::pack(&store, &ids, true, tar)?;
    }
    actions::add_summary(&session.env, &format!("### Verified\n\n{}\n", table(&manifest).markdown()))?;
    let mut report = Report::plan(table(&manifest).render(&session.printer), &plan);
    report.fields.artifacts = Some(manifest.artifacts);
    Ok(report.next("longshore publish"))
}

/// What the executables say of themselves.
pub fn table(manifest: &Manifest) -> Table {
    let mut table = Table::new(&["STEP", "FILE", "FORMAT", "ARCH", "LINKAGE", "GLIBC", "NEEDS", "STRIPPED", "SIZE"]);
    for binary in &manifest.binaries {
        let facts = &binary.facts;
        let linkage = match facts.linkage {
            Linkage::Dynamic => "dynamic",
            Linkage::Static => "static",
        };
        table.row([
            binary.step.clone(),
            binary.name.clone(),
            facts.format.clone(),
            facts.arch.clone(),
            linkage.to_owned(),
            facts.glibc.clone().unwrap_or_default(),
            facts.needed.iter().map(|name| name.rsplit('/').next().unwrap_or(name)).collect::<Vec<_>>().join(" "),
            if facts.stripped { "yes" } else { "no" }.to_owned(),
            size(binary.size),
        ]);
    }
    table
}
