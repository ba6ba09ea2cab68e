//! Rebuilds a wheel from an sdist: installing from it must give the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::artifact::{Artifact, CheckResult, Subject};
use crate::build::log::Log;
use crate::build::machine::Machine;
use crate::build::wheel::{self, Project};
use crate::build::{asset, outside, unpack};
use crate::digest::Digest;
use crate::format::Format;
use crate::inspect::{Scan, is_native};
use crate::plan::{SdistWork, Step, WheelWork};
use crate::step_id::StepId;
use crate::world::files;
use crate::world::members::unzip;
use crate::world::store::{Store, read_json};

/// Most bytes of a library or program that is searched for names.
const LIBRARY: u64 = 512 << 20;

/// Unpacks an sdist, builds it, and compares the outcome with the wheel of this machine. Another one is a result, no
/// error.
///
/// # Errors
/// If the sdist or the wheel is not there.
pub fn run(machine: Machine<'_>, log: &mut Log<'_>, sdist: &StepId, wheel: &StepId) -> anyhow::Result<CheckResult> {
    let Machine { runner, store, .. } = machine;
    let (sdist, SdistWork { outputs: [archive], .. }) = machine.find(sdist)?;
    let (wheel, work) = machine.find::<WheelWork>(wheel)?;
    let record: Artifact = read_json(&store.record(&sdist.id))?;
    let subject = |file: &crate::artifact::File| Subject {
        step: sdist.id.to_string(),
        name: file.name.clone(),
        sha256: file.sha256,
    };
    let archive = store.file(&sdist.id, &archive.name);
    let folder = outside::fresh(runner, store, &format!("{}-sdist", work.stage.distribution.in_files()))?;
    let seen = laid_out(store, &folder, &archive).and_then(|top| back(machine, log, &top, wheel, work));
    if seen.is_ok() {
        fs::remove_dir_all(&folder)?;
    }
    let detail = match &seen {
        Ok(()) => format!("rebuilt from the sdist, identical to `{}`", wheel.outputs().join("`, `")),
        Err(error) => format!("{error:#}"),
    };
    let subjects = record.files.iter().map(subject).collect();
    Ok(CheckResult { passed: seen.is_ok(), subjects, detail, ..CheckResult::default() })
}

/// Unpacks an sdist into a folder; returns the one that it holds.
fn laid_out(store: &Store, folder: &Path, archive: &Path) -> anyhow::Result<PathBuf> {
    let scratch = tempfile::tempdir_in(store.root())?;
    for member in unpack::tree(Format::TarGz, archive, scratch.path())? {
        asset::put(&member.body, &files::make_room(folder, &member.path)?)?;
    }
    let tops: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    let mut tops = tops.into_iter();
    let (Some(top), None) = (tops.next(), tops.next()) else { bail!("it does not contain exactly one folder") };
    Ok(top.path())
}

/// Builds a wheel from the sources in `top`, and compares.
fn back(machine: Machine<'_>, log: &mut Log<'_>, top: &Path, wheel: &Step, work: &WheelWork) -> anyhow::Result<()> {
    let folder = top.parent().unwrap_or(top);
    let copies = folder.parent().unwrap_or(folder);
    let project = Project { folder: top, copies, pyproject: "pyproject.toml", manifest: None };
    let out = wheel::make_back(machine, log, &project, wheel, work).context("it cannot be built")?;
    for output in &work.outputs {
        let path = out.path().join(&output.name);
        if !path.is_file() {
            bail!("built from it, there is no `{}`", output.name);
        }
        let (made, original) = (Inside::of(&path)?, Inside::of(&machine.store.file(&wheel.id, &output.name))?);
        if let Some(difference) = made.difference(&original) {
            bail!("built from it, `{}` {difference}", output.name);
        }
    }
    Ok(())
}

/// What two builds of the same sources have in common, wherever they were made.
#[derive(Default)]
struct Inside {
    /// Everything that is not a machine code, and what must be equal of it.
    files: BTreeMap<String, Digest>,
    /// Names of the crates in each library and program, by its path: code differs with the folder it is compiled in.
    libraries: BTreeMap<String, BTreeSet<String>>,
}

