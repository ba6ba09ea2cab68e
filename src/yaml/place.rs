//! Where in a text a change is written.

use std::ops::Range;

use super::find::{Found, find};
use super::flaw::Flaw;
use super::node::{Entry, Node, Style};
use super::path::ValuesPath;
use super::write;

/// A range of the text and what stands there afterwards.
pub struct Splice {
    pub span: Range<usize>,
    pub text: String,
}

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// All of them at once, without a byte order mark: Helm drops it, too.
pub fn apply(text: &str, mut splices: Vec<Splice>) -> String {
    splices.sort_by_key(|splice| (splice.span.start, splice.span.end));
    let mut edited = String::with_capacity(text.len() + 64 * splices.len());
    let mut done = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    for Splice { span, text: new } in splices {
        // What overlaps is wrong in any case, and the proof says so.
        edited.push_str(text.get(done..span.start).unwrap_or_default());
        edited.push_str(&new);
        done = span.end.max(done);
    }
    edited.push_str(text.get(done..).unwrap_or_default());
    edited
}

/// A scalar gets another text, in its own kind of quotes.
pub fn replace(text: &str, found: &Found<'_>, new: &str, quotes: bool) -> Splice {
    let node = found.node;
    let written = write::scalar(new, node.style, quotes);
    // The key of an alias stands elsewhere.
    let key = found.key.clone().filter(|_| node.alias.is_none());
    if node.style == Style::Block {
        return block(text, node, key.map_or(0, |key| key.end), &written);
    }
    if !node.span.is_empty() {
        return Splice { span: node.span.clone(), text: written };
    }
    let before = text.get(..node.span.start).unwrap_or_default();
    let colon = key.is_some_and(|key| key.end == node.span.start);
    let gap = match () {
        () if colon => ": ",
        () if before.ends_with([' ', '\t']) => "",
        () => " ",
    };
    Splice { span: node.span.clone(), text: format!("{gap}{written}") }
}

/// `|` or `>`: the lines go, the header becomes the new text, and a comment behind it stays.
fn block(text: &str, node: &Node, from: usize, written: &str) -> Splice {
    let lines = text.get(..node.span.start).unwrap_or_default();
    let header = header(lines, from).unwrap_or(node.span.start..node.span.start);
    let content = text.get(node.span.clone()).unwrap_or_default();
    let end = node.span.start + content.trim_end().len();
    let rest = text.get(header.end..).unwrap_or_default();
    let line_end = header.end + rest.find(['\r', '\n']).unwrap_or(rest.len());
    let comment = text.get(header.end..line_end).unwrap_or_default();
    Splice { span: header.start..end.max(line_end), text: format!("{written}{comment}") }
}

/// The last `|` or `>` with its indicators that ends a line but for a comment; not before `from`.
fn header(lines: &str, from: usize) -> Option<Range<usize>> {
    let mut end = lines.len();
    loop {
        let start = lines[..end].rfind('\n').map_or(0, |newline| newline + 1).max(from);
        if let Some(header) = header_of_line(lines.get(start..end)?) {
            return Some(start + header.start..start + header.end);
        }
        end = start.checked_sub(1).filter(|end| *end > from)?;
    }
}

fn header_of_line(line: &str) -> Option<Range<usize>> {
    let indicators = |rest: &str| {
        rest.len() - rest[1..].trim_start_matches(|char: char| char.is_ascii_digit() || matches!(char, '+' | '-')).len()
    };
    line.match_indices(['|', '>']).find_map(|(at, _)| {
        let end = at + indicators(&line[at..]);
        let free = at == 0 || line[..at].ends_with([' ', '\t', ':']);
        let rest = line[end..].trim_start_matches([' ', '\t']);
        let comment = rest.starts_with('#') && !line[end..].starts_with('#');
        (free && (comment || rest.trim_end().is_empty())).then_some(at..end)
    })
}

/// A line for a new key of the top, behind that of another one.
pub fn insert(text: &str, root: &Node, key: &str, new: &str, after: &str) -> Result<Splice, Flaw> {
    if root.get(key).is_some() {
        return Err(Flaw::new(format!("`{key}` is there already"), root.place()));
    }
    let entry = top(text, root, after)?;
    let written = format!("{}: {}", write::scalar(key, Style::Plain, false), write::scalar(new, Style::Plain, true));
    let end = end(text, entry);
    if root.style == Style::Flow {
        return Ok(Splice { span: end..end, text: format!(", {written}") });
    }
    let lines = line_of(text, entry.key_span.start..end);
    let indent = text.get(lines.start..entry.key_span.start).unwrap_or_default();
    let newline = if text.get(..lines.end).is_some_and(|lines| lines.ends_with("\r\n")) { "\r\n" } else { "\n" };
    let text = match text.get(lines.clone()).is_some_and(|lines| lines.ends_with('\n')) {
        true => format!("{indent}{written}{newline}"),
        false => format!("{newline}{indent}{written}"),
    };
    Ok(Splice { span: lines.end..lines.end, text })
}

/// A key of the top with its value and the comment behind it.
pub fn remove(text: &str, root: &Node, key: &str) -> Result<Splice, Flaw> {
    let entry = top(text, root, key)?;
    let end = end(text, entry);
    if root.style != Style::Flow {
        return Ok(Splice { span: line_of(text, entry.key_span.start..end), text: String::new() });
    }
    let at = root.entries().iter().position(|other| other.key_span == entry.key_span).unwrap_or(0);
    let (before, behind) = root.entries().split_at(at);
    let span = match (behind.get(1), before.last()) {
        (Some(next), _) => entry.key_span.start..next.key_span.start,
        (None, Some(last)) => self::end(text, last)..end,
        (None, None) => entry.key_span.start..end,
    };
    Ok(Splice { span, text: String::new() })
}

fn top<'n>(text: &str, root: &'n Node, key: &str) -> Result<&'n Entry, Flaw> {
    find(text, root, &ValuesPath::key(key))?;
    root.entry(key).ok_or_else(|| Flaw::new(format!("`{key}` does not exist"), root.place()))
}

/// Where the value of a key ends; the blank lines behind a block text do not count.
fn end(text: &str, entry: &Entry) -> usize {
    let start = entry.key_span.end;
    let end = entry.value.place().end.max(start);
    start + text.get(start..end).unwrap_or_default().trim_end().len()
}

/// The whole lines of a range, the last line break included.
fn line_of(text: &str, span: Range<usize>) -> Range<usize> {
    let before = text.get(..span.start).unwrap_or_default();
    let mark = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let start = before.rfind('\n').map_or(mark, |newline| newline + 1);
    let behind = text.get(span.end..).unwrap_or_default();
    start..span.end + behind.find('\n').map_or(behind.len(), |newline| newline + 1)
}
