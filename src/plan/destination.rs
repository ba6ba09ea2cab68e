//! Plans where everything goes: the destinations that something is published to, and what their kinds need.

use super::deployment::Deployment;
use super::inputs::Inputs;
use super::release::Releases;
use super::{Destination, DestinationKind, GithubDestination, Step, notes, pypi, registry};
use crate::config;
use crate::facts::{Facts, Remote};
use crate::problem::Problem;

/// Every destination that something goes to, in the order they are configured: files, which name what is published, after
/// all others, and then commands, which use it.
pub fn destinations(inputs: &Inputs<'_>, releases: &Releases, steps: &[&Step]) -> Vec<Destination> {
    let deployment = Deployment { inputs, releases, steps };
    let all = inputs.config.destinations.iter();
    let mut used: Vec<&config::Destination> = all.filter(|one| deployment.is_used(one)).collect();
    used.sort_by_key(|one| (one.command().is_some(), one.file().is_some()));
    used.into_iter().map(|one| destination(inputs, releases, steps, one)).collect()
}

fn destination(
    inputs: &Inputs<'_>,
    releases: &Releases,
    steps: &[&Step],
    configured: &config::Destination,
) -> Destination {
    let name = &configured.name;
    let (kind, credentials) = match &configured.kind {
        config::DestinationKind::Github(github) => {
            if github.repository.is_none()
                && let Some(problem) = ask_for_place(inputs.facts, name, github.host.as_deref())
            {
                inputs.refuse(problem);
            }
            let taken = releases.list.iter().filter(|release| inputs.takes(configured.when, release));
            let at = format!("publish.{name}");
            let pages = taken.map(|release| notes::page(inputs, github, release, releases.origin, &at)).collect();
            let kind = GithubDestination {
                repository: github.repository.clone().unwrap_or_else(|| inputs.repository()),
                host: github.host.clone().unwrap_or_else(|| GITHUB.to_owned()),
                draft: github.draft,
                existing: github.existing,
                pages,
            };
            (DestinationKind::Github(kind), vec!["GITHUB_TOKEN".into()])
        }
        config::DestinationKind::Pypi(pypi) => {
            let (kind, credentials) = pypi::destination(pypi, steps);
            (DestinationKind::Pypi(kind), credentials)
        }
        config::DestinationKind::File(file) => {
            (DestinationKind::File(Deployment { inputs, releases, steps }.file(name, file)), Vec::new())
        }
        config::DestinationKind::Command(command) => {
            let planned = Deployment { inputs, releases, steps }.command(configured, command);
            (DestinationKind::Command(planned), configured.secret_names().into_iter().cloned().collect())
        }
        config::DestinationKind::Registry(registry) => {
            let (kind, credentials) = registry::destination(inputs, registry, name, steps, releases);
            (DestinationKind::Registry(kind), credentials)
        }
    };
    let (when, environment) = (configured.when, configured.environment.clone());
    Destination { name: name.clone(), when, environment, credentials, kind }
}

/// The one host that is a GitHub without being called one: no other gets a token of GitHub's.
const GITHUB: &str = "github.com";

/// Forges other than GitHub.
const OTHERS: [&str; 7] =
    ["gitlab.com", "codeberg.org", "bitbucket.org", "git.sr.ht", "gitea.com", "gitee.com", "salsa.debian.org"];

/// Whether workflows of a remote's repository run on github.com.
pub fn is_github(remote: &Remote) -> bool {
    remote.host == GITHUB
}

/// Why the repository of a destination that names none cannot be told from the git remote.
pub fn ask_for_place(facts: &Facts, name: &str, host: Option<&str>) -> Option<Problem> {
    let key = format!("publish.{name}");
    let (text, hint) = match &facts.remote {
        None if facts.remotes.is_empty() => return None,
        None => {
            let names = facts.remotes.join("`, `");
            let text = format!("which repository to release to? the remotes are `{names}`, and none is `origin`");
            (text, format!("write `{key}.repository: owner/name`, or `git remote rename` one to `origin`"))
        }
        Some(remote) if is_github(remote) || host.is_some() => return None,
        Some(remote) if OTHERS.contains(&remote.host.as_str()) => {
            let text = format!("releases go to GitHub, and the git remote is on `{}`", remote.host);
            let hint = format!(
                "write `{key}.repository: owner/name` for a repository on github.com, or `publish: {{ {name}: false }}`"
            );
            (text, hint)
        }
        Some(Remote { host, .. }) => {
            let text = format!("the git remote is on `{host}`, which is not a known GitHub server");
            let hint = format!(
                "write `{key}.host: github.com` if `{host}` is an SSH alias for it, `{key}.host: {host}` if it is a \
                 GitHub Enterprise Server, or `{key}.repository: owner/name`"
            );
            (text, hint)
        }
    };
    Some(Problem::new("which-repository", text).hint(hint).at_key(key))
}
