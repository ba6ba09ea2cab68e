//! Packs executables, files of the commit and trees of assets into a step's archives.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use super::asset;
use super::blobs;
use super::commit::{self, Wanted};
use super::machine::Machine;
use super::pack::{self, Body, Member};
use crate::artifact::{self, Mode};
use crate::format::Format;
use crate::link;
use crate::plan::{ArchiveFile, ArchiveWork, AssetTree, AssetWork, ChartWork, EntryKind, OfKind, Packed, Step, Work};
use crate::target::{Os, Target};
use crate::world::files;
use crate::world::path::resolve;

/// The files of the commit that steps pack.
pub struct Files {
    folder: PathBuf,
    /// Those that are not in the folder.
    texts: BTreeMap<String, Vec<u8>>,
    /// Kept as long as they are read.
    _scratch: Option<tempfile::TempDir>,
}

impl Files {
    /// Takes from the commit what archives, layers and charts hold of it.
    ///
    /// # Errors
    /// If git fails.
    pub fn of(machine: Machine<'_>, steps: &[&Step]) -> anyhow::Result<Self> {
        let store = machine.store;
        let files = steps.iter().flat_map(|step| match &step.work {
            Work::Archive(work) => work.files.as_slice(),
            Work::Layer(work) => work.files.as_slice(),
            _ => &[],
        });
        let packed: BTreeMap<&str, &EntryKind> = files.map(|file| (file.source.as_str(), &file.entry)).collect();
        let charts = steps.iter().filter_map(|step| ChartWork::of(&step.work)).flat_map(ChartWork::sources);
        let names = packed.keys().copied().chain(charts.map(|file| file.source.as_str()));
        let wanted: BTreeSet<String> = names.map(ToOwned::to_owned).collect();
        let texts = if wanted.is_empty() { Some(BTreeMap::new()) } else { blobs::read(machine, &wanted) };
        let texts = match texts {
            Some(texts) if packed.is_empty() => {
                return Ok(Self { folder: store.root().to_owned(), texts, _scratch: None });
            }
            texts => texts,
        };
        fs::create_dir_all(store.root())?;
        let scratch = tempfile::tempdir_in(store.root())?;
        let Some(mut texts) = texts else {
            let folder = commit::check_out(machine, scratch.path(), Wanted::Some(&wanted))?.folder;
            return Ok(Self { folder, texts: BTreeMap::new(), _scratch: Some(scratch) });
        };
        for (source, entry) in packed {
            let at = files::make_room(scratch.path(), source)?;
            match (entry, texts.remove(source)) {
                (EntryKind::Symlink { link }, _) => commit::put_link(link, &at)?,
                (EntryKind::File | EntryKind::Executable, Some(text)) => fs::write(&at, text)?,
                (EntryKind::File | EntryKind::Executable, None) => bail!("`{source}` of the commit was not read"),
            }
        }
        Ok(Self { folder: scratch.path().to_owned(), texts, _scratch: Some(scratch) })
    }

    /// The bytes of a file of the commit.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(&self, source: &str) -> anyhow::Result<Vec<u8>> {
        if let Some(text) = self.texts.get(source) {
            return Ok(text.clone());
        }
        fs::read(self.folder.join(source)).with_context(|| format!("cannot read `{source}` of the commit"))
    }
}

/// Makes every output of an archive step.
///
/// # Errors
/// If a member is missing or not what was planned, two land on one path, or an archive cannot be written.
pub fn make(
    machine: Machine<'_>,
    commit: &Files,
    step: &Step,
    work: &ArchiveWork,
) -> anyhow::Result<Vec<artifact::File>> {
    let Machine { store, plan, .. } = machine;
    fs::create_dir_all(store.root())?;
    let scratch = tempfile::tempdir_in(store.root())?;
    let os = step.target.map_or(Os::Linux, Target::os);
    let members = members(machine, commit, work.packed(), scratch.path(), os)?;
    let folder = store.step(&step.id);
    let mut bare = work.executables.iter();
    let mut made = Vec::new();
    for output in &work.outputs {
        let file = match output.format {
            Format::Binary => {
                let executable = bare.next().with_context(|| format!("no executable for `{}`", output.name))?;
                let from = store.file(&executable.step, &executable.output);
                pack::copy(&from, &folder, &output.name, Mode::Executable)?
            }
            format => pack::write(format, members.clone(), plan.commit_time, &folder, &output.name)?,
        };
        made.push(file);
    }
    Ok(made)
}

