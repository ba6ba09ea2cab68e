//! Text to a tree, with everything that is wrong with it; time and memory are bounded by the limits below.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle, Tag, options};

use super::flaw::{Flaw, line};
use super::node::{Entry, Node, Style, Value};
use super::number;
use super::resolve::resolve;
use super::syntax;

/// Bytes of a text. Helm refuses files of a chart above 5 MiB; what it renders may be larger.
const MAX_BYTES: usize = 16 << 20;
/// Lists and maps inside each other, aliases expanded.
const MAX_DEPTH: usize = 100;
/// Values of all documents, aliases expanded and anchors counted twice.
const MAX_NODES: usize = 400_000;
/// Bytes of text that aliases may repeat.
const MAX_COPIED: usize = 16 << 20;
/// Reading stops after so many flaws.
const MAX_FLAWS: usize = 100;

/// The tree of a text with one document; `Value::Null` if it holds nothing.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text: what Helm refuses, and what it takes without a word but
/// nobody means (a key written twice, a second document).
pub fn read(text: &str) -> Result<Node, Vec<Flaw>> {
    let mut builder = Builder { text, ..Builder::default() };
    builder.parse();
    let second = builder.documents.iter().filter(|document| document.holds_something()).nth(1);
    let second = second.map(|document| second_document(text, &document.marker));
    builder.flaws.extend(second);
    builder.flaws.extend(builder.documents.iter().filter_map(|document| after_marker(text, &document.marker)));
    if !builder.flaws.is_empty() {
        return Err(builder.flaws);
    }
    let filled = builder.documents.into_iter().find(Document::holds_something);
    Ok(filled.map_or_else(nothing, |document| document.root))
}

/// The trees of all documents that hold something, such as rendered manifests. Of a key that stands twice the last one
/// counts, as for Kubernetes.
///
/// # Errors
/// As `read`, but for several documents and such keys.
pub fn documents(text: &str) -> Result<Vec<Node>, Vec<Flaw>> {
    let mut builder = Builder { text, last_wins: true, ..Builder::default() };
    builder.parse();
    if !builder.flaws.is_empty() {
        return Err(builder.flaws);
    }
    Ok(builder.documents.into_iter().filter(Document::holds_something).map(|document| document.root).collect())
}

fn nothing() -> Node {
    Node { span: 0..0, alias: None, style: Style::Plain, tagged: false, value: Value::Null }
}

struct Document {
    /// Where its `---` or its first value stands.
    marker: Range<usize>,
    root: Node,
}

impl Document {
    fn holds_something(&self) -> bool {
        !(self.root.is_null() && self.root.span.is_empty())
    }
}

fn second_document(text: &str, marker: &Range<usize>) -> Flaw {
    Flaw::new(format!("a second document (`---`) starts on line {}", line(text, marker.start)), marker.clone())
        .hint("Helm 4 merges the documents of values.yaml, of other files it reads the first only: keep one document")
}

/// Helm 4 reads nothing but a comment behind `---`.
fn after_marker(text: &str, marker: &Range<usize>) -> Option<Flaw> {
    let rest = text.get(marker.start..)?.strip_prefix("---")?.lines().next()?.trim();
    (!rest.is_empty() && !rest.starts_with('#'))
        .then(|| Flaw::new("Helm reads nothing behind `---` on the same line", marker.clone()).hint("begin a new line"))
}

/// Builds the trees with its own stack, so that no input can exhaust the thread's.
#[derive(Default)]
struct Builder<'t> {
    text: &'t str,
    documents: Vec<Document>,
    marker: Range<usize>,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    copied: usize,
    /// Whether a key may be written twice.
    last_wins: bool,
    flaws: Vec<Flaw>,
}

struct Frame {
    start: usize,
    anchor: usize,
    style: Style,
    tagged: bool,
    kind: Kind,
}

enum Kind {
    List(Vec<Node>),
    Map(MapFrame),
}

