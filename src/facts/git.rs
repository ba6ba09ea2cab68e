//! HEAD, tags, remote and files of a git repository, asked of the git program.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::Context;

use super::remote::{self, Remote};
use super::{distance, whole};
use crate::problem::{Failure, Problem};
use crate::shown::AND;
use crate::world::env::Env;
use crate::world::files;
use crate::world::git::{NO_GIT_BEFORE, Refusal, STATUS, build_output, in_actions, place_by_files, trust, work_tree};
use crate::world::path::resolve;
use crate::world::process::{Cmd, Finished, Runner};

/// How many differing paths are named.
const DIRTY_SHOWN: usize = 20;

#[derive(Clone, Debug, Default)]
pub struct Head {
    /// 40 hex digits.
    pub commit: String,
    /// Seconds since 1970.
    pub time: i64,
    /// Paths that differ from the commit or are untracked (first 20); empty: clean.
    pub dirty: Vec<String>,
    /// Whether history is cut off (tags may be hidden).
    pub shallow: bool,
    /// Commits reachable from it; counted only if there is no tag.
    pub count: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Name without `refs/tags/`.
    pub name: String,
    /// The commit it stands for, dereferenced.
    pub commit: String,
    /// Commits between it and HEAD; 0: it is at HEAD; absent: not an ancestor, or one with a higher version is.
    pub distance: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeFile {
    /// Relative to the repository, `/`.
    pub path: String,
    pub kind: TreeKind,
}

/// What a file of the work tree is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeKind {
    /// Mode 0644.
    File,
    /// Mode 0755.
    Executable,
    /// A link and what it points at.
    Symlink(String),
}

pub struct Git {
    pub head: Head,
    /// Tags, sorted by name.
    pub tags: Vec<Tag>,
    /// The address of `origin`, else of the only remote, taken apart.
    pub remote: Option<Remote>,
    /// Names of the remotes, if there are several and nothing says which is meant.
    pub remotes: Vec<String>,
    /// Files, sorted by path.
    pub files: Vec<TreeFile>,
    /// What a checkout needs besides git, and what this one lacks.
    pub whole: whole::Whole,
}

/// The top folder of the repository that contains `dir`.
///
/// # Errors
/// `Failure` with exit 2 if `dir` is not in a work tree, git refuses it, or git is not installed.
pub fn top(runner: &Runner, dir: &Path) -> anyhow::Result<PathBuf> {
    if !dir.is_dir() {
        let message = format!("there is no folder `{}`", dir.display());
        return Err(Failure::usage(Problem::new("no-folder", message)).into());
    }
    if let Some(top) = resolve(dir).ok().and_then(|dir| work_tree(runner, &dir)) {
        return Ok(top);
    }
    let mut text = ask(runner, git(dir, &["rev-parse", "--show-toplevel"]))?;
    if text.ends_with('\n') {
        text.pop();
    }
    // Git for Windows says `C:/p/x`, and keeps short names such as `RUNNER~1`.
    let top = resolve(Path::new(&text));
    if top.is_err() && text.contains('\u{fffd}') {
        let message = format!("the name of the folder `{text}`, or of one above it, is not UTF-8");
        return Err(Failure::usage(Problem::new("wrong-place", message).hint("rename it")).into());
    }
    top.with_context(|| format!("cannot find `{text}`, the top of the repository according to git"))
}

