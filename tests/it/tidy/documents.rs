//! What the documents promise holds: modules, commands, targets of make, versions, generated files.

use std::collections::BTreeSet;

use super::none;
use crate::project::{LONGSHORE, program};
use crate::source;

/// Longest ARCHITECTURE.md, lines.
const ARCHITECTURE_LINES: usize = 150;

/// Documents whose commands must exist.
const DOCUMENTS: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/README.md",
    "docs/act.md",
    "docs/action.md",
    "docs/assets.md",
    "docs/binaries.md",
    "docs/charts.md",
    "docs/components.md",
    "docs/github.md",
    "docs/images.md",
    "docs/local-cluster.md",
    "docs/overlays.md",
    "docs/problems.md",
    "docs/service.md",
    "docs/wheels.md",
    "docs/workflows.md",
];

#[test]
fn architecture_is_short_and_names_every_module() {
    let text = source::read("ARCHITECTURE.md");
    let mut findings = Vec::new();
    if text.lines().count() > ARCHITECTURE_LINES {
        findings.push(format!("{} lines, more than {ARCHITECTURE_LINES}", text.lines().count()));
    }
    for module in source::read("src/lib.rs").lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
    {
        if !text.contains(&format!("`{module}`")) {
            findings.push(format!("does not name `{module}`"));
        }
    }
    none("ARCHITECTURE.md", &findings);
}

#[test]
fn commands_in_documents_exist() {
    let done = program(LONGSHORE).arg("--help").output().unwrap();
    let help = String::from_utf8_lossy(&done.stdout).into_owned();
    let known: BTreeSet<&str> = help.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let mut findings = Vec::new();
    for document in DOCUMENTS {
        for command in commands(&source::read(document)) {
            if !known.contains(command.as_str()) {
                findings.push(format!("{document}: `longshore {command}` is not in `longshore --help`"));
            }
        }
    }
    none("commands in documents exist", &findings);
}

/// The words after `longshore` at the start of a code span or of a line in a code block.
fn commands(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        }
        let spans: Vec<&str> = if in_block {
            vec![line.trim_start().trim_start_matches("$ ")]
        } else {
            line.split('`').skip(1).step_by(2).collect()
        };
        for span in spans {
            let word = span.strip_prefix("longshore ").unwrap_or_default();
            let word: String = word.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            if !word.is_empty() && !word.starts_with('-') {
                found.insert(word);
            }
        }
    }
    found
}

#[test]
fn targets_of_make_exist() {
    let makefile = source::read("Makefile");
    let known: BTreeSet<&str> = makefile
        .lines()
        .filter_map(|line| line.split_once(": ").or_else(|| line.split_once(':')))
        .map(|(name, _)| name)
        .collect();
    let mut findings = Vec::new();
    for document in DOCUMENTS.iter().chain(&[".ci/run"]) {
        let text = source::read(document);
        for (at, _) in text.match_indices("make ") {
            let quoted = text[..at].ends_with(['`', '\n']) || text[..at].ends_with("exec ");
            let target: String = text[at + 5..].chars().take_while(char::is_ascii_lowercase).collect();
            if quoted && !target.is_empty() && !known.contains(target.as_str()) {
                findings.push(format!("{document}: `make {target}` is not in the Makefile"));
            }
        }
    }
    none("targets of make exist", &findings);
}

#[test]
fn versions_agree() {
    let manifest: toml::Table = source::read("Cargo.toml").parse().unwrap();
    let text = |key: &str| manifest["package"][key].as_str().unwrap().to_owned();
    let (version, rust) = (text("version"), text("rust-version"));
    let mut findings = Vec::new();
    if !source::read("CHANGELOG.md").lines().any(|line| line.starts_with(&format!("## {version}"))) {
        findings.push(format!("CHANGELOG.md has no section `## {version}`"));
    }
    for document in ["README.md", "CONTRIBUTING.md"] {
        if !source::read(document).contains(&format!("Rust {rust}")) {
            findings.push(format!("{document} does not say `Rust {rust}`, the rust-version of Cargo.toml"));
        }
    }
    if !source::read(".github/workflows/ci.yml").contains("rust-version = ") {
        findings.push("ci.yml checks nothing with the rust-version of Cargo.toml".into());
    }
    none("versions agree", &findings);
}

#[test]
fn finds_commands_in_spans_and_blocks() {
    let text = "use `longshore plan --json`, `longshore.yaml`, `longshore --help`\n```sh\n$ longshore init\nlongshore rehearse\n```\nlongshore nothing";
    assert_eq!(commands(text).into_iter().collect::<Vec<_>>(), ["init", "plan", "rehearse"]);
}
