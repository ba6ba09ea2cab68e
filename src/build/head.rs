//! Whether what is checked out is the commit that the plan is of.

use std::path::{Path, PathBuf};

use crate::plan::Plan;
use crate::problem::{Failure, Problem};
use crate::shown::AND;
use crate::world::git::{NO_GIT_BEFORE, Refusal};
use crate::world::path::resolve;
use crate::world::process::{Cmd, Finished, Runner};
use crate::world::store::Store;

/// The repository that the commit is checked out in, as git sees it from the project's folder.
#[derive(Clone, Debug)]
pub struct Checkout {
    /// The project's path in it: empty, or ending in `/`.
    pub prefix: String,
    /// Where its objects lie, absolute.
    pub objects: PathBuf,
    /// The file that says where history is cut off, if it is.
    pub shallow: PathBuf,
    pub is_sha256: bool,
    /// `refs/heads/main`; `HEAD` if none is checked out.
    pub branch: String,
    /// The commit; empty if there is none yet.
    pub head: String,
    top: PathBuf,
}

impl Checkout {
    /// Asks git once for all of it.
    ///
    /// # Errors
    /// What git said; without a commit there is no `head`.
    pub fn of(runner: &Runner, dir: &Path) -> anyhow::Result<Result<Self, Finished>> {
        let words = ["--show-toplevel", "--show-prefix", "--git-path", "objects", "--git-path", "shallow"];
        let words = [&["rev-parse"][..], &words, &["--show-object-format", "HEAD", "--symbolic-full-name", "HEAD"]];
        let asked = ask(runner, dir, &words.concat())?;
        let mut lines = asked.stdout.lines();
        let mut line = || lines.next().map(ToOwned::to_owned);
        let facts = [line(), line(), line(), line(), line()];
        let [Some(top), Some(prefix), Some(objects), Some(shallow), Some(format)] = facts else {
            return Ok(Err(asked));
        };
        // Without a commit it says so after these.
        let head = line().filter(|_| asked.status.success()).unwrap_or_default();
        let branch = line().unwrap_or_default();
        let [objects, shallow] = [objects, shallow].map(|path| std::path::absolute(dir.join(path)));
        let (objects, shallow, is_sha256) = (objects?, shallow?, format == "sha256");
        Ok(Ok(Self { prefix, objects, shallow, is_sha256, branch, top: top.into(), head }))
    }
}

/// Refuses any other commit, and what is not a repository.
///
/// # Errors
/// `Failure` with exit 2 and what to do; else what git said.
pub fn checkout(runner: &Runner, store: &Store, plan: &Plan) -> anyhow::Result<Checkout> {
    let dir = store.repository();
    if runner.find("git").is_none() {
        let hint = "install git, or put it on PATH; in a container, before the checkout, which needs it to create a repository";
        let problem = Problem::new("missing-tool", "`git` is not installed").hint(hint);
        return Err(Failure::usage(problem).into());
    }
    let checkout = Checkout::of(runner, dir)?.map_err(|asked| refusal(dir, plan, &asked))?;
    if checkout.head == plan.commit { Ok(checkout) } else { Err(other(runner, dir, plan, &checkout)?) }
}

/// Another commit is checked out.
fn other(runner: &Runner, dir: &Path, plan: &Plan, checkout: &Checkout) -> anyhow::Result<anyhow::Error> {
    let Checkout { head, top, .. } = checkout;
    let (is_top, top) = (resolve(top).ok() == resolve(dir).ok(), top.display());
    let known = ask(runner, dir, &["cat-file", "-e", &format!("{}^{{commit}}", plan.commit)])?.status.success();
    let other = if head.is_empty() { "it has no commit yet".to_owned() } else { format!("HEAD is `{head}`") };
    let message = match is_top {
        true => format!("the plan is for commit `{}`, but {other}", plan.commit),
        false => {
            format!("the plan is for commit `{}`, but git finds the repository `{top}` above, and {other}", plan.commit)
        }
    };
    let hint = match (known, is_top) {
        (true, _) => format!("run `git checkout {}`, or make a new plan", plan.commit),
        (false, true) => {
            format!("this clone does not contain it: run `git fetch origin {0}{AND}git checkout {0}`", plan.commit)
        }
        (false, false) => {
            format!(
                "that repository does not contain it, and `{}` has no `.git` of its own: {NO_GIT_BEFORE}",
                dir.display()
            )
        }
    };
    Ok(Failure::usage(Problem::new("wrong-commit", message).hint(hint)).into())
}

/// In a job's container the repository often belongs to another user.
fn ask(runner: &Runner, dir: &Path, args: &[&str]) -> anyhow::Result<Finished> {
    let cmd = Cmd::new("git", dir).args(["-c", "safe.directory=*"]).args(args.iter().copied());
    runner.output(&cmd.env("LC_ALL", "C"))
}

/// Why there is no HEAD at all.
fn refusal(dir: &Path, plan: &Plan, asked: &Finished) -> anyhow::Error {
    let (said, shown) = (asked.stderr.trim(), dir.display());
    let problem = match Refusal::of(said) {
        Refusal::NoRepository => {
            let text = format!("`{shown}` is not in a git repository, and the plan is for commit `{}`", plan.commit);
            Problem::new("no-repository", text).hint(NO_GIT_BEFORE)
        }
        Refusal::OtherOwner(advice) => {
            let advice = advice.unwrap_or_else(|| format!("git config --global --add safe.directory {shown}"));
            Problem::new("unsafe-repository", format!("git refuses `{shown}`: it belongs to another user")).hint(advice)
        }
        _ => return anyhow::anyhow!("git cannot tell what is checked out in `{shown}`: {said}"),
    };
    Failure::usage(problem).into()
}
