//! The files of the commit as git checks them out on any machine: a work tree may have other line ends, no links and no
//! modes, as its `core.autocrlf`, `core.symlinks` and `core.fileMode` say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use super::head::Checkout;
use super::machine::Machine;
use super::pack::Body;
use crate::link;
use crate::world::files;
use crate::world::git::{STATUS, build_output};
use crate::world::process::{Cmd, Runner};

/// How many bytes of paths git is told at once; the command line of Windows takes 32 KiB.
const MANY_PATHS: usize = 16 << 10;

/// Where a repository says whose objects it shares.
const ALTERNATES: &str = "objects/info/alternates";

#[derive(Clone, Copy)]
pub enum Wanted<'a> {
    /// All of the repository, with a `.git` beside them whose HEAD is the commit: build scripts ask it.
    All,
    /// These of the project.
    Some(&'a BTreeSet<String>),
}

pub struct Tree {
    /// The project's folder in it.
    pub folder: PathBuf,
    /// Links by path from the top, and what they point at.
    pub links: BTreeMap<String, String>,
    /// The repository's folder in it.
    pub top: PathBuf,
    git: PathBuf,
    /// Files that are started, by path from the top.
    executables: BTreeSet<String>,
}

/// Checks out the plan's commit into the empty folder `at`, submodules included; of a dirty plan with what differs.
/// The work tree of the project stays untouched, and so does its `.git`.
///
/// # Errors
/// If git fails, or a file cannot be written.
pub fn check_out(machine: Machine<'_>, at: &Path, wanted: Wanted<'_>) -> anyhow::Result<Tree> {
    let Machine { runner, plan, checkout, .. } = machine;
    let repository = machine.store.repository();
    let prefix = checkout.prefix.as_str();
    let mut top = repository.to_owned();
    (0..prefix.matches('/').count()).for_each(|_| top.push(".."));
    let (git, tree) = (at.join(".git"), at.join("tree"));
    let wanted: Option<BTreeSet<String>> = match wanted {
        Wanted::All => None,
        Wanted::Some(paths) => Some(paths.iter().map(|path| format!("{prefix}{path}")).collect()),
    };
    let one = One { runner, source: &top, checkout, git: &git, tree: &tree, dirty: plan.dirty };
    let mut kinds = Kinds::default();
    one.check_out(&plan.commit, wanted.as_ref(), "", &mut kinds)?;
    let Kinds { links, executables } = kinds;
    let folder = if prefix.is_empty() { tree.clone() } else { tree.join(prefix.trim_end_matches('/')) };
    fs::create_dir_all(&folder)?;
    Ok(Tree { folder, links, top: tree, git, executables })
}

/// What files are besides their bytes, by path from the top.
#[derive(Default)]
struct Kinds {
    links: BTreeMap<String, String>,
    executables: BTreeSet<String>,
}

