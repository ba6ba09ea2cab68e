//! Packs executables, files of the commit and trees of assets into a step's archives.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};

use super::asset;
use super::pack::{self, Body, Member};
use crate::artifact::{self, Mode};
use crate::format::Format;
use crate::plan::{self, ArchiveFile, AssetTree, EntryKind, Plan, Step, Work};
use crate::world::files;
use crate::world::path::resolve;
use crate::world::store::Store;

/// Makes every output of an archive step.
///
/// # Errors
/// If a member is missing or not what was planned, two land on one path, or an archive cannot be written.
pub fn make(store: &Store, plan: &Plan, step: &Step) -> anyhow::Result<Vec<artifact::File>> {
    let Work::Archive(work) = &step.work else { bail!("`{}` is no archive", step.id) };
    fs::create_dir_all(store.root())?;
    let scratch = tempfile::tempdir_in(store.root())?;
    let members = members(store, plan, (&work.executables, &work.files, &work.trees), scratch.path())?;
    let folder = store.step(&step.id);
    let mut bare = work.executables.iter();
    let mut made = Vec::new();
    for output in &step.outputs {
        let file = match output.format {
            Some(Format::Binary) => {
                let executable = bare.next().with_context(|| format!("no executable is left for `{}`", output.name))?;
                let from = store.file(&executable.step, &executable.output);
                pack::copy(&from, &folder, &output.name, Mode::Executable)?
            }
            Some(format) => pack::write(format, members.clone(), plan.commit_time, &folder, &output.name)?,
            None => bail!("no archive format is planned for `{}`", output.name),
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
    store: &Store,
    plan: &Plan,
    (executables, files, trees): (&[plan::Member], &[ArchiveFile], &[AssetTree]),
    scratch: &Path,
) -> anyhow::Result<Vec<Member>> {
    let mut members = Vec::new();
    for executable in executables {
        let from = store.file(&executable.step, &executable.output);
        ensure!(from.is_file(), "`{}` of `{}` is not there", executable.output, executable.step);
        members.push(Member { path: executable.path.clone(), body: Body::File { from, executable: true } });
    }
    for file in files {
        members.push(of_commit(store, file)?);
    }
    for (index, wanted) in trees.iter().enumerate() {
        let scratch = scratch.join(index.to_string());
        fs::create_dir(&scratch)?;
        members.extend(tree(store, plan, wanted, &scratch)?);
    }
    Ok(members)
}

/// A file of the commit, as it lies in the work tree. Its mode is the commit's, which not every file system keeps.
fn of_commit(store: &Store, file: &ArchiveFile) -> anyhow::Result<Member> {
    ensure!(files::is_inside(&file.source), "the path `{}` leaves the repository", file.source);
    let from = store.repository().join(&file.source);
    let meta = fs::symlink_metadata(&from).with_context(|| format!("the file `{}` is not there", file.source))?;
    let folder = from.parent().map(resolve).transpose()?;
    let inside = folder.is_some_and(|folder| resolve(store.repository()).is_ok_and(|top| folder.starts_with(top)));
    ensure!(inside, "`{}` lies behind a link that leaves the repository", file.source);
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

fn tree(store: &Store, plan: &Plan, tree: &AssetTree, scratch: &Path) -> anyhow::Result<Vec<Member>> {
    let asset = plan.step(&tree.step).with_context(|| format!("the plan has no step `{}`", tree.step))?;
    let mut members = Vec::new();
    for member in asset::members(store, asset, scratch)? {
        let Some(rest) = below(&member.path, &tree.path) else { continue };
        members.push(Member { path: joined(&tree.to, rest), body: member.body });
    }
    ensure!(!members.is_empty(), "`{}` has nothing at or below `{}`", tree.step, tree.path);
    Ok(members)
}

/// The rest of a path at or below a folder; empty: the path itself.
fn below<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    let folder = folder.trim_end_matches('/');
    if folder.is_empty() || folder == "." {
        return Some(path);
    }
    let rest = path.strip_prefix(folder)?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
}

fn joined(folder: &str, rest: &str) -> String {
    let folder = folder.trim_end_matches('/');
    match (folder, rest) {
        (folder, "") => folder.to_owned(),
        ("" | ".", rest) => rest.to_owned(),
        (folder, rest) => format!("{folder}/{rest}"),
    }
}
