//! Fields of a YAML map read into Go's types as Helm does: numbers become texts, letter case of names does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range as Span;

use serde_json::Value as Json;

use crate::chart::flaw::Flaw;
use crate::chart::places::Places;
use crate::yaml::{self, Entry, Node, Value};

/// What was found while reading: flaws, places, and fields that are not asked for.
pub struct Fields {
    file: &'static str,
    pub flaws: Vec<Flaw>,
    pub places: Places,
    pub unknown: Vec<Unknown>,
    /// Paths of texts that are written as numbers or booleans.
    pub coerced: BTreeSet<String>,
}

/// A field that Helm drops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Path of the map that holds it; empty at the top.
    pub at: String,
    pub key: String,
    /// Bytes of its key.
    pub span: Span<usize>,
}

impl Unknown {
    /// `engine`, `dependencies[0].note`.
    pub fn path(&self) -> String {
        joined(&self.at, &self.key)
    }
}

impl Fields {
    pub fn new(file: &'static str) -> Self {
        Self { file, flaws: Vec::new(), places: Places::default(), unknown: Vec::new(), coerced: BTreeSet::new() }
    }

    /// A text, as it is; empty where nothing is written.
    pub fn text(&mut self, map: &Node, path: &str) -> String {
        let Some(node) = self.find(map, path) else { return String::new() };
        self.scalar(node, path)
    }

    /// A text as Helm tidies most fields: blanks are spaces, what cannot be printed is dropped.
    pub fn clean(&mut self, map: &Node, path: &str) -> String {
        tidy(&self.text(map, path))
    }

    pub fn clean_texts(&mut self, map: &Node, path: &str) -> Vec<String> {
        let items = self.items(map, path);
        items.iter().enumerate().map(|(index, node)| tidy(&self.scalar(node, &format!("{path}[{index}]")))).collect()
    }

    pub fn truth(&mut self, map: &Node, path: &str) -> bool {
        match self.find(map, path).map(|node| (node, &node.value)) {
            None | Some((_, Value::Null)) => false,
            Some((_, Value::Bool(truth))) => *truth,
            Some((node, _)) => {
                let text = format!("`{path}` is {} and not `true` or `false`", node.kind());
                self.refuse(path, node.place(), text);
                false
            }
        }
    }

    pub fn text_map(&mut self, map: &Node, path: &str) -> BTreeMap<String, String> {
        let Some(node) = self.find(map, path) else { return BTreeMap::new() };
        if !matches!(node.value, Value::Map(_) | Value::Null) {
            self.refuse(path, node.place(), format!("`{path}` is {} and not a map", node.kind()));
        }
        let pairs = node.entries().iter();
        pairs.map(|entry| (entry.key.clone(), self.scalar(&entry.value, &joined(path, &entry.key)))).collect()
    }

    /// A list of maps; `each` gets the path of one.
    pub fn maps<T>(&mut self, map: &Node, path: &str, each: impl Fn(&mut Self, &Node, &str) -> T) -> Vec<T> {
        let items = self.items(map, path);
        let mut all = Vec::new();
        for (index, node) in items.iter().enumerate() {
            let at = format!("{path}[{index}]");
            self.places.put(at.clone(), node.place());
            if matches!(node.value, Value::Map(_)) {
                all.push(each(self, node, &at));
            } else {
                self.refuse(&at, node.place(), format!("`{at}` is {} and not a map", node.kind()));
            }
        }
        all
    }

    pub fn any_list(&mut self, map: &Node, path: &str) -> Vec<Json> {
        self.items(map, path).iter().map(yaml::to_json).collect()
    }

    /// Notes the fields of `map` that are not in `known`; `at` is the path of the map, empty at the top.
    pub fn others(&mut self, map: &Node, at: &str, known: &[&str]) {
        let unknown = |entry: &&Entry| !known.iter().any(|name| name.eq_ignore_ascii_case(&entry.key));
        for entry in map.entries().iter().filter(unknown) {
            self.unknown.push(Unknown { at: at.to_owned(), key: entry.key.clone(), span: entry.key_span.clone() });
        }
    }

    pub fn refuse(&mut self, path: &str, span: Span<usize>, text: String) {
        let span = if span.is_empty() { self.places.of(path) } else { span };
        self.flaws.push(Flaw::new("chart-metadata", text).at(self.file, span));
    }

    pub fn refuse_at(&mut self, path: &str, text: &str) {
        self.refuse(path, self.places.of(path), text.to_owned());
    }

    /// The last part of `path` is the field's name.
    fn find<'a>(&mut self, map: &'a Node, path: &str) -> Option<&'a Node> {
        let name = path.rsplit('.').next().unwrap_or(path);
        let entry = field(map, name)?;
        self.places.put(path.to_owned(), entry.value.place());
        Some(&entry.value)
    }

    fn items<'a>(&mut self, map: &'a Node, path: &str) -> &'a [Node] {
        let Some(node) = self.find(map, path) else { return &[] };
        if !matches!(node.value, Value::List(_) | Value::Null) {
            self.refuse(path, node.place(), format!("`{path}` is {} and not a list", node.kind()));
        }
        node.items()
    }

    fn scalar(&mut self, node: &Node, path: &str) -> String {
        if let Some(text) = node.field() {
            if node.text().is_none() {
                self.coerced.insert(path.to_owned());
            }
            return text;
        }
        if !node.is_null() {
            self.refuse(path, node.place(), format!("`{path}` is {} and not a text", node.kind()));
        }
        String::new()
    }
}

/// The entry that Go's JSON decoder puts into a field: letter case does not count, and of several the last in byte order.
pub fn field<'a>(map: &'a Node, name: &str) -> Option<&'a Entry> {
    map.entries().iter().filter(|entry| entry.key.eq_ignore_ascii_case(name)).max_by_key(|entry| &entry.key)
}

/// A values path below another.
pub fn joined(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '_' | '-' | '/'));
    let key = if plain { key.to_owned() } else { format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\"")) };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// `sanitizeString` of Helm.
fn tidy(text: &str) -> String {
    text.chars().map(|one| if one.is_whitespace() { ' ' } else { one }).filter(|one| is_printable(*one)).collect()
}

/// Go's `unicode.IsPrint`. The standard library has the same table, but shows it only through its debug output.
fn is_printable(character: char) -> bool {
    // In second place: a mark that extends a letter is escaped only in first place.
    !matches!(format!("x{character}").escape_debug().nth(2), Some('u' | '0'))
}

#[cfg(test)]
mod tests {
    use super::{joined, tidy};

    #[test]
    fn texts_are_tidied_as_helm_does() {
        let check = |text: &str, expected: &str| assert_eq!(tidy(text), expected, "{text:?}");
        check("a\tb\nc\u{a0}d", "a b c d");
        check("a\u{7}\0\u{200b}\u{feff}\u{ad}b", "ab");
        check(
            "gr\u{f6}\u{df}e \u{65e5}\u{672c} e\u{301} \u{1f600}",
            "gr\u{f6}\u{df}e \u{65e5}\u{672c} e\u{301} \u{1f600}",
        );
        check("\\ \" ' u 0 \\u", "\\ \" ' u 0 \\u");
    }

    #[test]
    fn paths_quote_odd_keys() {
        let check = |path: &str, key: &str, expected: &str| assert_eq!(joined(path, key), expected);
        check("", "a", "a");
        check("a", "b.c", "a.\"b.c\"");
        check("a[0]", "", "a[0].\"\"");
    }
}
