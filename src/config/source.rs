//! The file as the user wrote it, and problems drawn under its text.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::diagnostic::Diagnostic;
use super::words::visible;
use super::yaml::{Map, Node, Value};
use crate::problem::{At, Problem};

/// Characters of a line that are shown at most.
const MAX_LINE: usize = 160;
/// Characters that stay visible before a problem in a line that is cut.
const BEFORE: usize = 60;
/// Bytes of a line that are looked at when it is drawn.
const MAX_LINE_BYTES: usize = 4096;

/// The file as the user wrote it, and where each key and value stands.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Its name for people, e.g. `longshore.yaml`.
    pub name: String,
    pub text: String,
    /// The file, overlays applied; every node knows where it was written.
    pub(super) tree: Option<Box<Node>>,
    /// Entries with their defaults: kind, name (empty: the default entry), entry.
    pub(super) entries: Vec<(&'static str, String, Node)>,
}

/// Where a key and its value stand.
struct Place<'n> {
    key: Option<Range<usize>>,
    value: &'n Node,
}

impl Source {
    /// Finds the place of a problem: its own path, else the nearest parent that was written.
    pub fn locate(&self, problem: Problem) -> Diagnostic {
        let span = problem.at.as_ref().and_then(|at| self.place(at));
        Diagnostic { problem, span }
    }

    fn place(&self, at: &At) -> Option<Range<usize>> {
        if let Some(span) = self.in_entries(at) {
            return Some(span);
        }
        let (place, rest) = walk(self.tree.as_deref()?, &at.path);
        // A parent is named by its key; its value may be long.
        place.map(|place| place.span(at.key || !rest.is_empty()))
    }

    /// A value that an entry got from `defaults`, shown at its place there.
    fn in_entries(&self, at: &At) -> Option<Range<usize>> {
        let mut implied = None;
        for (kind, name, entry) in &self.entries {
            let Some(rest) = at.path.strip_prefix(kind).and_then(|rest| rest.strip_prefix('.')) else { continue };
            if name.is_empty() {
                implied = rest.split_once('.').and_then(|(_, rest)| found(entry, rest, at.key));
            } else if let Some(rest) = rest.strip_prefix(name.as_str()).and_then(|rest| rest.strip_prefix('.')) {
                return found(entry, rest, at.key);
            }
        }
        implied
    }

    /// Line and column (both from 1) of a byte. Columns count characters.
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let before = self.before(byte);
        let line = before.rfind('\n').map_or(0, |newline| newline + 1);
        (1 + before.matches('\n').count(), 1 + before[line..].trim_start_matches('\u{feff}').chars().count())
    }

    /// The text up to a byte, or to the character that holds it.
    fn before(&self, byte: usize) -> &str {
        let mut end = byte.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        &self.text[..end]
    }

    pub fn render(&self, diagnostics: &[Diagnostic], color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let drawn: Vec<String> = diagnostics.iter().map(|diagnostic| self.draw(diagnostic, &renderer)).collect();
        drawn.join("\n\n") + if drawn.is_empty() { "" } else { "\n" }
    }

    /// A problem of another file, with that file instead of this one.
    pub fn elsewhere(diagnostic: &Diagnostic) -> Option<(Self, Diagnostic)> {
        let within = diagnostic.problem.within.clone()?;
        let problem = Problem { within: None, ..diagnostic.problem.clone() };
        let source = Self { name: within.file, text: within.text.to_string(), ..Self::default() };
        Some((source, Diagnostic { problem, span: Some(within.span) }))
    }

    fn draw(&self, diagnostic: &Diagnostic, renderer: &Renderer) -> String {
        if let Some((source, diagnostic)) = Self::elsewhere(diagnostic) {
            return source.draw(&diagnostic, renderer);
        }
        let problem = &diagnostic.problem;
        let (first, rest) = problem.message.split_once('\n').unwrap_or((&problem.message, ""));
        let title = Level::ERROR.primary_title(harmless(first)).id(problem.code);
        let mut group = Group::with_title(title);
        if let Some(span) = &diagnostic.span {
            let (line, column) = self.position(span.start);
            let (text, marked, cut) = self.excerpt(span);
            let mut snippet = Snippet::source(text).line_start(line).annotation(AnnotationKind::Primary.span(marked));
            if cut {
                // The column in what is left of the line would be wrong.
                group = group.element(Origin::path(harmless(&self.name)).line(line).char_column(column));
            } else {
                snippet = snippet.path(harmless(&self.name));
            }
            group = group.element(snippet);
        }
        if !rest.is_empty() {
            group = group.element(Level::NOTE.no_name().message(harmless_lines(rest)));
        }
        if let Some(hint) = &problem.hint {
            group = group.element(Level::HELP.message(harmless_lines(hint)));
        }
        renderer.render(&[group])
    }

    /// The line of a place, made harmless and cut where it is long; what of it to underline; whether its start was cut.
    fn excerpt(&self, span: &Range<usize>) -> (String, Range<usize>, bool) {
        let before = self.before(span.start);
        let at = before.len();
        let line = before.rfind('\n').map_or(0, |newline| newline + 1);
        let rest = &self.text[at..];
        let line_end = at + rest.find('\n').unwrap_or(rest.len());
        // No more of a long line is looked at than can be shown.
        let start = self.before(at.saturating_sub(MAX_LINE_BYTES).max(line)).len();
        let end = self.before(line_end.min(at + MAX_LINE_BYTES)).len();
        let left: Vec<char> = self.text[start..at].chars().map(visible).collect();
        let right: Vec<char> = self.text[at..end].trim_end_matches('\r').chars().map(visible).collect();
        let width =
            self.before(span.end.clamp(at, end)).get(at..).map_or(0, |marked| marked.trim_end().chars().count());
        let skipped = if left.len() + right.len() > MAX_LINE { left.len().saturating_sub(BEFORE) } else { 0 };
        let cut = skipped > 0 || start > line;
        let mut text = String::from(if cut { "…" } else { "" });
        text.extend(&left[skipped..]);
        let from = text.len();
        let room = MAX_LINE - (left.len() - skipped).min(BEFORE);
        let shown = &right[..right.len().min(room)];
        let to = from + shown.iter().take(width.max(1)).map(|char| char.len_utf8()).sum::<usize>();
        text.extend(shown);
        if shown.len() < right.len() {
            text.push('…');
        }
        (text, from..to, cut)
    }
}

