//! Makes an asset (the user's commands, then the files they left), and lays it out where other steps need it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use globset::{GlobBuilder, GlobMatcher};

use super::commit::{self, Wanted};
use super::log::Log;
use super::machine::Machine;
use super::pack::{self, Body, Member};
use super::unpack;
use crate::artifact::{self, Artifact, Mode};
use crate::link;
use crate::plan::{AssetOutputs, AssetWork, FileSpec, Output, Step};
use crate::portable::is_of_git;
use crate::world::command;
use crate::world::files::{self, Entry};
use crate::world::path::{relative, resolve};
use crate::world::process::{Cmd, Runner};
use crate::world::store::{Store, read_json};

/// Runs an asset's commands and keeps its files.
///
/// # Errors
/// If a command fails, a path or glob matches nothing, or the files are not those that were planned.
pub fn make(
    machine: Machine<'_>,
    log: &mut Log<'_>,
    step: &Step,
    work: &AssetWork,
) -> anyhow::Result<Vec<artifact::File>> {
    let Machine { runner, store, plan, .. } = machine;
    for run in &work.run {
        log.run(runner, &command::cmd(run, store.repository()))?;
    }
    let mut members = find(store, &work.files)?;
    let _commit = of_commit(machine, &mut members)?;
    let folder = store.step(&step.id);
    let outputs = match &work.outputs {
        AssetOutputs::Files(outputs) => outputs,
        AssetOutputs::Bundle([output]) => {
            settle(&members)?;
            return Ok(vec![pack::write(output.format, members, plan.commit_time, &folder, &output.name)?]);
        }
    };
    keep(members, outputs, &folder)
}

/// Every link of a bundle leads to something in it.
fn settle(members: &[Member]) -> anyhow::Result<()> {
    let link = |member: &Member| match &member.body {
        Body::Link(link) => Some(link.clone()),
        _ => None,
    };
    let paths: link::Paths = members.iter().map(|member| (member.path.clone(), link(member))).collect();
    if let Err(why) = link::settle(&paths, "", true) {
        bail!("{why}; set `links: follow`, or add what it points to to `files:`");
    }
    Ok(())
}

/// Copies exactly the planned files.
fn keep(members: Vec<Member>, outputs: &[Output], folder: &Path) -> anyhow::Result<Vec<artifact::File>> {
    let mut found = BTreeMap::new();
    for Member { path, body } in &members {
        let Body::File { from, executable } = body else { bail!("`{path}` is a link: set `links: follow`") };
        if let Some((other, _)) = found.insert(file_name(path).to_owned(), (from.clone(), *executable)) {
            bail!("`{}` and `{path}` would get the same file name", other.display());
        }
    }
    let mut kept = Vec::new();
    for output in outputs {
        let (from, executable) = found
            .remove(&output.name)
            .with_context(|| format!("the planned file `{}` was not produced", output.name))?;
        let mode = if executable { Mode::Executable } else { Mode::Plain };
        kept.push(pack::copy(&from, folder, &output.name, mode)?);
    }
    if let Some(name) = found.into_keys().next() {
        bail!("`{name}` is not one of the planned files");
    }
    Ok(kept)
}

/// Lays an asset out in the repository, as if its commands had run here. What is there with the same bytes stays
/// untouched, so that cargo sees nothing new. Tracked files are never written.
///
/// # Errors
/// If a tracked file would change, or the tree cannot be written.
pub fn lay_out(machine: Machine<'_>, log: &mut Log<'_>, step: &Step, work: &AssetWork) -> anyhow::Result<()> {
    let Machine { runner, store, .. } = machine;
    let repository = store.repository();
    let tracked = tracked(runner, repository)?;
    let scratch = tempfile::tempdir_in(made(store.root())?)?;
    let (mut written, mut kept) = (0_usize, 0_usize);
    for member in members(store, step, work, scratch.path())? {
        let at = repository.join(&member.path);
        if is_same(&member, &at)? {
            kept += 1;
            continue;
        }
        ensure!(
            !tracked.contains(&member.path),
            "the asset `{}` would overwrite `{}`, which git tracks",
            step.id,
            member.path
        );
        let at = files::make_room(repository, &member.path)?;
        put(&member.body, &at).with_context(|| format!("cannot write `{}`", at.display()))?;
        written += 1;
    }
    log.tell(format_args!("unpacked `{}`: {written} files written, {kept} up to date", step.id));
    Ok(())
}

