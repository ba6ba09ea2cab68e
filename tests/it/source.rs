//! The text files of this repository, and Rust source without what is not code.

use std::fs;
use std::path::{Path, PathBuf};

/// A file and its text.
pub struct Text {
    /// Relative to the repository, `/`.
    pub path: String,
    /// All of it.
    pub text: String,
}

/// The repository's folder.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("cannot read `{path}`: {error}"))
}

/// Every text file at or below a folder (all: `""`), sorted; without what git and the cases' projects hold.
pub fn below(folder: &str) -> Vec<Text> {
    let mut files = Vec::new();
    collect(&root().join(folder), &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn collect(folder: &Path, files: &mut Vec<Text>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let relative = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
        let skipped = ["target", ".git", "Cargo.lock"].contains(&relative.as_str()) || relative.ends_with("/target");
        if skipped || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            collect(&path, files);
        } else if let Ok(text) = fs::read_to_string(&path) {
            files.push(Text { path: relative, text });
        }
    }
}

/// What of Rust source is left.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Code and string literals.
    Strings,
    /// Only code.
    Code,
}

/// Rust source with comments (and, asked for, the insides of strings) replaced by spaces; line numbers stay.
pub fn code(text: &str, keep: Keep) -> String {
    let mut rest = text;
    let mut code = String::with_capacity(text.len());
    while let Some(first) = rest.chars().next() {
        let (length, keeps) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), false)
        } else if rest.starts_with("/*") {
            (rest.find("*/").map_or(rest.len(), |end| end + 2), false)
        } else if let Some(length) = literal(rest, code.chars().next_back()) {
            (length, keep == Keep::Strings)
        } else {
            (first.len_utf8(), true)
        };
        let (piece, after) = rest.split_at(length);
        if keeps {
            code.push_str(piece);
        } else {
            code.extend(piece.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        rest = after;
    }
    code
}

/// The length of the string or character literal that starts here.
fn literal(text: &str, before: Option<char>) -> Option<usize> {
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if let Some(raw) = text.strip_prefix("br").or_else(|| text.strip_prefix('r')).filter(|_| !in_word) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let open = text.len() - raw.len() + hashes + 1;
            return Some(text[open..].find(&end).map_or(text.len(), |at| open + at + end.len()));
        }
    }
    if text.starts_with('"') {
        return Some(closing(text, '"'));
    }
    // A quote is a character only if it is closed at once; else it starts a lifetime.
    let inside = text.strip_prefix('\'')?;
    let mut chars = inside.chars();
    let closed = match chars.next()? {
        '\\' => true,
        _ => chars.next() == Some('\''),
    };
    closed.then(|| closing(text, '\''))
}

fn closing(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// Whether a file of `src/` holds nothing but unit tests.
pub fn is_tests(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.ends_with("_tests.rs") || path.contains("/tests/")
}

/// Source without the unit tests in it, which stand last in a file.
pub fn without_tests(code: &str) -> &str {
    let inline = |at: &usize| {
        let module = code[*at..].find("\nmod ").map(|from| &code[at + from..]);
        module.and_then(|module| module.find(['{', ';']).map(|end| module[end..].starts_with('{'))).unwrap_or(false)
    };
    let marks = code.match_indices("#[cfg(test)]\n").chain(code.match_indices("#[cfg(all(test")).map(|(at, _)| at);
    marks.filter(inline).min().map_or(code, |at| &code[..at])
}

#[test]
fn leaves_only_code() {
    let check = |text: &str, expected: &str| {
        assert_eq!(code(text, Keep::Code).split_whitespace().collect::<Vec<_>>().join(" "), expected)
    };
    check("a // b\nc /* d\n e */ f", "a c f");
    check(r#"x("a // \" b", 'c', '\'', b"d") y"#, "x( , , , b ) y");
    check("br#\"a\"#; y", "; y");
    check("r#\"a \" b\"# c fn<'a>(x: &'a str)", "c fn<'a>(x: &'a str)");
    check("for\"x\"", "for");
    assert_eq!(code("f(\"//\") // x", Keep::Strings), "f(\"//\")     ");
}

#[test]
fn unit_tests_are_cut_off_and_their_declarations_not() {
    assert_eq!(
        without_tests("#[cfg(test)]\nmod tests;\nfn a() {}\n#[cfg(test)]\nmod more {\n"),
        "#[cfg(test)]\nmod tests;\nfn a() {}\n"
    );
    assert_eq!(without_tests("a\n#[cfg(all(test, unix))]\nmod tests {\n}"), "a\n");
    assert_eq!(
        without_tests("#[cfg(test)]\n#[path = \"x\"]\nmod tests;\nb"),
        "#[cfg(test)]\n#[path = \"x\"]\nmod tests;\nb"
    );
}
