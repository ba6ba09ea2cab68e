//! A text as a scalar that Helm, and any other reader of YAML, reads as that text.

use super::node::{Style, Value};
use super::resolve::resolve;

/// In the old scalar's quotes; where it had none, without them if that is safe and `quotes` are not asked for.
pub fn scalar(text: &str, style: Style, quotes: bool) -> String {
    match style {
        Style::Single if text.chars().all(printable) => format!("'{}'", text.replace('\'', "''")),
        Style::Plain | Style::Block if !quotes && safe(text) => text.into(),
        _ => double(text),
    }
}

/// What stays that text without quotes, also inside `[…]` and for readers of YAML 1.1 that know base 60 and dates.
fn safe(text: &str) -> bool {
    let bytes = text.as_bytes();
    let date = bytes.len() > 4 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-';
    let sixty =
        text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'_')) && text.contains(':');
    bytes.first().is_some_and(|first| first.is_ascii_alphanumeric())
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./_-:@+".contains(&byte))
        && matches!(resolve(text), Value::Text(_))
        && !date
        && !sixty
}

fn double(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            char if printable(char) => quoted.push(char),
            char => quoted.push_str(&format!("\\U{:08X}", u32::from(char))),
        }
    }
    quoted.push('"');
    quoted
}

/// May stand in the text itself, on one line.
fn printable(char: char) -> bool {
    matches!(char, ' '..='~' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
        && !matches!(char, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_where_needed() {
        let check = |text: &str, style: Style, quotes: bool, expected: &str| {
            assert_eq!(scalar(text, style, quotes), expected);
            let read = crate::yaml::read(&format!("a: {{b: {expected}}}\n")).unwrap();
            assert_eq!(read.get("a").and_then(|a| a.get("b")).and_then(|b| b.text()), Some(text));
        };
        check("1.4.0", Style::Plain, true, "\"1.4.0\"");
        check("1.4.0", Style::Plain, false, "1.4.0");
        check("1.4.0", Style::Single, true, "'1.4.0'");
        check("localhost:5000/pier/api:v1.4.0", Style::Plain, false, "localhost:5000/pier/api:v1.4.0");
        check("a@sha256:00", Style::Block, false, "a@sha256:00");
        for text in [
            "1.10",
            "1",
            "1e5",
            "on",
            "y",
            "~",
            "010",
            "12:30",
            "2024-01-01",
            "",
            "a: b",
            "a #b",
            "-",
            "x:",
            "0x1f",
            "null",
            ".5",
        ] {
            check(text, Style::Plain, false, &format!("\"{text}\""));
        }
        check("it's", Style::Single, false, "'it''s'");
        check("a\nb\t\"\\", Style::Single, false, "\"a\\nb\\t\\\"\\\\\"");
        check("\u{2028}\u{7f}é", Style::Double, false, "\"\\U00002028\\U0000007Fé\"");
        check("\u{feff}\r", Style::Plain, false, "\"\\U0000FEFF\\r\"");
    }
}
