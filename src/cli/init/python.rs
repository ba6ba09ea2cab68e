//! Python projects that `init` finds and maturin does not build.

use std::path::Path;

use super::found::is_aside;
use crate::facts::Facts;

/// How many are named.
const NAMED: usize = 4;

/// A line for each: what builds it, and what becomes of it here.
pub fn find(facts: &Facts, root: &Path) -> Vec<String> {
    let paths = facts.files.iter().map(|file| file.path.as_str());
    let projects = paths.filter(|path| path.rsplit('/').next() == Some("pyproject.toml") && !is_aside(path));
    let line = |path: &str| {
        let text = std::fs::read_to_string(root.join(path)).ok()?;
        let project = text.parse::<toml::Table>().ok()?;
        let backend = project.get("build-system")?.get("build-backend")?.as_str()?;
        let backend = backend.split('.').next().unwrap_or(backend);
        let is_ours = backend == "maturin";
        (!is_ours).then(|| {
            format!(
                "{path} is left out: {backend} builds it, and wheels are built by maturin only; `assets:` publishes what a \
                 command makes to GitHub"
            )
        })
    };
    projects.filter_map(line).take(NAMED).collect()
}