/// What an archive or a layer holds: executables, files of the commit, trees of assets.
///
/// # Errors
/// If one is missing or not what was planned.
pub fn members(
    machine: Machine<'_>,
    commit: &Files,
    packed: Packed<'_>,
    scratch: &Path,
    os: Os,
) -> anyhow::Result<Vec<Member>> {
    let mut members = Vec::new();
    for executable in packed.executables {
        let from = machine.store.file(&executable.step, &executable.output);
        ensure!(from.is_file(), "`{}` of `{}` is missing", executable.output, executable.step);
        members.push(Member { path: executable.path.clone(), body: Body::File { from, executable: true } });
    }
    for file in packed.files {
        members.push(of_commit(&commit.folder, file)?);
    }
    for (index, wanted) in packed.trees.iter().enumerate() {
        let scratch = scratch.join(index.to_string());
        fs::create_dir(&scratch)?;
        members.extend(tree(machine, wanted, &scratch, os)?);
    }
    Ok(members)
}

/// A file of the commit. Its mode is the commit's, which not every file system keeps.
fn of_commit(commit: &Path, file: &ArchiveFile) -> anyhow::Result<Member> {
    ensure!(files::is_inside(&file.source), "the path `{}` leaves the repository", file.source);
    let from = commit.join(&file.source);
    let meta = fs::symlink_metadata(&from).with_context(|| format!("the commit has no file `{}`", file.source))?;
    let folder = from.parent().map(resolve).transpose()?;
    let inside = folder.is_some_and(|folder| resolve(commit).is_ok_and(|top| folder.starts_with(top)));
    ensure!(inside, "`{}` is reached through a link out of the repository", file.source);
    let body = match &file.entry {
        // A system without symbolic links has a file with the link's text there: the plan knows better.
        EntryKind::Symlink { link } if meta.is_symlink() || cfg!(windows) => Body::Link(link.clone()),
        EntryKind::Symlink { .. } => bail!("`{}` was a symbolic link when the plan was made", file.source),
        EntryKind::File | EntryKind::Executable if !meta.is_file() => {
            bail!("`{}` was a file when the plan was made", file.source)
        }
        entry => Body::File { from, executable: *entry == EntryKind::Executable },
    };
    Ok(Member { path: file.path.clone(), body })
}

fn tree(machine: Machine<'_>, tree: &AssetTree, scratch: &Path, os: Os) -> anyhow::Result<Vec<Member>> {
    let (asset, work) = machine.find::<AssetWork>(&tree.step)?;
    let made: BTreeMap<String, Body> = asset::members(machine.store, asset, work, scratch)?
        .into_iter()
        .map(|member| (member.path, member.body))
        .collect();
    let link = |body: &Body| match body {
        Body::Link(link) => Some(link.clone()),
        _ => None,
    };
    let paths: link::Paths = made.iter().map(|(path, body)| (path.clone(), link(body))).collect();
    let settled = link::settle(&paths, &tree.path, os != Os::Windows);
    let settled = settled.map_err(|why| anyhow::anyhow!("of `{}`, {why}; set `links: follow` there", tree.step))?;
    let mut members = Vec::new();
    for (path, real) in settled {
        let rest = link::below(&path, &tree.path).unwrap_or_default();
        members.push(Member { path: joined(&tree.to, rest), body: made[&real].clone() });
    }
    ensure!(!members.is_empty(), "`{}` contains nothing at or below `{}`", tree.step, tree.path);
    Ok(members)
}

fn joined(folder: &str, rest: &str) -> String {
    let folder = folder.trim_end_matches('/');
    match (folder, rest) {
        (folder, "") => folder.to_owned(),
        ("" | ".", rest) => rest.to_owned(),
        (folder, rest) => format!("{folder}/{rest}"),
    }
}