impl Tree {
    /// A file of the project as a member of an archive, if it is there.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn body(&self, path: &str) -> anyhow::Result<Option<Body>> {
        let from = self.folder.join(path);
        let whole = slashed(from.strip_prefix(&self.top)?);
        if let Some(link) = self.links.get(&whole) {
            return Ok(Some(Body::Link(link.clone())));
        }
        if !fs::symlink_metadata(&from).is_ok_and(|meta| meta.is_file()) {
            return Ok(None);
        }
        let executable = match cfg!(unix) {
            true => files::is_executable(&fs::File::open(&from)?)?,
            false => self.executables.contains(&whole),
        };
        Ok(Some(Body::File { from, executable }))
    }

    /// Puts what links of the commit point at in their place: what wheels and sdists hold then does not depend on what
    /// a file system knows of links. Those that point at nothing, out of the tree or at a folder above them stay.
    ///
    /// # Errors
    /// If a file cannot be copied, or the links copy more than any project has.
    pub fn follow(&self) -> anyhow::Result<()> {
        let mut copier = Copier { tree: self, copied: 0 };
        for link in self.links.keys() {
            if let Some(real) = link::resolve(link, &self.links)
                && !above(&real, link)
                && self.top.join(&real).exists()
            {
                let at = self.top.join(link);
                remove_any(&at)?;
                copier.copy(&real, &at, &mut vec![real.clone()])?;
            }
        }
        Ok(())
    }

    /// What git would say of these files (paths from the project's folder) is not said: they are ours.
    ///
    /// # Errors
    /// If git fails.
    pub fn assume_unchanged(&self, runner: &Runner, paths: &[String]) -> anyhow::Result<()> {
        let folder = self.folder.strip_prefix(&self.top).unwrap_or(Path::new(""));
        let ours = paths.iter().map(|path| slashed(&folder.join(path)));
        let known = runner.text(&own_git(&self.git, &self.top, &["ls-files", "-z"]))?;
        let known: BTreeSet<&str> = known.split('\0').collect();
        // Files of a submodule are another index's.
        let paths = ours.chain(self.links.keys().cloned()).filter(|path| known.contains(path.as_str()));
        let paths: Vec<String> = paths.collect();
        for some in chunks(&paths) {
            let cmd = own_git(&self.git, &self.top, &["update-index", "-q", "--assume-unchanged", "--"]);
            runner.text(&cmd.args(some.iter().map(String::as_str)))?;
        }
        Ok(())
    }

    /// Takes the `.git` away.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn forget_git(&self) -> anyhow::Result<()> {
        remove_any(&self.git).with_context(|| format!("cannot remove `{}`", self.git.display()))
    }
}

/// One repository: the project's, or a submodule.
struct One<'a> {
    runner: &'a Runner,
    source: &'a Path,
    checkout: &'a Checkout,
    git: &'a Path,
    tree: &'a Path,
    dirty: bool,
}

struct Entry {
    mode: String,
    oid: String,
    path: String,
}

