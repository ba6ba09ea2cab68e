//! What `init` found besides the packages of the workspace at the top.

use std::collections::{BTreeMap, BTreeSet};

/// The tags of a component, unless something is written.
pub const OF_COMPONENT: &str = "{component}-v{version}";

/// Folders whose projects are there for others to read or test, not to be released.
const ASIDE: &[&str] = &[
    ".devcontainer",
    ".github",
    "examples",
    "fixtures",
    "fuzz",
    "node_modules",
    "testdata",
    "tests",
    "third_party",
    "vendor",
];

/// What lies in the repository besides the packages of the workspace at its top.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Cargo.toml files in folders, taken because there is none at the top.
    pub manifests: Vec<String>,
    /// Those of them that cargo cannot read.
    pub refused: Vec<String>,
    /// Whether the workflow that `generate` would write is there, by another hand.
    pub has_workflow: bool,
    /// Images of Dockerfiles.
    pub images: Vec<FoundImage>,
    /// Dockerfiles that are left out, with the reason.
    pub left_out: Vec<String>,
    pub charts: Vec<FoundChart>,
    /// Python projects that are no wheels of ours, with what can be done with them.
    pub python: Vec<String>,
    /// A file that says the version of the whole, and the version.
    pub version_file: Option<(String, String)>,
    /// What is released by tags of its own: with its key of longshore.yaml, and a file that says its version.
    pub components: Vec<FoundComponent>,
    /// Man pages and completions of the commit.
    pub extras: Vec<String>,
}

/// A component that the repository's tags show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundComponent {
    pub name: String,
    /// Its tags, unless they are of the usual form.
    pub tag: Option<String>,
    pub version_file: Option<String>,
}

/// A Helm chart of the commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundChart {
    pub name: String,
    /// Its folder.
    pub path: String,
    /// Whether its Chart.yaml has another version than what is released with it.
    pub is_set: bool,
    /// Whether it depends on charts that are not in its `charts/`.
    pub fetches: bool,
    /// Images of the commit that its values name, and where.
    pub images: Vec<(String, Vec<String>)>,
    /// Images of this owner that its values name and nothing here makes under that name.
    pub strangers: Vec<String>,
    /// The component that the repository's tags show for it.
    pub component: Option<String>,
}

/// An image that a Dockerfile of the commit makes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundImage {
    pub name: String,
    pub dockerfile: String,
    /// The folder that holds what it copies; empty: the repository.
    pub context: String,
    /// Images of this repository that it is based on, by the name that the Dockerfile has for them.
    pub contexts: BTreeMap<String, String>,
    pub secrets: BTreeSet<String>,
    /// Whether every base is for amd64 only.
    pub is_amd64: bool,
    /// What it is based on that somebody else made.
    pub pulled: BTreeSet<String>,
    pub notes: Vec<String>,
    /// Why it cannot be built as it is.
    pub problem: Option<String>,
}

/// Whether a path is an example or a test.
pub fn is_aside(path: &str) -> bool {
    path.split('/').any(|part| ASIDE.contains(&part))
}
