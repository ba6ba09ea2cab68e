//! YAML text to a tree of nodes with spans, through `granit-parser`; the only file that knows the parser.
//!
//! The parser under `serde-saphyr` is used directly: serde's data model has no place for the span of every key, turns
//! `2.30` into a number, and stops at the first duplicate key.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StructureStyle, Tag, options};

use super::diagnostic::Diagnostic;
use super::words::quote;
use crate::problem::Problem;

/// Bytes of a file we read at all.
const MAX_BYTES: usize = 4 << 20;
/// Collections inside collections, aliases included.
const MAX_DEPTH: usize = 64;
/// Nodes of the tree, aliases expanded.
const MAX_NODES: usize = 20_000;
/// Bytes of text that aliases may copy.
const MAX_COPIED: usize = 1 << 20;
/// Parsing stops after so many problems.
const MAX_PROBLEMS: usize = 500;
/// Bytes of a key.
const MAX_KEY: usize = 256;

/// A node and where the user wrote it; a node reached through an alias stands where its anchor stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Byte range in the text.
    pub span: Range<usize>,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text as written, escapes resolved; a plain one may mean `true` or nothing.
    Scalar {
        text: String,
        /// Without quotes.
        plain: bool,
    },
    List(Vec<Node>),
    /// Entries in order, keys unique.
    Map(Map),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    /// In the order written; what `<<` brings in comes last.
    pub entries: Vec<Entry>,
    /// Written with `{…}`.
    pub flow: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub key: String,
    pub key_span: Range<usize>,
    pub value: Node,
}

impl Node {
    /// Its text, unless it is a list, a map, or nothing.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// Whether it is `null`, `~`, or nothing at all.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    pub fn is_empty(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if text.is_empty())
    }

    /// The truth of a plain word of YAML 1.2's core schema.
    pub fn bool(&self) -> Option<bool> {
        match &self.value {
            Value::Scalar { text, plain: true } => match text.as_str() {
                "true" | "True" | "TRUE" => Some(true),
                "false" | "False" | "FALSE" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// Its entries, if it is a map.
    pub fn map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Its items: those of a list, or the node itself as the only one.
    pub fn many(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => std::slice::from_ref(self),
        }
    }
}

impl Map {
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The value of a key, unless it is `null`.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value).filter(|value| !value.is_null())
    }
}

/// The tree of a text, `None` if it holds nothing, and everything that is wrong with it as YAML. Never panics; time and
/// memory are bounded by the limits above.
pub fn read(text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    if text.len() > MAX_BYTES {
        let problem = Problem::new("file-too-large", format!("the file has more than {} MiB", MAX_BYTES >> 20));
        return (None, vec![Diagnostic { problem, span: None }]);
    }
    let options = options! {
        emit_unresolved_aliases: true,
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder { text, ..Builder::default() };
    for event in Parser::new_from_str_with_options(text, options) {
        let step = match event {
            Ok((event, span)) => builder.event(event, &span),
            Err(error) => Err(Box::new(syntax(text, &error))),
        };
        if let Err(fatal) = step {
            builder.problems.push(*fatal);
            return (None, builder.problems);
        }
    }
    (builder.root, builder.problems)
}

/// Builds the tree with its own stack, so that no input can exhaust the thread's.
#[derive(Default)]
struct Builder<'t> {
    text: &'t str,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Node>,
    root: Option<Node>,
    documents: usize,
    nodes: usize,
    copied: usize,
    problems: Vec<Diagnostic>,
}

struct Frame {
    start: usize,
    anchor: usize,
    flow: bool,
    kind: NodeKind,
}

enum NodeKind {
    List(Vec<Node>),
    Map { map: Map, seen: HashMap<String, usize>, pending: Pending, merges: Vec<Node> },
}

/// What the next node of a map is.
enum Pending {
    Key,
    ValueOf(String, Range<usize>),
    Merge,
    /// The value of a key that was refused.
    Dropped,
}

