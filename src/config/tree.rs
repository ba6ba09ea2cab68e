//! Layers of the tree: overlays over the file, an item over its defaults. The table says which maps merge.

use std::collections::{HashMap, HashSet};

use super::schema::{COMMAND_DESTINATION, DEPLOYMENT_FILE, GITHUB, PYPI, REGISTRY, Section, TOP, Type};
use super::yaml::{Entry, Map, Node, Size, Value};

/// How many nodes (and 64-byte pieces of text) merging may copy: entries times defaults times targets.
const MAX_COPIED: usize = 200_000;

/// What merging may still copy. When it is used up, layers are left out and the file is refused.
pub struct Budget(usize);

impl Budget {
    pub fn new() -> Self {
        Self(MAX_COPIED)
    }

    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// A copy of a node, `None` when there is no room for it.
    pub fn copy(&mut self, node: &Node) -> Option<Node> {
        if self.is_empty() {
            return None;
        }
        let size = Size::of(node);
        self.0 = self.0.saturating_sub(size.nodes + size.bytes / 64);
        (!self.is_empty()).then(|| node.clone())
    }
}

/// Lays `over` on `base`: maps that the table knows as maps merge, everything else replaces, `null` removes.
pub fn merge(ty: &Type, base: &mut Node, over: &Node, budget: &mut Budget) {
    if let (Value::Map(base), Value::Map(over)) = (&mut base.value, &over.value)
        && merges(ty)
    {
        return merge_maps(ty, base, over, budget);
    }
    if let Some(copy) = budget.copy(over) {
        *base = copy;
    }
}

fn merge_maps(ty: &Type, base: &mut Map, over: &Map, budget: &mut Budget) {
    let places: HashMap<String, usize> =
        base.entries.iter().enumerate().map(|(index, entry)| (entry.key.clone(), index)).collect();
    let mut removed = HashSet::new();
    for entry in &over.entries {
        match places.get(&entry.key) {
            Some(index) if entry.value.is_null() => {
                removed.insert(*index);
            }
            Some(index) => {
                let below = &mut base.entries[*index];
                let whole = !matches!((&below.value.value, &entry.value.value), (Value::Map(_), Value::Map(_)));
                if let Some(ty) = child(ty, &entry.key) {
                    merge(ty, &mut below.value, &entry.value, budget);
                }
                if whole {
                    below.key_span = entry.key_span.clone();
                }
            }
            None if entry.value.is_null() => {}
            None => {
                if let Some(value) = budget.copy(&entry.value) {
                    base.entries.push(Entry { key: entry.key.clone(), key_span: entry.key_span.clone(), value });
                }
            }
        }
    }
    let mut index = 0;
    base.entries.retain(|_| {
        index += 1;
        !removed.contains(&(index - 1))
    });
}

fn merges(ty: &Type) -> bool {
    match ty {
        Type::Keys(_) | Type::Each { .. } | Type::Override(_) | Type::Overlays | Type::Destination => true,
        Type::Off(inner) => merges(inner),
        Type::Either(_, second) => match second {
            Type::Each { .. } => true,
            // Files and the like are one value each; a destination is a map of settings.
            Type::Keys(section) => section.name == REGISTRY.name,
            _ => false,
        },
        Type::Text(_) | Type::Flag | Type::Many(_) | Type::Some(_) | Type::Command(_) | Type::Any => false,
    }
}

/// The type of a key inside a map of this type.
fn child(ty: &Type, key: &str) -> Option<&'static Type> {
    let in_section = |section: &Section| section.key(key).map(|key| &key.ty);
    match ty {
        Type::Keys(section) => in_section(section),
        Type::Destination => {
            let all = [&GITHUB, &REGISTRY, &PYPI, &DEPLOYMENT_FILE, &COMMAND_DESTINATION];
            all.into_iter().find_map(in_section)
        }
        Type::Off(inner) => child(inner, key),
        Type::Either(_, second) => child(second, key),
        Type::Each { value, fixed, .. } => {
            Some(fixed.iter().find(|fixed| fixed.name == key).map_or(*value, |fixed| &fixed.ty))
        }
        Type::Override(inner) => Some(inner),
        Type::Overlays => Some(&FILE),
        _ => None,
    }
}

pub static FILE: Type = Type::Keys(&TOP);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::yaml::read;

    fn check(base: &str, over: &str, expected: &str) {
        let node = |text: &str| read(text).0.unwrap();
        let mut merged = node(base);
        merge(&FILE, &mut merged, &node(over), &mut Budget::new());
        assert_eq!(plain(&merged), plain(&node(expected)), "{base} + {over}");
    }

    /// The tree without its places.
    fn plain(node: &Node) -> String {
        match &node.value {
            Value::Scalar { text, plain } => format!("{text:?}{plain}"),
            Value::List(items) => format!("{:?}", items.iter().map(plain).collect::<Vec<_>>()),
            Value::Map(map) => {
                format!("{:?}", map.entries.iter().map(|entry| (&entry.key, plain(&entry.value))).collect::<Vec<_>>())
            }
        }
    }

    #[test]
    fn maps_merge_and_the_rest_replaces() {
        check("{name: a, output: o}", "{name: b}", "{name: b, output: o}");
        check("{name: a, output: o}", "{name: null}", "{output: o}");
        check("{targets: [a, b]}", "{targets: [c]}", "{targets: [c]}");
        check(
            "{binaries: {a: {env: {X: 1, Y: 2}}}}",
            "{binaries: {a: {env: {Y: 3}}, b: {}}}",
            "{binaries: {a: {env: {X: 1, Y: 3}}, b: {}}}",
        );
        check(
            "{archives: {a: {formats: {linux: zip}}}}",
            "{archives: {a: {formats: {darwin: zip}}}}",
            "{archives: {a: {formats: {linux: zip, darwin: zip}}}}",
        );
        check(
            "{archives: {a: {formats: zip}}}",
            "{archives: {a: {formats: {darwin: zip}}}}",
            "{archives: {a: {formats: {darwin: zip}}}}",
        );
        check("{publish: {github: {draft: true}}}", "{publish: {github: false}}", "{publish: {github: false}}");
        check(
            "{binaries: {a: {override: {\"*\": {profile: x}}}}}",
            "{binaries: {a: {override: {\"*\": {locked: false}}}}}",
            "{binaries: {a: {override: {\"*\": {profile: x, locked: false}}}}}",
        );
    }

    #[test]
    fn a_command_is_replaced_whole() {
        check(
            "{binaries: {a: {before: {run: x, shell: bash}}}}",
            "{binaries: {a: {before: {run: y}}}}",
            "{binaries: {a: {before: {run: y}}}}",
        );
    }

    #[test]
    fn copies_within_limits() {
        let mut budget = Budget(3);
        let node = read("[a, b, c]").0.unwrap();
        assert!(budget.copy(&node).is_none());
        assert!(budget.is_empty());
    }
}
