//! Names of projects: what is one, when two are the same, and how Python quotes them.

/// As PEP 503 normalizes: lower case, runs of `-`, `_` and `.` are one `-`.
pub fn normalize(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for char in name.chars() {
        if !matches!(char, '-' | '_' | '.') {
            normal.extend(char.to_lowercase());
        } else if !normal.ends_with('-') {
            normal.push('-');
        }
    }
    normal
}

/// As file names write a project (PEP 625, PEP 427): normal, with `_`.
pub fn escaped(name: &str) -> String {
    normalize(name).replace('-', "_")
}

/// `PROJECT_NAME_RE` of warehouse/utils/project.py.
pub fn is_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    ends(name.bytes().next()) && ends(name.bytes().next_back()) && name.bytes().all(inner)
}

/// What warehouse's database function `ultranormalize_name` tells names too similar by.
pub fn ultranormalize(name: &str) -> String {
    let kept = name.chars().filter(|char| !matches!(char, '-' | '_' | '.'));
    let alike = |char: char| match char.to_ascii_lowercase() {
        'l' | 'i' => '1',
        'o' => '0',
        other => other,
    };
    kept.map(alike).collect()
}

/// Text as Python's `repr` shows it.
pub fn repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut shown = String::from(quote);
    for char in text.chars() {
        match char {
            '\\' => shown.push_str("\\\\"),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            char if char == quote => shown.extend(['\\', char]),
            char if char.is_ascii_control() => shown.push_str(&format!("\\x{:02x}", u32::from(char))),
            char => shown.push(char),
        }
    }
    shown.push(quote);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(normalize("Demo__Lib.-x"), "demo-lib-x");
        assert_eq!(escaped("Demo.Lib"), "demo_lib");
        assert_eq!(ultranormalize("Pil-low"), ultranormalize("p1l10w"));
        for name in ["a", "A1", "a.b_c-d"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "-a", "a-", "a b", "ä", "a/b"] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn quotes_like_python() {
        assert_eq!(repr("a"), "'a'");
        assert_eq!(repr("it's"), "\"it's\"");
        assert_eq!(repr("'\"\n\u{1}"), "'\\'\"\\n\\x01'");
    }
}
