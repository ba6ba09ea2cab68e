//! Refuses a checkout that lacks files of the commit, before anything is built from what is there instead.

use super::inputs::Inputs;
use super::{Step, Work};
use crate::portable;
use crate::problem::Problem;
use crate::shown::AND;

/// What is not there: files of a sparse checkout, submodules, files of Git LFS.
pub fn refuse(inputs: &Inputs<'_>) {
    let whole = &inputs.facts.whole;
    if let Some(files) = some(&whole.sparse, "file", "files") {
        let problem = Problem::new("sparse-checkout", format!("{files} of the commit not checked out"));
        inputs.refuse(problem.hint("`git sparse-checkout disable`: a release is made of all files of the commit"));
    }
    if let Some(modules) = some(&whole.no_modules, "submodule", "submodules") {
        let problem = Problem::new("submodule-missing", format!("{modules} not checked out"));
        let hint = "`git submodule update --init --recursive`; in a workflow of your own, `submodules: recursive` of actions/checkout";
        inputs.refuse(problem.hint(hint));
    }
    if let Some(files) = some(&whole.pointers, "file", "files") {
        let problem = Problem::new("lfs-pointer", format!("{files} not fetched from Git LFS"));
        let hint =
            format!("`git lfs install{AND}git lfs pull`; in a workflow of your own, `lfs: true` of actions/checkout");
        inputs.refuse(problem.hint(hint));
    }
}

/// Files that no sdist can hold, for people.
pub fn notes(inputs: &Inputs<'_>, steps: &[Step]) -> Vec<String> {
    let unnamed: Vec<String> = inputs.facts.whole.not_utf8.iter().map(|path| path.escape_debug().to_string()).collect();
    let mut notes: Vec<String> = some(&unnamed, "file", "files")
        .map(|files| format!("{files} ignored: the name is not UTF-8"))
        .into_iter()
        .collect();
    if !steps.iter().any(|step| matches!(step.work, Work::Sdist(_))) {
        return notes;
    }
    let paths = inputs.facts.files.iter().filter(|file| portable::not_on_windows(&file.path).is_some());
    let paths: Vec<String> = paths.map(|file| file.path.escape_debug().to_string()).collect();
    let note = |files: String| format!("{files} left out of sdists: the name is invalid on Windows");
    notes.extend(some(&paths, "file", "files").map(note));
    notes
}

/// `2 files (a, b) are`
fn some(paths: &[String], one: &str, many: &str) -> Option<String> {
    let shown: Vec<String> = paths.iter().take(3).map(|path| format!("`{path}`")).collect();
    match paths.len() {
        0 => None,
        1 => Some(format!("the {one} {} is", shown[0])),
        count @ 2..=3 => Some(format!("{count} {many} ({}) are", shown.join(", "))),
        count => Some(format!("{count} {many} ({} and {} more) are", shown.join(", "), count - 3)),
    }
}