/// An error ends the reading; what is said about it is boxed, for it is rare.
type Step = Result<(), Box<Diagnostic>>;

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: &Span) -> Step {
        let range = span.byte_range().unwrap_or(0..0);
        match event {
            Event::DocumentStart(..) => self.document(range),
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = self.tag(tag.as_deref(), span);
                self.count(1, 0, &range)?;
                let plain = style == ScalarStyle::Plain && !quoted;
                // The parser says `~` where nothing is written.
                let text = if plain && range.is_empty() { String::new() } else { text.into_owned() };
                let node = Node { span: range, value: Value::Scalar { text, plain } };
                self.finish(node, anchor)
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.tag(tag.as_deref(), span);
                let flow = style == StructureStyle::Flow;
                self.open(Frame { start: range.start, anchor, flow, kind: NodeKind::List(Vec::new()) }, &range)
            }
            Event::MappingStart(style, anchor, tag) => {
                self.tag(tag.as_deref(), span);
                let flow = style == StructureStyle::Flow;
                let map = Map { entries: Vec::new(), flow };
                let kind = NodeKind::Map { map, seen: HashMap::new(), pending: Pending::Key, merges: Vec::new() };
                self.open(Frame { start: range.start, anchor, flow, kind }, &range)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(range.end),
            Event::Alias(id) => self.alias(id, range),
            Event::UnresolvedAlias(name) => {
                let problem = Problem::new("yaml-alias", format!("{} is not defined", quote(&format!("*{name}"))))
                    .hint("quote text that starts with `*`; an alias needs an `&anchor` above it");
                self.problems.push(Diagnostic { problem, span: Some(range.clone()) });
                let value = Value::Scalar { text: format!("*{name}"), plain: false };
                self.finish(Node { span: range, value }, 0)
            }
            _ => Ok(()),
        }
    }

    fn document(&mut self, range: Range<usize>) -> Step {
        self.documents += 1;
        if self.documents < 2 {
            return Ok(());
        }
        let problem = Problem::new("yaml-documents", "a second document starts here")
            .hint("the file is one document: remove the `---` line and what follows it");
        Err(Box::new(Diagnostic { problem, span: Some(range) }))
    }

    /// Whether the tag says that the text is text; complains about tags that are not YAML's own.
    fn tag(&mut self, tag: Option<&Tag>, span: &Span) -> bool {
        match tag {
            Some(tag) if tag.is_yaml_core_schema() => tag.is_yaml_core_schema_tag("str"),
            Some(tag) if tag.original() != "!" => {
                let range = span.tag_span().and_then(|span| span.byte_range()).or(span.byte_range());
                let problem = Problem::new("yaml-tag", format!("the tag {} is not supported", quote(&tag.original())))
                    .hint("remove it; quote text that starts with `!`");
                self.problems.push(Diagnostic { problem, span: range });
                false
            }
            other => other.is_some(),
        }
    }

    fn count(&mut self, nodes: usize, bytes: usize, range: &Range<usize>) -> Step {
        self.nodes += nodes;
        self.copied += bytes;
        if self.nodes <= MAX_NODES && self.copied <= MAX_COPIED {
            return Ok(());
        }
        let message = format!("the file has more than {MAX_NODES} values, aliases counted each time");
        let problem = Problem::new("file-too-large", message).hint("use fewer entries or `*aliases`");
        Err(Box::new(Diagnostic { problem, span: Some(range.clone()) }))
    }

    fn open(&mut self, frame: Frame, range: &Range<usize>) -> Step {
        self.count(1, 0, range)?;
        self.stack.push(frame);
        if self.stack.len() > MAX_DEPTH { Err(Box::new(too_deep(range.clone()))) } else { Ok(()) }
    }

    fn close(&mut self, end: usize) -> Step {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let (last, value) = match frame.kind {
            NodeKind::List(items) => (items.last().map(|item| item.span.end), Value::List(items)),
            NodeKind::Map { mut map, seen, merges, .. } => {
                let last = map.entries.last().map(|entry| entry.value.span.end);
                self.merge(&mut map, seen, merges);
                (last, Value::Map(map))
            }
        };
        // A block ends where its last item does; the parser's own end is where the next thing begins.
        let end = last.filter(|_| !frame.flow).unwrap_or(end).max(frame.start);
        self.finish(Node { span: frame.start..end, value }, frame.anchor)
    }

    /// `<<`: the entries of other maps, as far as the map has no such key itself.
    fn merge(&mut self, map: &mut Map, mut seen: HashMap<String, usize>, merges: Vec<Node>) {
        for source in merges.iter().flat_map(Node::many) {
            let Some(source) = source.map() else {
                let problem = Problem::new("yaml-merge", "`<<` needs a map")
                    .hint("write `<<: *anchor`, where `&anchor` is a map");
                self.problems.push(Diagnostic { problem, span: Some(source.span.clone()) });
                continue;
            };
            for entry in &source.entries {
                if seen.insert(entry.key.clone(), entry.key_span.start).is_none() {
                    map.entries.push(entry.clone());
                }
            }
        }
    }

    fn alias(&mut self, id: usize, range: Range<usize>) -> Step {
        let Some(node) = self.anchors.get(&id) else {
            let problem = Problem::new("yaml-alias", "an alias inside its own anchor is endless");
            return Err(Box::new(Diagnostic { problem, span: Some(range) }));
        };
        let size = Size::of(node);
        if self.stack.len() + size.depth > MAX_DEPTH {
            return Err(Box::new(too_deep(range)));
        }
        self.count(size.nodes, size.bytes, &range)?;
        match self.anchors.get(&id).cloned() {
            Some(node) => self.finish(node, 0),
            None => Ok(()),
        }
    }

    fn finish(&mut self, node: Node, anchor: usize) -> Step {
        if anchor != 0 {
            let size = Size::of(&node);
            self.count(size.nodes, size.bytes, &node.span)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut frame.kind {
            NodeKind::List(items) => items.push(node),
            NodeKind::Map { map, pending, seen, merges } => match std::mem::replace(pending, Pending::Key) {
                Pending::Key => match key(self.text, node, seen) {
                    Ok(next) => *pending = next,
                    Err(problem) if self.problems.len() >= MAX_PROBLEMS => return Err(problem),
                    Err(problem) => {
                        *pending = Pending::Dropped;
                        self.problems.push(*problem);
                    }
                },
                Pending::ValueOf(key, key_span) => map.entries.push(entry(key, key_span, node)),
                Pending::Merge => merges.push(node),
                Pending::Dropped => {}
            },
        }
        Ok(())
    }
}