impl One<'_> {
    fn check_out(
        &self,
        commit: &str,
        wanted: Option<&BTreeSet<String>>,
        below: &str,
        kinds: &mut Kinds,
    ) -> anyhow::Result<()> {
        fs::create_dir_all(self.tree)?;
        self.make_git(commit)?;
        self.ask(&["read-tree", commit])?;
        let entries = self.entries()?;
        self.write(&entries, wanted)?;
        let is_wanted = |path: &str| wanted.is_none_or(|wanted| wanted.contains(path));
        self.take_filtered(&is_wanted)?;
        let mut own = BTreeMap::new();
        for entry in entries.iter().filter(|entry| entry.mode == "120000" && is_wanted(&entry.path)) {
            own.extend(link_text(&self.tree.join(&entry.path)).map(|text| (entry.path.clone(), text)));
        }
        if self.dirty {
            self.overlay(&is_wanted, &mut own)?;
        }
        kinds.links.extend(own.into_iter().map(|(path, link)| (format!("{below}{path}"), link)));
        let started = entries.iter().filter(|entry| entry.mode == "100755");
        kinds.executables.extend(started.map(|entry| format!("{below}{}", entry.path)));
        for (index, module) in entries.iter().filter(|entry| entry.mode == "160000").enumerate() {
            let source = self.source.join(&module.path);
            let prefix = format!("{}/", module.path);
            let inside: Option<BTreeSet<String>> = wanted.map(|wanted| {
                wanted.iter().filter_map(|path| path.strip_prefix(&prefix).map(ToOwned::to_owned)).collect()
            });
            if !source.join(".git").exists() || inside.as_ref().is_some_and(BTreeSet::is_empty) {
                continue;
            }
            let checkout = Checkout::of(self.runner, &source)?.map_err(|asked| {
                anyhow::anyhow!("cannot read the submodule `{}`: {}", module.path, asked.stderr.trim())
            })?;
            let commit = if self.dirty { checkout.head.clone() } else { module.oid.clone() };
            let (git, tree) = (self.git.join("modules").join(index.to_string()), self.tree.join(&module.path));
            let one = One { source: &source, checkout: &checkout, git: &git, tree: &tree, ..*self };
            one.check_out(&commit, inside.as_ref(), &format!("{below}{prefix}"), kinds)?;
        }
        Ok(())
    }

    /// A repository of its own with the objects and names of the other, and none of its settings.
    fn make_git(&self, commit: &str) -> anyhow::Result<()> {
        let Checkout { objects, shallow, is_sha256, branch, .. } = self.checkout;
        fs::create_dir_all(self.git.join("refs"))?;
        fs::create_dir_all(self.git.join("objects/info"))?;
        fs::write(self.git.join(ALTERNATES), format!("{}\n", slashed(objects)))?;
        if let Ok(shallow) = fs::read(shallow) {
            fs::write(self.git.join("shallow"), shallow)?;
        }
        // It says with 1 that there are none.
        let refs = self.runner.output(&git(self.source, &["show-ref"]))?.stdout;
        let on_branch = format!("{commit} {branch}");
        let on_branch = branch.starts_with("refs/heads/") && refs.lines().any(|line| line == on_branch);
        let head = if on_branch { format!("ref: {branch}\n") } else { format!("{commit}\n") };
        fs::write(self.git.join("packed-refs"), refs)?;
        fs::write(self.git.join("HEAD"), head)?;
        fs::write(self.git.join("config"), self.config(*is_sha256)?)?;
        Ok(())
    }

    /// What is the same everywhere, whatever the user's own configuration says.
    fn config(&self, sha256: bool) -> anyhow::Result<String> {
        let up = "../".repeat(self.git.strip_prefix(self.top_of_git()).map_or(1, |path| path.iter().count().max(1)));
        let tree = self.tree.strip_prefix(self.top_of_git()).context("a tree beside its `.git`")?;
        let (version, extension) = if sha256 { (1, "[extensions]\n\tobjectformat = sha256\n") } else { (0, "") };
        Ok(format!(
            "[core]\n\trepositoryformatversion = {version}\n\tbare = false\n\tworktree = \"{up}{}\"\n\tautocrlf = false\n\
             \teol = lf\n\tsafecrlf = false\n\tfilemode = {unix}\n\tsymlinks = {unix}\n\tattributesfile = \"\"\n\
             \thookspath = /dev/null\n\tfsmonitor = false\n\tuntrackedcache = false\n\tlongpaths = true\n{extension}",
            quoted(&slashed(tree)),
            unix = cfg!(unix),
        ))
    }

    /// The folder that `.git` and the tree lie in.
    fn top_of_git(&self) -> &Path {
        let git = self.git.ancestors().find(|folder| folder.ends_with(".git"));
        git.and_then(Path::parent).unwrap_or(self.git)
    }

    fn ask(&self, args: &[&str]) -> anyhow::Result<String> {
        self.runner.text(&own_git(self.git, self.tree, args))
    }

    fn entries(&self) -> anyhow::Result<Vec<Entry>> {
        let entry = |line: &str| {
            let (facts, path) = line.split_once('\t')?;
            let mut facts = facts.split(' ');
            let (mode, oid) = (facts.next()?.to_owned(), facts.next()?.to_owned());
            Some(Entry { mode, oid, path: path.to_owned() })
        };
        Ok(self.ask(&["ls-files", "-z", "-s"])?.split('\0').filter_map(entry).collect())
    }

    fn write(&self, entries: &[Entry], wanted: Option<&BTreeSet<String>>) -> anyhow::Result<()> {
        let Some(wanted) = wanted else {
            self.ask(&["checkout-index", "-a", "-u", "-q", "-f"])?;
            return Ok(());
        };
        let there = entries.iter().filter(|entry| entry.mode != "160000" && wanted.contains(&entry.path));
        let there: Vec<String> = there.map(|entry| entry.path.clone()).collect();
        for some in chunks(&there) {
            let paths: Vec<&str> = some.iter().map(String::as_str).collect();
            self.ask(&[&["checkout-index", "-q", "-f", "--"][..], &paths].concat())?;
        }
        Ok(())
    }

    /// Files that a filter makes (LFS, git-crypt) are what it left in the work tree.
    fn take_filtered(&self, is_wanted: &dyn Fn(&str) -> bool) -> anyhow::Result<()> {
        let list = self.ask(&["ls-files", "-z", "--", ".", ":(exclude,attr:!filter)"])?;
        for path in list.split('\0').filter(|path| !path.is_empty() && is_wanted(path)) {
            let (from, at) = (self.source.join(path), self.tree.join(path));
            let is_file = |path: &Path| fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file());
            if is_file(&from) && is_file(&at) {
                let bits = fs::metadata(&at)?.permissions();
                fs::copy(&from, &at).with_context(|| format!("cannot copy `{path}`"))?;
                fs::set_permissions(&at, bits)?;
            }
        }
        Ok(())
    }

    /// What differs from the commit, as it lies in the work tree.
    fn overlay(&self, is_wanted: &dyn Fn(&str) -> bool, links: &mut BTreeMap<String, String>) -> anyhow::Result<()> {
        let status = ask(self.runner, self.source, &STATUS)?;
        let no = |key: &str| -> anyhow::Result<bool> {
            let said = self.runner.output(&git(self.source, &["config", "--type=bool", "--get", key]))?;
            Ok(said.stdout.trim() == "false")
        };
        let (no_modes, no_links) = (no("core.fileMode")?, no("core.symlinks")?);
        let status =
            status.split('\0').filter_map(|entry| Some((entry.get(..2)?.to_owned(), entry.get(3..)?.to_owned())));
        let status: Vec<(String, String)> = status.collect();
        let made = build_output(&|path: &str| self.source.join(path), &status);
        let is_made = |state: &str, path: &str| state == "??" && made.iter().any(|folder| path.starts_with(folder));
        let changed = status.iter().filter(|(state, path)| is_wanted(path) && !is_made(state, path));
        for path in changed.map(|(_, path)| path.as_str()) {
            let from = self.source.join(path);
            let Ok(meta) = fs::symlink_metadata(&from) else {
                remove_any(&self.tree.join(path))?;
                links.remove(path);
                continue;
            };
            if meta.is_dir() {
                continue;
            }
            let at = room(self.tree, path)?;
            let old = fs::symlink_metadata(&at).ok();
            let was_link = links.remove(path).is_some();
            remove_any(&at)?;
            if meta.is_symlink() || was_link && no_links {
                let text = link_text(&from).with_context(|| format!("the link `{path}` is not UTF-8"))?;
                put_link(&text, &at)?;
                links.insert(path.to_owned(), text);
                continue;
            }
            fs::copy(&from, &at).with_context(|| format!("cannot copy `{path}`"))?;
            if let (true, Some(old)) = (no_modes, old.filter(fs::Metadata::is_file)) {
                fs::set_permissions(&at, old.permissions())?;
            }
        }
        Ok(())
    }
}

