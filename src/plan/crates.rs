//! Which features of which crates a build switches on, as far as the files of the repository say: cargo's rules, without
//! what lies in a registry.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::python::crates::Crate;

/// What is switched on of the crate itself.
#[derive(Clone, Debug, Default)]
pub struct On {
    /// Features, each with where it is written: `new`, `pyo3/abi3-py310`.
    pub features: Vec<(String, String)>,
    pub default: bool,
    pub all: bool,
}

/// A feature of a package outside the repository, and what enables it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// Where it is asked for: 0 at a dependency, 1 by a feature, 2 beside the crates.
    rank: u8,
    pub place: String,
    pub package: String,
    pub feature: String,
}

#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// Packages outside the repository that are compiled.
    pub packages: BTreeSet<String>,
    /// Features of them that are switched on.
    pub asked: BTreeSet<Asked>,
}

/// What one crate of the repository is compiled with.
pub fn resolve(crates: &BTreeMap<String, Crate>, root: &str, on: &On) -> Resolved {
    let (next, features, dependencies, weak, found) = Default::default();
    let mut walk = Walk { crates, next, features, dependencies, weak, found };
    let Some((root, own)) = crates.get_key_value(root) else { return Resolved::default() };
    walk.reach(root);
    for (feature, place) in &on.features {
        walk.item(root, feature, &Source { rank: 2, place: place.clone() });
    }
    if on.default || on.all {
        walk.next.push(Event::Feature(root, "default".into()));
    }
    if on.all {
        let optional = own.dependencies.iter().filter(|one| one.optional).map(|one| &one.key);
        walk.next.extend(own.features.keys().chain(optional).map(|name| Event::Feature(root, name.clone())));
    }
    walk.finish()
}

