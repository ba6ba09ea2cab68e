//! Entries with their layers: built-in < `defaults` < the entry < `override`, merged on the tree so that places are kept.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::rc::Rc;

use super::diagnostic::Diagnostic;
use super::diagnostics::Diagnostics;
use super::schema::{Section, Type};
use super::text::{Triples, is_glob, triple_glob};
use super::tree::{Budget, merge};
use super::words::quote;
use super::yaml::{Entry, Map, Node, Value};
use crate::problem::{At, Problem};
use crate::target::Target;

/// What reading a file needs all along: problems, what may be copied, and which globs matched something.
pub struct Layers {
    pub found: Diagnostics,
    /// What may still be copied.
    pub budget: Budget,
    /// Entries with their defaults, for finding places later.
    pub entries: Vec<(&'static str, String, Node)>,
    globs: HashMap<String, Option<Rc<Triples>>>,
    /// Every selector of targets by its place: whether it matched a target of any entry.
    selectors: BTreeMap<(usize, usize), Selector>,
}

struct Selector {
    text: String,
    at: At,
    matched: bool,
}

#[derive(Clone, Copy)]
pub struct EntryKind {
    /// Its key, and its key under `defaults`.
    pub key: &'static str,
    pub section: &'static Section,
}

impl Layers {
    pub fn new(found: Diagnostics) -> Self {
        Self { found, budget: Budget::new(), entries: Vec::new(), globs: HashMap::new(), selectors: BTreeMap::new() }
    }

    /// An entry over the defaults of its kind. `None` entry: the default entry.
    pub fn entry(&mut self, file: &Map, kind: EntryKind, entry: Option<&Node>) -> Node {
        let defaults = file.get("defaults").and_then(Node::map).and_then(|defaults| defaults.get(kind.key));
        let empty = Node { span: 0..0, value: Value::Map(Map::default()) };
        let mut node = match defaults.filter(|defaults| defaults.map().is_some()) {
            Some(defaults) => self.budget.copy(defaults).unwrap_or(empty),
            None => empty,
        };
        if let Some(entry) = entry.filter(|entry| entry.map().is_some()) {
            merge(&Type::Keys(kind.section), &mut node, entry, &mut self.budget);
            node.span = entry.span.clone();
        }
        node
    }

    /// The entry for one target, if an override means it: globs first, then the triple itself.
    pub fn for_target(&mut self, entry: &Node, kind: EntryKind, path: &str, target: Target) -> Option<Node> {
        let overrides = entry.map()?.get("override")?.map()?;
        let (mut globs, mut exact) = (Vec::new(), Vec::new());
        for over in &overrides.entries {
            if static_of(&over.key).is_some() {
                continue;
            }
            let at = At { path: format!("{path}.override.{}", over.key), key: true };
            if self.selects(&over.key, at, &over.key_span, target) {
                if is_glob(&over.key) { globs.push(over) } else { exact.push(over) }
            }
        }
        if globs.is_empty() && exact.is_empty() {
            return None;
        }
        self.conflicts(&globs, &exact, path, target);
        let mut node = self.budget.copy(entry)?;
        for over in globs.iter().chain(&exact).filter(|over| over.value.map().is_some()) {
            merge(&Type::Keys(kind.section), &mut node, &over.value, &mut self.budget);
        }
        Some(node)
    }

    /// What the implicit static build of a glibc target is: the target's own settings, then those for `…+static`.
    pub fn for_static(&mut self, entry: &Node, kind: EntryKind, path: &str, target: Target) -> Option<Node> {
        let own = self.for_target(entry, kind, path, target);
        let mut node = match own {
            Some(own) => own,
            None => self.budget.copy(entry)?,
        };
        let overrides = entry.map().and_then(|map| map.get("override")).and_then(Node::map);
        let (mut globs, mut exact) = (Vec::new(), Vec::new());
        for over in overrides.map(|map| map.entries.as_slice()).unwrap_or_default() {
            let Some(selector) = static_of(&over.key) else { continue };
            let at = At { path: format!("{path}.override.{}", over.key), key: true };
            if self.selects(selector, at, &over.key_span, target) {
                if is_glob(selector) { globs.push(over) } else { exact.push(over) }
            }
        }
        self.conflicts(&globs, &exact, path, target);
        for over in globs.iter().chain(&exact).filter(|over| over.value.map().is_some()) {
            merge(&Type::Keys(kind.section), &mut node, &over.value, &mut self.budget);
        }
        Some(node)
    }

