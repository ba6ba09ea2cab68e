//! Workflows of others that would make the same release once more.

use std::path::Path;

use globset::GlobBuilder;
use serde_json::Value;

use super::missing::FOLDER;
use crate::facts::yaml;
use crate::plan::Plan;
use crate::workflow::is_generated;

/// What makes releases, or puts something where ours are put.
const PUBLISHERS: [&str; 18] = [
    "actions/create-release",
    "actions/upload-release-asset",
    "cargo-dist",
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

/// The workflows of a repository that would, and with what: one line each.
pub fn find(top: &Path, plan: &Plan) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(top.join(FOLDER)) else { return Vec::new() };
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    let line = |name: &String| {
        let text = std::fs::read_to_string(top.join(FOLDER).join(name)).ok()?;
        if is_generated(&text) {
            return None;
        }
        let mut tags = plan.releases.iter().map(|release| release.tags.replace("{version}", "1.2.3"));
        let (publisher, tag) = tags.find_map(|tag| Some((publishes(&text, &tag)?, tag)))?;
        Some(format!("`{FOLDER}/{name}` runs for tags like `{tag}` and publishes with `{publisher}`"))
    };
    names.iter().filter_map(line).collect()
}

/// What a workflow publishes with, if it runs when this tag is pushed or its release is published.
pub fn publishes(text: &str, tag: &str) -> Option<&'static str> {
    let workflow = yaml::read(text).ok()?;
    let is_line = |line: &&str| !line.trim_start().starts_with('#');
    let has = |publisher: &&&str| text.lines().filter(is_line).any(|line| line.contains(**publisher));
    PUBLISHERS.iter().find(has).copied().filter(|_| runs_for(&workflow["on"], tag))
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
            let found = publishes(&format!("on: {on}\n{steps}\n"), "v1.2.3");
            assert_eq!(found, expected.then_some("softprops/action-gh-release"), "{on}");
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
        assert_eq!(publishes("on: push\njobs: { a: { steps: [{ run: cargo test }] } }\n", "v1.2.3"), None);
        assert_eq!(publishes("on: push\n# twine upload\njobs: {}\n", "v1.2.3"), None);
        assert_eq!(publishes("on: [", "v1.2.3"), None);
    }
}
