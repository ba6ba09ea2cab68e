//! Holds the tree against the table: unknown keys, wrong types, text that is not what it should be.

use super::diagnostics::Diagnostics;
use super::schema::{
    COMMAND_DESTINATION, DEPLOYMENT_FILE, GITHUB, Key, PYPI, REGISTRY, SECTIONS, Section, TOP, Text, Type,
};
use super::text;
use super::words::{elsewhere, foreign, nearest, quote};
use super::yaml::{Entry, Map, Node, Value};
use super::{overrides, shell, tree};
use crate::problem::Problem;

/// A key that the settings of a service may have later, and words that are flags of it.
const LATER: &str = "pool";
const FLAGS: [(&str, &str); 8] = [
    ("builds", "builds"),
    ("data", "data"),
    ("database", "database"),
    ("engine", "engine"),
    ("listen", "listen"),
    ("open", "open"),
    ("retention", "keep-days"),
    ("webhooks", "webhook"),
];

/// Checks the whole file, its overlays included.
pub fn check(root: &Node, found: &mut Diagnostics) {
    Shape { found, overlay: false }.value(&tree::FILE, root, "");
}

/// Checks a file of another table.
pub fn check_as(ty: &Type, root: &Node, found: &mut Diagnostics) {
    Shape { found, overlay: false }.value(ty, root, "");
}

struct Shape<'f> {
    found: &'f mut Diagnostics,
    /// In an overlay `null` removes, and may stand anywhere.
    overlay: bool,
}

