//! Builds an sdist back into a wheel: whoever installs from it must get what the wheel is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};

use super::log::Log;
use super::{asset, outside, unpack, wheel};
use crate::artifact::{Artifact, CheckResult, Subject};
use crate::format::Format;
use crate::inspect::crates;
use crate::plan::{Plan, Step, WheelWork, Work};
use crate::world::files;
use crate::world::members::unzip;
use crate::world::process::Runner;
use crate::world::store::{Store, read_json};

/// Unpacks an sdist, builds it, and compares the outcome with the wheel of this machine. Another one is a result, no
/// error.
///
/// # Errors
/// If the sdist or the wheel is not there.
pub fn run(
    runner: &Runner,
    log: &mut Log<'_>,
    (store, plan): (&Store, &Plan),
    (sdist, id): (&Step, &str),
) -> anyhow::Result<CheckResult> {
    let wheel = plan.step(id).with_context(|| format!("the plan has no step `{id}`"))?;
    let Work::Wheel(work) = &wheel.work else { bail!("`{id}` is no wheel") };
    let record: Artifact = read_json(&store.record(&sdist.id))?;
    let subject =
        |file: &crate::artifact::File| Subject { step: sdist.id.clone(), name: file.name.clone(), sha256: file.sha256 };
    let file = record.files.first().with_context(|| format!("`{}` made nothing", sdist.id))?;
    let archive = store.file(&sdist.id, &file.name);
    let folder = outside::fresh(runner, store, &format!("{}-sdist", work.stage.distribution.in_files()))?;
    let seen = back(runner, log, (store, &folder, &archive), (work, wheel));
    if seen.is_ok() {
        fs::remove_dir_all(&folder)?;
    }
    let detail = match &seen {
        Ok(()) => format!("built back, the same as {}", names(wheel)),
        Err(error) => format!("{error:#}"),
    };
    let subjects = record.files.iter().map(subject).collect();
    Ok(CheckResult { passed: seen.is_ok(), subjects, detail, ..CheckResult::default() })
}

fn back(
    runner: &Runner,
    log: &mut Log<'_>,
    (store, folder, archive): (&Store, &Path, &Path),
    (work, wheel): (&WheelWork, &Step),
) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir_in(store.root())?;
    for member in unpack::tree(Format::TarGz, archive, scratch.path())? {
        asset::put(&member.body, &files::make_room(folder, &member.path)?)?;
    }
    let tops: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    let mut tops = tops.into_iter();
    let (Some(top), None) = (tops.next(), tops.next()) else { bail!("it does not hold one folder") };
    let out = wheel::make_back(runner, log, store, (&top.path(), work, wheel)).context("it cannot be built")?;
    for output in &wheel.outputs {
        let path = out.path().join(&output.name);
        if !path.is_file() {
            bail!("built back it makes no `{}`", output.name);
        }
        let (made, original) = (Inside::of(&path)?, Inside::of(&store.file(&wheel.id, &output.name))?);
        if let Some(difference) = made.difference(&original) {
            bail!("built back, `{}` {difference}", output.name);
        }
    }
    Ok(())
}

/// What two builds of the same sources have in common, wherever they were made.
struct Inside {
    /// All members.
    paths: BTreeSet<String>,
    metadata: String,
    /// Names of the crates in each library, by its path.
    libraries: BTreeMap<String, BTreeSet<String>>,
}

impl Inside {
    fn of(path: &Path) -> anyhow::Result<Self> {
        let mut archive = unzip(File::open(path)?).map_err(anyhow::Error::msg)?;
        let mut inside = Self { paths: BTreeSet::new(), metadata: String::new(), libraries: BTreeMap::new() };
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index)?;
            let path = entry.name()?.into_owned();
            if path.ends_with(".dist-info/METADATA") {
                entry.read_to_string(&mut inside.metadata)?;
            } else if [".so", ".pyd"].iter().any(|ending| path.ends_with(ending)) {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                let name = |found: String| found.rsplit_once('-').map_or(found.clone(), |(name, _)| name.to_owned());
                inside.libraries.insert(path.clone(), crates(&bytes).into_iter().map(name).collect());
            }
            inside.paths.insert(path);
        }
        Ok(inside)
    }

    /// In what this differs from the wheel that is published.
    fn difference(&self, wheel: &Self) -> Option<String> {
        let some = |left: &BTreeSet<String>, right: &BTreeSet<String>| {
            let names: Vec<String> = left.difference(right).take(3).map(|name| format!("`{name}`")).collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        if let Some(missing) = some(&wheel.paths, &self.paths) {
            return Some(format!("lacks {missing} of the wheel"));
        }
        if let Some(more) = some(&self.paths, &wheel.paths) {
            return Some(format!("holds {more}, which the wheel does not"));
        }
        if self.metadata != wheel.metadata {
            return Some("has other METADATA than the wheel".into());
        }
        for (path, crates) in &wheel.libraries {
            let made = self.libraries.get(path).cloned().unwrap_or_default();
            if let Some(missing) = some(crates, &made) {
                return Some(format!("is another variant: `{path}` lacks the crates {missing} of the wheel"));
            }
            if let Some(more) = some(&made, crates) {
                return Some(format!("is another variant: `{path}` has the crates {more}, the wheel does not"));
            }
        }
        None
    }
}

fn names(wheel: &Step) -> String {
    wheel.outputs.iter().map(|output| format!("`{}`", output.name)).collect::<Vec<_>>().join(", ")
}
