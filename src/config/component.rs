//! `components:` and the root, and tags that could belong to two of them.

use super::Component;
use super::fields::Fields;
use super::layers::{Layers, distinct};
use super::schema::Place;
use super::words::quote;
use super::yaml::{Map, Value};
use crate::problem::Problem;
use crate::tag::TagGrammar;
use crate::template::Template;

/// Reads the root's tag and `components:`.
pub fn read(file: &Map, layers: &mut Layers) -> (Component, Vec<Component>) {
    let root = component("", Fields(file), true);
    let mut components: Vec<(Component, std::ops::Range<usize>)> = Vec::new();
    match file.get("components").map(|node| (&node.value, node.many())) {
        Some((Value::Map(_), _)) => {
            let empty = Map::default();
            for entry in distinct(file, "components", &mut layers.found) {
                let fields = Fields(entry.value.map().unwrap_or(&empty));
                components.push((component(&entry.key, fields, false), entry.key_span.clone()));
            }
        }
        Some((_, items)) => {
            for (name, span) in items.iter().filter_map(|item| Some((item.text()?, &item.span))) {
                components.push((component(name, Fields(&Map::default()), false), span.clone()));
            }
        }
        None => {}
    }
    ambiguous(&root, &components, layers);
    (root, components.into_iter().map(|(component, _)| component).collect())
}

fn component(name: &str, fields: Fields<'_>, root: bool) -> Component {
    let default = if root { "v{version}" } else { "{component}-v{version}" };
    let built_in = || default.parse::<Template>().expect("our own template is well formed");
    // The root's other keys have no place in the file.
    let paths = |key: &str| fields.parsed(key, |text| super::text::path(text).ok()).filter(|_| !root);
    Component {
        name: name.to_owned(),
        tag: fields.template("tag", Place::Tag).unwrap_or_else(built_in),
        version_files: paths("version-files"),
        changelog: fields.path("changelog").filter(|_| !root),
        latest: fields.flag("latest").filter(|_| !root),
    }
}

/// Two components whose grammars can match one tag. At most as many pairs as real files have are looked at.
fn ambiguous(root: &Component, components: &[(Component, std::ops::Range<usize>)], layers: &mut Layers) {
    let grammar = |component: &Component| TagGrammar::new(&component.tag, &component.name).ok();
    // Artifacts that belong to no component make the root, so its tags count too.
    let mut earlier: Vec<(&Component, TagGrammar)> = grammar(root).map(|grammar| (root, grammar)).into_iter().collect();
    for (component, span) in components {
        let Some(own) = grammar(component) else { continue };
        let clash = earlier.iter().take(500).find_map(|(other, theirs)| Some((*other, shared(theirs, &own)?)));
        if let Some((other, tag)) = clash {
            let whose = if other.name.is_empty() { "the root".into() } else { format!("`{}`", other.name) };
            let message = format!("the tag {} could be one of `{}` and one of {whose}", quote(&tag), component.name);
            let problem = Problem::new("ambiguous-tags", message)
                .hint(format!("give each a prefix of its own, for example `tag: \"{}-v{{version}}\"`", component.name));
            let path = format!("components.{}", component.name);
            layers.found.at(problem, &path, true, span);
        }
        earlier.push((component, own));
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