impl Inside {
    fn of(path: &Path) -> anyhow::Result<Self> {
        let mut archive = unzip(File::open(path)?).map_err(anyhow::Error::msg)?;
        let mut inside = Self::default();
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index)?;
            let path = entry.name()?.into_owned();
            let mut start = Vec::new();
            entry.by_ref().take(4).read_to_end(&mut start)?;
            if is_native(&path, &start) {
                let mut seen = Scan::new(&[]);
                io::copy(&mut start.as_slice().chain(entry.take(LIBRARY)), &mut seen)?;
                let name = |found: String| found.rsplit_once('-').map_or(found.clone(), |(name, _)| name.to_owned());
                inside.libraries.insert(path, seen.finish().0.into_iter().map(name).collect());
            } else {
                let (digest, _) = Digest::of_reader(start.as_slice().chain(entry))?;
                inside.files.insert(path, digest);
            }
        }
        Ok(inside)
    }

    /// In what this differs from the wheel that is published.
    fn difference(&self, wheel: &Self) -> Option<String> {
        let (made, published) = (self.paths(), wheel.paths());
        if let Some(missing) = some(&published, &made) {
            return Some(format!("lacks {missing} of the wheel"));
        }
        if let Some(more) = some(&made, &published) {
            return Some(format!("contains {more}, which the wheel does not"));
        }
        for (path, crates) in &wheel.libraries {
            let made = self.libraries.get(path).cloned().unwrap_or_default();
            if let Some(missing) = some(crates, &made) {
                return Some(format!("is another variant: `{path}` lacks the crates {missing} of the published wheel"));
            }
            if let Some(more) = some(&made, crates) {
                return Some(format!(
                    "is another variant: `{path}` has the crates {more}, the published wheel does not"
                ));
            }
        }
        // RECORD has the digests of machine code, and a bill of materials names folders.
        let varies = |path: &str| path.ends_with(".dist-info/RECORD") || path.contains(".dist-info/sboms/");
        let other = |path: &&String| self.files.get(*path) != wheel.files.get(*path) && !varies(path);
        let other: BTreeSet<String> = wheel.files.keys().filter(other).cloned().collect();
        some(&other, &BTreeSet::new()).map(|other| format!("differs in {other} from the published wheel"))
    }

    fn paths(&self) -> BTreeSet<String> {
        self.files.keys().chain(self.libraries.keys()).cloned().collect()
    }
}

/// The first few of what only the first has.
fn some(left: &BTreeSet<String>, right: &BTreeSet<String>) -> Option<String> {
    let names: Vec<String> = left.difference(right).take(3).map(|name| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn wheel(members: &[(&str, &[u8])]) -> Inside {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut zip = zip::ZipWriter::new(file.reopen().unwrap());
        for (path, bytes) in members {
            zip.start_file(*path, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
        Inside::of(file.path()).unwrap()
    }

    #[test]
    fn contents_are_compared() {
        let (server, client) =
            (b"\x7fELF /axum-0.8.1/src/lib.rs".as_slice(), b"\x7fELF /log-0.4.1/src/lib.rs".as_slice());
        let (stubs, program) = ("quay/__init__.pyi", "quay-1.data/scripts/quay");
        let published = [(stubs, b"A: int".as_slice()), ("quay-1.dist-info/RECORD", b"a"), (program, server)];
        let check = |made: &[(&str, &[u8])], expected: Option<&str>| {
            assert_eq!(wheel(made).difference(&wheel(&published)).as_deref(), expected);
        };
        check(&published, None);
        check(&[published[0], ("quay-1.dist-info/RECORD", b"b"), published[2]], None);
        check(
            &[(stubs, b"A: str"), published[1], published[2]],
            Some("differs in `quay/__init__.pyi` from the published wheel"),
        );
        check(&[published[1], published[2]], Some("lacks `quay/__init__.pyi` of the wheel"));
        let other = "is another variant: `quay-1.data/scripts/quay` lacks the crates `axum` of the published wheel";
        check(&[published[0], published[1], (program, client)], Some(other));
    }
}
