//! Does an archive hold exactly what was planned: the very executables, the files, the trees, with their modes?

use std::collections::BTreeMap;
use std::fs::File;

use super::content::{self, Content, Entry, Listing, some_of};
use super::finished::Finished;
use super::found::Findings;
use super::problem::problem;
use super::set::Arrived;
use crate::artifact::{Artifact, Mode};
use crate::digest::Digest;
use crate::format::Format;
use crate::link;
use crate::plan::{ArchiveWork, AssetWork, EntryKind, FileSpec, Packed};
use crate::portable;
use crate::problem::Problem;
use crate::step_id::StepId;
use crate::target::{Os, Target};

/// What other steps made: their records, and what the assets among them hold.
pub struct Made<'a> {
    pub set: &'a Arrived,
    /// By asset step; missing or damaged ones are not here.
    pub assets: &'a BTreeMap<StepId, Listing>,
}

/// Reads one archive and compares it with its step.
///
/// # Errors
/// If the file cannot be read.
pub fn check(
    of: Finished<'_>,
    reader: File,
    format: Format,
    work: &ArchiveWork,
    made: &Made<'_>,
) -> anyhow::Result<Vec<Problem>> {
    let content = content::read(reader, format)?;
    let mut problems = Vec::new();
    if !is_sound(of, &content, &mut problems) {
        return Ok(problems);
    }
    let mut wrong = |text: String| problems.push(of.problem("archive-content", text));
    let os = of.step.target.map_or(Os::Linux, Target::os);
    if let Some(planned) = planned(work.packed(), os, made, &mut wrong) {
        compare(&planned, &content.listing, &mut wrong);
    }
    for text in portable::flaws(content.listing.keys().map(String::as_str), os).into_iter().take(10) {
        problems.push(problem(of.step, "unportable-name", format!("of `{}`, {text}", of.file.name)));
    }
    Ok(problems)
}

/// Reads the bundle of an asset and keeps its listing for the archives that take files out of it.
///
/// # Errors
/// If the file cannot be read.
pub fn check_bundle(
    of: Finished<'_>,
    reader: File,
    format: Format,
    found: &mut Findings,
) -> anyhow::Result<Vec<Problem>> {
    let content = content::read(reader, format)?;
    let mut problems = Vec::new();
    if is_sound(of, &content, &mut problems) {
        if content.listing.is_empty() {
            problems.push(of.problem("archive-content", "is empty"));
        }
        found.listings.insert(of.step.id.clone(), content.listing);
    }
    Ok(problems)
}

/// What an asset that is not a bundle holds: its files, by the paths they have when the asset is laid out.
pub fn loose(work: &AssetWork, record: &Artifact) -> Listing {
    let files = work.files.iter().zip(&record.files);
    files.map(|(spec, file)| (place(spec), Entry::File { mode: file.mode.bits(), digest: file.sha256 })).collect()
}

/// `to` replaces the path; one that ends in `/` is a folder for it.
fn place(spec: &FileSpec) -> String {
    let from = spec.from.trim_start_matches("./").trim_end_matches('/');
    let name = from.rsplit('/').next().unwrap_or(from);
    match spec.to.as_deref() {
        None => from.to_owned(),
        Some(to) if to.ends_with('/') => format!("{to}{name}"),
        Some(to) => to.to_owned(),
    }
}

/// Compares a bare executable with the one its binary step made.
///
/// # Errors
/// If the file cannot be read.
pub fn check_bare(
    of: Finished<'_>,
    reader: File,
    index: usize,
    work: &ArchiveWork,
    made: &Made<'_>,
) -> anyhow::Result<Vec<Problem>> {
    let (digest, size) = Digest::of_reader(reader)?;
    if let Some(problem) = of.other_bytes(digest, size) {
        return Ok(vec![problem]);
    }
    // Bare executables are in the order of the executables; outputs of other formats may stand around them.
    let place = work.outputs.iter().take(index).filter(|output| output.format == Format::Binary).count();
    let Some(member) = work.executables.get(place) else {
        return Ok(vec![of.problem("archive-content", "does not belong to a planned executable")]);
    };
    let other = made.set.file(&member.step, &member.output).is_some_and(|made| made.sha256 != of.file.sha256);
    let problem = || of.problem("archive-content", format!("is not the executable that `{}` made", member.step));
    Ok(other.then(problem).into_iter().collect())
}

/// The recorded bytes, readable to the end, nothing unsafe in it.
pub fn is_sound(of: Finished<'_>, content: &Content, problems: &mut Vec<Problem>) -> bool {
    let (digest, size) = content.bytes;
    if let Some(problem) = of.other_bytes(digest, size) {
        problems.push(problem);
        return false;
    }
    if let Some(damage) = &content.damage {
        problems.push(of.problem("archive-damaged", format!("cannot be unpacked: {damage}")));
        return false;
    }
    for flaw in content.flaws.iter().take(10) {
        problems.push(of.problem("archive-content", flaw));
    }
    content.flaws.is_empty()
}

pub enum Planned {
    File {
        mode: u32,
        /// The step that made it and the digest it has there, where that is known.
        made: Option<(StepId, Digest)>,
    },
    /// A symbolic link and what it points at.
    Link(String),
}