/// The files of a finished asset by their path in the repository. Those of a bundle are unpacked into `scratch`.
///
/// # Errors
/// If the asset does not lie in the store, or its bundle is damaged.
pub fn members(store: &Store, step: &Step, work: &AssetWork, scratch: &Path) -> anyhow::Result<Vec<Member>> {
    let outputs = match &work.outputs {
        AssetOutputs::Files(outputs) => outputs,
        AssetOutputs::Bundle([output]) => {
            return unpack::tree(output.format, &store.file(&step.id, &output.name), scratch);
        }
    };
    let mut members = Vec::new();
    for output in outputs {
        let mut paths = work.files.iter().map(|spec| destination(spec, spec.from.trim_end_matches('/')));
        let path = paths.find(|path| file_name(path) == output.name);
        let path = path.with_context(|| {
            format!("no path of `{}` ends with `{}`, so its place in the repository is unknown", step.id, output.name)
        })?;
        let from = store.file(&step.id, &output.name);
        // The mode is the record's: this file system may know none.
        let record: Artifact = read_json(&store.record(&step.id))?;
        let file = record.files.iter().find(|file| file.name == output.name);
        let executable = file.is_some_and(|file| file.mode == Mode::Executable);
        members.push(Member { path, body: Body::File { from, executable } });
    }
    Ok(members)
}

/// What paths, globs and folders stand for, each with its destination path.
fn find(store: &Store, specs: &[FileSpec]) -> anyhow::Result<Vec<Member>> {
    let mut members: BTreeMap<String, Member> = BTreeMap::new();
    for spec in specs {
        let found = matches(store, spec)?;
        let found = match spec.follow {
            true => followed(store, found)?,
            false => found.into_iter().map(|(path, found)| (path.clone(), path, found)).collect(),
        };
        for (place, path, found) in found {
            let to = destination(spec, &place);
            let body = match found {
                Entry::File { executable } => {
                    let from = store.repository().join(&path);
                    // Where there are no modes the bytes say what is started.
                    let executable = executable || cfg!(windows) && starts(&from)?;
                    Body::File { from, executable }
                }
                Entry::Link(link) => {
                    ensure!(
                        files::link_is_inside(&path, &link) && files::link_is_inside(&to, &link),
                        "the link `{path}` points outside the tree, to `{link}`"
                    );
                    Body::Link(link)
                }
            };
            let member = Member { path: to.clone(), body };
            match members.insert(to.clone(), member.clone()) {
                Some(other) if other != member => bail!("two files would become `{to}`"),
                _ => {}
            }
        }
    }
    Ok(members.into_values().collect())
}

/// How many links one may lead through, and how many files they may stand for.
const MOST_HOPS: usize = 40;
const MOST_FILES: usize = 100_000;

/// With what links point at in their place, also from outside of what was named, but inside the repository: where it
/// belongs, where it lies.
fn followed(store: &Store, found: Vec<(String, Entry)>) -> anyhow::Result<Vec<(String, String, Entry)>> {
    let (mut settled, mut todo) = (Vec::new(), Vec::new());
    todo.extend(found.into_iter().rev().map(|(path, found)| (path.clone(), path, found, 0)));
    while let Some((place, path, found, hops)) = todo.pop() {
        let Entry::Link(link) = &found else {
            settled.push((place, path, found));
            continue;
        };
        let inside = lies_at(store, &path).with_context(|| format!("the link `{path}` points to `{link}`"))?;
        ensure!(
            hops < MOST_HOPS && link::below(&path, &inside).is_none() && settled.len() + todo.len() < MOST_FILES,
            "what the link `{path}` points to contains itself, or too many files"
        );
        for (path, found) in files::walk(store.repository(), &inside, &[store.root().to_owned()])? {
            let rest = link::below(&path, &inside).unwrap_or_default();
            let place = if rest.is_empty() { place.clone() } else { format!("{place}/{rest}") };
            todo.push((place, path, found, hops + 1));
        }
    }
    settled.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(settled)
}