/// Reads everything at once: each question is a process of about 2 ms, so they run side by side.
///
/// # Errors
/// `Failure` with exit 2 if there is no commit; else what git said.
pub fn read(runner: &Runner, env: &Env, root: &Path) -> anyhow::Result<Git> {
    thread::scope(|scope| {
        let place = scope.spawn(|| place(runner, root));
        let status = scope.spawn(|| status(runner, root));
        let index = scope.spawn(|| {
            let index = index(runner, root, &["ls-files", "-z", "-s", "-v"])?;
            let large = large(runner, root, &index)?;
            Ok((index, large))
        });
        let remote = scope.spawn(|| remote_of(runner, env, root));
        let tags = scope.spawn(|| ask_maybe(runner, git(root, &["show-ref", "-d", "--tags"])));
        let (commit, time) = head(runner, root)?;
        let tags = tags_with_distance(runner, root, &commit, &joined(tags)?)?;
        let (shallow, prefix) = joined(place)?;
        let mut status: Vec<(String, String)> =
            joined(status)?.into_iter().map(|(state, path)| (state, from_root(&prefix, path))).collect();
        let (index, large) = joined(index)?;
        status.extend(changed_unseen(runner, root, &index)?);
        let top = root.join("../".repeat(prefix.matches('/').count()));
        let made =
            build_output(&|path: &str| path.strip_prefix(":/").map_or(root.join(path), |path| top.join(path)), &status);
        status.retain(|(state, path)| state != "??" || !made.iter().any(|folder| path.starts_with(folder)));
        let mut files = tree_files(root, &index, &status, without(runner, root, &status)?);
        if files.is_empty() && !prefix.is_empty() {
            return Err(not_its_own(runner, root));
        }
        let whole = whole::Whole::of(root, &prefix, &index, &large);
        files.retain(|file| !whole.not_utf8.contains(&file.path));
        let dirty = status.iter().take(DIRTY_SHOWN).map(|(_, path)| path.clone()).collect();
        // Walking all of history is slow; only a repository without tags is asked for it.
        let count = if tags.is_empty() { count(runner, root)? } else { 0 };
        let head = Head { commit, time, dirty, shallow, count };
        let (remote, remotes) = joined(remote)?;
        Ok(Git { head, tags, remote, remotes, files, whole })
    })
}

/// What is the same in every clone: the files of the work tree, ignored ones aside; the rest stands for any.
///
/// # Errors
/// What git said.
pub fn read_any(runner: &Runner, root: &Path) -> anyhow::Result<Git> {
    let args = ["ls-files", "-z", "-s", "-t", "--cached", "--others", "--exclude-standard"];
    let index = index(runner, root, &args)?;
    let head = Head { commit: "0".repeat(40), ..Head::default() };
    let remote = Some(Remote { host: "github.com".into(), owner: "owner".into(), name: "project".into() });
    let (_, prefix) = place(runner, root)?;
    let whole = whole::Whole::of(root, &prefix, &index, &large(runner, root, &index)?).of_any();
    let mut files = tree_files(root, &index, &[], Without::default());
    files.retain(|file| !whole.not_utf8.contains(&file.path));
    Ok(Git { head, tags: Vec::new(), remote, remotes: Vec::new(), files, whole })
}