/// What must be in the archive, by path; nothing if an asset is missing or damaged, which is a problem of its own.
pub fn planned(
    packed: Packed<'_>,
    os: Os,
    made: &Made<'_>,
    wrong: &mut dyn FnMut(String),
) -> Option<BTreeMap<String, Planned>> {
    let mut planned = BTreeMap::new();
    for file in packed.files {
        let entry = match &file.entry {
            EntryKind::File => Planned::File { mode: Mode::Plain.bits(), made: None },
            EntryKind::Executable => Planned::File { mode: Mode::Executable.bits(), made: None },
            EntryKind::Symlink { link } => Planned::Link(link.clone()),
        };
        planned.insert(file.path.clone(), entry);
    }
    for tree in packed.trees {
        let mut empty = true;
        let listing = made.assets.get(&tree.step)?;
        let link = |(path, entry): (&String, &Entry)| match entry {
            Entry::Folder => None,
            Entry::Link(link) => Some((path.clone(), Some(link.clone()))),
            Entry::File { .. } => Some((path.clone(), None)),
        };
        let paths: link::Paths = listing.iter().filter_map(link).collect();
        let settled = match link::settle(&paths, &tree.path, os != Os::Windows) {
            Ok(settled) => settled,
            Err(why) => {
                wrong(format!("cannot contain `{}` of `{}`: {why}", tree.path, tree.step));
                continue;
            }
        };
        for (path, real) in &settled {
            let rest = link::below(path, &tree.path).unwrap_or_default();
            let entry = match &listing[real] {
                Entry::Folder => continue,
                Entry::Link(target) => Planned::Link(target.clone()),
                Entry::File { mode, digest } => Planned::File { mode: *mode, made: Some((tree.step.clone(), *digest)) },
            };
            empty = false;
            planned.insert(join(&tree.to, rest), entry);
        }
        if empty {
            wrong(format!("needs `{}`, but `{}` contains nothing there", tree.path, tree.step));
        }
    }
    for member in packed.executables {
        let digest = made.set.file(&member.step, &member.output).map(|file| (member.step.clone(), file.sha256));
        planned.insert(member.path.clone(), Planned::File { mode: Mode::Executable.bits(), made: digest });
    }
    Some(planned)
}

/// Compares what is there with what must be.
pub fn compare(planned: &BTreeMap<String, Planned>, listing: &Listing, wrong: &mut dyn FnMut(String)) {
    if let Some(names) = some_of(planned.keys().filter(|path| !listing.contains_key(*path)).map(String::as_str)) {
        wrong(format!("lacks {names}"));
    }
    let is_planned = |path: &str, entry: &Entry| match entry {
        // A folder is nothing by itself, but may stand before what lies in it.
        Entry::Folder => planned.range(path.to_owned()..).next().is_some_and(|(inner, _)| inner.starts_with(path)),
        _ => planned.contains_key(path),
    };
    let extra = listing.iter().filter(|(path, entry)| !is_planned(path, entry)).map(|(path, _)| path.as_str());
    if let Some(names) = some_of(extra) {
        wrong(format!("contains {names}, which is not planned"));
    }
    for (path, planned) in planned {
        match (planned, listing.get(path)) {
            (Planned::Link(target), Some(Entry::Link(found))) if target == found => {}
            (Planned::Link(target), Some(_)) => wrong(format!("contains `{path}`, which is not a link to `{target}`")),
            (Planned::File { .. }, Some(Entry::Link(_) | Entry::Folder)) => {
                wrong(format!("contains `{path}`, which is not a file"))
            }
            (Planned::File { mode, made }, Some(Entry::File { mode: found, digest })) => {
                if *mode == Mode::Executable.bits() && found & 0o111 != 0o111 {
                    wrong(format!("contains `{path}`, which is not executable (mode {found:04o})"));
                } else if mode != found {
                    wrong(format!("contains `{path}` with mode {found:04o}, not {mode:04o}"));
                }
                if let Some((step, digest)) = made.as_ref().filter(|(_, made)| made != digest) {
                    wrong(format!("contains another `{path}` than `{step}` built: not {digest}"));
                }
            }
            (_, None) => {}
        }
    }
}

fn join(folder: &str, rest: &str) -> String {
    match (folder.trim_end_matches('/'), rest) {
        ("" | ".", rest) => rest.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, rest) => format!("{folder}/{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loose_files_have_a_place() {
        let check = |from: &str, to: Option<&str>, expected: &str| {
            assert_eq!(place(&FileSpec { from: from.into(), to: to.map(str::to_owned), follow: false }), expected);
        };
        check("./out/app.js", None, "out/app.js");
        check("out/app.js", Some("www/main.js"), "www/main.js");
        check("out/app.js", Some("www/"), "www/app.js");
    }

    #[test]
    fn trees_are_cut_and_moved() {
        let check = |path: &str, top: &str, to: &str, expected: Option<&str>| {
            assert_eq!(link::below(path, top).map(|rest| join(to, rest)).as_deref(), expected, "{path} {top} {to}");
        };
        check("ui/build/a/b.js", "ui/build", "www", Some("www/a/b.js"));
        check("ui/build/a", "ui/build/", "", Some("a"));
        check("ui/builder", "ui/build", "www", None);
        check("ui/one", "ui/one", "doc/one", Some("doc/one"));
        check("a/b", "", "x", Some("x/a/b"));
        check(".hidden", ".", "x", Some("x/.hidden"));
    }
}
