//! What act must be told of a workflow file, and what it must have done in the end.

use std::collections::BTreeSet;

use crate::config::yaml::{self, Node, Value};
use crate::problem::{Failure, Problem};

/// A workflow file, as far as act and we are concerned.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct WorkflowFile {
    /// Its path in the repository.
    pub path: String,
    /// Labels of runners, of those that stand there in full.
    pub labels: BTreeSet<String>,
    /// Everything after `uses:`.
    pub uses: BTreeSet<String>,
    pub jobs: Vec<FileJob>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct FileJob {
    /// Its key.
    pub id: String,
    /// What people see; the key without a name.
    pub name: String,
    /// Whether it may be left out: it has an `if:` of its own or needs one that has.
    pub optional: bool,
}

impl WorkflowFile {
    /// Reads a file.
    ///
    /// # Errors
    /// Exit 2 if it is not a workflow.
    pub fn read(path: &str, text: &str) -> anyhow::Result<Self> {
        let refuse = |why: &str| {
            let problem = Problem::new("bad-workflow", format!("`{path}` is not a workflow: {why}"));
            anyhow::Error::from(Failure::usage(problem.hint("`longshore generate` writes one")))
        };
        let root = match yaml::read(text) {
            (Some(root), problems) if problems.is_empty() => root,
            (_, problems) => {
                let why = problems.first().map(|first| first.problem.message.clone());
                return Err(refuse(&why.unwrap_or_else(|| "it is empty".into())));
            }
        };
        let jobs = root.map().and_then(|map| map.get("jobs")).and_then(Node::map);
        let mut workflow = Self { path: path.to_owned(), ..Self::default() };
        for entry in jobs.map(|jobs| &jobs.entries).into_iter().flatten() {
            let of = |key: &str| entry.value.map().and_then(|job| job.get(key));
            let labels = of("runs-on").map(Node::many).unwrap_or_default();
            workflow.labels.extend(labels.iter().filter_map(literal).map(str::to_owned));
            let needs: Vec<&str> =
                of("needs").map(Node::many).unwrap_or_default().iter().filter_map(Node::text).collect();
            let optional = workflow.jobs.iter().any(|job| job.optional && needs.contains(&job.id.as_str()));
            workflow.jobs.push(FileJob {
                id: entry.key.clone(),
                name: of("name").and_then(Node::text).unwrap_or(&entry.key).to_owned(),
                optional: optional || of("if").is_some(),
            });
        }
        if workflow.jobs.is_empty() {
            return Err(refuse("it has no jobs"));
        }
        uses(&root, &mut workflow.uses);
        Ok(workflow)
    }

    pub fn file(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The commits, tags or branches at which it uses an action.
    pub fn refs<'w>(&'w self, action: &'w str) -> impl Iterator<Item = &'w str> {
        self.uses.iter().filter_map(move |uses| uses.strip_prefix(action)?.strip_prefix('@'))
    }
}

/// A label, unless only a run knows it.
fn literal(node: &Node) -> Option<&str> {
    node.text().filter(|text| !text.contains("${{"))
}

fn uses(node: &Node, found: &mut BTreeSet<String>) {
    match &node.value {
        Value::Scalar { .. } => {}
        Value::List(items) => items.iter().for_each(|item| uses(item, found)),
        Value::Map(map) => {
            found.extend(map.get("uses").and_then(Node::text).map(str::to_owned));
            map.entries.iter().for_each(|entry| uses(&entry.value, found));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_of_a_file() {
        let text = "on: push
jobs:
  plan: { runs-on: ubuntu-24.04, steps: [{ uses: a/b@v1 }, { run: x }] }
  build:
    name: Build ${{ matrix.id }}
    needs: plan
    runs-on: ${{ matrix.runs-on }}
    steps: [{ uses: o/longshore@abc }, { uses: ./setup }]
  check: { needs: [plan], if: x, uses: ./.github/workflows/check.yml }
  publish: { needs: [build, check], runs-on: [self-hosted, macos-15] }
";
        let workflow = WorkflowFile::read(".github/workflows/release.yml", text).unwrap();
        let set = |words: &[&str]| words.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        assert_eq!(workflow.labels, set(&["macos-15", "self-hosted", "ubuntu-24.04"]));
        assert_eq!(workflow.uses, set(&["./.github/workflows/check.yml", "./setup", "a/b@v1", "o/longshore@abc"]));
        assert_eq!(workflow.refs("o/longshore").collect::<Vec<_>>(), ["abc"]);
        assert_eq!(workflow.file(), "release.yml");
        let jobs: Vec<_> = workflow.jobs.iter().map(|job| (job.id.as_str(), job.optional)).collect();
        assert_eq!(jobs, [("plan", false), ("build", false), ("check", true), ("publish", true)]);
        for bad in ["", "jobs: {}", "name: [", "- a"] {
            assert!(WorkflowFile::read("x.yml", bad).is_err(), "{bad}");
        }
    }
}
