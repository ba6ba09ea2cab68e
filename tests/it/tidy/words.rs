//! The words that GLOSSARY replaced: they appear in no message, document or comment of the program.

use super::none;
use crate::source::{self, Text};

/// Phrases with the standard term that is written instead.
const BANNED: &[(&str, &str)] = &[
    ("leg", "job"),
    ("legs", "jobs"),
    ("--leg", "--job"),
    ("--rest", "--merge"),
    ("--part", "--workflow"),
    ("--complete", "--base-layers"),
    ("meeting", "coordination"),
    ("rendezvous", "coordination"),
    ("papers", "coordination assets"),
    ("stands on", "is based on"),
    ("stand on", "be based on"),
    ("stand-in", "stub"),
    ("stand-ins", "stubs"),
    ("adopt", "use an existing"),
    ("adopts", "uses an existing"),
    ("adopted", "existing"),
    ("nobody could", "cannot"),
    ("nobody said", "is not configured"),
    ("nobody knows", "cannot determine"),
    ("goes nowhere", "is not published"),
    ("hidden static", "implicit static"),
    ("finished executables", "prebuilt binaries"),
    ("single pythons", "version-specific wheels"),
    ("the authority", "CA certificate"),
    ("image from nothing", "scratch image"),
    ("images from nothing", "scratch images"),
    ("what it offers", "what it provides"),
    ("what they offer", "what they provide"),
    ("what each offers", "what each provides"),
    ("what a base offers", "what a base image provides"),
];

/// What must be `is not a …`.
const KINDS: &[&str] = &[
    "wheel",
    "sdist",
    "image",
    "manifest",
    "version",
    "name",
    "file",
    "folder",
    "path",
    "index",
    "tag",
    "chart",
    "url",
    "step",
    "job",
    "json",
    "toml",
    "yaml",
    "zip",
    "elf",
    "repository",
    "list",
    "table",
    "number",
    "address",
];

fn prose() -> Vec<Text> {
    let is_ours = |file: &Text| {
        let test = file.path.contains("/tests") || file.path.ends_with("_tests.rs");
        let folder = ["src/", "docs/", "templates/", "schema/"].iter().any(|start| file.path.starts_with(start));
        let text = [".rs", ".md", ".json", ".yaml", ".html"].iter().any(|end| file.path.ends_with(end));
        !test
            && (folder && text
                || ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "action.yml"].contains(&file.path.as_str()))
    };
    source::below("").into_iter().filter(is_ours).collect()
}

fn holds(line: &str, phrase: &str) -> bool {
    let part_of_a_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    line.match_indices(phrase).any(|(at, _)| {
        !line[..at].chars().next_back().is_some_and(part_of_a_word)
            && !line[at + phrase.len()..].chars().next().is_some_and(part_of_a_word)
    })
}

#[test]
fn one_word_for_one_thing() {
    let mut findings = Vec::new();
    for file in prose() {
        for (number, line) in file.text.lines().enumerate() {
            let lower = line.to_lowercase();
            for (phrase, instead) in BANNED.iter().filter(|(phrase, _)| holds(&lower, phrase)) {
                findings.push(format!("{}:{}: `{phrase}`; write `{instead}`", file.path, number + 1));
            }
            for kind in KINDS {
                if holds(&lower, &format!("is no {kind}")) && !holds(&lower, &format!("there is no {kind}")) {
                    findings.push(format!("{}:{}: `is no {kind}`; write `is not a {kind}`", file.path, number + 1));
                }
            }
        }
    }
    none("one word for one thing", &findings);
}

#[test]
fn finds_words_and_leaves_their_relatives_alone() {
    assert!(holds("every leg of it", "leg") && holds("`--rest`", "--rest"));
    for innocent in ["legal", "delegate", "multi-leg", "leg_x"] {
        assert!(!holds(innocent, "leg"), "{innocent}");
    }
    assert!(!holds("--restart", "--rest") && !holds("understand on", "stand on"));
}
