//! Which module may use which, and that the deciding ones touch nothing of the world.

use std::collections::BTreeSet;

use super::none;
use crate::source::{self, Keep};

/// Module, what it may use besides the vocabulary (the single-file modules of `src/`). The reasons: ARCHITECTURE.md.
const ARROWS: &[(&str, &[&str])] = &[
    (
        "cli",
        &[
            "serve",
            "release",
            "rehearsal",
            "workflow",
            "publish",
            "verify",
            "build",
            "plan",
            "facts",
            "oci",
            "config",
            "chart",
            "dockerfile",
            "yaml",
            "world",
        ],
    ),
    ("serve", &["release", "publish", "verify", "build", "plan", "facts", "config", "dockerfile", "oci", "world"]),
    ("release", &["publish", "verify", "build", "plan", "facts", "config", "dockerfile", "oci", "world"]),
    ("rehearsal", &["oci", "world"]),
    ("workflow", &["plan"]),
    ("publish", &["plan", "oci", "world"]),
    ("verify", &["plan", "chart", "yaml", "oci", "world"]),
    ("build", &["plan", "chart", "dockerfile", "yaml", "oci", "world"]),
    ("plan", &["config", "facts", "chart", "dockerfile", "yaml"]),
    ("facts", &["chart", "dockerfile", "world"]),
    ("dockerfile", &[]),
    ("oci", &["world"]),
    ("config", &["yaml"]),
    ("chart", &["yaml"]),
    ("yaml", &[]),
    ("world", &[]),
];

/// Modules besides the vocabulary that decide and do nothing.
const PURE: &[&str] = &["chart", "config", "dockerfile", "plan", "yaml"];

/// What only `world` (and what is given its means) may name.
const EFFECTS: &[&str] = &[
    "std::fs",
    "std::env",
    "std::process",
    "std::net",
    "std::thread",
    "SystemTime",
    "Instant",
    "std::io::stdin",
    "tokio::",
    "reqwest::",
    "octocrab::",
    "tempfile::",
    "getrandom::",
];

/// A constant of the compiler, not the environment.
const CONSTANTS: &str = "std::env::consts";

struct Module {
    name: String,
    vocabulary: bool,
    /// Path and code without tests.
    files: Vec<(String, String)>,
}

fn modules() -> Vec<Module> {
    let mut modules: Vec<Module> = Vec::new();
    for file in source::below("src") {
        let below = file.path.strip_prefix("src/").unwrap();
        if ["main.rs", "lib.rs"].contains(&below) || !below.ends_with(".rs") || source::is_tests(below) {
            continue;
        }
        let (name, vocabulary) = match below.split_once('/') {
            Some((folder, _)) => (folder, false),
            None => (below.trim_end_matches(".rs"), true),
        };
        let code = source::code(&file.text, Keep::Code);
        let code = source::without_tests(&code).to_owned();
        match modules.iter_mut().find(|module| module.name == name) {
            Some(module) => module.files.push((file.path, code)),
            None => modules.push(Module { name: name.to_owned(), vocabulary, files: vec![(file.path, code)] }),
        }
    }
    modules
}

/// The first names after `crate::` (also in groups), and after `super::` where that is the crate.
fn used(path: &str, code: &str) -> BTreeSet<String> {
    let top = path.matches('/').count() == 1 || (path.matches('/').count() == 2 && path.ends_with("/mod.rs"));
    let mut names = BTreeSet::new();
    for prefix in if top { &["crate::", "super::"][..] } else { &["crate::"] } {
        for (at, _) in code.match_indices(prefix) {
            names.extend(first_names(&code[at + prefix.len()..]));
        }
    }
    names
}

fn first_names(rest: &str) -> Vec<String> {
    let word =
        |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = rest.trim_start().strip_prefix('{') else { return vec![word(rest)] };
    let mut depth = 0;
    let mut names = vec![word(group)];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(word(&group[at + 1..])),
            _ => {}
        }
    }
    names
}

#[test]
fn arrows_point_one_way() {
    let modules = modules();
    let known: BTreeSet<&str> = modules.iter().map(|module| module.name.as_str()).collect();
    let mut findings = Vec::new();
    for module in &modules {
        let row = ARROWS.iter().find(|(name, _)| *name == module.name);
        if row.is_none() && !module.vocabulary {
            findings.push(format!("`{}` has no row in ARROWS: say what it may use", module.name));
        }
        for (path, code) in &module.files {
            for name in used(path, code).iter().filter(|name| known.contains(name.as_str()) && **name != module.name) {
                let vocabulary = modules.iter().any(|other| other.name == *name && other.vocabulary);
                if !vocabulary && !row.is_some_and(|(_, uses)| uses.contains(&name.as_str())) {
                    findings.push(format!("{path} uses `{name}`, which `{}` may not", module.name));
                }
            }
        }
    }
    none("arrows between modules (the table in tests/it/tidy/arrows.rs)", &findings);
}

#[test]
fn who_decides_touches_nothing() {
    let mut findings = Vec::new();
    for module in modules().iter().filter(|module| module.vocabulary || PURE.contains(&module.name.as_str())) {
        for (path, code) in &module.files {
            let code = code.replace(CONSTANTS, "");
            for effect in EFFECTS.iter().filter(|effect| mentions(&code, effect)) {
                findings.push(format!("{path} mentions `{effect}`; hand it what it needs as data"));
            }
        }
    }
    none("the vocabulary, config and plan have no side effects", &findings);
}

/// Whether code names it, alone or in a group (`use std::{env, fs}`).
fn mentions(code: &str, effect: &str) -> bool {
    let direct = code.match_indices(effect).any(|(at, _)| {
        let ends = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        ends(code[..at].chars().next_back())
            && (effect.ends_with(':') || ends(code[at + effect.len()..].chars().next()))
    });
    let grouped = effect.strip_prefix("std::").is_some_and(|name| {
        code.match_indices("std::{")
            .any(|(at, _)| first_names(&code[at + "std::".len()..]).iter().any(|first| first == name))
    });
    direct || grouped
}

#[test]
fn finds_uses_however_they_are_written() {
    let check = |path: &str, code: &str, expected: &[&str]| {
        assert_eq!(used(path, code).iter().map(String::as_str).collect::<Vec<_>>(), expected, "{code}");
    };
    check("src/plan/binary.rs", "use crate::world::env; super::archive::x()", &["world"]);
    check("src/plan/mod.rs", "use crate::{cli, digest::{Digest, hex}, facts};", &["cli", "digest", "facts"]);
    check("src/plan/mod.rs", "use super::world;", &["world"]);
    check("src/tag.rs", "super::version::Version", &["version"]);
    assert!(mentions("use std::{env, fmt};", "std::env"));
    assert!(mentions("std::fs::read(x)", "std::fs"));
    assert!(!mentions("std::fsx", "std::fs"));
    assert!(!mentions("MyInstant", "Instant"));
}
