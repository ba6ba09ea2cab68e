//! The output folder: nothing of the commit may lie where old results are removed.

use std::borrow::Cow;

use super::inputs::Inputs;
use crate::portable::folded;
use crate::problem::Problem;
use crate::shown;

/// How many files are named.
const SHOWN: usize = 3;

/// Refuses a folder that holds files of the repository, or that a file or link of it stands in the way of.
pub fn refuse(inputs: &Inputs<'_>) {
    let output = &inputs.config.output;
    let wanted = folded(output);
    let mut inside = Vec::new();
    for file in &inputs.facts.files {
        // Nearly all are ASCII: none of them is copied.
        let path = if file.path.is_ascii() { Cow::Borrowed(file.path.as_str()) } else { folded(&file.path).into() };
        if is_below(&wanted, &path) || wanted.eq_ignore_ascii_case(&path) {
            let text = format!("the output folder `{output}` cannot be created: `{}` is not a folder", file.path);
            inputs.refuse(refused(text));
            return;
        }
        if is_below(&path, &wanted) {
            inside.push(file.path.as_str());
        }
    }
    if inside.is_empty() {
        return;
    }
    let shown = shown::some(&inside, SHOWN);
    let text = format!("the output folder `{output}` contains files of the repository: {shown}");
    inputs.refuse(refused(text));
}

fn is_below(path: &str, folder: &str) -> bool {
    let rest = path.split_at_checked(folder.len()).filter(|(start, _)| start.eq_ignore_ascii_case(folder));
    rest.is_some_and(|(_, rest)| rest.starts_with('/'))
}

fn refused(text: String) -> Problem {
    let hint = "old results in it are removed: use a separate folder, like `target/longshore`";
    Problem::new("foreign-output", text).hint(hint).at_value("output")
}
