//! Every problem code has its heading in docs/problems.md, and every heading its code.

use std::collections::{BTreeMap, BTreeSet};

use super::none;
use crate::source::{self, Keep};

/// The page that explains the codes.
const PAGE: &str = "docs/problems.md";

#[test]
fn every_code_is_explained() {
    let codes = codes();
    let explained: BTreeSet<String> =
        source::read(PAGE).lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect();
    let mut findings = Vec::new();
    for (code, path) in codes.iter().filter(|(code, _)| !explained.contains(*code)) {
        findings.push(format!("`{code}` of {path} has no heading in {PAGE}"));
    }
    for code in explained.iter().filter(|code| !codes.contains_key(*code)) {
        findings.push(format!("`{code}` in {PAGE} is not a code of ours any more"));
    }
    none("every problem code is explained", &findings);
}

#[test]
fn headings_are_sorted_and_say_something() {
    let page = source::read(PAGE);
    let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert!(headings.is_sorted(), "the headings of {PAGE} are not sorted");
    let sections = page.split("\n## ").skip(1);
    let empty: Vec<String> = sections
        .filter(|section| section.lines().skip(1).all(|line| line.trim().is_empty()))
        .map(|s| s.trim().to_owned())
        .collect();
    none("every heading is followed by what it means and what to do", &empty);
}

/// Codes and one file each, tests left out: the first string given to `Problem::new` or `Flaw::new`, to a function or closure with a
/// parameter `code`, to a field `code`, or in a pair that a function answers with.
fn codes() -> BTreeMap<String, String> {
    let files: Vec<(String, String)> = source::below("src")
        .into_iter()
        .filter(|file| file.path.ends_with(".rs") && !source::is_tests(&file.path))
        .map(|file| {
            let code = source::code(&file.text, Keep::Strings);
            (file.path, source::without_tests(&code).to_owned())
        })
        .collect();
    let functions: BTreeSet<String> = files.iter().flat_map(|(_, code)| functions_of(code)).collect();
    let mut codes = BTreeMap::new();
    for (path, code) in &files {
        let mut makers =
            vec!["Problem::new(".to_owned(), "Flaw::new(".to_owned(), "Some((".to_owned(), "code: ".to_owned()];
        makers.extend(functions.iter().cloned().chain(closures_of(code)).map(|name| format!("{name}(")));
        for maker in makers {
            for (at, _) in code.match_indices(&maker).filter(|(at, _)| starts_word(code, *at)) {
                // A pair may hold any word first; a code in one has a hyphen.
                let pair = maker == "Some((";
                let word = first_string(&code[at + maker.len()..]);
                if let Some(word) = word.filter(|word| is_code(word) && (!pair || word.contains('-'))) {
                    codes.entry(word.to_owned()).or_insert_with(|| path.clone());
                }
            }
        }
    }
    codes
}

/// Names of functions that are handed a code.
fn functions_of(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let rest = &code[at + 3..];
        let signature = &rest[..rest.find('{').unwrap_or(rest.len())];
        let name = word(rest);
        if signature.contains("code: &'static str") && name != "new" {
            names.push(name);
        }
    }
    names
}

/// Names of closures that are handed a code: `let mut add = |code, text|`.
fn closures_of(code: &str) -> Vec<String> {
    let before = |at: usize| code[..at].trim_end().rsplit(' ').next().unwrap_or_default();
    code.match_indices("= |code").map(|(at, _)| word(before(at))).collect()
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn starts_word(code: &str, at: usize) -> bool {
    let before = &code[..at];
    !before.ends_with("fn ") && !before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// The first string literal among the arguments of a call.
fn first_string(arguments: &str) -> Option<&str> {
    let mut depth = 0;
    for (at, c) in arguments.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return None,
            ')' => depth -= 1,
            '"' => return arguments[at + 1..].split('"').next(),
            _ => {}
        }
    }
    None
}

fn is_code(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

#[test]
fn reads_codes_out_of_calls() {
    assert_eq!(first_string("&step(x), \"bad-name\", format!(\"no\"))"), Some("bad-name"));
    assert_eq!(first_string("code, text) \"other\""), None);
    assert_eq!(functions_of("fn usage(at: &str, code: &'static str) -> X { fn other(x: u8) {} }"), ["usage"]);
    assert_eq!(closures_of("let mut add = |code, text: String| {"), ["add"]);
    assert!(is_code("glibc-above-minimum") && !is_code("No file"));
}
