//! Charts by what they take from each other: each after those it depends on. A circle is refused.

use std::collections::BTreeSet;

use super::inputs::Inputs;
use crate::chart::dependencies::folder;
use crate::chart::metadata::{self, Metadata};
use crate::config::Chart;
use crate::problem::Problem;

pub fn ordered<'c>(inputs: &Inputs<'c>) -> Vec<&'c Chart> {
    let mut ordered: Vec<&Chart> = Vec::new();
    let mut left: Vec<&Chart> = inputs.config.charts.iter().collect();
    while !left.is_empty() {
        let paths: BTreeSet<&str> = left.iter().map(|chart| chart.path.as_str()).collect();
        let waits = |chart: &&Chart| below(inputs, chart).iter().any(|path| paths.contains(path.as_str()));
        let (waiting, ready): (Vec<&Chart>, Vec<&Chart>) = left.into_iter().partition(waits);
        if ready.is_empty() {
            let names: Vec<String> = waiting.iter().map(|chart| format!("`{}`", chart.name)).collect();
            let text = format!("these charts depend on each other: {}", names.join(", "));
            let problem = Problem::new("cyclic-charts", text).hint("remove one of the `file://` dependencies");
            inputs.refuse(problem.at_key(format!("charts.{}", waiting[0].name)));
            return ordered;
        }
        ordered.extend(ready);
        left = waiting;
    }
    ordered
}

/// The folders that a chart takes charts from.
fn below(inputs: &Inputs<'_>, chart: &Chart) -> Vec<String> {
    let files = inputs.facts.charts.get(&chart.path).map(|folder| folder.files.as_slice()).unwrap_or_default();
    let file = files.iter().find(|file| file.path == metadata::FILE);
    let read = file.and_then(|file| Metadata::read(file.text().ok()?).ok());
    let dependencies = read.map(|metadata| metadata.dependencies).unwrap_or_default();
    dependencies.iter().filter_map(|dependency| folder(&chart.path, dependency)?.ok()).collect()
}