/// Copies what links point at.
struct Copier<'a> {
    tree: &'a Tree,
    copied: usize,
}

impl Copier<'_> {
    /// More files than this come of links only where they multiply.
    const MOST: usize = 100_000;

    fn copy(&mut self, real: &str, at: &Path, inside: &mut Vec<String>) -> anyhow::Result<()> {
        let from = self.tree.top.join(real);
        if !from.is_dir() {
            self.copied += 1;
            ensure!(self.copied <= Self::MOST, "links to folders lead to more than {} files", Self::MOST);
            fs::copy(&from, at).with_context(|| format!("cannot copy `{real}`"))?;
            return Ok(());
        }
        fs::create_dir_all(at)?;
        let mut names = Vec::new();
        for entry in fs::read_dir(&from)? {
            names.extend(entry?.file_name().into_string());
        }
        names.sort();
        for name in names {
            let path = format!("{real}/{name}");
            let at = at.join(&name);
            let Some(text) = self.tree.links.get(&path) else {
                self.copy(&path, &at, inside)?;
                continue;
            };
            match link::resolve(&path, &self.tree.links) {
                Some(real) if !inside.iter().any(|folder| *folder == real || above(&real, folder)) => {
                    if self.tree.top.join(&real).exists() {
                        inside.push(real.clone());
                        self.copy(&real, &at, inside)?;
                        inside.pop();
                    }
                }
                // It would not end.
                _ => put_link(text, &at)?,
            }
        }
        Ok(())
    }
}

