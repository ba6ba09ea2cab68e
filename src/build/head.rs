//! Whether what is checked out is the commit that the plan is of.

use std::path::Path;

use crate::plan::Plan;
use crate::problem::{Failure, Problem};
use crate::shown::AND;
use crate::world::git::{NO_GIT_BEFORE, Refusal};
use crate::world::path::resolve;
use crate::world::process::{Cmd, Finished, Runner};
use crate::world::store::Store;

/// Refuses any other commit, and what is not a repository.
///
/// # Errors
/// `Failure` with exit 2 and what to do; else what git said.
pub fn refuse_other(runner: &Runner, store: &Store, plan: &Plan) -> anyhow::Result<()> {
    let dir = store.repository();
    if runner.find("git").is_none() {
        let hint = "install git, or put it on PATH; in a container, before the checkout, which needs it to create a repository";
        let problem = Problem::new("missing-tool", "`git` is not installed").hint(hint);
        return Err(Failure::usage(problem).into());
    }
    let asked = ask(runner, dir, &["rev-parse", "--show-toplevel"])?;
    if !asked.status.success() {
        return Err(refusal(dir, plan, &asked));
    }
    let top = asked.stdout.trim_end_matches('\n');
    let head = ask(runner, dir, &["rev-parse", "--quiet", "--verify", "HEAD"])?;
    let head = head.stdout.trim();
    if head == plan.commit {
        return Ok(());
    }
    let known = ask(runner, dir, &["cat-file", "-e", &format!("{}^{{commit}}", plan.commit)])?.status.success();
    let is_top = resolve(Path::new(top)).ok() == resolve(dir).ok();
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
    Err(Failure::usage(Problem::new("wrong-commit", message).hint(hint)).into())
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