/// Where a path of the repository really lies in it, behind whatever links.
///
/// # Errors
/// If that is outside, where git keeps the repository, or among the results of steps.
fn lies_at(store: &Store, path: &str) -> anyhow::Result<String> {
    let real = resolve(&store.repository().join(path)).with_context(|| format!("`{path}` does not exist"))?;
    let inside = real.strip_prefix(resolve(store.repository())?).map(relative);
    let inside = inside.ok().with_context(|| format!("`{path}` leaves the repository"))?;
    ensure!(!is_of_git(&inside), "`{path}` is inside `.git`: it cannot be released");
    let results = resolve(store.root()).is_ok_and(|root| real.starts_with(root));
    ensure!(!results, "`{path}` is inside the output folder, which holds the results of steps");
    Ok(inside)
}

fn matches(store: &Store, spec: &FileSpec) -> anyhow::Result<Vec<(String, Entry)>> {
    let from = spec.from.trim_end_matches('/');
    ensure!(files::is_inside(from) || from == ".", "the path `{from}` leaves the repository");
    let skip = [store.root().to_owned()];
    if !is_glob(from) {
        let start = if from == "." { "" } else { from };
        ensure!(
            fs::symlink_metadata(store.repository().join(start)).is_ok(),
            "`{from}` does not exist; the commands of this asset should have created it"
        );
        lies_at(store, folder_of(start))?;
        ensure!(!is_of_git(start), "`{from}` belongs to git: it cannot be released");
        let found = files::walk(store.repository(), start, &skip)?;
        ensure!(!found.is_empty(), "the folder `{from}` is empty");
        return Ok(found);
    }
    let start = glob_start(from);
    let matcher = matcher(from)?;
    let found = match fs::symlink_metadata(store.repository().join(start)) {
        Ok(_) => {
            lies_at(store, start)?;
            files::walk(store.repository(), start, &skip)?
        }
        Err(_) => Vec::new(),
    };
    let found: Vec<_> = found.into_iter().filter(|(path, _)| itself_or_above(&matcher, path)).collect();
    ensure!(!found.is_empty(), "the glob `{from}` matches nothing");
    Ok(found)
}

/// A glob that matches a folder takes its tree.
fn itself_or_above(matcher: &GlobMatcher, path: &str) -> bool {
    matcher.is_match(path) || path.match_indices('/').any(|(end, _)| matcher.is_match(&path[..end]))
}

/// Where a match goes: `to` replaces a literal path, and for a glob the folders before its first pattern.
fn destination(spec: &FileSpec, path: &str) -> String {
    let Some(to) = &spec.to else { return path.to_owned() };
    let from = spec.from.trim_end_matches('/');
    let from = if is_glob(from) { glob_start(from) } else { from };
    let rest = path.strip_prefix(from).unwrap_or(path).trim_start_matches('/');
    match (rest, to.strip_suffix('/')) {
        ("", None) => to.clone(),
        ("", Some(folder)) => format!("{folder}/{}", file_name(path)),
        (rest, _) => format!("{}/{rest}", to.trim_end_matches('/')),
    }
}

fn is_glob(path: &str) -> bool {
    path.contains(['*', '?', '[', '{'])
}

fn glob_start(glob: &str) -> &str {
    let pattern = glob.find(['*', '?', '[', '{']).unwrap_or(glob.len());
    folder_of(&glob[..pattern])
}

fn matcher(glob: &str) -> anyhow::Result<GlobMatcher> {
    let glob = GlobBuilder::new(glob).literal_separator(true).build();
    Ok(glob.context("the glob is not valid")?.compile_matcher())
}

fn folder_of(path: &str) -> &str {
    path.rfind('/').map_or("", |end| &path[..end])
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn made(folder: &Path) -> anyhow::Result<&Path> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    Ok(folder)
}

/// Whether a file begins as a script or a program of Linux or macOS does.
fn starts(path: &Path) -> io::Result<bool> {
    let mut first = Vec::new();
    fs::File::open(path)?.take(4).read_to_end(&mut first)?;
    let machos: [[u8; 4]; 3] = [[0xcf, 0xfa, 0xed, 0xfe], [0xce, 0xfa, 0xed, 0xfe], [0xca, 0xfe, 0xba, 0xbe]];
    Ok(first.starts_with(b"#!") || first == b"\x7fELF" || machos.iter().any(|magic| first == magic))
}

