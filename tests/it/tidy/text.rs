//! Sizes, first lines, and words that have no place in a finished file.

use super::none;
use crate::source::{self, Keep, Text};

/// Longest file that is not a table, lines.
const LINES: usize = 500;

/// Names that say nothing about what a module is.
const EMPTY_NAMES: &[&str] = &["core", "util", "utils", "common", "helper", "helpers", "manager", "context", "misc"];

/// Cut in two so that this file does not hold them.
const UNFINISHED: &[(&str, &str)] = &[
    ("TO", "DO"),
    ("FIX", "ME"),
    ("XX", "X:"),
    ("to", "do!("),
    ("unimple", "mented!("),
    ("#[ig", "nore"),
    ("not written", " yet\")"),
];

/// Folders of a developer's machine, as they would start a path.
const MACHINES: &[(&str, &str)] =
    &[("/wo", "rk/"), ("/ro", "ot/"), ("/Us", "ers/"), ("/home/", "dev"), ("/tmp/l", "s/"), ("C:\\Us", "ers\\")];

fn rust() -> Vec<Text> {
    ["src", "tests/it", "tests/tools", "benches"]
        .iter()
        .flat_map(|folder| source::below(folder))
        .filter(|file| file.path.ends_with(".rs"))
        .collect()
}

/// Everything people wrote, but not the projects that cases release.
fn written() -> Vec<Text> {
    let is_of_a_case = |path: &str| ["tests/cases/", "tests/charts/"].iter().any(|folder| path.starts_with(folder));
    source::below("").into_iter().filter(|file| !is_of_a_case(&file.path)).collect()
}

#[test]
fn files_are_short() {
    let long = |file: &Text| {
        let lines = file.text.lines().count();
        let table = file.text.lines().next().is_some_and(|line| line.contains(": a table ("));
        (lines > LINES && !table).then(|| {
            format!("{} has {lines} lines, more than {LINES}; only what line 1 calls `: a table (of …)` may", file.path)
        })
    };
    none("files stay short", &rust().iter().filter_map(long).collect::<Vec<_>>());
}

#[test]
fn first_lines_say_what_a_file_is() {
    let unclear = |file: &Text| {
        let line = file.text.lines().next().unwrap_or_default();
        let goes_on = file.text.lines().nth(1).is_some_and(|second| second.starts_with("//! "));
        let sentence = line
            .strip_prefix("//! ")
            .is_some_and(|text| text.split(' ').count() > 1 && (goes_on || text.ends_with(['.', '?', ':'])));
        (!sentence).then(|| format!("{}: line 1 is `{line}`, not `//! ` and a sentence", file.path))
    };
    none("line 1 says what a file is", &rust().iter().filter_map(unclear).collect::<Vec<_>>());
}

#[test]
fn modules_are_named_and_reached_plainly() {
    let mut findings = Vec::new();
    for file in rust() {
        let code = source::code(&file.text, Keep::Code);
        let name = file.path.trim_end_matches("/mod.rs").trim_end_matches(".rs").rsplit('/').next().unwrap().to_owned();
        if EMPTY_NAMES.contains(&name.as_str()) {
            findings.push(format!("{}: `{name}` names nothing", file.path));
        }
        for (number, line) in code.lines().enumerate() {
            if line.contains("super::super") {
                findings.push(format!("{}:{}: `super::super`; write the path from `crate`", file.path, number + 1));
            }
            if line.trim_start().starts_with("pub use crate::") {
                let text = "`pub use` of what lies elsewhere hides where a thing is";
                findings.push(format!("{}:{}: {text}", file.path, number + 1));
            }
        }
    }
    none("modules are named and reached plainly", &findings);
}

#[test]
fn nothing_is_left_unfinished() {
    none("nothing is left unfinished", &find(UNFINISHED, |_| true));
}

#[test]
fn no_path_of_a_developers_machine() {
    // A folder of that name inside a longer path is something else.
    let starts = |before: Option<char>| !before.is_some_and(|c| c.is_alphanumeric() || "._-}]~".contains(c));
    let mut found = find(MACHINES, starts);
    // Paths in images.
    found.retain(|one| !one.starts_with("tests/dockerfiles/"));
    none("no path of a developer's machine", &found);
}

fn find(words: &[(&str, &str)], starts: impl Fn(Option<char>) -> bool) -> Vec<String> {
    let mut findings = Vec::new();
    for file in written() {
        for (number, line) in file.text.lines().enumerate() {
            for (left, right) in words {
                let word = format!("{left}{right}");
                if line.match_indices(&word).any(|(at, _)| starts(line[..at].chars().next_back())) {
                    findings.push(format!("{}:{}: `{word}`", file.path, number + 1));
                }
            }
        }
    }
    findings
}
