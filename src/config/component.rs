//! `components:` and the root, and tags that could belong to two of them.

use std::ops::Range;

use super::diagnostics::Diagnostics;
use super::fields::Fields;
use super::model::{Binaries, Component, Config};
use super::names;
use super::overrides::{Layers, distinct};
use super::schema::Place;
use super::words::quote;
use super::yaml::{Map, Node, Value};
use crate::problem::Problem;
use crate::tag::TagGrammar;
use crate::template::Template;

/// Reads the root's tag and `components:`.
pub fn read(file: &Map, layers: &mut Layers) -> (Component, Vec<Component>) {
    let root = component("", Fields(file), true);
    let mut components = Vec::new();
    match file.get("components").map(|node| (&node.value, node.many())) {
        Some((Value::Map(_), _)) => {
            let empty = Map::default();
            for entry in distinct(file, "components", &mut layers.found) {
                let fields = Fields(entry.value.map().unwrap_or(&empty));
                components.push(component(&entry.key, fields, false));
            }
        }
        Some((_, items)) => {
            let names = items.iter().filter_map(Node::text);
            components.extend(names.map(|name| component(name, Fields(&Map::default()), false)));
        }
        None => {}
    }
    (root, components)
}

fn component(name: &str, fields: Fields<'_>, root: bool) -> Component {
    let default = if root { "v{version}" } else { "{component}-v{version}" };
    let built_in = || default.parse::<Template>().expect("our own template is well formed");
    // The root's other keys have no place in the file.
    let version_file = |text: &str| match text.split_once('#') {
        // A key is kept as it is: a JSON pointer may hold `//`.
        Some((path, key)) => names::path(path).ok().map(|path| format!("{path}#{key}")),
        None => names::path(text).ok(),
    };
    let paths = |key: &str| fields.parsed(key, version_file).filter(|_| !root);
    Component {
        name: name.to_owned(),
        tag: fields.template("tag", Place::Tag).unwrap_or_else(built_in),
        version_files: paths("version-files"),
        changelog: fields.path("changelog").filter(|_| !root),
        latest: fields.flag("latest").filter(|_| !root),
    }
}

/// Two components whose grammars can match one tag.
pub fn ambiguous(file: &Map, config: &Config, found: &mut Diagnostics) {
    let grammar = |component: &Component| TagGrammar::new(&component.tag, &component.name).ok();
    let mut earlier: Vec<(&str, TagGrammar)> = Vec::new();
    if root_is_used(config) {
        earlier.extend(grammar(&config.root).map(|grammar| ("", grammar)));
    }
    for (index, component) in config.components.iter().enumerate() {
        let Some(own) = grammar(component) else { continue };
        // Far more pairs than real files have; the rest would cost its square.
        let mut pairs = earlier.iter().take(500);
        if let Some((other, tag)) = pairs.find_map(|(other, theirs)| Some((*other, shared(theirs, &own)?))) {
            let whose = if other.is_empty() { "the root".into() } else { format!("`{other}`") };
            let message = format!("the tag {} could belong to `{}` and to {whose}", quote(&tag), component.name);
            let problem = Problem::new("ambiguous-tags", message)
                .hint(format!("give each its own prefix, for example `tag: \"{}-v{{version}}\"`", component.name));
            if let Some((path, span)) = place(file, index) {
                found.at(problem, &path, true, &span);
            }
        }
        earlier.push((&component.name, own));
    }
}

/// Whether a binary or asset is written that belongs to no component: only then the root has tags.
fn root_is_used(config: &Config) -> bool {
    let named = |name: &str| config.components.iter().any(|component| component.name == name);
    let binaries = match &config.binaries {
        Binaries::Listed(binaries) => binaries.as_slice(),
        Binaries::Implied(_) | Binaries::Off => &[],
    };
    binaries.iter().take(1000).any(|binary| binary.component.is_none() && !named(&binary.name))
        || config.assets.iter().take(1000).any(|asset| asset.component.is_none() && !named(&asset.name))
}

fn place(file: &Map, index: usize) -> Option<(String, Range<usize>)> {
    let node = file.get("components")?;
    match node.map() {
        Some(map) => map.entries.get(index).map(|entry| (format!("components.{}", entry.key), entry.key_span.clone())),
        None => node.many().get(index).map(|item| (format!("components.{index}"), item.span.clone())),
    }
}

/// A tag that both grammars take. Versions are tried whose ends could be the other's text: `1.2.3-beta` for `v{version}-beta`.
fn shared(one: &TagGrammar, other: &TagGrammar) -> Option<String> {
    let sides = |grammar: &TagGrammar| {
        let text = grammar.to_string();
        text.split_once("{version}").map(|(before, after)| (before.to_owned(), after.to_owned()))
    };
    let ((before, after), (other_before, other_after)) = (sides(one)?, sides(other)?);
    let more = |long: &str, short: &str| long.strip_suffix(short).unwrap_or_default().to_owned();
    let tails = [String::new(), more(&after, &other_after), more(&other_after, &after)];
    let heads = [String::new(), rest(&before, &other_before), rest(&other_before, &before)];
    for head in &heads {
        for tail in &tails {
            for version in ["1.2.3", "1.2.3-rc.1", "2.3", "3"] {
                let version = format!("{head}{version}{tail}");
                for tag in [format!("{before}{version}{after}"), format!("{other_before}{version}{other_after}")] {
                    if one.version(&tag).is_some() && other.version(&tag).is_some() {
                        return Some(tag);
                    }
                }
            }
        }
    }
    None
}

fn rest(long: &str, short: &str) -> String {
    long.strip_prefix(short).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(one: &str, other: &str, expected: bool) {
        let grammar = |text: &str| text.parse::<TagGrammar>().unwrap();
        for (one, other) in [(one, other), (other, one)] {
            let tag = shared(&grammar(one), &grammar(other));
            assert_eq!(tag.is_some(), expected, "{one} {other} {tag:?}");
        }
    }

    #[test]
    fn finds_tags_of_two_components() {
        check("v{version}", "v{version}", true);
        check("v{version}", "a-v{version}", false);
        check("a-v{version}", "b-v{version}", false);
        check("v{version}", "v{version}-beta", true);
        check("v{version}", "v1{version}", true);
        check("v{version}", "v1.{version}", false);
        check("v{version}-a", "v1.0.0-{version}", true);
        check("v{version}", "v1.0.0-{version}", true);
        check("v{version}-a", "v{version}-b", false);
        check("{version}", "1.0.0-{version}", true);
        check("{version}", "release-{version}", false);
    }
}
