//! What makes a text no YAML, said with a hint for the mistakes people make.

use std::ops::Range;

use granit_parser::{ErrorKind, ScanError};

use super::flaw::Flaw;

/// Characters that Helm's parser (libyaml's rules) refuses, and those that end a line for it but not for others.
pub fn characters(text: &str) -> Option<Flaw> {
    let odd = |char: char| {
        !matches!(char, '\t' | '\n' | '\r' | ' '..='~' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..)
            || matches!(char, '\u{2028}' | '\u{2029}')
    };
    let (at, char) = text.char_indices().find(|(_, char)| odd(*char))?;
    let name = format!("the character U+{:04X}", u32::from(char));
    let span = at..at + char.len_utf8();
    Some(match char {
        '\u{85}' | '\u{2028}' | '\u{2029}' => Flaw::new(format!("{name} ends a line for Helm"), span).hint("remove it"),
        _ => Flaw::new(format!("{name} cannot stand in YAML"), span).hint("remove it, or write it as `\"\\x…\"`"),
    })
}

/// An escape of YAML 1.2 in a text in double quotes that Helm's parser refuses.
pub fn escape(text: &str, range: &Range<usize>) -> Option<Flaw> {
    let raw = text.get(range.clone())?;
    let mut escaped = false;
    let at = raw.bytes().position(|byte| {
        let is_it = escaped && byte == b'/';
        escaped = byte == b'\\' && !escaped;
        is_it
    })?;
    let span = range.start + at - 1..range.start + at + 1;
    Some(Flaw::new("`\\/` is an escape that Helm does not know", span).hint("write `/`"))
}

pub fn too_deep(span: Range<usize>, depth: usize) -> Flaw {
    Flaw::new(format!("more than {depth} levels of lists and maps"), span)
}

/// The parser's error.
pub fn error(text: &str, error: &ScanError, depth: usize) -> Flaw {
    let at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
    let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let end = text[at..].chars().next().map_or(at, |char| at + char.len_utf8());
    if *error.kind() == ErrorKind::RecursionLimitExceeded {
        return too_deep(at..end, depth);
    }
    if text.as_bytes().first() == Some(&b'%') {
        return Flaw::new("Helm reads no `%` directive", 0..1).hint("remove the line");
    }
    if let Some(tab) = indenting_tab(text, at) {
        return Flaw::new("a tab cannot indent", tab).hint("use spaces");
    }
    let flaw = Flaw::new(format!("not YAML: {}", error.kind()), at..end);
    match hint(text, at) {
        Some(hint) => flaw.hint(hint),
        None => flaw,
    }
}

/// A tab in the blanks at the start of the line of the error, or of the next one.
fn indenting_tab(text: &str, at: usize) -> Option<Range<usize>> {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let mut offset = start;
    for line in text[start..].split_inclusive('\n').take(2) {
        let blanks = line.len() - line.trim_start_matches([' ', '\t', '-']).len();
        if let Some(tab) = line[..blanks].find('\t') {
            return Some(offset + tab..offset + tab + 1);
        }
        offset += line.len();
    }
    None
}

/// Looks at the line of the error, and the written line before it, for a value that needs quotes.
fn hint(text: &str, at: usize) -> Option<String> {
    let end = at + text[at..].find('\n').unwrap_or(text.len() - at);
    for line in text[..end].lines().rev().filter(|line| !line.trim().is_empty()).take(2) {
        let value = line.split_once(": ").map_or(line, |(_, value)| value).trim();
        if value.starts_with("{{") {
            return Some(format!("quote it: `\"{value}\"`; Helm renders templates, not values"));
        }
        if value.starts_with(['@', '`', '%', '&', '*', '!']) || value.contains(": ") {
            return Some(format!("quote the value: `\"{value}\"`"));
        }
    }
    None
}
