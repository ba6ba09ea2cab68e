//! Workflows of others that would make the same release once more.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use globset::GlobBuilder;
use serde_json::Value;

use crate::facts::yaml;
use crate::plan::Plan;
use crate::workflow::is_generated;

/// Where GitHub looks for workflows.
pub const FOLDER: &str = ".github/workflows";

/// What makes releases, or puts something where ours are put.
const PUBLISHERS: [&str; 20] = [
    "actions/create-release",
    "actions/upload-release-asset",
    "cargo-dist",
    "createRelease",
    "create_git_release",
    "dist host",
    "docker push",
    "docker/build-push-action",
    "gh release create",
    "gh release upload",
    "goreleaser",
    "maturin publish",
    "maturin upload",
    "ncipollo/release-action",
    "pypa/gh-action-pypi-publish",
    "softprops/action-gh-release",
    "svenstaro/upload-release-action",
    "taiki-e/upload-rust-binary-action",
    "twine upload",
    "uv publish",
];

/// What uploads with a `command:` of its own.
const MATURIN: &str = "PyO3/maturin-action";
/// How many scripts of a workflow are read.
const SCRIPTS: usize = 20;

/// A workflow of another hand.
pub struct Rival {
    pub file: String,
    /// A tag that it runs for.
    pub tag: String,
    /// What it publishes with, in backticks.
    pub publishers: String,
}

impl fmt::Display for Rival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, tag, publishers } = self;
        write!(f, "`{FOLDER}/{file}` runs for tags like `{tag}` and publishes with {publishers}")
    }
}

/// Those of a repository, by name.
pub fn find(top: &Path, plan: &Plan) -> Vec<Rival> {
    let Ok(entries) = std::fs::read_dir(top.join(FOLDER)) else { return Vec::new() };
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    let rival = |file: String| {
        let text = std::fs::read_to_string(top.join(FOLDER).join(&file)).ok()?;
        if is_generated(&text) {
            return None;
        }
        let mut tags = plan.releases.iter().map(|release| release.tags.replace("{version}", "1.2.3"));
        let scripts = scripts(top, &text);
        let (publishers, tag) = tags.find_map(|tag| Some((publishes(&text, &scripts, &tag)?, tag)))?;
        Some(Rival { file, tag, publishers })
    };
    names.into_iter().filter_map(rival).collect()
}

/// The scripts below .github that a workflow names.
fn scripts(top: &Path, workflow: &str) -> String {
    let words = workflow.split(|char: char| char.is_whitespace() || "'\"`;&|()".contains(char));
    let names = words.map(|word| word.trim_start_matches("./")).filter(|word| word.starts_with(".github/"));
    let names: BTreeSet<&str> = names.filter(|name| !name.contains("..") && !name.ends_with(".yml")).collect();
    names.into_iter().take(SCRIPTS).filter_map(|name| std::fs::read_to_string(top.join(name)).ok()).collect()
}

/// All that a workflow publishes with, if it runs when this tag is pushed or its release is published.
fn publishes(text: &str, scripts: &str, tag: &str) -> Option<String> {
    let workflow = yaml::read(text).ok()?;
    let is_line = |line: &&str| !line.trim_start().starts_with('#');
    let lines = || text.lines().chain(scripts.lines()).filter(is_line);
    let has = |publisher: &&&str| lines().any(|line| line.contains(**publisher));
    let mut found: Vec<String> = PUBLISHERS.iter().filter(has).map(|publisher| format!("`{publisher}`")).collect();
    let uploads = |line: &str| matches!(line.trim(), "command: upload" | "command: publish");
    if lines().any(|line| line.contains(MATURIN)) && lines().any(uploads) {
        found.push(format!("`{MATURIN}`"));
    }
    (!found.is_empty() && runs_for(&workflow["on"], tag)).then(|| found.join(", "))
}

/// <https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#onpushbranchestagsbranches-ignoretags-ignore>
fn runs_for(on: &Value, tag: &str) -> bool {
    let named = |event: &str| match on {
        Value::String(one) => one == event,
        Value::Array(all) => all.iter().any(|one| one == event),
        _ => on.get(event).is_some(),
    };
    if named("release") {
        return true;
    }
    let push = &on["push"];
    let has = |key: &str| push.get(key).is_some();
    let any = |key: &str| many(&push[key]).iter().any(|pattern| fits(pattern, tag));
    named("push")
        && if has("tags") {
            any("tags")
        } else if has("tags-ignore") {
            !any("tags-ignore")
        } else {
            // For branches alone if these are named.
            !has("branches") && !has("branches-ignore")
        }
}

fn many(value: &Value) -> Vec<&str> {
    match value {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Whether a filter takes a tag. `?` and `+` repeat what stands before them; they are taken for anything.
fn fits(pattern: &str, tag: &str) -> bool {
    let anywhere = pattern.contains("**");
    let pattern = pattern.replace("**", "*").replace(['?', '+'], "*").replace('{', "[{]").replace('}', "[}]");
    let glob = GlobBuilder::new(&pattern).literal_separator(!anywhere).build();
    !pattern.starts_with('!') && glob.is_ok_and(|glob| glob.compile_matcher().is_match(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_for_a_tag_and_publishes() {
        let steps = "jobs: { a: { steps: [{ uses: softprops/action-gh-release@v2 }] } }";
        let check = |on: &str, expected: bool| {
            let found = publishes(&format!("on: {on}\n{steps}\n"), "", "v1.2.3");
            assert_eq!(found.as_deref(), expected.then_some("`softprops/action-gh-release`"), "{on}");
        };
        for on in [
            "push",
            "[push, pull_request]",
            "{ push: }",
            "{ push: { tags: v* } }",
            "{ push: { tags: ['v[0-9]+.[0-9]+.[0-9]+*'] } }",
            "{ push: { tags: ['**'], branches: [main] } }",
            "{ push: { tags-ignore: ['nightly*'] } }",
            "{ release: { types: [published] } }",
        ] {
            check(on, true);
        }
        for on in [
            "pull_request",
            "{ push: { branches: [main] } }",
            "{ push: { tags: ['cli-v*'] } }",
            "{ push: { tags-ignore: ['v*'] } }",
            "{ workflow_dispatch: }",
        ] {
            check(on, false);
        }
        assert_eq!(publishes("on: push\njobs: { a: { steps: [{ run: cargo test }] } }\n", "", "v1.2.3"), None);
        assert_eq!(publishes("on: push\n# twine upload\njobs: {}\n", "", "v1.2.3"), None);
        assert_eq!(publishes("on: [", "", "v1.2.3"), None);
        let maturin =
            "on: push\njobs: { a: { steps: [{ uses: PyO3/maturin-action@v1, with: {\ncommand: upload\n} }] } }\n";
        assert_eq!(publishes(maturin, "", "v1.2.3").as_deref(), Some("`PyO3/maturin-action`"));
        let script = "repo.create_git_release(tag)\n";
        let found = publishes("on: push\njobs: {}\n", script, "v1.2.3");
        assert_eq!(found.as_deref(), Some("`create_git_release`"));
    }
}
