//! The staged context of a build: exactly what the commit and the planned assets say, whatever lies in the work tree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};

use super::asset;
use super::commit::{self, Wanted};
use super::machine::Machine;
use crate::digest::Digest;
use crate::dockerfile::{IgnoreFile, Kind, Listing, ignore_file_names};
use crate::plan::{AssetWork, FromDockerfile, NamedContext};
use crate::world::files;
use crate::world::path::resolve;
use crate::world::process::Cmd;

/// The name under which the Dockerfile is staged.
const DOCKERFILE: &str = "Dockerfile";

/// What an engine is given of the repository.
pub struct Staged {
    pub context: PathBuf,
    pub dockerfile: PathBuf,
    /// Folders of named contexts.
    pub named: BTreeMap<String, PathBuf>,
    /// What of the commit is in the context, before executables and assets are put there.
    pub listing: Listing,
    /// The same of named contexts.
    pub listings: BTreeMap<String, Listing>,
    pub text: Vec<u8>,
    /// Digests of the files of the commit, by place on disk.
    digests: BTreeMap<PathBuf, Digest>,
}

impl Staged {
    /// Digest of a file of the commit in a context (empty: the build context).
    pub fn digest(&self, context: &str, path: &str) -> Option<Digest> {
        let folder = if context.is_empty() { &self.context } else { self.named.get(context)? };
        self.digests.get(&folder.join(path)).copied()
    }
}

/// Stages the context, with what was made for it, and the named folders below the empty folder `at`.
///
/// # Errors
/// If git fails, a file is missing, or the disk is full.
pub fn stage(machine: Machine<'_>, work: &FromDockerfile, at: &Path) -> anyhow::Result<Staged> {
    fs::create_dir_all(at)?;
    let at = resolve(at)?;
    let folders: Vec<&str> = work.contexts.values().filter_map(folder).collect();
    let wanted = wanted(machine, work, &folders)?;
    let tree = commit::check_out(machine, &at.join("commit"), Wanted::Some(&wanted))?;
    let text = fs::read(tree.folder.join(&work.dockerfile))
        .with_context(|| format!("the commit has no `{}`", work.dockerfile))?;
    let recipe = at.join("recipe");
    fs::create_dir_all(&recipe)?;
    let dockerfile = recipe.join(DOCKERFILE);
    fs::write(&dockerfile, &text)?;
    // What is ignored is not staged; without this file an engine would apply the one of the context's root.
    fs::write(recipe.join(format!("{DOCKERFILE}.dockerignore")), "# Applied already.\n")?;
    let ignore = match &work.ignore {
        Some(path) => Some(ignore_file(&tree.folder.join(path), path)?),
        None => None,
    };
    let context = at.join("context");
    let listing = lay_out(&tree, &work.context, ignore, &context)?;
    let (mut named, mut listings) = (BTreeMap::new(), BTreeMap::new());
    for (number, (name, path)) in work.contexts.iter().filter_map(|(name, one)| Some((name, folder(one)?))).enumerate()
    {
        let to = at.join(format!("named-{number}"));
        let path_of_ignore = inside(path, &ignore_file_names("")[1]);
        let own = tree.folder.join(&path_of_ignore);
        let ignore = if own.is_file() { Some(ignore_file(&own, &path_of_ignore)?) } else { None };
        listings.insert(name.clone(), lay_out(&tree, path, ignore, &to)?);
        named.insert(name.clone(), to);
    }
    add_made(machine, work, &context, &at.join("made"))?;
    let mut digests = BTreeMap::new();
    for folder in [&context, &recipe].into_iter().chain(named.values()) {
        settle(folder, machine.plan.commit_time, &mut digests)?;
    }
    Ok(Staged { context, dockerfile, named, listing, listings, text, digests })
}

/// Puts executables and what assets made into a context. The ignore file does not hold for them: they are wanted.
fn add_made(machine: Machine<'_>, work: &FromDockerfile, context: &Path, scratch: &Path) -> anyhow::Result<()> {
    let store = machine.store;
    for executable in &work.executables {
        let from = store.file(&executable.step, &executable.output);
        let to = files::make_room(context, &executable.path)?;
        asset::put(&super::pack::Body::File { from, executable: true }, &to)?;
    }
    for id in &work.assets {
        let (step, asset) = machine.find::<AssetWork>(id)?;
        let unpacked = scratch.join(step.id.as_str());
        fs::create_dir_all(&unpacked)?;
        for member in asset::members(store, step, asset, &unpacked)? {
            let path = member.path.strip_prefix(&below(&work.context)).unwrap_or(&member.path);
            let to = files::make_room(context, path)?;
            asset::put(&member.body, &to)?;
        }
    }
    Ok(())
}

fn folder(context: &NamedContext) -> Option<&str> {
    match context {
        NamedContext::Folder(path) => Some(path),
        NamedContext::Image(_) | NamedContext::Published(_) => None,
    }
}

/// `services/api/`, or nothing for all of the repository.
fn below(folder: &str) -> String {
    if folder.is_empty() || folder == "." { String::new() } else { format!("{folder}/") }
}

fn inside(folder: &str, name: &str) -> String {
    format!("{}{name}", below(folder))
}

