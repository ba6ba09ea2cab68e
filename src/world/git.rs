//! What git is asked in several places, what it means when it refuses, and what to do where a folder is not a repository.

use std::path::{Path, PathBuf};

use super::process::Runner;

/// Asks what differs from the commit, whatever `.gitmodules` or a configuration says of submodules.
pub const STATUS: [&str; 6] =
    ["status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=none"];

/// The folders that cargo compiles into and nobody told git to ignore, each ending in `/`, by what cargo writes there: what
/// is untracked in them is not a change of the project. `at` says where a path of the status lies.
pub fn build_output(at: &dyn Fn(&str) -> PathBuf, status: &[(String, String)]) -> Vec<String> {
    const SIGNS: [(&str, &str); 2] =
        [(".rustc_info.json", "{\"rustc_fingerprint\":"), ("CACHEDIR.TAG", "cache directory tag created by cargo")];
    let folder = |path: &str| {
        let (name, sign) = SIGNS.into_iter().find(|(name, _)| path.ends_with(name))?;
        let folder = path.strip_suffix(name).filter(|folder| folder.ends_with('/'))?;
        std::fs::read_to_string(at(path)).is_ok_and(|text| text.contains(sign)).then(|| folder.to_owned())
    };
    status.iter().filter(|(state, _)| state == "??").filter_map(|(_, path)| folder(path)).collect()
}

/// The top of the work tree that a folder (resolved) lies in, where its files tell the same as git would: the nearest `.git` is
/// an ordinary one of the same user on the same file system. `None`: git is to be asked. Each start of it takes
/// milliseconds.
pub fn work_tree(runner: &Runner, dir: &Path) -> Option<PathBuf> {
    // What else decides: https://git-scm.com/docs/git#_the_git_repository
    let decides = |name: &str| {
        ["GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_CEILING_DIRECTORIES"].contains(&name)
            || name.starts_with("GIT_TEST_")
    };
    if cfg!(not(unix)) || runner.vars().any(|(name, _)| decides(name)) || runner.find("git").is_none() {
        return None;
    }
    let top = dir.ancestors().find(|folder| folder.join(".git").symlink_metadata().is_ok())?;
    let git = top.join(".git");
    let is_whole = git.join("objects").is_dir() && git.join("refs").is_dir();
    // Others are refused with their name.
    let is_whole = is_whole && top.to_str().is_some();
    let is_usual = is_whole && is_head(&git.join("HEAD")) && is_ordinary(&git.join("config")) && is_near(dir, top);
    is_usual.then(|| top.to_owned())
}

/// Whether history is cut off, and the path of a folder (resolved) in its repository: empty, or ending in `/`. As `work_tree`.
pub fn place_by_files(runner: &Runner, root: &Path) -> Option<(bool, String)> {
    let top = work_tree(runner, root)?;
    let names = root.strip_prefix(&top).ok()?.iter();
    // Of other names a file system may know another form than git.
    let name = |name: &std::ffi::OsStr| name.to_str().filter(|name| name.is_ascii()).map(|name| format!("{name}/"));
    Some((top.join(".git/shallow").exists(), names.map(name).collect::<Option<String>>()?))
}

fn is_head(file: &Path) -> bool {
    std::fs::read_to_string(file).is_ok_and(|text| {
        text.starts_with("ref: refs/")
            || text.len() >= 40 && text.trim_end().bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Whether a configuration leaves the work tree beside `.git`.
fn is_ordinary(config: &Path) -> bool {
    std::fs::read_to_string(config).is_ok_and(|text| {
        let words: String = text.to_ascii_lowercase().split_whitespace().collect();
        !words.contains("worktree") && words.matches("bare").count() == words.matches("bare=false").count()
    })
}

/// Whether all is of this user and of one file system.
#[cfg(unix)]
fn is_near(dir: &Path, top: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let user = rustix::process::geteuid().as_raw();
    let facts = |path: &Path| path.metadata().map(|meta| (meta.uid(), meta.dev()));
    let Ok((_, device)) = facts(dir) else { return false };
    [top, &top.join(".git")].into_iter().all(|path| facts(path).is_ok_and(|facts| facts == (user, device)))
}

#[cfg(not(unix))]
fn is_near(_: &Path, _: &Path) -> bool {
    false
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Neither the folder nor one above it has a `.git`.
    NoRepository,
    NoWorkTree,
    /// It belongs to another user: the command that git names, if it names one.
    OtherOwner(Option<String>),
    NoCommit,
    Other,
}

impl Refusal {
    /// From what git says in English.
    pub fn of(said: &str) -> Self {
        let says = |words: &[&str]| words.iter().any(|words| said.contains(words));
        if says(&["not a git repository"]) {
            Self::NoRepository
        } else if says(&["must be run in a work tree"]) {
            Self::NoWorkTree
        // The second is git 2.35.2's, which also takes no `-c safe.directory`.
        } else if says(&["dubious ownership", "unsafe repository"]) {
            let advice = said.lines().map(str::trim).find(|line| line.starts_with("git config"));
            Self::OtherOwner(advice.map(str::to_owned))
        } else if says(&["unknown revision", "bad revision", "ambiguous argument"]) {
            Self::NoCommit
        } else {
            Self::Other
        }
    }
}

/// Whether this is a job of GitHub Actions.
pub fn in_actions(runner: &Runner) -> bool {
    runner.var("GITHUB_ACTIONS") == Some("true")
}

/// What git is told before its command. In a job's container the workspace belongs to the runner's user; what
/// actions/checkout says of that to git is gone when it has ended.
pub fn trust(runner: &Runner) -> &'static [&'static str] {
    if in_actions(runner) { &["-c", "safe.directory=*"] } else { &[] }
}

/// The hint where a folder should be a repository and is not.
pub const NO_GIT_BEFORE: &str = "without git, actions/checkout creates a tree without `.git`: install git in a step before it, as generated workflows do";