/// A table or the end of a log keeps its lines.
fn harmless_lines(text: &str) -> String {
    text.lines().map(harmless).collect::<Vec<_>>().join("\n")
}

fn harmless(text: &str) -> String {
    text.chars().map(|char| if char == '\n' { ' ' } else { visible(char) }).collect()
}

fn found(entry: &Node, path: &str, key: bool) -> Option<Range<usize>> {
    match walk(entry, path) {
        (Some(place), "") => Some(place.span(key)),
        _ => None,
    }
}

impl Place<'_> {
    fn span(&self, key: bool) -> Range<usize> {
        // The key says more than the first line of a long value.
        let block = match &self.value.value {
            Value::Map(map) => !map.flow,
            Value::List(_) | Value::Scalar { .. } => false,
        };
        match &self.key {
            Some(span) if key || block => span.clone(),
            _ => self.value.span.clone(),
        }
    }
}

/// Follows a dotted path as far as it is written: the last place on it, and what is left of the path.
fn walk<'n, 'p>(node: &'n Node, path: &'p str) -> (Option<Place<'n>>, &'p str) {
    let mut place = None;
    let (mut node, mut path) = (node, path);
    while let Some((next, rest)) = step(node, path) {
        node = next.value;
        place = Some(next);
        path = rest;
    }
    (place, path)
}

fn step<'n, 'p>(node: &'n Node, path: &'p str) -> Option<(Place<'n>, &'p str)> {
    if path.is_empty() {
        return None;
    }
    match &node.value {
        Value::Map(map) => step_map(map, path),
        value => {
            let (index, rest) = path.split_once('.').unwrap_or((path, ""));
            let index: usize = index.parse().ok()?;
            match value {
                Value::List(items) => Some((Place { key: None, value: items.get(index)? }, rest)),
                // One instead of a list of one.
                _ if index == 0 => Some((Place { key: None, value: node }, rest)),
                _ => None,
            }
        }
    }
}

/// Keys may hold dots themselves; the longest that fits is the one.
fn step_map<'n, 'p>(map: &'n Map, path: &'p str) -> Option<(Place<'n>, &'p str)> {
    let rest = |key: &str| match path.strip_prefix(key) {
        Some("") => Some(""),
        Some(rest) => rest.strip_prefix('.'),
        None => None,
    };
    let fits = map.entries.iter().filter_map(|entry| Some((entry, rest(&entry.key)?)));
    let (entry, rest) = fits.max_by_key(|(entry, _)| entry.key.len())?;
    Some((Place { key: Some(entry.key_span.clone()), value: &entry.value }, rest))
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