/// What a thread found; its panic, a bug of ours, goes on here.
pub(super) fn joined<T>(thread: thread::ScopedJoinHandle<'_, anyhow::Result<T>>) -> anyhow::Result<T> {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// A question to git. It takes no locks, so that it writes nothing, and answers in English, which `refusal` reads.
fn git(dir: &Path, args: &[&str]) -> Cmd {
    Cmd::new("git", dir).args(args.iter().copied()).env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C")
}

/// Its answer; any other end than success is an error.
fn ask(runner: &Runner, cmd: Cmd) -> anyhow::Result<String> {
    let finished = run(runner, &cmd)?;
    if finished.status.success() { Ok(finished.stdout) } else { Err(refusal(&cmd, &finished, in_actions(runner))) }
}

/// The same for questions that git answers with exit code 1 when there is nothing.
fn ask_maybe(runner: &Runner, cmd: Cmd) -> anyhow::Result<String> {
    let finished = run(runner, &cmd)?;
    let nothing = finished.status.code() == Some(1) && finished.stderr.is_empty();
    if finished.status.success() || nothing {
        Ok(finished.stdout)
    } else {
        Err(refusal(&cmd, &finished, in_actions(runner)))
    }
}

fn run(runner: &Runner, cmd: &Cmd) -> anyhow::Result<Finished> {
    if runner.find("git").is_none() {
        let problem = Problem::new("git-missing", "`git` is not on `PATH`").hint("install git: https://git-scm.com");
        return Err(Failure::usage(problem).into());
    }
    let mut cmd = cmd.clone();
    cmd.args.splice(0..0, trust(runner).iter().map(ToString::to_string));
    runner.output(&cmd)
}

/// Which of some paths git does not ignore; what it tracks, it does not ignore:
/// <https://git-scm.com/docs/git-check-ignore>.
///
/// # Errors
/// If git cannot be asked.
pub fn not_ignored(runner: &Runner, root: &Path, paths: &[String]) -> anyhow::Result<BTreeSet<String>> {
    let is_ignored = |path: &String| {
        let answer = ask_maybe(runner, git(root, &["check-ignore", "-z", "--stdin"]).input(format!("{path}\0")))?;
        Ok::<_, anyhow::Error>(!answer.is_empty())
    };
    let mut open = BTreeSet::new();
    for path in paths {
        if !is_ignored(path)? {
            open.insert(path.clone());
        }
    }
    Ok(open)
}

/// Why git said no: what the user can do something about is a usage failure with git's own advice.
fn refusal(cmd: &Cmd, finished: &Finished, in_actions: bool) -> anyhow::Error {
    let said = finished.stderr.trim();
    let dir = cmd.dir.display();
    let problem = match Refusal::of(said) {
        Refusal::NoRepository => {
            let hint = match in_actions {
                true => NO_GIT_BEFORE,
                false => &format!("git init{AND}git add -A{AND}git commit -m \"first commit\""),
            };
            Problem::new("no-repository", format!("`{dir}` is not in a git repository")).hint(hint)
        }
        Refusal::NoWorkTree => {
            Problem::new("no-repository", format!("`{dir}` is a git repository without a work tree"))
                .hint("run this in a clone of it")
        }
        Refusal::OtherOwner(advice) => {
            let hint = advice.unwrap_or_else(|| "git config --global --add safe.directory <folder>".into());
            Problem::new("unsafe-repository", format!("git refuses `{dir}`: it belongs to another user")).hint(hint)
        }
        Refusal::NoCommit => Problem::new("no-commit", format!("the repository `{dir}` has no commit yet"))
            .hint(format!("git add -A{AND}git commit -m \"first commit\"")),
        Refusal::Other => return anyhow::anyhow!("`{cmd}` failed ({}): {said}", finished.status),
    };
    Failure::usage(problem).into()
}

/// The folder lies in a repository that ignores it: its commits, tags and remote are not the folder's.
fn not_its_own(runner: &Runner, root: &Path) -> anyhow::Error {
    let text = format!(
        "`{}` has no `.git` of its own, and the repository above it contains none of its files",
        root.display()
    );
    let hint =
        if in_actions(runner) { NO_GIT_BEFORE } else { "run `git init` there, or commit it to the repository above" };
    Failure::usage(Problem::new("no-repository", text).hint(hint)).into()
}

/// Commit and time of HEAD.
fn head(runner: &Runner, root: &Path) -> anyhow::Result<(String, i64)> {
    let text = ask(runner, git(root, &["rev-list", "--timestamp", "--max-count=1", "HEAD", "--"]))?;
    let (time, commit) =
        text.trim().split_once(' ').context("`git rev-list --timestamp` printed something unexpected")?;
    Ok((commit.to_owned(), time.parse().context("`git rev-list --timestamp` printed no time")?))
}

fn count(runner: &Runner, root: &Path) -> anyhow::Result<u64> {
    ask(runner, git(root, &["rev-list", "--count", "HEAD"]))?
        .trim()
        .parse()
        .context("`git rev-list --count` printed no number")
}

/// The files that LFS keeps.
fn large(runner: &Runner, root: &Path, index: &str) -> anyhow::Result<String> {
    if whole::may_be_large(root, index) { ask(runner, git(root, &whole::LARGE)) } else { Ok(String::new()) }
}

/// Whether history is cut off, and the path of `root` in its repository: empty, or ending in `/`.
fn place(runner: &Runner, root: &Path) -> anyhow::Result<(bool, String)> {
    if let Some(place) = resolve(root).ok().and_then(|root| place_by_files(runner, &root)) {
        return Ok(place);
    }
    let text = ask(runner, git(root, &["rev-parse", "--is-shallow-repository", "--show-prefix"]))?;
    let (shallow, prefix) = text.split_once('\n').context("`git rev-parse` printed something unexpected")?;
    Ok((shallow == "true", prefix.trim_end_matches('\n').to_owned()))
}

/// A path of `git status`, which counts from the top of the repository, seen from `root`. What lies elsewhere gets
/// git's own sign for the top, `:/`.
fn from_root(prefix: &str, path: String) -> String {
    match path.strip_prefix(prefix) {
        Some(below) => below.to_owned(),
        None => format!(":/{path}"),
    }
}

/// What differs from the commit: two letters of state, and the path.
fn status(runner: &Runner, root: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let text = ask(runner, git(root, &STATUS))?;
    let entry = |entry: &str| entry.split_at_checked(3).map(|(state, path)| (state.trim_end().into(), path.into()));
    Ok(text.split('\0').filter(|part| !part.is_empty()).filter_map(entry).collect())
}

/// Files that git was told not to look at (`update-index --assume-unchanged`, `--skip-worktree`) and that differ from the
/// commit all the same.
fn changed_unseen(runner: &Runner, root: &Path, index: &str) -> anyhow::Result<Vec<(String, String)>> {
    let (mut changed, mut asked) = (Vec::new(), Vec::new());
    for entry in index.split('\0') {
        let Some((facts, path)) = entry.split_once('\t') else { continue };
        let mut words = facts.split(' ');
        let (Some(tag), Some(mode), Some(blob)) = (words.next(), words.next(), words.next()) else { continue };
        let is_unseen = tag.starts_with(|tag: char| tag == 'S' || tag.is_ascii_lowercase());
        if !is_unseen || !mode.starts_with("100") {
            continue;
        }
        match root.join(path).symlink_metadata() {
            Ok(meta) if meta.is_file() && !path.contains('\n') => asked.push((path, blob)),
            // Left out by a sparse checkout, which is said elsewhere.
            Err(_) if tag.eq_ignore_ascii_case("s") => {}
            _ => changed.push(path),
        }
    }
    if !asked.is_empty() {
        let paths: String = asked.iter().map(|(path, _)| format!("{path}\n")).collect();
        let blobs = ask(runner, git(root, &["hash-object", "--stdin-paths"]).input(&paths))?;
        let differ = asked.iter().zip(blobs.lines()).filter(|((_, blob), found)| blob != found);
        changed.extend(differ.map(|((path, _), _)| *path));
    }
    Ok(changed.into_iter().map(|path| ("M".to_owned(), path.to_owned())).collect())
}

/// What `git ls-files` says of a repository and of the submodules that are checked out in it. (`--recurse-submodules`
/// knows `-s` only since git 2.36.)
fn index(runner: &Runner, root: &Path, args: &[&str]) -> anyhow::Result<String> {
    let own = ask(runner, git(root, args))?;
    let mut all = String::with_capacity(own.len());
    for entry in own.split_inclusive('\0') {
        let module = entry.split_once('\t').filter(|(facts, _)| facts.split(' ').nth(1) == Some("160000"));
        let module = module.map(|(_, path)| path.trim_end_matches('\0'));
        let Some(path) = module.filter(|path| root.join(path).join(".git").exists()) else {
            all.push_str(entry);
            continue;
        };
        for inner in index(runner, &root.join(path), args)?.split_terminator('\0') {
            match (inner.strip_prefix("? "), inner.split_once('\t')) {
                (Some(untracked), _) => all.push_str(&format!("? {path}/{untracked}\0")),
                (None, Some((facts, inner))) => all.push_str(&format!("{facts}\t{path}/{inner}\0")),
                (None, None) => {}
            }
        }
    }
    Ok(all)
}

/// What this work tree keeps of files: where it has no modes or no links, git's records stand.
#[derive(Clone, Copy, Default)]
struct Without {
    modes: bool,
    links: bool,
}

/// Asked only where something differs.
fn without(runner: &Runner, root: &Path, status: &[(String, String)]) -> anyhow::Result<Without> {
    if status.is_empty() {
        return Ok(Without::default());
    }
    let is_false = |key: &str| {
        let said = ask_maybe(runner, git(root, &["config", "--type=bool", "--get", key]))?;
        anyhow::Ok(said.trim() == "false")
    };
    Ok(Without { modes: is_false("core.fileMode")?, links: is_false("core.symlinks")? })
}

/// The index, and for paths that differ from it what lies on disk.
fn tree_files(root: &Path, index: &str, status: &[(String, String)], without: Without) -> Vec<TreeFile> {
    let changed: BTreeSet<&str> = status.iter().map(|(_, path)| path.as_str()).collect();
    let mut files = BTreeMap::new();
    for entry in index.split('\0') {
        if let Some(untracked) = entry.strip_prefix("? ") {
            files.extend(on_disk(&root.join(untracked)).map(|kind| (untracked.to_owned(), kind)));
            continue;
        }
        let Some((facts, path)) = entry.split_once('\t') else { continue };
        let mode = facts.split(' ').nth(1);
        let kind = match mode {
            // In a sparse checkout: the file is not there.
            _ if facts.starts_with(['S', 's']) && root.join(path).symlink_metadata().is_err() => None,
            _ if changed.contains(path) => on_disk(&root.join(path)).map(|kind| match (kind, mode) {
                (TreeKind::File | TreeKind::Executable, Some("120000")) if without.links => link(&root.join(path)),
                (TreeKind::File | TreeKind::Executable, Some("100755")) if without.modes => TreeKind::Executable,
                (TreeKind::Executable, Some("100644")) if without.modes => TreeKind::File,
                (kind, _) => kind,
            }),
            Some("100755") => Some(TreeKind::Executable),
            Some("120000") => Some(link(&root.join(path))),
            // 160000 is the commit of a submodule that is not checked out.
            Some("160000") => None,
            _ => Some(TreeKind::File),
        };
        files.extend(kind.map(|kind| (path.to_owned(), kind)));
    }
    // A folder here is a repository inside the repository.
    let untracked =
        status.iter().filter(|(state, path)| state == "??" && !path.ends_with('/') && !path.starts_with(":/"));
    files.extend(untracked.filter_map(|(_, path)| Some((path.clone(), on_disk(&root.join(path))?))));
    files.into_iter().map(|(path, kind)| TreeFile { path, kind }).collect()
}

fn on_disk(path: &Path) -> Option<TreeKind> {
    let kind = std::fs::symlink_metadata(path).ok()?.file_type();
    if kind.is_symlink() {
        return Some(link(path));
    }
    if !kind.is_file() {
        return None;
    }
    let executable = std::fs::File::open(path).and_then(|file| files::is_executable(&file)).unwrap_or(false);
    Some(if executable { TreeKind::Executable } else { TreeKind::File })
}

/// Where a link points. Without links (`core.symlinks=false`) git writes a file that holds it.
fn link(path: &Path) -> TreeKind {
    let target = std::fs::read_link(path).map(|target| target.to_string_lossy().into_owned());
    let target = target.map(|target| if cfg!(windows) { target.replace('\\', "/") } else { target });
    TreeKind::Symlink(target.or_else(|_| std::fs::read_to_string(path)).unwrap_or_default())
}

fn tags_with_distance(runner: &Runner, root: &Path, head: &str, refs: &str) -> anyhow::Result<Vec<Tag>> {
    let mut commits = BTreeMap::new();
    for line in refs.lines() {
        let Some((commit, name)) = line.split_once(" refs/tags/") else { continue };
        // The line of an annotated tag is followed by one, ending in `^{}`, with what the tag stands for at last.
        commits.insert(name.strip_suffix("^{}").unwrap_or(name), commit);
    }
    let distances = distances(runner, root, head, &commits)?;
    let tag = |(name, commit): (&str, &str)| Tag {
        name: name.to_owned(),
        commit: commit.to_owned(),
        distance: if commit == head { Some(0) } else { distances.get(commit).copied() },
    };
    Ok(commits.into_iter().map(tag).collect())
}

/// How far the last release of each kind is away. Only if one of the highest versions is not an ancestor of HEAD (so this
/// is a branch of an older release), or there are many kinds, all of history is walked: 6 ms for 1000 commits.
fn distances(
    runner: &Runner,
    root: &Path,
    head: &str,
    tags: &BTreeMap<&str, &str>,
) -> anyhow::Result<HashMap<String, u64>> {
    let highest: Option<HashMap<String, u64>> = match distance::highest(tags) {
        Some(commits) => thread::scope(|scope| {
            let away = commits.into_iter().filter(|commit| *commit != head);
            let threads: Vec<_> = away.map(|commit| scope.spawn(move || ahead(runner, root, commit))).collect();
            threads.into_iter().map(joined).collect::<anyhow::Result<Option<_>>>()
        })?,
        None => None,
    };
    if let Some(found) = highest {
        return Ok(found);
    }
    let graph = ask(runner, git(root, &["rev-list", "--topo-order", "--parents", "HEAD", "--"]))?;
    let found = distance::from_head(&graph, &tags.values().copied().collect());
    Ok(found.into_iter().map(|(commit, distance)| (commit.to_owned(), distance)).collect())
}

/// A commit and how many commits HEAD is ahead of it; `None` if it is not an ancestor of HEAD.
fn ahead(runner: &Runner, root: &Path, commit: &str) -> anyhow::Result<Option<(String, u64)>> {
    let range = format!("{commit}...HEAD");
    let finished = run(runner, &git(root, &["rev-list", "--count", "--left-right", &range, "--"]))?;
    if !finished.status.success() {
        // A tag of something that is not a commit.
        return Ok(None);
    }
    let (behind, ahead) =
        finished.stdout.trim().split_once('\t').context("`git rev-list --count` printed something unexpected")?;
    let ahead = ahead.parse().context("`git rev-list --count` printed no number")?;
    Ok((behind == "0").then(|| (commit.to_owned(), ahead)))
}

/// Inside a job what GitHub says; else the address of `origin`, else of the only remote; else the names of all.
///
/// # Errors
/// Exit 2 if the environment names none; else what git said.
pub fn remote_of(runner: &Runner, env: &Env, root: &Path) -> anyhow::Result<(Option<Remote>, Vec<String>)> {
    let pattern = r"^(remote\..*\.url|url\..*\.insteadof)$";
    let found = ask_maybe(runner, git(root, &["config", "-z", "--get-regexp", pattern]))?;
    let (here, others) = remote::chosen(&found);
    let Some(repository) = env.get("GITHUB_REPOSITORY") else { return Ok((here, others)) };
    let named = repository.split('/').filter(|name| !name.is_empty()).count() == 2;
    let server = env.get("GITHUB_SERVER_URL").map(str::to_owned);
    let server = server.or_else(|| here.map(|remote| format!("https://{}", remote.host)));
    let server = server.as_deref().unwrap_or("https://github.com");
    let address = format!("{}/{repository}", server.trim_end_matches('/'));
    remote::parse(&address).filter(|_| named).map(|remote| (Some(remote), Vec::new())).ok_or_else(|| {
        let message = "`GITHUB_SERVER_URL` and `GITHUB_REPOSITORY` do not name a repository";
        Failure::usage(Problem::new("bad-repository", message).hint("GITHUB_REPOSITORY=owner/name")).into()
    })
}