impl Shape<'_> {
    fn value(&mut self, ty: &Type, node: &Node, path: &str) {
        if node.is_null() && (self.overlay || !node.is_empty()) {
            return;
        }
        match ty {
            Type::Text(kind) => self.text(*kind, node, path),
            Type::Flag if node.bool().is_none() => self.mismatch(ty, node, path),
            Type::Flag => {}
            Type::Off(inner) => match node.bool() {
                Some(false) => {}
                Some(true) => self.mismatch(ty, node, path),
                None => self.value(inner, node, path),
            },
            Type::Some(_) if matches!(&node.value, Value::List(items) if items.is_empty()) => {
                let problem =
                    Problem::new("empty-list", "the list is empty").hint("list at least one, or remove the key");
                self.found.at(problem, path, false, &node.span);
            }
            Type::Many(inner) | Type::Some(inner) => self.many(inner, node, path),
            Type::Either(_, second) if node.map().is_some() => self.value(second, node, path),
            Type::Either(first, _) => self.value(first, node, path),
            Type::Command(section) => self.command(section, node, path),
            Type::Keys(section) => {
                if self.map(ty, node, path).is_some() {
                    self.keys(section, node, path);
                }
            }
            Type::Destination => self.destination(node, path),
            Type::Each { .. } => {
                if let Some(map) = self.map(ty, node, path) {
                    map.entries.iter().for_each(|entry| self.each(ty, entry, path));
                }
            }
            Type::Override(inner) => {
                if let (Some(map), Type::Keys(section)) = (self.map(ty, node, path), inner) {
                    map.entries.iter().for_each(|entry| self.overridden(section, entry, path));
                }
            }
            Type::Overlays => self.overlays(node, path),
            Type::Any => {}
        }
    }

    fn text(&mut self, kind: Text, node: &Node, path: &str) {
        let Some(text) = node.text() else { return self.mismatch(&Type::Text(kind), node, path) };
        let untyped = matches!(kind, Text::EnvValue | Text::Argument);
        if node.bool().is_some() && !untyped {
            let hint = format!("quote it if you mean the text `\"{text}\"`");
            let message = format!("expected {}, found {}", kind.expected(), quote(text));
            return self.found.at(Problem::new("wrong-type", message).hint(hint), path, false, &node.span);
        }
        if let Err(problem) = text::check(kind, text) {
            self.found.at(problem, path, false, &node.span);
        }
    }

    fn many(&mut self, inner: &Type, node: &Node, path: &str) {
        let Value::List(items) = &node.value else { return self.value(inner, node, path) };
        let mut seen = std::collections::HashSet::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}.{index}");
            if item.is_null() {
                let problem = Problem::new("no-value", "an item of the list is empty").hint("remove it");
                self.found.at(problem, &path, false, &item.span);
                continue;
            }
            self.value(inner, item, &path);
            // Arguments may repeat (`-v -v`), and so may commands.
            let repeats = matches!(inner, Type::Text(Text::Argument) | Type::Command(_));
            if let Some(text) = item.text().filter(|_| !repeats)
                && !seen.insert(text)
            {
                let problem =
                    Problem::new("duplicate-item", format!("{} is listed twice", quote(text))).hint("remove one");
                self.found.at(problem, &path, false, &item.span);
            }
        }
    }

    fn command(&mut self, section: &Section, node: &Node, path: &str) {
        let words = match &node.value {
            Value::Map(map) => {
                self.keys(section, node, path);
                map.get("run").filter(|_| map.get("shell").is_none()).map(|run| (run, format!("{path}.run")))
            }
            _ => {
                self.text(Text::Script, node, path);
                Some((node, path.to_owned()))
            }
        };
        if let Some((node, path)) = words
            && let Some(text) = node.text().filter(|text| text::check(Text::Script, text).is_ok())
            && let Err(problem) = shell::words(text)
        {
            self.found.at(problem, &path, false, &node.span);
        }
    }

    /// The keys that its `kind:` has, which its name may say, too.
    fn destination(&mut self, node: &Node, path: &str) {
        let written = node.map().and_then(|map| map.get("kind")).and_then(Node::text);
        let name = path.rsplit('.').next().unwrap_or_default();
        match written.or_else(|| path.strip_suffix("publish.command").map(|_| "command")) {
            // Said once, by name; none of our keys is meant.
            None if elsewhere(name).is_some() => {}
            Some("command") if node.map().is_some() => self.command(&COMMAND_DESTINATION, node, path),
            Some("registry") => self.value(&Type::Keys(&REGISTRY), node, path),
            Some("pypi") => self.value(&Type::Keys(&PYPI), node, path),
            Some("file") => self.value(&Type::Keys(&DEPLOYMENT_FILE), node, path),
            _ => self.value(&Type::Keys(&GITHUB), node, path),
        }
    }

    fn keys(&mut self, section: &Section, node: &Node, path: &str) {
        let Some(map) = node.map() else { return };
        if let Some(required) = section.required().iter().find(|key| map.entry(key).is_none()) {
            let problem = Problem::new("missing-key", format!("`{required}:` is missing"))
                .hint(format!("write `{{{}: …}}`", section.required().join(": …, ")));
            self.found.at(problem, path, false, &node.span);
        }
        for entry in &map.entries {
            let path = join(path, &entry.key);
            match section.key(&entry.key) {
                Some(key) if self.overlay && matches!(key.ty, Type::Overlays | Type::Text(Text::FormatNumber)) => {
                    let message = format!("`{}` cannot be in an overlay", key.name);
                    self.found.at(Problem::new("unknown-key", message).hint("remove it"), &path, true, &entry.key_span);
                }
                Some(key) if !self.overlay && section.name == TOP.name && matches!(key.name, "snapshot" | "host") => {
                    let message = format!("`{}` can only be in an overlay", key.name);
                    let hint = format!("move it below `overlays.NAME`, or pass `--{}`", key.name);
                    self.found.at(Problem::new("unknown-key", message).hint(hint), &path, true, &entry.key_span);
                }
                Some(key) => self.key(key, entry, &path),
                None if section.name == TOP.name && entry.key.starts_with("x-") => {}
                None => self.unknown(section, &entry.key, &path, entry),
            }
        }
    }

    fn key(&mut self, key: &Key, entry: &Entry, path: &str) {
        if entry.value.is_empty() && !self.overlay {
            let hint = format!("set it to {}, or remove the key", key.ty.expected());
            let problem = Problem::new("no-value", format!("`{}` has no value", key.name)).hint(hint);
            return self.found.at(problem, path, true, &entry.key_span);
        }
        self.value(&key.ty, &entry.value, path);
    }

    fn each(&mut self, ty: &Type, entry: &Entry, path: &str) {
        let Type::Each { key, value, fixed } = ty else { return };
        let path = join(path, &entry.key);
        if let Some(known) = fixed.iter().find(|known| known.name == entry.key) {
            // `github:` with nothing behind it is a destination with its defaults.
            if !entry.value.is_empty() {
                self.key(known, entry, &path);
            }
            return;
        }
        if let Err(problem) = text::check(*key, &entry.key) {
            self.found.at(problem, &path, true, &entry.key_span);
        }
        if entry.value.is_empty() {
            if !self.overlay && !matches!(value, Type::Keys(_) | Type::Off(Type::Keys(_) | Type::Destination)) {
                let problem = Problem::new("no-value", format!("{} has no value", quote(&entry.key)))
                    .hint("set a value; empty text is `\"\"`");
                self.found.at(problem, &path, true, &entry.key_span);
            }
            return;
        }
        self.value(value, &entry.value, &path);
    }

    fn overridden(&mut self, section: &Section, entry: &Entry, path: &str) {
        let path = join(path, &entry.key);
        // The implicit static build of a target has overrides of its own.
        let selector = match section.name {
            "binary" => overrides::static_of(&entry.key).unwrap_or(&entry.key),
            _ => &entry.key,
        };
        if let Err(problem) = text::check(Text::TripleGlob, selector) {
            self.found.at(problem, &path, true, &entry.key_span);
        }
        if entry.value.is_empty() {
            return;
        }
        let Some(map) = self.map(&Type::Keys(&TOP), &entry.value, &path) else { return };
        for entry in &map.entries {
            let path = join(&path, &entry.key);
            match section.key(&entry.key) {
                Some(key) if key.per_target => self.key(key, entry, &path),
                Some(key) => {
                    let problem = Problem::new("unknown-key", format!("`{}` cannot differ by target", key.name))
                        .hint(format!("move it out of `override`, into the {} itself", section.name));
                    self.found.at(problem, &path, true, &entry.key_span);
                }
                None => self.unknown(section, &entry.key, &path, entry),
            }
        }
    }

    fn overlays(&mut self, node: &Node, path: &str) {
        let Some(map) = self.map(&Type::Overlays, node, path) else { return };
        for entry in &map.entries {
            let path = join(path, &entry.key);
            if let Err(problem) = text::check(Text::Name, &entry.key) {
                self.found.at(problem, &path, true, &entry.key_span);
            }
            Shape { found: self.found, overlay: true }.value(&tree::FILE, &entry.value, &path);
        }
    }

    fn unknown(&mut self, section: &Section, word: &str, path: &str, entry: &Entry) {
        let known: Vec<&str> = section.keys.iter().map(|key| key.name).collect();
        let of_service = section.is_of_service();
        if of_service && word == LATER {
            let problem = Problem::new("not-in-this-version", format!("`{word}` is not in this version"));
            return self.found.at(problem.hint("remove it"), path, true, &entry.key_span);
        }
        let elsewhere = SECTIONS.iter().find(|(other, _)| !of_service && other.key(word).is_some());
        let flag = FLAGS.iter().find(|(key, _)| of_service && *key == word);
        let hint = if let Some((_, flag)) = flag {
            format!("it is a flag: `longshore serve --{flag}`")
        } else if let Some(ours) = foreign(word).filter(|_| !of_service) {
            ours.to_owned()
        } else if let Some(near) = nearest(word, known.iter().copied()) {
            format!("did you mean `{near}`?")
        } else if let Some((_, place)) = elsewhere {
            format!("`{word}` is a key of {place}")
        } else {
            format!("keys here: {}", known.join(", "))
        };
        let problem = Problem::new("unknown-key", format!("unknown key {}", quote(word))).hint(hint);
        self.found.at(problem, path, true, &entry.key_span);
    }

    fn map<'n>(&mut self, ty: &Type, node: &'n Node, path: &str) -> Option<&'n Map> {
        if node.map().is_none() {
            self.mismatch(ty, node, path);
        }
        node.map()
    }

    fn mismatch(&mut self, ty: &Type, node: &Node, path: &str) {
        let found = match &node.value {
            _ if node.is_null() => "nothing".into(),
            Value::Scalar { text, .. } => quote(text),
            Value::List(_) => "a list".into(),
            Value::Map(_) => "a map".into(),
        };
        let problem = Problem::new("wrong-type", format!("expected {}, found {found}", ty.expected()));
        let problem = match (ty, &node.value) {
            // `file: {name}` is a map to YAML.
            (Type::Text(_), Value::Map(map)) if map.flow && map.entries.iter().all(|entry| entry.value.is_empty()) => {
                let names: Vec<&str> = map.entries.iter().map(|entry| entry.key.as_str()).collect();
                problem.hint(format!("quote it: {}", quote(&format!("\"{{{}}}\"", names.join(", ")))))
            }
            (Type::Off(inner @ Type::Text(_)), Value::Scalar { .. }) if node.bool() == Some(true) => {
                problem.hint(format!("write {}, or remove the key", inner.expected()))
            }
            (Type::Off(Type::Keys(_) | Type::Destination), Value::Scalar { .. }) if node.bool() == Some(true) => {
                problem.hint("write `{}` for the defaults")
            }
            (Type::Off(_) | Type::Keys(_), Value::Scalar { .. }) if node.bool() == Some(true) => {
                problem.hint("remove the key; it is on by default")
            }
            _ => problem,
        };
        self.found.at(problem, path, false, &node.span);
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.into() } else { format!("{path}.{key}") }
}
