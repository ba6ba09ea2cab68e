//! Plans where everything goes: destinations, release pages, checksums, parts.

use super::decide::{Inputs, Problems};
use super::{
    ChecksumsWork, Covered, Destination, DestinationKind, GithubDestination, ImageWork, IndexWork, Origin, Output,
    Release, SdistWork, Step, WheelWork, Work, notes, registry, wheel,
};
use crate::config::schema::nearest;
use crate::config::{self, Publish};
use crate::destination::When;
use crate::facts::{Facts, Remote};
use crate::problem::Problem;
use crate::step_id::{StepId, StepKind};

/// Every configured destination, with the pages of all releases.
pub fn destinations(
    inputs: &Inputs<'_>,
    (steps, releases): (&[Step], &[Release]),
    origin: Origin,
    problems: &mut Problems,
) -> Vec<Destination> {
    let mut list = Vec::new();
    for destination in &inputs.config.destinations {
        let github = match &destination.kind {
            config::DestinationKind::Github(github) => github,
            config::DestinationKind::Pypi(pypi) => {
                let (kind, credentials) = wheel::destination(pypi, steps);
                list.push(Destination {
                    name: destination.name.clone(),
                    when: destination.when,
                    environment: destination.environment.clone(),
                    credentials,
                    kind: DestinationKind::Pypi(kind),
                });
                continue;
            }
            config::DestinationKind::Registry(kind) => {
                let (kind, credentials) =
                    registry::destination(inputs, (destination, kind), (steps, releases), problems);
                list.push(Destination {
                    name: destination.name.clone(),
                    when: destination.when,
                    environment: destination.environment.clone(),
                    credentials,
                    kind: DestinationKind::Registry(kind),
                });
                continue;
            }
        };
        let path = format!("publish.{}", destination.name);
        let pages = releases
            .iter()
            .filter(|release| takes(destination.when, release))
            .map(|release| notes::page(inputs, github, release, (&path, origin), problems))
            .collect();
        list.push(Destination {
            name: destination.name.clone(),
            when: destination.when,
            environment: destination.environment.clone(),
            credentials: vec!["GITHUB_TOKEN".into()],
            kind: DestinationKind::Github(GithubDestination {
                repository: github.repository.clone().unwrap_or_else(|| inputs.repository()),
                host: github.host.clone().unwrap_or_else(|| GITHUB.to_owned()),
                draft: github.draft,
                adopt: github.adopt,
                pages,
            }),
        });
    }
    list
}

/// The one host that is a GitHub without being called one: no other gets a token of GitHub's.
const GITHUB: &str = "github.com";

/// Forges that are none.
const OTHERS: [&str; 7] =
    ["gitlab.com", "codeberg.org", "bitbucket.org", "git.sr.ht", "gitea.com", "gitee.com", "salsa.debian.org"];

/// Whether workflows of a remote's repository run on github.com.
pub fn is_github(remote: &Remote) -> bool {
    remote.host == GITHUB
}

/// What nobody said of the repositories that releases go to.
pub fn ask_for_places(inputs: &Inputs<'_>, destinations: &[Destination], problems: &mut Problems) {
    for destination in destinations {
        let configured = inputs.config.destinations.iter().find(|one| one.name == destination.name);
        let Some(github) = configured.and_then(|one| one.github()) else { continue };
        if github.repository.is_none() {
            problems.extend(ask_for_place(inputs.facts, &destination.name, github.host.as_deref()));
        }
    }
}

/// The same for one destination that names no repository.
pub fn ask_for_place(facts: &Facts, name: &str, host: Option<&str>) -> Option<Problem> {
    let key = format!("publish.{name}");
    let (text, hint) = match &facts.remote {
        None if facts.remotes.is_empty() => return None,
        None => {
            let names = facts.remotes.join("`, `");
            let text = format!("which repository is released to? the remotes are `{names}`, and none is `origin`");
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
            let text = format!("the git remote is on `{host}`, which nobody said is a GitHub");
            let hint = format!(
                "write `{key}.host: github.com` if `{host}` is an alias of ssh for it, `{key}.host: {host}` if it is a \
                 GitHub Enterprise Server, or `{key}.repository: owner/name`"
            );
            (text, hint)
        }
    };
    Some(Problem::new("which-repository", text).hint(hint).at_key(key))
}

/// Whether a destination or tag takes a release.
pub fn takes(when: When, release: &Release) -> bool {
    match when {
        When::Always => true,
        When::Stable => !release.prerelease,
        When::Prerelease => release.prerelease,
    }
}