/// Takes what the commands left as the commit has it from the commit: bytes, modes and links.
fn of_commit(machine: Machine<'_>, members: &mut [Member]) -> anyhow::Result<Option<tempfile::TempDir>> {
    let Machine { runner, store, .. } = machine;
    let repository = store.repository();
    let mut tracked = tracked(runner, repository)?;
    let status = ["-c", "safe.directory=*", "status", "--porcelain=v1", "-z", "--untracked-files=no", "--no-renames"];
    let status = runner.text(&Cmd::new("git", repository).args(status).env("GIT_OPTIONAL_LOCKS", "0"))?;
    let prefix =
        runner.text(&Cmd::new("git", repository).args(["-c", "safe.directory=*", "rev-parse", "--show-prefix"]))?;
    for path in status.split('\0').filter_map(|entry| entry.get(3..)?.strip_prefix(prefix.trim_end_matches('\n'))) {
        tracked.remove(path);
    }
    let path = |body: &Body| match body {
        Body::File { from, .. } => Some(from.strip_prefix(repository).ok()?.to_str()?.replace('\\', "/")),
        _ => None,
    };
    let wanted: BTreeSet<String> =
        members.iter().filter_map(|member| path(&member.body)).filter(|path| tracked.contains(path)).collect();
    if wanted.is_empty() {
        return Ok(None);
    }
    let scratch = tempfile::tempdir_in(made(store.root())?)?;
    let tree = commit::check_out(machine, scratch.path(), Wanted::Some(&wanted))?;
    for member in members {
        let Some(path) = path(&member.body).filter(|path| wanted.contains(path)) else { continue };
        if let Some(body) = tree.body(&path)? {
            member.body = body;
        }
    }
    Ok(Some(scratch))
}

fn tracked(runner: &Runner, repository: &Path) -> anyhow::Result<BTreeSet<String>> {
    // The repository of a job may belong to another user than the container's.
    let list = Cmd::new("git", repository).args(["-c", "safe.directory=*", "ls-files", "-z"]);
    Ok(runner.text(&list)?.split('\0').map(ToOwned::to_owned).collect())
}

fn is_same(member: &Member, at: &Path) -> anyhow::Result<bool> {
    let Ok(meta) = fs::symlink_metadata(at) else { return Ok(false) };
    Ok(match &member.body {
        Body::Link(link) => meta.is_symlink() && fs::read_link(at)?.to_str() == Some(link.as_str()),
        Body::File { from, executable } => {
            meta.is_file()
                && (cfg!(not(unix)) || files::is_executable(&fs::File::open(at)?)? == *executable)
                && files::same_bytes(from, at)?
        }
        Body::Text(_) | Body::Folder(..) => false,
    })
}

/// Writes a member where it belongs.
///
/// # Errors
/// If it cannot be written.
pub fn put(body: &Body, at: &Path) -> anyhow::Result<()> {
    match fs::symlink_metadata(at) {
        Ok(meta) if !meta.is_dir() => fs::remove_file(at)?,
        _ => {}
    }
    match body {
        Body::Link(link) => link_to(link, at)?,
        Body::File { from, executable } => {
            let mut source = fs::File::open(from)?;
            io::copy(&mut source.by_ref(), &mut fs::File::create_new(at)?)?;
            files::set_mode(at, if *executable { 0o755 } else { 0o644 })?;
        }
        Body::Text(_) | Body::Folder(..) => bail!("`{}` is for layers only", at.display()),
    }
    Ok(())
}

/// Makes a symbolic link.
///
/// # Errors
/// What the system says.
#[cfg(unix)]
pub fn link_to(link: &str, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(link, at)
}

/// Windows knows links to files and links to folders, and gives the right to make them to few.
#[cfg(windows)]
pub fn link_to(link: &str, at: &Path) -> io::Result<()> {
    use std::os::windows::fs::{symlink_dir, symlink_file};
    const PRIVILEGE_NOT_HELD: i32 = 1314;
    let link = link.replace('/', "\\");
    let is_folder = at.parent().is_some_and(|folder| folder.join(&link).is_dir());
    let made = if is_folder { symlink_dir(&link, at) } else { symlink_file(&link, at) };
    made.map_err(|error| match error.raw_os_error() {
        Some(PRIVILEGE_NOT_HELD) => {
            let text =
                "symbolic links are not permitted here: enable developer mode of Windows, or set `links: follow`";
            io::Error::new(error.kind(), text)
        }
        _ => error,
    })
}