#[derive(Default)]
struct MapFrame {
    entries: Vec<Entry>,
    /// Where each key stands in `entries`.
    index: HashMap<String, usize>,
    next: Next,
}

/// What the next node of a map is.
#[derive(Default)]
enum Next {
    #[default]
    Key,
    ValueOf(String, Range<usize>),
    MergeFrom(Range<usize>),
    /// The value of a key that was refused.
    Dropped,
}

/// An error ends the reading.
type Step = Result<(), Box<Flaw>>;

impl Builder<'_> {
    fn parse(&mut self) {
        if self.text.len() > MAX_BYTES {
            self.flaws.push(Flaw::new(format!("the text has more than {} MiB", MAX_BYTES >> 20), 0..0));
            return;
        }
        self.flaws.extend(syntax::characters(self.text));
        let options = options! {
            disallow_directives: true,
            emit_unresolved_aliases: true,
            emit_comments: false,
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
        };
        for event in Parser::new_from_str_with_options(self.text, options) {
            let step = match event {
                Ok((event, span)) => self.event(event, &span),
                Err(error) => Err(Box::new(syntax::error(self.text, &error, MAX_DEPTH))),
            };
            if let Err(fatal) = step {
                self.flaws.push(*fatal);
                return;
            }
            if self.flaws.len() >= MAX_FLAWS {
                return;
            }
        }
    }

    fn event(&mut self, event: Event<'_>, span: &Span) -> Step {
        let range = span.byte_range().unwrap_or(0..0);
        match event {
            Event::DocumentStart(..) => {
                self.anchors.clear();
                self.marker = range;
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(&text, style, Place { range, anchor }, tag.as_deref())
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.open(Kind::List(Vec::new()), style, Place { range, anchor }, tag.is_some())
            }
            Event::MappingStart(style, anchor, tag) => {
                self.open(Kind::Map(MapFrame::default()), style, Place { range, anchor }, tag.is_some())
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(range.end),
            Event::Alias(id) => self.alias(id, range),
            Event::UnresolvedAlias(name) => {
                let flaw = Flaw::new(format!("`*{name}` is not defined above"), range.clone())
                    .hint("an alias needs an `&anchor` above it; quote text that starts with `*`");
                self.flaws.push(flaw);
                self.finish(Node { span: range, ..nothing() }, 0)
            }
            _ => Ok(()),
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, place: Place, tag: Option<&Tag>) -> Step {
        self.count(1, 0, &place.range)?;
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted => Style::Single,
            ScalarStyle::DoubleQuoted => Style::Double,
            _ => Style::Block,
        };
        if style == Style::Double {
            self.flaws.extend(syntax::escape(self.text, &place.range));
        }
        let value = match tag {
            None if style == Style::Plain => resolve(text),
            None => Value::Text(text.into()),
            Some(tag) => tagged(text, tag).unwrap_or_else(|problem| {
                self.flaws.push(Flaw::new(problem, place.range.clone()).hint("remove the tag"));
                Value::Null
            }),
        };
        let node = Node { span: place.range, alias: None, style, tagged: tag.is_some(), value };
        self.finish(node, place.anchor)
    }

    fn count(&mut self, nodes: usize, bytes: usize, range: &Range<usize>) -> Step {
        self.nodes += nodes;
        self.copied += bytes;
        if self.nodes <= MAX_NODES && self.copied <= MAX_COPIED {
            return Ok(());
        }
        let text = format!("more than {MAX_NODES} values, those of aliases counted each time");
        Err(Box::new(Flaw::new(text, range.clone())))
    }

    fn open(&mut self, kind: Kind, style: StructureStyle, place: Place, tagged: bool) -> Step {
        self.count(1, 0, &place.range)?;
        let style = if style == StructureStyle::Flow { Style::Flow } else { Style::Block };
        let Place { range, anchor } = place;
        self.stack.push(Frame { start: range.start, anchor, style, tagged, kind });
        if self.stack.len() > MAX_DEPTH { Err(Box::new(syntax::too_deep(range, MAX_DEPTH))) } else { Ok(()) }
    }

    fn close(&mut self, end: usize) -> Step {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let (last, value) = match frame.kind {
            Kind::List(items) => (items.last().map(|item| item.place().end), Value::List(items)),
            Kind::Map(map) => {
                let ends = map.entries.iter().filter(|entry| entry.merged.is_none());
                (ends.map(|entry| entry.value.place().end.max(entry.key_span.end)).max(), Value::Map(map.entries))
            }
        };
        // A block ends where its last value does; the parser's own end is where the next thing begins.
        let end = last.filter(|_| frame.style == Style::Block).unwrap_or(end).max(frame.start);
        let node = Node { span: frame.start..end, alias: None, style: frame.style, tagged: frame.tagged, value };
        self.finish(node, frame.anchor)
    }

    fn alias(&mut self, id: usize, range: Range<usize>) -> Step {
        let Some(node) = self.anchors.get(&id) else {
            return Err(Box::new(Flaw::new("an alias inside its own anchor is endless", range)));
        };
        let size = Size::of(node);
        if self.stack.len() + size.depth > MAX_DEPTH {
            return Err(Box::new(syntax::too_deep(range, MAX_DEPTH)));
        }
        self.count(size.nodes, size.bytes, &range)?;
        match self.anchors.get(&id).cloned() {
            Some(node) => self.finish(Node { alias: Some(range), ..node }, 0),
            None => Ok(()),
        }
    }

    fn finish(&mut self, mut node: Node, anchor: usize) -> Step {
        if let Value::Float(float) = node.value
            && !float.is_finite()
            && !self.expects_key()
        {
            let written = self.text.get(node.span.clone()).unwrap_or_default();
            self.flaws
                .push(Flaw::new(format!("Helm has no number for `{written}`"), node.span.clone()).hint("quote it"));
        }
        if let Some(Frame { kind: Kind::Map(MapFrame { next: Next::ValueOf(_, key), .. }), .. }) = self.stack.last()
            && node.span.is_empty()
            && node.alias.is_none()
        {
            node.span = slot(self.text, key.end, node.span.start);
        }
        if anchor != 0 {
            let size = Size::of(&node);
            self.count(size.nodes, size.bytes, &node.span)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.stack.last_mut().map(|frame| &mut frame.kind) {
            None => self.documents.push(Document { marker: self.marker.clone(), root: node }),
            Some(Kind::List(items)) => items.push(node),
            Some(Kind::Map(map)) => self.flaws.extend(map.take(self.text, node, self.last_wins)),
        }
        Ok(())
    }

    fn expects_key(&self) -> bool {
        matches!(self.stack.last(), Some(Frame { kind: Kind::Map(MapFrame { next: Next::Key, .. }), .. }))
    }
}

/// Where a node is and what it is called.
struct Place {
    range: Range<usize>,
    anchor: usize,
}

impl MapFrame {
    /// The next key or value.
    fn take(&mut self, text: &str, node: Node, last_wins: bool) -> Option<Flaw> {
        match std::mem::take(&mut self.next) {
            Next::Key => match self.key(text, &node, last_wins) {
                Ok(next) => self.next = next,
                Err(flaw) => {
                    self.next = Next::Dropped;
                    return Some(flaw);
                }
            },
            Next::ValueOf(key, key_span) => self.put(Entry { key, key_span, merged: None, value: node }),
            Next::MergeFrom(merge) => return self.merge(&merge, &node),
            Next::Dropped => {}
        }
        None
    }

    fn key(&self, text: &str, node: &Node, last_wins: bool) -> Result<Next, Flaw> {
        let span = node.place();
        if node.style == Style::Plain && !node.tagged && node.text() == Some("<<") {
            return Ok(Next::MergeFrom(span));
        }
        let key = match &node.value {
            Value::Text(key) => key.clone(),
            Value::Bool(truth) => truth.to_string(),
            Value::Int(int) if i64::try_from(*int).is_ok() => int.to_string(),
            Value::Float(float) => number::short(*float),
            _ => {
                let hint = "quote it; `{{ … }}` of a template needs quotes, too";
                return Err(Flaw::new(format!("{} cannot be a key", node.kind()), span).hint(hint));
            }
        };
        match self.index.get(&key).and_then(|at| self.entries.get(*at)).filter(|entry| entry.merged.is_none()) {
            None => Ok(Next::ValueOf(key, span)),
            Some(_) if last_wins => Ok(Next::ValueOf(key, span)),
            Some(first) => {
                let lines = (line(text, first.key_span.start), line(text, span.start));
                let message = format!("the key `{key}` is written twice, on lines {} and {}", lines.0, lines.1);
                Err(Flaw::new(message, span).hint("Helm takes the last one without a word: remove one"))
            }
        }
    }

    fn put(&mut self, entry: Entry) {
        match self.index.get(&entry.key).and_then(|at| self.entries.get_mut(*at)) {
            Some(there) => *there = entry,
            None => {
                self.index.insert(entry.key.clone(), self.entries.len());
                self.entries.push(entry);
            }
        }
    }

    /// `<<`: for the library of Helm what stands above it loses, too, and of several maps the first wins.
    fn merge(&mut self, merge: &Range<usize>, from: &Node) -> Option<Flaw> {
        let sources = match &from.value {
            Value::List(items) if from.alias.is_none() => items.as_slice(),
            _ => std::slice::from_ref(from),
        };
        for source in sources.iter().rev() {
            let Value::Map(entries) = &source.value else {
                return Some(
                    Flaw::new("`<<` needs a map", source.place()).hint("write `<<: *anchor`, where `&anchor` is a map"),
                );
            };
            for entry in entries {
                self.put(Entry { merged: Some(merge.clone()), ..entry.clone() });
            }
        }
        None
    }
}

/// Where the value of a key would be written: behind its colon, its anchor and its tag.
fn slot(text: &str, key_end: usize, at: usize) -> Range<usize> {
    let rest = text.get(key_end..).unwrap_or_default();
    let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let behind = if rest[blanks..].starts_with(':') { key_end + blanks + 1 } else { key_end };
    let at = at.max(behind);
    at..at
}

/// The value of a scalar with a tag.
fn tagged(text: &str, tag: &Tag) -> Result<Value, String> {
    let name = if tag.handle() == "tag:yaml.org,2002:" { tag.suffix() } else { "" };
    match (name, resolve(text)) {
        ("null", Value::Null) => Ok(Value::Null),
        ("bool", value @ Value::Bool(_)) | ("int", value @ Value::Int(_)) | ("float", value @ Value::Float(_)) => {
            Ok(value)
        }
        ("float", Value::Int(int)) => Ok(Value::Float(number::float(int))),
        ("timestamp", value @ Value::Text(_)) => Ok(value),
        ("null" | "bool" | "int" | "float" | "timestamp", _) => Err(format!("`{text}` is not of the type `!!{name}`")),
        ("binary", _) => Err("`!!binary` is not supported".into()),
        _ => Ok(Value::Text(text.into())),
    }
}

struct Size {
    /// Nodes in it, itself included.
    nodes: usize,
    /// Bytes of its texts and keys.
    bytes: usize,
    /// Lists and maps inside each other.
    depth: usize,
}

impl Size {
    fn of(node: &Node) -> Self {
        let mut size = Self { nodes: 1, bytes: node.text().map_or(0, str::len), depth: 0 };
        let entries = node.entries().iter().map(|entry| &entry.value);
        for child in node.items().iter().chain(entries) {
            let child = Self::of(child);
            size.nodes += child.nodes;
            size.bytes += child.bytes;
            size.depth = size.depth.max(child.depth);
        }
        size.bytes += node.entries().iter().map(|entry| entry.key.len()).sum::<usize>();
        size.depth += usize::from(matches!(node.value, Value::List(_) | Value::Map(_)));
        size
    }
}