/// Gives every archive and asset its destinations.
pub fn assign(
    inputs: &Inputs<'_>,
    steps: &mut [Step],
    destinations: &[Destination],
    releases: &[Release],
    problems: &mut Problems,
) {
    for step in steps {
        let wanted = written(inputs, step);
        let fits = |destination: &&Destination| match &step.work {
            Work::Image(_) | Work::Index(_) => matches!(destination.kind, DestinationKind::Registry(_)),
            // A release on GitHub may hold them, too, if that is written.
            Work::Wheel(_) | Work::Sdist(_) => matches!(destination.kind, DestinationKind::Pypi(_)),
            _ => matches!(destination.kind, DestinationKind::Github(_)),
        };
        let may = |destination: &&Destination| {
            let of_python = matches!(step.work, Work::Wheel(_) | Work::Sdist(_));
            fits(destination) || of_python && matches!(destination.kind, DestinationKind::Github(_))
        };
        let Some((publish, path)) = wanted else { continue };
        let release = releases.iter().find(|release| release.component == step.component);
        let names: Vec<&str> = match &publish {
            Publish::Off => continue,
            Publish::Default => destinations.iter().filter(fits).map(|destination| destination.name.as_str()).collect(),
            Publish::To(names) => names.iter().map(String::as_str).collect(),
        };
        if names.is_empty() {
            let text = format!("`{}` goes nowhere: no destination takes it", step.id);
            let problem = Problem::new("no-destination", text)
                .hint("name a destination under `publish:`, or write `publish: false` at it");
            if !problems.iter().any(|known| known.code == problem.code) {
                problems.push(problem.at_key(&path));
            }
        }
        for name in names {
            match destinations.iter().find(|destination| destination.name == name) {
                Some(destination) if !may(&destination) => {
                    let (what, kind) = match &step.work {
                        Work::Image(_) | Work::Index(_) => ("an image", "registry"),
                        Work::Wheel(_) | Work::Sdist(_) => ("a distribution", "pypi"),
                        _ => ("a file", "github"),
                    };
                    let text =
                        format!("`{name}` takes no {}: {what} goes to destinations of kind `{kind}`", step.work.kind());
                    let problem = Problem::new("wrong-destination", text).at_value(format!("{path}.publish"));
                    if !problems.contains(&problem) {
                        problems.push(problem);
                    }
                }
                Some(destination) if release.is_some_and(|release| takes(destination.when, release)) => {
                    step.publish.push(name.to_owned());
                }
                Some(_) => {}
                None => {
                    let near = nearest(name, destinations.iter().map(|destination| destination.name.as_str()));
                    let problem = Problem::new("unknown-destination", format!("no destination is called `{name}`"));
                    let hint = near.map_or_else(
                        || "destinations stand under `publish:`".to_owned(),
                        |near| format!("did you mean `{near}`?"),
                    );
                    problems.push(problem.hint(hint).at_value(format!("{path}.publish")));
                }
            }
        }
    }
}

/// `publish:` of what a step is part of, and where that stands; nothing for steps that are no artifact.
fn written(inputs: &Inputs<'_>, step: &Step) -> Option<(Publish, String)> {
    let config = inputs.config;
    match &step.work {
        Work::Asset(_) => {
            let own = config.assets.iter().find(|asset| step.id.is_of(&asset.name));
            own.map(|asset| (asset.publish.clone(), format!("assets.{}", asset.name)))
        }
        Work::Archive(_) => {
            let own = config.archives.items.iter().find(|archive| step.id.is_of(&archive.name));
            let implied = (config.archives.implied.publish.clone(), "archives".to_owned());
            Some(own.map_or(implied, |archive| (archive.publish.clone(), format!("archives.{}", archive.name))))
        }
        Work::Image(ImageWork { image, .. }) | Work::Index(IndexWork { image, .. }) => {
            let own = config.images.iter().find(|other| other.name == *image);
            own.map(|own| (own.publish.clone(), format!("images.{image}")))
        }
        Work::Wheel(WheelWork { stage, .. }) | Work::Sdist(SdistWork { stage, .. }) => {
            let own = config.wheels.iter().find(|wheel| wheel.name == stage.distribution);
            own.map(|own| (own.publish.clone(), format!("wheels.{}", stage.distribution)))
        }
        _ => None,
    }
}

/// One checksums step per release and destination, over what goes there.
pub fn checksums(inputs: &Inputs<'_>, steps: &mut Vec<Step>, releases: &[Release], destinations: &[Destination]) {
    let mut made: Vec<Step> = Vec::new();
    for release in releases {
        for destination in destinations {
            let configured = inputs.config.destinations.iter().find(|other| other.name == destination.name);
            let Some(github) = configured.and_then(|configured| configured.github()) else { continue };
            let goes = |step: &&Step| step.component == release.component && step.publish.contains(&destination.name);
            let covered: Vec<&Step> = steps.iter().filter(goes).collect();
            if covered.is_empty() {
                continue;
            }
            let mut covers: Vec<Covered> = covered
                .iter()
                .flat_map(|step| {
                    step.outputs.iter().map(|output| Covered { step: step.id.clone(), name: output.name.clone() })
                })
                .collect();
            covers.sort_by(|a, b| a.name.cmp(&b.name));
            let work = Work::Checksums(ChecksumsWork { covers });
            let name = if release.component.is_empty() { inputs.name() } else { release.component.clone() };
            let file = &github.checksums;
            // Two destinations with the same files and the same name share one.
            if let Some(same) = made.iter_mut().find(|step| step.work == work && step.outputs[0].name == *file) {
                same.publish.push(destination.name.clone());
                continue;
            }
            let first = made.iter().all(|step| step.component != release.component);
            made.push(Step {
                id: StepId::new(StepKind::Checksums, &name, if first { "" } else { &destination.name }),
                component: release.component.clone(),
                needs: covered.iter().map(|step| step.id.clone()).collect(),
                outputs: vec![Output { name: file.clone(), format: None }],
                publish: vec![destination.name.clone()],
                leg: None,
                target: None,
                work,
            });
        }
    }
    steps.append(&mut made);
}

/// Destinations that nothing goes to are not part of the plan.
pub fn drop_unused(destinations: &mut Vec<Destination>, steps: &[Step]) {
    for destination in &mut *destinations {
        if let DestinationKind::Registry(registry) = &mut destination.kind {
            registry.images.retain(|image| steps.iter().any(|step| step.id == image.step));
        }
    }
    destinations.retain(|destination| steps.iter().any(|step| step.publish.contains(&destination.name)));
}
