//! What `init` found besides the packages of the workspace at the top.

use super::image::FoundImage;

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
    /// Files that a later version has a use for, with what they are.
    pub later: Vec<(String, &'static str)>,
}

/// Whether a path is an example or a test.
pub fn is_aside(path: &str) -> bool {
    path.split('/').any(|part| ASIDE.contains(&part))
}