/// The files of the commit that the build may see.
fn wanted(machine: Machine<'_>, work: &FromDockerfile, folders: &[&str]) -> anyhow::Result<BTreeSet<String>> {
    let repository = machine.store.repository();
    let places = folders.iter().copied().chain([work.context.as_str()]);
    let places: Vec<&str> = places.map(|place| if place.is_empty() { "." } else { place }).collect();
    let mut all: BTreeSet<String> = BTreeSet::new();
    let mut ask = |flags: &[&str]| -> anyhow::Result<()> {
        let cmd = Cmd::new("git", repository).args(["--literal-pathspecs", "ls-files", "-z"]);
        let cmd = cmd.args(flags.iter().copied()).arg("--").args(places.iter().copied());
        all.extend(machine.runner.text(&cmd)?.split('\0').filter(|path| !path.is_empty()).map(ToOwned::to_owned));
        Ok(())
    };
    ask(&["--recurse-submodules"])?;
    if machine.plan.dirty {
        ask(&["--others", "--exclude-standard"])?;
    }
    all.insert(work.dockerfile.clone());
    all.extend(work.ignore.clone());
    Ok(all)
}

fn ignore_file(at: &Path, name: &str) -> anyhow::Result<IgnoreFile> {
    let bytes = fs::read(at).with_context(|| format!("cannot read `{name}`"))?;
    let parsed = IgnoreFile::parse(&bytes);
    let parsed = parsed.map_err(|bad| anyhow::anyhow!("`{name}`, line {}: {}", bad.line, bad.message))?;
    Ok(parsed.named(name))
}

/// Lays out what of a folder of the commit is not ignored.
fn lay_out(tree: &commit::Tree, folder: &str, ignore: Option<IgnoreFile>, to: &Path) -> anyhow::Result<Listing> {
    let from = tree.folder.join(folder);
    fs::create_dir_all(to)?;
    ensure!(from.is_dir(), "the commit has no folder `{folder}`");
    let entries = files::walk(&from, "", &[])?.into_iter().map(|(path, entry)| {
        let kind = match entry {
            files::Entry::File { executable } => Kind::File { executable },
            files::Entry::Link(target) => Kind::Link { target },
        };
        (path, kind)
    });
    let all = Listing::new(entries);
    let listing = match &ignore {
        Some(ignore) => all.apply(ignore),
        None => all,
    };
    for (path, kind) in listing.iter() {
        let at = to.join(path);
        match kind {
            Kind::Folder => fs::create_dir_all(&at)?,
            Kind::Link { target } => asset::link_to(target, &at)?,
            // The commit's copy is ours: a second name for it costs nothing.
            Kind::File { .. } => {
                files::link(&from.join(path), &at).with_context(|| format!("cannot stage `{path}`"))?
            }
        }
    }
    Ok(listing)
}

/// Gives everything the mode that git means and a time that follows from its content: BuildKit takes a file of equal size
/// and time for the one that it was sent before, by whichever build. Times before the commit's would go into layers;
/// nanoseconds after it do not.
///
/// # Errors
/// If something cannot be read or changed.
pub fn settle(folder: &Path, time: i64, digests: &mut BTreeMap<PathBuf, Digest>) -> anyhow::Result<()> {
    let base = UNIX_EPOCH + Duration::from_secs(u64::try_from(time).unwrap_or_default());
    let mut folders = vec![folder.to_owned()];
    let mut todo = vec![folder.to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read `{}`", folder.display()))? {
            let path = entry?.path();
            let meta = fs::symlink_metadata(&path)?;
            if meta.is_symlink() {
                let target = fs::read_link(&path)?;
                let digest = Digest::of(target.as_os_str().as_encoded_bytes());
                digests.insert(path.clone(), digest);
                set_link_time(&path, base + nanoseconds(digest))?;
            } else if meta.is_dir() {
                todo.push(path.clone());
                folders.push(path);
            } else {
                let file = fs::File::open(&path)?;
                let executable = files::is_executable(&file)?;
                let digest = Digest::of_reader(&file)?.0;
                files::set_mode(&path, if executable { 0o755 } else { 0o644 })?;
                file.set_modified(base + nanoseconds(digest))
                    .with_context(|| format!("cannot set the time of `{}`", path.display()))?;
                digests.insert(path, digest);
            }
        }
    }
    // Last, because whatever is put into a folder changes its time.
    for folder in folders.into_iter().rev() {
        files::set_mode(&folder, 0o755)?;
        set_link_time(&folder, base)?;
    }
    Ok(())
}

/// 1 to 999,999,999 of them, as the content says.
fn nanoseconds(digest: Digest) -> Duration {
    let number = u64::from_str_radix(&digest.hex()[..16], 16).unwrap_or_default();
    Duration::from_nanos(number % 999_999_998 + 1)
}

/// The time of a folder, or of a link itself.
#[cfg(unix)]
fn set_link_time(path: &Path, time: SystemTime) -> anyhow::Result<()> {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or_default();
    let spec = Timespec { tv_sec: seconds, tv_nsec: since.subsec_nanos().into() };
    let times = Timestamps { last_access: spec, last_modification: spec };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)
        .with_context(|| format!("cannot set the time of `{}`", path.display()))
}

/// No engine runs on Windows itself, and times of links cannot be set there.
#[cfg(windows)]
fn set_link_time(_: &Path, _: SystemTime) -> anyhow::Result<()> {
    Ok(())
}
