//! Charts of the commit, and where their values name its images.

use std::fs;
use std::path::Path;

use super::found::{FoundChart, FoundImage, is_aside};
use super::scalar::scalar;
use crate::chart::copy::VALUES;
use crate::chart::metadata::{FILE, Metadata};
use crate::facts::Facts;
use crate::facts::git::TreeKind;
use crate::yaml::{self, Node, Step, Value, ValuesPath};

/// Every chart that is nobody's part.
pub fn find(facts: &Facts, root: &Path, images: &[FoundImage]) -> Vec<FoundChart> {
    let mut charts: Vec<FoundChart> = Vec::new();
    for file in facts.files.iter().filter(|file| !matches!(file.kind, TreeKind::Symlink(_)) && !is_aside(&file.path)) {
        let Some(folder) = file.path.strip_suffix(FILE).and_then(|folder| folder.strip_suffix('/')) else { continue };
        let is_part = |parent: &str| facts.files.iter().any(|file| file.path == format!("{parent}/{FILE}"));
        if folder.split_once("/charts/").is_some_and(|_| parents(folder).any(is_part)) {
            continue;
        }
        let read = fs::read_to_string(root.join(&file.path)).ok().and_then(|text| Metadata::read(&text).ok());
        let Some(metadata) = read.filter(|metadata| !metadata.is_library()) else { continue };
        let name = folder.rsplit('/').next().unwrap_or(folder).to_owned();
        if charts.iter().any(|chart| chart.name == name) {
            continue;
        }
        let values = fs::read_to_string(root.join(folder).join(VALUES)).unwrap_or_default();
        let is_there = |name: &str| {
            let parts = facts.files.iter().filter_map(|file| file.path.strip_prefix(folder)?.strip_prefix("/charts/"));
            parts.into_iter().any(|part| part.starts_with(name))
        };
        let fetches = metadata.dependencies.iter().any(|one| !one.repository.is_empty() && !is_there(&one.name));
        let is_set = !facts.packages.iter().any(|package| package.version.to_string() == metadata.version);
        charts.push(FoundChart {
            strangers: strangers(&values, images, facts),
            images: named(&values, images),
            component: None,
            path: folder.to_owned(),
            fetches,
            is_set: is_set && !(facts.packages.is_empty() && images.is_empty()),
            name,
        });
    }
    charts
}

/// The charts that a chart may lie in: `a` and `a/charts/b` of `a/charts/b/charts/c`.
fn parents(folder: &str) -> impl Iterator<Item = &str> {
    folder.match_indices("/charts/").map(|(at, _)| &folder[..at])
}

/// Where values name one of the images, by the last part of its repository.
fn named(values: &str, images: &[FoundImage]) -> Vec<(String, Vec<String>)> {
    let Ok(root) = yaml::read(values) else { return Vec::new() };
    let mut all = Vec::new();
    for image in images.iter().filter(|image| image.problem.is_none()) {
        let mut paths = Vec::new();
        for entry in root.entries() {
            places(&entry.value, &ValuesPath::key(&entry.key), &entry.key, &image.name, &mut paths);
        }
        if !paths.is_empty() {
            all.push((image.name.clone(), paths));
        }
    }
    all
}

/// Repositories in values that have the owner's name in them, and a last part that no image here has.
fn strangers(values: &str, images: &[FoundImage], facts: &Facts) -> Vec<String> {
    let Some(owner) = facts.remote.as_ref().map(|remote| remote.owner.to_lowercase()) else { return Vec::new() };
    let Ok(root) = yaml::read(values) else { return Vec::new() };
    let mut all = Vec::new();
    let is_strange = |text: &str| {
        let plain = text.split('@').next().unwrap_or(text).to_lowercase();
        let parts: Vec<&str> = plain.split('/').collect();
        let last = parts.last().and_then(|last| last.split(':').next()).unwrap_or_default();
        parts.len() > 1
            && parts[..parts.len() - 1].contains(&owner.as_str())
            && !images.iter().any(|image| image.name == last)
    };
    for entry in root.entries() {
        texts(&entry.value, &entry.key, &mut |key, text| {
            if matches!(key, "image" | "repository") && is_strange(text) && !all.iter().any(|known| known == text) {
                all.push(text.to_owned());
            }
        });
    }
    all
}

/// Every text with the key it belongs to.
fn texts(node: &Node, key: &str, see: &mut impl FnMut(&str, &str)) {
    match &node.value {
        Value::Text(text) => see(key, text),
        Value::Map(entries) => entries.iter().for_each(|entry| texts(&entry.value, &entry.key, see)),
        Value::List(items) => items.iter().for_each(|item| texts(item, key, see)),
        _ => {}
    }
}