enum Event<'c> {
    Feature(&'c str, String),
    /// A dependency of a crate, by its place, is compiled.
    Dependency(&'c str, usize),
}

/// Where a feature is asked for; of several places that with the lowest rank counts.
#[derive(Clone)]
struct Source {
    rank: u8,
    place: String,
}

struct Walk<'c> {
    crates: &'c BTreeMap<String, Crate>,
    next: Vec<Event<'c>>,
    features: BTreeSet<(&'c str, String)>,
    dependencies: BTreeSet<(&'c str, usize)>,
    /// `name?/feature`: crate, dependency, feature, where it is asked for.
    weak: Vec<(&'c str, usize, String, Source)>,
    found: Resolved,
}

impl<'c> Walk<'c> {
    fn of(&self, manifest: &str) -> Option<&'c Crate> {
        self.crates.get(manifest)
    }

    /// Whatever uses a crate compiles what it always depends on.
    fn reach(&mut self, manifest: &'c str) {
        let dependencies = self.of(manifest).into_iter().flat_map(|one| one.dependencies.iter().enumerate());
        let always = dependencies.filter(|(_, one)| !one.optional);
        self.next.extend(always.map(|(index, _)| Event::Dependency(manifest, index)));
    }

    fn dependency(&self, manifest: &str, key: &str) -> Vec<usize> {
        let all = self.of(manifest).into_iter().flat_map(|one| one.dependencies.iter().enumerate());
        all.filter(|(_, one)| one.key == key).map(|(index, _)| index).collect()
    }

    /// One word of a list of features.
    fn item(&mut self, manifest: &'c str, item: &str, source: &Source) {
        if let Some(key) = item.strip_prefix("dep:") {
            let indexes = self.dependency(manifest, key);
            self.next.extend(indexes.into_iter().map(|index| Event::Dependency(manifest, index)));
        } else if let Some((key, feature)) = item.split_once('/') {
            let only_if = key.ends_with('?');
            for index in self.dependency(manifest, key.trim_end_matches('?')) {
                if only_if {
                    self.weak.push((manifest, index, feature.to_owned(), source.clone()));
                } else {
                    self.next.push(Event::Dependency(manifest, index));
                    self.give(manifest, index, feature, source.clone());
                }
            }
        } else {
            self.next.push(Event::Feature(manifest, item.to_owned()));
        }
    }

    /// Switches a feature of a dependency on.
    fn give(&mut self, manifest: &'c str, index: usize, feature: &str, source: Source) {
        let Some(one) = self.of(manifest).and_then(|one| one.dependencies.get(index)) else { return };
        match one.manifest.as_deref().filter(|path| self.crates.contains_key(*path)) {
            Some(path) => self.next.push(Event::Feature(path, feature.to_owned())),
            None => {
                let (package, feature) = (one.package.clone(), feature.to_owned());
                let Source { rank, place } = source;
                self.found.asked.insert(Asked { rank, place, package, feature });
            }
        }
    }

    fn take(&mut self, event: Event<'c>) {
        match event {
            Event::Feature(manifest, feature) => {
                if !self.features.insert((manifest, feature.clone())) {
                    return;
                }
                let Some(list) = self.of(manifest).and_then(|one| one.features.get(&feature)) else {
                    // An optional dependency is a feature of its own name.
                    return self.item(manifest, &format!("dep:{feature}"), &Source { rank: 1, place: String::new() });
                };
                let source = Source { rank: 1, place: format!("feature `{feature}` in {manifest}") };
                list.iter().for_each(|item| self.item(manifest, item, &source));
            }
            Event::Dependency(manifest, index) => {
                let Some(one) = self.of(manifest).and_then(|one| one.dependencies.get(index)) else { return };
                if !self.dependencies.insert((manifest, index)) {
                    return;
                }
                let source = || Source { rank: 0, place: format!("{} in {manifest}", one.package) };
                one.features.iter().for_each(|feature| self.give(manifest, index, feature, source()));
                if one.default {
                    self.give(manifest, index, "default", source());
                }
                match one.manifest.as_deref().filter(|path| self.crates.contains_key(*path)) {
                    Some(path) => self.reach(path),
                    None => drop(self.found.packages.insert(one.package.clone())),
                }
            }
        }
    }

    fn finish(mut self) -> Resolved {
        loop {
            while let Some(event) = self.next.pop() {
                self.take(event);
            }
            let weak = std::mem::take(&mut self.weak);
            let (now, later): (Vec<_>, Vec<_>) =
                weak.into_iter().partition(|(manifest, index, ..)| self.dependencies.contains(&(*manifest, *index)));
            self.weak = later;
            for (manifest, index, feature, source) in now {
                self.give(manifest, index, &feature, source);
            }
            if self.next.is_empty() {
                return self.found;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::python::crates::Dependency;

    fn one(dependencies: &[(&str, &str)], features: &[(&str, &[&str])]) -> Crate {
        // `name [path] [?] [feature]…`
        let dependency = |(key, words): &(&str, &str)| {
            let words: Vec<&str> = words.split_whitespace().collect();
            let path = words.iter().find(|word| word.ends_with(".toml"));
            let features = words.iter().filter(|word| !word.ends_with(".toml") && **word != "?");
            Dependency {
                key: (*key).into(),
                package: (*key).into(),
                manifest: path.map(ToString::to_string),
                optional: words.contains(&"?"),
                default: true,
                features: features.map(ToString::to_string).collect(),
            }
        };
        Crate {
            features: features
                .iter()
                .map(|(name, list)| ((*name).into(), list.iter().map(ToString::to_string).collect()))
                .collect(),
            dependencies: dependencies.iter().map(dependency).collect(),
            ..Crate::default()
        }
    }

    #[test]
    fn features_are_united_as_cargo_does() {
        let crates: BTreeMap<String, Crate> = [
            (
                "py/Cargo.toml".to_owned(),
                one(
                    &[("pyo3", "abi3-py310"), ("core", "core/Cargo.toml fast"), ("nix", "? x"), ("log", "?")],
                    &[("default", &["std"]), ("std", &[]), ("server", &["dep:nix", "core/server", "log?/kv"])],
                ),
            ),
            (
                "core/Cargo.toml".to_owned(),
                one(
                    &[("pyo3", "?"), ("py", "py/Cargo.toml")],
                    &[("fast", &["pyo3?/fast"]), ("server", &["pyo3/abi3-py39"])],
                ),
            ),
        ]
        .into();
        let check = |features: &[&str], default: bool, all: bool, expected: &[&str]| {
            let features = features.iter().map(|name| (name.to_string(), format!("`{name}`"))).collect();
            let found = resolve(&crates, "py/Cargo.toml", &On { features, default, all });
            let asked: Vec<String> = found
                .asked
                .iter()
                .filter(|one| one.feature != "default")
                .map(|one| format!("{}/{} {}", one.package, one.feature, one.place))
                .collect();
            assert_eq!(asked, expected, "{default} {all}");
            found.packages
        };
        let own = "pyo3/abi3-py310 pyo3 in py/Cargo.toml";
        let server = "pyo3/abi3-py39 feature `server` in core/Cargo.toml";
        let fast = "pyo3/fast feature `fast` in core/Cargo.toml";
        assert_eq!(check(&[], true, false, &[own]), ["pyo3".to_owned()].into());
        let more = check(&["server"], false, false, &["nix/x nix in py/Cargo.toml", own, fast, server]);
        assert!(more.contains("nix") && !more.contains("log"));
        let kv = "log/kv feature `server` in py/Cargo.toml";
        check(&["server", "log"], true, false, &["nix/x nix in py/Cargo.toml", own, fast, server, kv]);
        check(&[], true, true, &["nix/x nix in py/Cargo.toml", own, fast, server, kv]);
        check(&["pyo3/abi3-py311"], true, false, &[own, "pyo3/abi3-py311 `pyo3/abi3-py311`"]);
        assert!(resolve(&crates, "other/Cargo.toml", &On::default()).packages.is_empty());
    }
}