/// What follows a key, or why it cannot be one.
fn key(text: &str, node: Node, seen: &mut HashMap<String, usize>) -> Result<Pending, Box<Diagnostic>> {
    let span = node.span;
    let refuse = |problem| Err(Box::new(Diagnostic { problem, span: Some(span.clone()) }));
    let Value::Scalar { text: key, plain } = node.value else {
        return refuse(
            Problem::new("yaml-key", "a list or a map cannot be a key").hint("quote it if `{` or `[` is literal text"),
        );
    };
    if plain && key == "<<" {
        return Ok(Pending::Merge);
    }
    if key.is_empty() || key.len() > MAX_KEY || key.chars().any(char::is_control) {
        return refuse(Problem::new("yaml-key", format!("{} cannot be a key", quote(&key))));
    }
    if let Some(first) = seen.get(&key) {
        let line = 1 + text[..*first].matches('\n').count();
        return refuse(
            Problem::new("duplicate-key", format!("the key {} is written twice", quote(&key)))
                .hint(format!("the first one is on line {line}; merge them")),
        );
    }
    seen.insert(key.clone(), span.start);
    Ok(Pending::ValueOf(key, span))
}

fn entry(key: String, key_span: Range<usize>, mut value: Node) -> Entry {
    // What is not written has no place of its own.
    if value.is_empty() {
        value.span = key_span.clone();
    }
    Entry { key, key_span, value }
}

