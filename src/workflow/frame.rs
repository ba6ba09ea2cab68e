//! The frame of a workflow file: its name, what starts it, what it may do, and its jobs in order.

use std::collections::BTreeSet;

use super::job::{self, File};
use super::{MARK, Pins};
use crate::plan::{Part, Plan, PullRequest};

/// The text of a part's workflow file. It depends on the plan's structure, never on its version. `directory` is the folder
/// of longshore.yaml in the repository; empty for the repository itself.
pub fn write(plan: &Plan, part: &Part, pins: &Pins, directory: &str) -> String {
    let file = File::new(plan, part, pins, directory);
    let mut text = head(&file);
    text.push_str("\njobs:\n");
    let mut jobs = vec![job::plan(&file)];
    jobs.extend(job::called(&file, job::Stage::Plan));
    if file.assets {
        jobs.push(job::assets(&file));
    }
    jobs.push(job::build(&file));
    jobs.push(job::verify(&file));
    jobs.extend(job::called(&file, job::Stage::Verify));
    jobs.push(job::publish(&file));
    jobs.extend(job::called(&file, job::Stage::Publish));
    text.push_str(&jobs.join("\n"));
    text
}

fn head(file: &File<'_>) -> String {
    let name = &file.part.file;
    let pulled = match file.part.workflow.pull_request {
        PullRequest::Off => "",
        PullRequest::Plan | PullRequest::Build => "  pull_request:\n",
    };
    format!(
        "{MARK}
# Change that file, and generate again. Newer pins of actions are kept; any other change is drift.
name: {}

on:
  push: {{ tags: [{}] }}
{pulled}  workflow_dispatch:
    inputs: {{ tags: {{ description: 'Tags to release or to finish, all of one commit', required: true }} }}

permissions: {{}}

concurrency: {{ group: 'longshore-{name}-${{{{ inputs.tags || github.ref_name }}}}', cancel-in-progress: false }}
",
        quoted(file.part.stem()),
        tags(file).join(", "),
    )
}

/// A filter for the tags of every component that the part has something of.
/// Patterns: <https://docs.github.com/actions/reference/workflow-syntax-for-github-actions#filter-pattern-cheat-sheet>.
fn tags(file: &File<'_>) -> Vec<String> {
    let of = |component: &str| {
        file.plan.steps.iter().any(|step| step.component == component && file.part.steps.contains(&step.id))
    };
    let patterns: BTreeSet<String> =
        file.plan.releases.iter().filter(|release| of(&release.component)).map(|one| pattern(&one.tags)).collect();
    patterns.into_iter().collect()
}

/// `v{version}` as a quoted pattern.
fn pattern(grammar: &str) -> String {
    let (before, after) = grammar.split_once("{version}").unwrap_or((grammar, ""));
    let plain = |text: &str| {
        let mut escaped = String::new();
        for char in text.chars() {
            if "*?+[]!\\".contains(char) {
                escaped.push('\\');
            }
            escaped.push(char);
        }
        escaped
    };
    format!("'{}[0-9]+.[0-9]+.[0-9]+*{}'", plain(before).replace('\'', "''"), plain(after).replace('\'', "''"))
}

/// A text as a YAML scalar that nobody takes for a number, a word or an expression.
pub fn quoted(text: &str) -> String {
    asked(&text.replace("${{", "${{ '${{' }}"))
}

/// The same of a text in which expressions may stand; the configuration takes only safe ones.
pub fn asked(text: &str) -> String {
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '.' && text.starts_with("./"))
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
        && !matches!(text.to_lowercase().as_str(), "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n");
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_as_patterns() {
        let check = |grammar: &str, expected: &str| assert_eq!(pattern(grammar), expected);
        check("v{version}", "'v[0-9]+.[0-9]+.[0-9]+*'");
        check("api-v{version}", "'api-v[0-9]+.[0-9]+.[0-9]+*'");
        check("c++/{version}-x", "'c\\+\\+/[0-9]+.[0-9]+.[0-9]+*-x'");
    }

    #[test]
    fn names_are_text() {
        let check = |name: &str, expected: &str| assert_eq!(quoted(name), expected);
        check("release-server", "release-server");
        check("on", "'on'");
        check("1.2", "'1.2'");
        check("a/${{ secrets.X }}", "'a/${{ ''${{'' }} secrets.X }}'");
        assert_eq!(asked("${{ vars.X }}"), "'${{ vars.X }}'");
    }
}
