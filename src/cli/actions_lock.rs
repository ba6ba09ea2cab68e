//! GitHub's lock file for actions: which `uses:` of a workflow it pins to a commit. It is read, never written:
//! <https://docs.github.com/actions/concepts/security/workflow-dependency-lockfiles>. The format is that of `gh actions-lock`
//! 0.4 (`version: v0.0.2`), which may still change: what cannot be read pins nothing and is no mistake.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;

use serde_json::Value;

use super::rival::FOLDER;
use crate::facts::yaml;
use crate::workflow::pins::references;
use crate::world::terminal::Printer;

/// Its name beside the workflows.
const FILE: &str = "actions.lock";
/// What is to be typed after a `uses:` has changed.
pub const COMMAND: &str = "gh actions-lock";

#[derive(Debug, Default, PartialEq, Eq)]
pub struct ActionsLock {
    /// By workflow file, as `release.yml`: the references that are locked for it.
    workflows: BTreeMap<String, BTreeSet<String>>,
}

impl ActionsLock {
    /// That of a repository; an empty one if it has none, or none that can be read, which is said.
    pub fn of(top: &Path, printer: &Printer) -> Self {
        let path = top.join(FOLDER).join(FILE);
        let found = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Self::default(),
            Err(error) => Err(error.to_string()),
            Ok(text) => Self::parse(&text),
        };
        found.unwrap_or_else(|why| {
            printer.step("Note", format!("`{FOLDER}/{FILE}` is not taken into account: {why}"));
            Self::default()
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let value = yaml::read(text)?;
        let (Some(workflows), Some(dependencies)) = (value["workflows"].as_object(), value["dependencies"].as_object())
        else {
            return Err("it has no `workflows` and `dependencies`".into());
        };
        let is_commit = |one: &&str| dependencies.get(*one).is_some_and(|one| one["commit"].is_string());
        let references = |list: &Value| {
            let list = list.as_array().into_iter().flatten();
            list.filter_map(Value::as_str).filter(is_commit).map(str::to_owned).collect()
        };
        let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        Ok(Self { workflows: workflows.iter().map(|(path, list)| (name(path), references(list))).collect() })
    }

    /// Whether a workflow is locked, and so does not start with anything that is not.
    fn has(&self, file: &str) -> bool {
        self.workflows.contains_key(file)
    }

    /// Whether what stands behind a `uses:` of a workflow is pinned to a commit.
    pub fn locks(&self, file: &str, uses: &str) -> bool {
        self.workflows.get(file).is_some_and(|locked| locked.contains(&repository(uses)))
    }

    /// What a locked workflow calls and is not locked for it.
    pub fn unlocked(&self, file: &str, text: &str) -> BTreeSet<String> {
        if !self.has(file) {
            return BTreeSet::new();
        }
        references(text).filter(|uses| !self.locks(file, uses)).map(repository).collect()
    }
}

/// `owner/name@reference`, without the folder of an action in it.
fn repository(uses: &str) -> String {
    let (name, reference) = uses.split_once('@').unwrap_or((uses, ""));
    let name: Vec<&str> = name.splitn(3, '/').take(2).collect();
    format!("{}@{reference}", name.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "version: 'v0.0.2'
workflows:
    '.github/workflows/release.yml':
        - 'actions/checkout@v6.0.2'
        - 'acme/tools@v1'
        - 'acme/lost@v1'
dependencies:
    'actions/checkout@v6.0.2':
        ref: 'v6.0.2'
        commit: 'sha1-de0fac2e4500dabe0009e67214ff5f5447ce83dd'
        owner_id: 44036562
        repo_id: 197814629
    'acme/tools@v1': { ref: v1, commit: 'sha1-0123456789abcdef0123456789abcdef01234567' }
";

    #[test]
    fn what_is_locked() {
        let lock = ActionsLock::parse(LOCK).unwrap();
        assert!(lock.locks("release.yml", "actions/checkout@v6.0.2"));
        assert!(lock.locks("release.yml", "acme/tools/deep/er@v1"));
        // Named, but without a commit; another version; another workflow.
        assert!(!lock.locks("release.yml", "acme/lost@v1"));
        assert!(!lock.locks("release.yml", "actions/checkout@v6"));
        assert!(!lock.locks("ci.yml", "actions/checkout@v6.0.2"));
    }

    #[test]
    fn what_a_locked_workflow_may_not_start_with() {
        let lock = ActionsLock::parse(LOCK).unwrap();
        let text = "jobs:\n  a:\n    steps:\n      - uses: actions/checkout@v6.0.2\n      - uses: acme/new/deep@v2 # v2\n      \
                    - uses: ./\n      - uses: docker://alpine:3\n      - uses: acme/new@v2\n";
        assert_eq!(lock.unlocked("release.yml", text).into_iter().collect::<Vec<_>>(), ["acme/new@v2"]);
        assert!(lock.unlocked("ci.yml", text).is_empty(), "it is not locked");
        assert!(ActionsLock::default().unlocked("release.yml", text).is_empty());
    }

    #[test]
    fn another_format_is_no_mistake() {
        for text in ["", "[", "version: 'v9'\nlocked: []\n", "workflows: 1\ndependencies: 2\n"] {
            assert!(ActionsLock::parse(text).is_err(), "{text}");
        }
    }
}
