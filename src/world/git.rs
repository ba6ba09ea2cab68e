//! What git is asked in several places, what it means when it refuses, and what to do where a folder is not a repository.

use std::path::PathBuf;

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
