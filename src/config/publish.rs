//! `publish:` read: destinations, and where an artifact goes.

use super::fields::Fields;
use super::layers::{Layers, distinct};
use super::schema::{KINDS, LATER_KINDS, Place};
use super::words::{nearest, quote};
use super::yaml::{Entry, Map, Node};
use super::{Destination, DestinationKind, Github, Notes, Publish};
use crate::destination::{Adopt, When};
use crate::problem::Problem;

/// Reads `publish:`: `github` first, unless it is written `false`, then the others.
pub fn read(file: &Map, layers: &mut Layers) -> Vec<Destination> {
    let empty = Map::default();
    let entries = distinct(file, "publish", &mut layers.found);
    let github = entries.iter().find(|entry| entry.key == "github");
    let mut destinations = Vec::new();
    if github.is_none_or(|entry| entry.value.bool() != Some(false)) {
        let map = github.and_then(|entry| entry.value.map()).unwrap_or(&empty);
        destinations.push(destination("github", Fields(map)));
    }
    for entry in entries.iter().filter(|entry| entry.key != "github" && entry.value.bool() != Some(false)) {
        if !has_kind(entry, layers) {
            continue;
        }
        let next = destination(&entry.key, Fields(entry.value.map().unwrap_or(&empty)));
        let repository = |one: &Destination| one.github().map(|github| github.repository.clone());
        let same = |other: &&Destination| repository(other) == repository(&next) && other.when == next.when;
        if let Some(other) = destinations.iter().take(16).find(same) {
            let message = format!("`{}` and `{}` are the same place", other.name, next.name);
            let problem = Problem::new("equal-entries", message).hint("give one another `repository:`, or remove it");
            layers.found.at(problem, &format!("publish.{}", entry.key), true, &entry.key_span);
        }
        destinations.push(next);
    }
    destinations
}

/// Whether a destination says that it is one of ours. A name of the user's own does not say what it is.
fn has_kind(entry: &Entry, layers: &mut Layers) -> bool {
    let name = &entry.key;
    match entry.value.map().and_then(|map| map.get("kind")).and_then(Node::text) {
        Some(kind) => return KINDS.contains(&kind),
        None if matches!(name.as_str(), "registry" | "pypi") => return false,
        None => {}
    }
    let hint = match nearest(name, KINDS.iter().chain(LATER_KINDS).copied()) {
        Some(near) => format!("did you mean `{near}`? a name of your own needs `kind: github`"),
        None => "write `kind: github`".into(),
    };
    let problem = Problem::new("missing-key", format!("the destination {} has no `kind:`", quote(name))).hint(hint);
    layers.found.at(problem, &format!("publish.{name}"), true, &entry.key_span);
    false
}

fn destination(name: &str, fields: Fields<'_>) -> Destination {
    let environment = fields.text("environment").unwrap_or_else(|| "release".into());
    Destination {
        name: name.to_owned(),
        when: match fields.text("when").as_deref() {
            Some("stable") => When::Stable,
            Some("prerelease") => When::Prerelease,
            _ => When::Always,
        },
        environment: (!fields.is_off("environment")).then_some(environment),
        kind: DestinationKind::Github(github(fields)),
    }
}

fn github(fields: Fields<'_>) -> Github {
    let notes = match fields.text("notes").as_deref() {
        _ if fields.is_off("notes") => Notes::Off,
        None | Some("auto") => Notes::Auto,
        Some("changelog") => Notes::Changelog,
        Some("github") => Notes::Github,
        Some(_) => fields.path("notes").map_or(Notes::Auto, Notes::File),
    };
    Github {
        repository: fields.text("repository"),
        draft: fields.flag("draft").unwrap_or(false),
        title: fields
            .template("title", Place::Title)
            .unwrap_or_else(|| "{tag}".parse().expect("our own template is well formed")),
        notes,
        header: fields.path("header"),
        footer: fields.path("footer"),
        checksums: fields.text("checksums").unwrap_or_else(|| "SHA256SUMS".into()),
        adopt: if fields.text("adopt").as_deref() == Some("any") { Adopt::Any } else { Adopt::Draft },
    }
}

/// `publish:` of an artifact.
pub fn artifact_publish(fields: Fields<'_>) -> Publish {
    if fields.is_off("publish") {
        return Publish::Off;
    }
    fields.texts("publish").map_or(Publish::Default, Publish::To)
}
