//! Helm with folders of its own, and what it reads from a chart.

use std::path::{Path, PathBuf};
use std::process::Output;

use longshore::yaml;
use serde_json::Value;

use crate::chart_case::said;
use crate::tool;

pub struct Helm {
    home: tempfile::TempDir,
}

impl Helm {
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    pub fn run(&self, args: &[&str]) -> Output {
        let mut helm = tool("helm");
        for name in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "DOCKER_CONFIG"] {
            helm.env(name, self.home.path().join(name));
        }
        helm.args(args).current_dir(self.home.path()).output().unwrap()
    }

    /// What it prints.
    pub fn must(&self, args: &[&str]) -> String {
        let done = self.run(args);
        assert!(done.status.success(), "helm {}\n{}", args.join(" "), said(&done));
        String::from_utf8(done.stdout).unwrap()
    }

    /// Packages a folder, or says why not.
    pub fn package(&self, chart: &Path) -> Result<PathBuf, String> {
        let folder = tempfile::tempdir_in(self.home.path()).unwrap().keep();
        let done = self.run(&["package", text(chart), "--destination", text(&folder)]);
        if !done.status.success() {
            return Err(said(&done));
        }
        Ok(std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path())
    }

    /// Chart.yaml as it reads it.
    pub fn metadata(&self, chart: &Path) -> Value {
        parsed(&self.must(&["show", "chart", text(chart)]))
    }

    /// All values as the template `values-seen.yaml` of the cases gets them.
    pub fn values(&self, chart: &Path) -> Option<Value> {
        let done = self.run(&["template", "r", text(chart)]);
        let rendered = String::from_utf8(done.stdout).unwrap();
        let documents = rendered.split("\n# Source: ").filter(|document| {
            let source = document.lines().next().unwrap_or_default();
            source.split_once('/').is_some_and(|(_, path)| path == "templates/values-seen.yaml")
        });
        let mut lines = documents.flat_map(str::lines);
        let line = lines.find_map(|line| line.strip_prefix("  values: "))?;
        let text: String = serde_json::from_str(line).unwrap();
        Some(serde_json::from_str(&text).unwrap())
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// YAML as data.
pub fn parsed(text: &str) -> Value {
    yaml::to_json(&yaml::read(text).unwrap())
}