    /// Two globs that set one key for one target, unless the triple itself decides.
    fn conflicts(&mut self, globs: &[&Entry], exact: &[&Entry], path: &str, target: Target) {
        let keys = |entry: &Entry| entry.value.map().map(|map| map.entries.as_slice()).unwrap_or_default().to_vec();
        if globs.len() < 2 {
            return;
        }
        let mut seen: HashMap<String, String> = HashMap::new();
        for glob in globs {
            for entry in keys(glob) {
                let decided =
                    exact.iter().any(|exact| exact.value.map().is_some_and(|map| map.entry(&entry.key).is_some()));
                let Some(first) = seen.insert(entry.key.clone(), glob.key.clone()).filter(|_| !decided) else {
                    continue;
                };
                let message = format!("{} and {} both set `{}`", quote(&first), quote(&glob.key), entry.key);
                let problem = Problem::new("override-conflict", message)
                    .hint(format!("both match {target}; set the value under `{target}` itself, or narrow a glob"));
                let path = format!("{path}.override.{}.{}", glob.key, entry.key);
                self.found.at(problem, &path, true, &entry.key_span);
            }
        }
    }

    /// Whether a triple or glob means a target. Remembers selectors that never do.
    pub fn selects(&mut self, text: &str, at: At, span: &Range<usize>, target: Target) -> bool {
        let triples = match self.globs.get(text) {
            Some(known) => known.clone(),
            None => {
                let triples = triple_glob(text).ok().map(Rc::new);
                self.globs.insert(text.to_owned(), triples.clone());
                triples
            }
        };
        // What is not a selector at all was reported as such.
        let Some(triples) = triples else { return false };
        let matched = triples.includes(target);
        let known = matched || static_twin(target).is_some_and(|twin| triples.includes(twin));
        let selector = self.selectors.entry((span.start, span.end)).or_insert_with(|| Selector {
            text: text.to_owned(),
            at,
            matched: false,
        });
        selector.matched |= known;
        matched
    }

    /// What can only be said at the end: selectors that matched nothing, and a file that is too large.
    pub fn finish(&mut self) {
        for ((start, end), selector) in std::mem::take(&mut self.selectors) {
            // With an unknown target in the list it is undefined what would have matched.
            if !selector.matched && !self.found.has("unknown-target") && !self.found.has("unsupported-target") {
                let message = format!("{} matches none of the targets", quote(&selector.text));
                let problem =
                    Problem::new("override-without-target", message).hint("remove it, or add the target to `targets`");
                self.found.at(problem, &selector.at.path, selector.at.key, &(start..end));
            }
        }
        if self.budget.is_empty() {
            let problem = Problem::new("file-too-large", "there are too many entries with defaults and overrides")
                .hint("use fewer entries, or smaller `defaults`");
            self.found.push(Diagnostic { problem, span: None });
        }
    }
}

/// The selector of `x86_64-unknown-linux-gnu+static`: an override for the implicit static build.
pub fn static_of(selector: &str) -> Option<&str> {
    selector.strip_suffix("+static")
}

/// The musl target of a glibc one: an image on a base without glibc gets that build, so its overrides may be written.
fn static_twin(target: Target) -> Option<Target> {
    target.triple().strip_suffix("-gnu").and_then(|triple| format!("{triple}-musl").parse().ok())
}

/// The entries of a kind as written: key, its place, and its value.
pub fn entries<'n>(file: &'n Map, key: &str) -> &'n [Entry] {
    file.get(key).and_then(Node::map).map(|map| map.entries.as_slice()).unwrap_or_default()
}

/// The same with a problem for keys that differ only in case: step ids and files on some systems would be the same.
pub fn distinct<'n>(file: &'n Map, key: &str, found: &mut Diagnostics) -> &'n [Entry] {
    let entries = entries(file, key);
    let mut seen: HashMap<String, &str> = HashMap::new();
    for entry in entries {
        if let Some(first) = seen.insert(entry.key.to_lowercase(), &entry.key) {
            let message = format!("{} and {} differ only in case", quote(first), quote(&entry.key));
            let problem = Problem::new("duplicate-key", message).hint("step and file names would clash; rename one");
            found.at(problem, &format!("{key}.{}", entry.key), true, &entry.key_span);
        }
    }
    entries
}
