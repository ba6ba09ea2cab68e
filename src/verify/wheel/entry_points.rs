//! `entry_points.txt`: sections of `name = module:function [extra]`, of modules that the wheel holds.
//!
//! <https://packaging.python.org/specifications/entry-points/>

use std::collections::BTreeSet;

use super::flaw::{Flaw, flaw};
use super::module;
use crate::verify::content::{Listing, printable};

/// Sections of which installers make programs.
const SCRIPTS: [&str; 2] = ["console_scripts", "gui_scripts"];

/// Every line of the file, if there is one.
pub fn check(text: Option<&String>, listing: &Listing, flaws: &mut Vec<Flaw>) {
    let hint = "check `[project.scripts]`, `[project.gui-scripts]` and `[project.entry-points]` in pyproject.toml";
    let mut wrong = |text: String| flaws.push(flaw("wheel-entry-points", text, hint));
    let mut section: Option<&str> = None;
    let mut seen = BTreeSet::new();
    for line in text.map(|text| text.lines()).into_iter().flatten() {
        let line = line.trim();
        let shown = printable(line);
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            section = name.strip_suffix(']').map(str::trim).filter(|name| !name.is_empty());
            if section.is_none() || !seen.insert((name, "")) {
                wrong(format!("has the section `{shown}` in entry_points.txt, which is malformed or occurs twice"));
            }
            continue;
        }
        let (Some(section), Some((name, object))) = (section, line.split_once('=')) else {
            wrong(format!(
                "has the line `{shown}` in entry_points.txt, which is not a `name = module:object` in a section"
            ));
            continue;
        };
        let (name, object) = (name.trim(), object.trim());
        let script = SCRIPTS.contains(&section);
        if !seen.insert((section, name)) {
            wrong(format!("has `{}` twice in entry_points.txt", printable(name)));
        } else if script && !is_script_name(name) {
            wrong(format!(
                "has the program `{}` in entry_points.txt: only letters, digits and `_.-` are allowed",
                printable(name)
            ));
        } else if !is_object(object, script) {
            wrong(format!("has `{shown}` in entry_points.txt, which is not a `module:object`"));
        } else if script && !module::has_top(top(object), listing) {
            wrong(format!("has `{shown}` in entry_points.txt, but does not contain `{}`", top(object)));
        }
    }
}

fn is_script_name(name: &str) -> bool {
    let dots = name.chars().all(|c| c == '.');
    !dots && name.chars().all(|c| c.is_alphanumeric() || "_.-".contains(c))
}

/// `a.b:c.d [extra]`; a program needs the function.
fn is_object(text: &str, script: bool) -> bool {
    let text = text.split('[').next().unwrap_or(text).trim();
    let dotted = |text: &str| text.split('.').all(is_identifier);
    match text.split_once(':') {
        Some((module, object)) => dotted(module.trim()) && dotted(object.trim()),
        None => !script && dotted(text),
    }
}

fn is_identifier(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_') && word.chars().all(|c| c.is_alphanumeric() || c == '_')
}

fn top(object: &str) -> &str {
    object.split([':', '.', '[']).next().unwrap_or(object).trim()
}
