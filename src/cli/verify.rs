//! `verify`: finished files against the plan.

use super::args;
use super::not_made;
use super::report::Report;
use super::table::{Table, size};
use crate::artifact::Manifest;
use crate::inspect::BinaryFacts;
use crate::plan::{Covered, Plan, Step, Work};
use crate::problem::Failure;
use crate::release::Session;
use crate::target::Linkage;
use crate::verify;
use crate::world::handover;
use crate::world::store::Sharing;

/// `longshore verify`
///
/// # Errors
/// Exit 3 with everything that is wrong.
pub fn run(session: &Session, args: &args::Verify) -> anyhow::Result<Report> {
    let (plan, store) = session.received(&args.from, args.plan_digest, Sharing::Nobody)?;
    let workflow = plan.workflow(args.workflow.as_deref()).map_err(Failure::usage)?;
    let manifest = verify::run(&session.printer, &store, &plan, workflow)?;
    if let Some(tar) = &args.pack {
        let inside = |step: &&Step| workflow.is_none_or(|workflow| workflow.steps.contains(&step.id));
        let ids: Vec<&str> = plan.steps.iter().filter(inside).map(|step| step.id.as_str()).collect();
        handover::pack(&store, &ids, true, tar)?;
    }
    // The jobs that ran the checks said it in logs of their own.
    for artifact in &manifest.artifacts {
        let warnings = artifact.check.iter().flat_map(|check| &check.warnings);
        warnings.for_each(|warning| session.printer.warn_of(&artifact.step, warning));
    }
    not_made::tell(session, &plan.scope.not_made, "build");
    let mut text = table(&manifest).render(&session.printer);
    if let Some(images) = images(&plan, &manifest) {
        text = format!("{text}\n{}", images.render(&session.printer));
    }
    if let Some(built) = built(&manifest) {
        text = format!("{text}\n{}", built.render(&session.printer));
    }
    let mut report = Report::plan(text, &plan);
    report.fields.artifacts = Some(manifest.artifacts.clone());
    report.fields.manifest = Some(manifest);
    let workflow = args.workflow.as_ref().map(|file| format!(" --workflow {file}")).unwrap_or_default();
    Ok(report.next(format!("longshore publish{workflow}")))
}

/// What each image from a Dockerfile starts, and what in it is dubious.
pub fn built(manifest: &Manifest) -> Option<Table> {
    let mut table = Table::new(&["IMAGE", "STARTS", "USER", "SIZE", "FILES", "DUBIOUS"]);
    for image in &manifest.images {
        let user = if image.user.is_empty() { "root".to_owned() } else { image.user.clone() };
        let dubious = match image.findings.as_slice() {
            [] => String::new(),
            [first] => first.clone(),
            [first, others @ ..] => format!("{first}; {} more", others.len()),
        };
        let starts = shell_words::join(&image.starts);
        let files = image.files.map(|files| files.to_string()).unwrap_or_default();
        table.row([image.step.clone(), starts, user, size(image.size), files, dubious]);
    }
    (!manifest.images.is_empty()).then_some(table)
}

/// What each image provides and what its executables need: why each of them starts.
pub fn images(plan: &Plan, manifest: &Manifest) -> Option<Table> {
    let mut table = Table::new(&["IMAGE", "BASE", "PROVIDES", "NEEDED"]);
    let mut empty = true;
    for step in &plan.steps {
        let Work::Image(work) = &step.work else { continue };
        let needs = |file: &Covered| {
            let seen = manifest.binaries.iter().find(|seen| seen.step == file.step && seen.name == file.name)?;
            Some(match (seen.facts.linkage, &seen.facts.glibc) {
                (Linkage::Static, _) => format!("{}: nothing", seen.name),
                (Linkage::Dynamic, Some(version)) => format!("{}: glibc {version}", seen.name),
                (Linkage::Dynamic, None) => {
                    format!("{}: {}", seen.name, seen.facts.interpreter.as_deref().unwrap_or(""))
                }
            })
        };
        let Some(work) = work.assembly() else { continue };
        let needs: Vec<String> = work.executables.iter().filter_map(needs).collect();
        let base = work.base.as_ref().map_or_else(|| "scratch".to_owned(), |base| base.from.to_string());
        table.row([step.id.to_string(), base, work.facts.libc.to_string(), needs.join(", ")]);
        empty = false;
    }
    (!empty).then_some(table)
}

/// The oldest system that starts it.
pub fn system(facts: &BinaryFacts) -> Option<String> {
    let glibc = facts.glibc.as_ref().map(|version| format!("glibc {version}"));
    glibc.or_else(|| facts.macos.as_ref().map(|version| format!("macOS {version}")))
}

fn is_library(name: &str) -> bool {
    [".so", ".pyd", ".dll", ".dylib"].iter().any(|end| name.ends_with(end)) || name.contains(".so.")
}

pub fn table(manifest: &Manifest) -> Table {
    let mut table = Table::new(&["STEP", "FILE", "FORMAT", "ARCH", "LINKAGE", "SYSTEM", "NEEDS", "STRIPPED", "SIZE"]);
    for binary in &manifest.binaries {
        let facts = &binary.facts;
        let linkage = match facts.linkage {
            // A library that needs no other is loaded all the same.
            Linkage::Static if !is_library(&binary.name) => "static",
            Linkage::Static | Linkage::Dynamic => "dynamic",
        };
        table.row([
            binary.step.clone(),
            binary.name.clone(),
            facts.format.clone(),
            facts.arch.clone(),
            linkage.to_owned(),
            system(facts).unwrap_or_default(),
            facts.needed.iter().map(|name| name.rsplit('/').next().unwrap_or(name)).collect::<Vec<_>>().join(" "),
            if facts.stripped { "yes" } else { "no" }.to_owned(),
            size(binary.size),
        ]);
    }
    table
}