/// Whether `path` lies below `folder`, or is it.
fn above(folder: &str, path: &str) -> bool {
    folder.is_empty() || path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// What a link points at. Where there are none git writes a file that holds it.
fn link_text(path: &Path) -> Option<String> {
    let link = fs::read_link(path).map(|link| link.to_str().map(ToOwned::to_owned));
    let link = link.unwrap_or_else(|_| fs::read_to_string(path).ok());
    link.map(|link| if cfg!(windows) { link.replace('\\', "/") } else { link })
}

/// Makes the folders above a path that git named, in place of anything that is none.
fn room(tree: &Path, path: &str) -> anyhow::Result<PathBuf> {
    let mut at = tree.to_owned();
    let mut names = path.split('/').peekable();
    while let Some(name) = names.next() {
        ensure!(!matches!(name, "" | "." | ".."), "the path `{path}` leaves the repository");
        at.push(name);
        if names.peek().is_some() && !fs::symlink_metadata(&at).is_ok_and(|meta| meta.is_dir()) {
            remove_any(&at)?;
            fs::create_dir(&at).with_context(|| format!("cannot create `{}`", at.display()))?;
        }
    }
    Ok(at)
}

fn remove_any(path: &Path) -> std::io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(_) => Ok(()),
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    }
}

/// As git does it where there are no links.
pub fn put_link(text: &str, at: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::symlink(text, at);
    #[cfg(not(unix))]
    fs::write(at, text)
}

fn slashed(path: &Path) -> String {
    let text = path.to_string_lossy();
    if cfg!(windows) { text.trim_start_matches(r"\\?\").replace('\\', "/") } else { text.into_owned() }
}

fn chunks(paths: &[String]) -> Vec<&[String]> {
    let mut chunks = Vec::new();
    let (mut start, mut length) = (0, 0);
    for (index, path) in paths.iter().enumerate() {
        if length > 0 && length + path.len() > MANY_PATHS {
            chunks.push(&paths[start..index]);
            (start, length) = (index, 0);
        }
        length += path.len() + 1;
    }
    if start < paths.len() {
        chunks.push(&paths[start..]);
    }
    chunks
}

/// In a value of git's configuration.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A job's repository often belongs to another user than the container's.
pub fn git(dir: &Path, args: &[&str]) -> Cmd {
    let cmd = Cmd::new("git", dir).args(["-c", "safe.directory=*"]).args(args.iter().copied());
    cmd.env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C")
}

/// Of a repository that was made here. If its variables are set, they mean another one, which must stay as it is.
fn own_git(git_dir: &Path, tree: &Path, args: &[&str]) -> Cmd {
    let path = |path: &Path| std::path::absolute(path).map_or_else(|_| slashed(path), |path| slashed(&path));
    let cmd = git(git_dir, &["--git-dir=."]).args(args.iter().copied());
    let cmd = cmd.env("GIT_WORK_TREE", path(tree)).env("GIT_INDEX_FILE", path(&git_dir.join("index")));
    // Filters of LFS would ask its server; what they left in the work tree is taken instead.
    let cmd = cmd.env("GIT_LFS_SKIP_SMUDGE", "1");
    // A git of another system behind the Windows one reads paths in its environment, not in files.
    match fs::read_to_string(git_dir.join(ALTERNATES)) {
        Ok(objects) if cfg!(windows) => cmd.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", objects.trim_end()),
        _ => cmd,
    }
}

fn ask(runner: &Runner, dir: &Path, args: &[&str]) -> anyhow::Result<String> {
    runner.text(&git(dir, args))
}
