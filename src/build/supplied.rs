//! Finished files that are taken instead of being made, and what lies in `--prebuilt DIR` and is not a step's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::binary::{self, Compilation};
use super::order::{self, Order};
use crate::plan::{Step, Work};
use crate::problem::Problem;
use crate::world::store::Store;
use crate::world::terminal::Printer;

/// Which steps are compiled and which are taken as they are.
pub struct Supply<'a> {
    pub prebuilt: BTreeMap<&'a str, Vec<PathBuf>>,
    pub compiled: Vec<Compilation<'a>>,
    /// The steps whose needs must be there: all but those with prebuilt files.
    pub needing: Vec<&'a Step>,
}

/// Looks for prebuilt binaries.
///
/// # Errors
/// `Failure` with exit 2 if some are missing, or none is where prebuilt files were promised.
pub fn supply<'a>(printer: &Printer, store: &Store, order: &Order<'a>) -> anyhow::Result<Supply<'a>> {
    let mut supply = Supply { prebuilt: BTreeMap::new(), compiled: Vec::new(), needing: Vec::new() };
    let mut problems = Vec::new();
    for &step in &order.steps {
        let made = matches!(step.work, Work::Binary(_) | Work::Wheel(_) | Work::Sdist(_));
        match if made { binary::supplied(order, store, step) } else { Ok(None) } {
            Ok(Some(paths)) => {
                supply.prebuilt.insert(&step.id, paths);
            }
            Ok(None) => {
                supply.compiled.extend(Compilation::of(step));
                supply.needing.push(step);
            }
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        problems.extend(unused(printer, order, &supply.prebuilt)?);
    }
    order::refuse(problems)?;
    Ok(supply)
}

/// Names what lies in the folder of prebuilt files and is not a step's; `prebuilt` is what the ordered steps take.
///
/// # Errors
/// If the folder cannot be read. The problem: no step takes anything of it, so everything would be compiled.
fn unused(
    printer: &Printer,
    order: &Order<'_>,
    prebuilt: &BTreeMap<&str, Vec<PathBuf>>,
) -> anyhow::Result<Option<Problem>> {
    let Some(folder) = &order.prebuilt else { return Ok(None) };
    let wanted = |step: &Step| -> Vec<String> {
        step.outputs().into_iter().filter_map(|name| step.prebuilt_path(name)).collect()
    };
    let there = listed(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    let paths: Vec<String> = order.steps.iter().flat_map(|step| wanted(step)).collect();
    // Packing and all that comes later takes none, and nothing is compiled for it.
    if !paths.is_empty() && !prebuilt.values().flatten().any(|path| path.starts_with(folder)) {
        let text = format!("no step uses a file of `{}`", folder.display());
        let hint = format!("it contains {}; expected {}", some(&there), some(&paths));
        return Ok(Some(Problem::new("no-prebuilt", text).hint(hint)));
    }
    let known: BTreeSet<String> = order.plan.steps.iter().flat_map(wanted).collect();
    let left: Vec<String> = there.into_iter().filter(|path| !known.contains(path)).collect();
    if !left.is_empty() {
        printer.warn(format_args!("no step uses {} of `{}`", some(&left), folder.display()));
    }
    Ok(None)
}

/// The files of a folder and of the folders in it, sorted; a folder further down is named with a `/` behind it.
fn listed(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !entry.path().is_dir() {
            found.push(name);
            continue;
        }
        for inner in fs::read_dir(entry.path())? {
            let inner = inner?;
            let end = if inner.path().is_dir() { "/" } else { "" };
            found.push(format!("{name}/{}{end}", inner.file_name().to_string_lossy()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The first few, and how many more there are.
fn some(names: &[String]) -> String {
    let first: Vec<String> = names.iter().take(5).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(5) {
        0 if names.is_empty() => "nothing".to_owned(),
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