pub struct Size {
    /// Nodes in it, itself included.
    pub nodes: usize,
    /// Bytes of its texts and keys.
    pub bytes: usize,
    /// Collections inside collections.
    pub depth: usize,
}

impl Size {
    pub fn of(node: &Node) -> Self {
        let children = match &node.value {
            Value::Scalar { text, .. } => return Self { nodes: 1, bytes: text.len(), depth: 0 },
            Value::List(items) => items.iter().map(|item| (0, item)).collect::<Vec<_>>(),
            Value::Map(map) => map.entries.iter().map(|entry| (entry.key.len(), &entry.value)).collect(),
        };
        let mut size = Self { nodes: 1, bytes: 0, depth: 1 };
        for (key, child) in children {
            let child = Self::of(child);
            size.nodes += child.nodes;
            size.bytes += key + child.bytes;
            size.depth = size.depth.max(1 + child.depth);
        }
        size
    }
}

fn too_deep(span: Range<usize>) -> Diagnostic {
    let problem = Problem::new("yaml-depth", format!("more than {MAX_DEPTH} levels of lists and maps"));
    Diagnostic { problem, span: Some(span) }
}

/// The parser's error with a hint for the mistakes people make.
fn syntax(text: &str, error: &ScanError) -> Diagnostic {
    let at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
    let end = text[at..].chars().next().map_or(at, |char| at + char.len_utf8());
    if *error.kind() == ErrorKind::RecursionLimitExceeded {
        return too_deep(at..end);
    }
    let problem = Problem::new("yaml-syntax", format!("not YAML: {}", error.kind()));
    if error.kind().to_string().contains("tab") {
        let problem = problem.hint("use spaces, not tabs");
        // The parser stops behind the tab, or before the white space that holds it.
        let blank = text[at..].len() - text[end..].trim_start_matches([' ', '\r', '\n']).len();
        let tab = match at + blank {
            _ if text[..at].ends_with('\t') => at - 1..at,
            tab if text[tab..].starts_with('\t') => tab..tab + 1,
            _ => at..end,
        };
        return Diagnostic { problem, span: Some(tab) };
    }
    let Some((hint, span)) = hint(text, at) else { return Diagnostic { problem, span: Some(at..end) } };
    Diagnostic { problem: problem.hint(hint), span: Some(span.unwrap_or(at..end)) }
}

/// Looks at the line of the error, and the written line before it, for a value that should have been quoted.
fn hint(text: &str, at: usize) -> Option<(String, Option<Range<usize>>)> {
    let mut end = at + text[at..].find('\n').unwrap_or(text.len() - at);
    for _ in 0..2 {
        let start = text[..end].rfind('\n').map_or(0, |newline| newline + 1);
        let line = &text[start..end];
        let value = line.find(": ").map_or(line.len(), |colon| colon + 2);
        let written = line[value..].trim();
        let place = (value + (line[value..].len() - line[value..].trim_start().len()))..line.trim_end().len();
        let place = start + place.start..start + place.end.max(place.start);
        if written.starts_with('{') && written.contains('}') {
            let hint = format!("quote it: {}", quote(&format!("\"{written}\"")));
            return Some((hint, Some(place)));
        }
        if written.starts_with(['@', '`', '%', '&', '*', '!', '|', '>']) || written.contains(": ") {
            return Some((format!("quote the value: {}", quote(&format!("\"{written}\""))), None));
        }
        end = text[..start].trim_end().len();
        if end == 0 {
            break;
        }
    }
    None
}

#[cfg(test)]
#[path = "yaml_tests.rs"]
mod tests;
