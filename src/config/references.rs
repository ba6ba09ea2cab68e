//! Names that must exist: binaries of archives, assets of binaries, destinations and components of artifacts.

use std::collections::HashSet;

use super::diagnostics::Diagnostics;
use super::model::{Binaries, Config};
use super::words::{nearest, quote};
use super::yaml::{Entry, Map, Node};
use crate::problem::Problem;

/// Checks every reference of the file against what the configuration holds.
pub fn check(file: &Map, config: &Config, found: &mut Diagnostics) {
    let names = Names {
        binaries: match &config.binaries {
            Binaries::Listed(binaries) => Some(binaries.iter().map(|binary| binary.name.as_str()).collect()),
            Binaries::Off => Some(HashSet::new()),
            // Which ones there are, only the planner knows.
            Binaries::Implied(_) => None,
        },
        assets: config.assets.iter().map(|asset| asset.name.as_str()).collect(),
        images: config.images.iter().map(|image| image.name.as_str()).collect(),
        components: config.components.iter().map(|component| component.name.as_str()).collect(),
        destinations: config.destinations.iter().map(|destination| destination.name.as_str()).collect(),
    };
    let defaults = file.get("defaults").and_then(Node::map);
    for kind in ["binaries", "archives", "assets", "images", "wheels", "charts"] {
        if let Some(map) = defaults.and_then(|defaults| defaults.get(kind)).and_then(Node::map) {
            names.entry(map, kind, &format!("defaults.{kind}"), found);
        }
        for entry in super::overrides::entries(file, kind) {
            if let Some(map) = entry.value.map() {
                names.entry(map, kind, &format!("{kind}.{}", entry.key), found);
            }
            match kind {
                "archives" => names.held(entry, defaults, found),
                "charts" => names.named(entry, found),
                _ => {}
            }
        }
    }
}

struct Names<'c> {
    binaries: Option<HashSet<&'c str>>,
    assets: HashSet<&'c str>,
    images: HashSet<&'c str>,
    components: HashSet<&'c str>,
    destinations: HashSet<&'c str>,
}

impl Names<'_> {
    fn entry(&self, map: &Map, kind: &str, path: &str, found: &mut Diagnostics) {
        let mut references = vec![Reference { key: "component", noun: "component", known: &self.components }];
        match (kind, &self.binaries) {
            ("binaries" | "wheels", _) => {
                references.push(Reference { key: "assets", noun: "asset", known: &self.assets })
            }
            ("archives" | "images", Some(known)) => {
                references.push(Reference { key: "binaries", noun: "binary", known })
            }
            _ => {}
        }
        if kind == "images" {
            references.push(Reference { key: "assets", noun: "asset", known: &self.assets });
        }
        if kind != "binaries" {
            references.push(Reference { key: "publish", noun: "destination", known: &self.destinations });
        }
        references.iter().for_each(|reference| reference.check(map, path, found));
        let overrides = map.get("override").and_then(Node::map).map(|map| map.entries.as_slice()).unwrap_or_default();
        for over in overrides {
            if let Some(map) = over.value.map() {
                self.entry(map, kind, &format!("{path}.override.{}", over.key), found);
            }
        }
    }

    /// The images that a chart names.
    fn named(&self, entry: &Entry, found: &mut Diagnostics) {
        let images = entry.value.map().and_then(|map| map.get("images")).and_then(Node::map);
        let reference = Reference { key: "images", noun: "image", known: &self.images };
        for image in images.map(|map| map.entries.as_slice()).unwrap_or_default() {
            if !self.images.contains(image.key.as_str()) {
                let path = format!("charts.{}.images.{}", entry.key, image.key);
                found.at(reference.unknown(&image.key), &path, true, &image.key_span);
            }
        }
    }

    /// An archive that names no binaries holds the one of its name, else the only one.
    fn held(&self, entry: &Entry, defaults: Option<&Map>, found: &mut Diagnostics) {
        let Some(binaries) = &self.binaries else { return };
        let written = entry.value.map().is_some_and(|map| map.entry("binaries").is_some());
        let default = defaults.and_then(|defaults| defaults.get("archives")).and_then(Node::map);
        let written = written || default.is_some_and(|default| default.entry("binaries").is_some());
        if written || entry.value.bool().is_some() || binaries.len() == 1 || binaries.contains(entry.key.as_str()) {
            return;
        }
        let problem = Problem::new("unknown-reference", format!("no binary is called {}", quote(&entry.key)));
        let problem = problem.hint(match nearest(&entry.key, sorted(binaries)) {
            Some(near) => format!("did you mean `{near}`? otherwise list its binaries with `binaries:`"),
            None => "list its binaries with `binaries:`".into(),
        });
        found.at(problem, &format!("archives.{}", entry.key), true, &entry.key_span);
    }
}

/// A key whose text names entries of another kind.
struct Reference<'k> {
    key: &'static str,
    noun: &'static str,
    known: &'k HashSet<&'k str>,
}

impl Reference<'_> {
    fn check(&self, map: &Map, path: &str, found: &mut Diagnostics) {
        let Some(node) = map.get(self.key).filter(|node| node.map().is_none() && node.bool().is_none()) else { return };
        for item in node.many() {
            if let Some(name) = item.text().filter(|name| !self.known.contains(name)) {
                found.at(self.unknown(name), &format!("{path}.{}", self.key), false, &item.span);
            }
        }
    }

    fn unknown(&self, name: &str) -> Problem {
        let problem = Problem::new("unknown-reference", format!("there is no {} {}", self.noun, quote(name)));
        match nearest(name, sorted(self.known)) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint(known_names(self.noun, self.known)),
        }
    }
}

fn sorted<'k>(known: &HashSet<&'k str>) -> Vec<&'k str> {
    // Suggesting from thousands of names would cost more than it helps.
    let mut names: Vec<&str> = known.iter().copied().take(1000).collect();
    names.sort_unstable();
    names
}

fn known_names(noun: &str, known: &HashSet<&str>) -> String {
    let names = sorted(known);
    match names.as_slice() {
        [] => format!("the file has no {noun}"),
        names => {
            format!("there is {}", names.iter().take(12).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
        }
    }
}