fn places(node: &Node, path: &ValuesPath, key: &str, image: &str, paths: &mut Vec<String>) {
    let is_it = |text: &str| {
        let repository = text.split('@').next().unwrap_or(text);
        let last = repository.rsplit('/').next().unwrap_or(repository);
        last.split(':').next() == Some(image)
    };
    match &node.value {
        Value::Text(text) if key == "image" && is_it(text) => paths.push(path.to_string()),
        Value::Map(_)
            if node.get("tag").is_some() && node.get("repository").and_then(Node::text).is_some_and(is_it) =>
        {
            paths.push(path.to_string());
        }
        Value::Map(entries) => {
            for entry in entries.iter().filter(|entry| entry.merged.is_none()) {
                places(&entry.value, &path.join(Step::Key(entry.key.clone())), &entry.key, image, paths);
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &path.join(Step::Index(index)), "", image, paths);
            }
        }
        _ => {}
    }
}

/// The section `charts`.
pub fn section(charts: &[FoundChart]) -> String {
    if charts.is_empty() {
        return String::new();
    }
    let mut text = "# Helm charts: the packaged copy names the images of the release. `images:` says where values.yaml has them.\n\
                    charts:\n"
        .to_owned();
    for chart in charts {
        let mut keys = Vec::new();
        if chart.path != format!("charts/{}", chart.name) {
            keys.push(format!("path: {}", scalar(&chart.path)));
        }
        if let Some(component) = &chart.component {
            keys.push(format!("component: {}", scalar(component)));
        }
        if chart.is_set {
            keys.push("version: release".to_owned());
        }
        if chart.fetches {
            keys.push("dependencies: build".to_owned());
        }
        let images = chart.images.iter().map(|(image, paths)| {
            let paths: Vec<String> = paths.iter().map(|path| quoted(path)).collect();
            let paths = if paths.len() == 1 { paths.concat() } else { format!("[{}]", paths.join(", ")) };
            format!("{}: {paths}", scalar(image))
        });
        let images: Vec<String> = images.collect();
        if !images.is_empty() {
            keys.push(format!("images: {{ {} }}", images.join(", ")));
        }
        let entry = if keys.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", keys.join(", ")) };
        text.push_str(&format!("  {}: {entry}\n", scalar(&chart.name)));
    }
    text.push('\n');
    text
}

/// A path as a scalar inside `[…]`.
fn quoted(path: &str) -> String {
    let plain = path.chars().all(|char| char.is_ascii_alphanumeric() || "._-/".contains(char));
    if plain { path.to_owned() } else { format!("'{}'", path.replace('\'', "''")) }
}

/// What is said of them.
pub fn lines(charts: &[FoundChart]) -> String {
    let line = |chart: &FoundChart| {
        let images: Vec<&str> = chart.images.iter().map(|(image, _)| image.as_str()).collect();
        let images = if images.is_empty() { String::new() } else { format!(", which names {}", images.join(", ")) };
        let strange = chart.strangers.iter().map(|image| {
            format!("    it names `{image}`, which no image here is called: if it is one of them, add it to the chart's `images:`\n")
        });
        format!("  chart {} of {}{images}\n{}", chart.name, chart.path, strange.collect::<String>())
    };
    charts.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_found_in_values() {
        let image = |name: &str| FoundImage { name: name.into(), ..FoundImage::default() };
        let values = "api:\n  image: {repository: ghcr.io/acme/api, tag: dev}\njobs:\n- image: acme/api:1\n- image: acme/apiary:1\n\
                      web: {image: {registry: ghcr.io, repository: acme/web, tag: x}}\ndb: {image: {repository: postgres, tag: '17'}}\n";
        let found = named(values, &[image("api"), image("web"), image("other")]);
        let paths = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            found,
            [("api".to_owned(), paths(&["api.image", "jobs[0].image"])), ("web".to_owned(), paths(&["web.image"])),]
        );
        assert!(named("a: [", &[image("api")]).is_empty());
    }

    #[test]
    fn an_entry_is_what_the_configuration_reads() {
        let chart = |name: &str, path: &str, images: &[(&str, &[&str])]| FoundChart {
            name: name.into(),
            path: path.into(),
            is_set: name == "shop",
            fetches: name == "plain",
            images: images
                .iter()
                .map(|(image, paths)| ((*image).to_owned(), paths.iter().map(|path| (*path).to_owned()).collect()))
                .collect(),
            ..FoundChart::default()
        };
        let charts = [
            chart("plain", "charts/plain", &[]),
            chart(
                "shop",
                "deploy/shop",
                &[("api", &["a.image", "jobs[0].image"]), ("web", &["annotations.\"x.io/y\""])],
            ),
        ];
        let text = section(&charts);
        assert!(text.contains("  plain: { dependencies: build }\n"), "{text}");
        assert!(text.contains("path: \"deploy/shop\", version: release, images: { api: [a.image, 'jobs[0].image'], web: 'annotations.\"x.io/y\"' }"), "{text}");
        let whole = format!("longshore: 1\nimages: {{ api: {{ dockerfile: D }}, web: {{ dockerfile: E }} }}\n{text}");
        crate::config::parse("longshore.yaml", &whole, &[]).unwrap();
    }
}
