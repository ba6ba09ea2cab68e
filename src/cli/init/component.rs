//! Components of a repository without cargo packages: images and charts that have tags of their own.

use std::path::Path;

use super::found::{Found, FoundComponent, OF_COMPONENT};
use super::scalar::scalar;
use crate::facts::{self, Facts};
use crate::tag::Guess;
use crate::version::Version;

/// How charts are called in tags, beside images of the same names.
const OF_CHART: [&str; 2] = ["chart-{}", "{}-chart"];

/// Finds them; nothing unless several things have tags of their own.
pub fn find(facts: &Facts, root: &Path, found: &mut Found) {
    let guesses: Vec<Guess<'_>> = facts.tags.iter().filter_map(|tag| Guess::of(&tag.name)).collect();
    let newest = |name: &str| guesses.iter().filter(|guess| guess.name() == Some(name)).max();
    let images: Vec<String> =
        found.images.iter().filter(|image| image.problem.is_none()).map(|image| image.name.clone()).collect();
    let form = |form: &&&str| found.charts.iter().any(|chart| newest(&form.replace("{}", &chart.name)).is_some());
    let form = OF_CHART.iter().find(form);
    let chart_name = |name: &str| form.map_or_else(|| name.to_owned(), |form| form.replace("{}", name));
    let charts: Vec<String> = found.charts.iter().map(|chart| chart_name(&chart.name)).collect();
    let names = || images.iter().chain(&charts);
    let tagged = names().filter(|name| newest(name).is_some()).count();
    let is_clear = charts.iter().all(|name| !images.contains(name));
    if tagged < 2 || !is_clear || !facts.packages.is_empty() || !facts.python.is_empty() {
        return;
    }
    let component = |name: &String| FoundComponent {
        name: name.clone(),
        tag: newest(name).map(|guess| template(guess, name)).filter(|tag| tag != OF_COMPONENT),
        version_file: version_file(facts, root, found, name),
    };
    let components = names().map(component).collect();
    for (chart, component) in found.charts.iter_mut().zip(&charts) {
        chart.component = (chart.name != *component).then(|| component.clone());
    }
    found.components = components;
}

fn template(guess: &Guess<'_>, name: &str) -> String {
    guess.before.strip_prefix(name).map_or_else(|| guess.template(), |rest| format!("{{component}}{rest}{{version}}"))
}

/// The manifest beside the Dockerfile of an image.
fn version_file(facts: &Facts, root: &Path, found: &Found, name: &str) -> Option<String> {
    let image = found.images.iter().find(|image| image.name == name)?;
    let folder = image.dockerfile.rsplit_once('/').map_or("", |(folder, _)| folder);
    ["pyproject.toml", "package.json"].into_iter().find_map(|file| {
        let path = if folder.is_empty() { file.to_owned() } else { format!("{folder}/{file}") };
        let is_committed = facts.files.iter().any(|file| file.path == path);
        let version = facts::version_file::read(root, &path).ok().filter(|_| is_committed)?;
        version.parse::<Version>().ok().map(|_| path)
    })
}

/// The section `components`.
pub fn section(components: &[FoundComponent]) -> String {
    let mut text =
        "# Each of these is released by tags of its own, as the repository's tags are.\ncomponents:\n".to_owned();
    for FoundComponent { name, tag, version_file } in components {
        let tag = tag.as_ref().map(|tag| format!("tag: {}", serde_json::Value::from(tag.as_str())));
        let file = version_file.as_ref().map(|file| format!("version-files: {}", scalar(file)));
        let keys: Vec<String> = tag.into_iter().chain(file).collect();
        let entry = if keys.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", keys.join(", ")) };
        text.push_str(&format!("  {}: {entry}\n", scalar(name)));
    }
    text
}
