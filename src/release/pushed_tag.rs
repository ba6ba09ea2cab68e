//! Whether the released tag is public. With a GitHub destination the publisher asks GitHub itself; without
//! one, git asks the remote.

use std::path::Path;
use std::time::Duration;

use super::session::Session;
use crate::oci::registry::Registries;
use crate::plan::Plan;
use crate::problem::{Exit, Failure, Problem};
use crate::world::process::Cmd;

/// How long the remote may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Looks at the remote's tags if images go to a registry that is not for trying, and nothing to GitHub.
///
/// # Errors
/// Exit 2 if the tag does not exist, 4 if it is another commit, 6 if there is no answer.
pub fn check(session: &Session, plan: &Plan, registries: &Registries, repository: &Path) -> anyhow::Result<()> {
    let mut far = false;
    for destination in &plan.destinations {
        if destination.kind.github().is_some() {
            return Ok(());
        }
        let images = destination.kind.registry().into_iter().flat_map(|registry| &registry.images);
        far |= images.flat_map(|image| &image.repositories).any(|one| !registries.is_near(&one.registry));
    }
    let git = |args: &[&str]| {
        let cmd = Cmd::new("git", repository).args(["-c", "safe.directory=*"]).args(args.iter().copied());
        // A password prompt could not be answered.
        session.runner().output(&cmd.env("GIT_TERMINAL_PROMPT", "0").timeout(LIMIT))
    };
    // A release from a packed tar has no checkout; it was planned where there is one.
    if !far || plan.only_loopback().is_some() || !git(&["remote", "get-url", "origin"])?.status.success() {
        return Ok(());
    }
    let mut problems = Vec::new();
    let mut exit = Exit::Usage;
    for release in &plan.releases {
        let (tag, peeled) = (format!("refs/tags/{}", release.tag), format!("refs/tags/{}^{{}}", release.tag));
        let done = git(&["ls-remote", "origin", &tag, &peeled])?;
        if !done.status.success() {
            let said = done.stderr.lines().next().unwrap_or("nothing").to_owned();
            let problem = Problem::new("remote-unreachable", format!("cannot ask `origin` for the tag: {said}"));
            return Err(Failure::new(Exit::Unfinished, problem.hint("run the same command again to continue")).into());
        }
        let of =
            |name: &str| done.stdout.lines().find_map(|line| line.strip_suffix(name)).map(|id| id.trim().to_owned());
        match of(&peeled).or_else(|| of(&tag)) {
            None => {
                let text =
                    format!("the tag `{}` is not on `origin`: the released source would not be public", release.tag);
                let hint = format!("git push origin {}", release.tag);
                problems.push(Problem::new("tag-not-pushed", text).hint(hint));
            }
            Some(commit) if commit != plan.commit => {
                exit = Exit::Conflict;
                let text =
                    format!("the tag `{}` points to commit {commit} on `origin`, not {}", release.tag, plan.commit);
                problems.push(Problem::new("tag-not-pushed", text).hint("release a new version"));
            }
            Some(_) => {}
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure { exit, problems }.into()) }
}
