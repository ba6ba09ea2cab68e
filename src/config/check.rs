//! Checks the tree and makes the [`Config`](super::Config); collects every problem of the file.

use super::diagnostic::Diagnostic;
use super::diagnostics::Diagnostics;
use super::fields::Fields;
use super::model::Config;
use super::overrides::Layers;
use super::source::Source;

use super::yaml::{self, Map, Node, Value};
use super::{archive, asset, binary, chart, component, image, overlays, publish, references, shape, wheel, workflow};
use crate::problem::Problem;
use crate::target;

/// Reads `longshore.yaml`. `name` is shown in diagnostics; `overlays` are applied in order.
///
/// # Errors
/// Every problem of the file.
pub fn parse(name: &str, text: &str, overlays: &[String]) -> Result<(Config, Source), (Source, Vec<Diagnostic>)> {
    let source = Source { name: name.to_owned(), text: text.to_owned(), ..Source::default() };
    let (root, problems) = yaml::read(text);
    let mut found = Diagnostics::default();
    let broken = root.is_none() && !problems.is_empty();
    problems.into_iter().for_each(|problem| found.push(problem));
    if broken {
        return Err((source, found.sorted()));
    }
    let nothing = Node { span: 0..0, value: Value::Scalar { text: String::new(), plain: true } };
    let root = root.unwrap_or(nothing);
    if !is_map(&root, &mut found) {
        return Err((source, found.sorted()));
    }
    judge(root, overlays, source, found)
}

/// The configuration of a tree, if nothing was found in it or before.
pub(super) fn judge(
    mut root: Node,
    overlays: &[String],
    mut source: Source,
    mut found: Diagnostics,
) -> Result<(Config, Source), (Source, Vec<Diagnostic>)> {
    begins_with_format(&root, &mut found);
    shape::check(&root, &mut found);
    let mut layers = Layers::new(found);
    overlays::lay(&mut root, overlays, &mut layers);
    let map = root.map().cloned().unwrap_or_default();
    let config = read(&map, &mut layers);
    references::check(&map, &config, &mut layers.found);
    component::ambiguous(&map, &config, &mut layers.found);
    layers.finish();
    source.tree = Some(Box::new(root));
    source.entries = layers.entries;
    if layers.found.is_empty() { Ok((config, source)) } else { Err((source, layers.found.sorted())) }
}

/// The configuration of a project without a file: every default.
pub fn none() -> Config {
    let config = read(&Map::default(), &mut Layers::new(Diagnostics::default()));
    Config { written: false, ..config }
}

fn read(file: &Map, layers: &mut Layers) -> Config {
    let fields = Fields(file);
    let targets = fields.parsed("targets", |text| text.parse().ok()).unwrap_or_else(|| target::DEFAULT.to_vec());
    let (root, components) = component::read(file, layers);
    let binaries = binary::read(file, &targets, layers);
    let archives = archive::read(file, &binaries, layers);
    let images = image::read(file, layers);
    let wheels = wheel::read(file, &targets, layers);
    let charts = chart::read(file, layers);
    Config {
        written: true,
        name: fields.text("name"),
        output: output(file, &mut layers.found),
        snapshot: fields.flag("snapshot").unwrap_or(false),
        host: fields.flag("host").unwrap_or(false),
        targets,
        root,
        components,
        archives,
        assets: asset::read(file, layers),
        destinations: publish::read(file, !images.is_empty() || !charts.is_empty(), layers),
        bases: image::bases(file, layers),
        workflows: workflow::read(file, layers),
        images,
        wheels,
        charts,
        binaries,
    }
}

/// A folder of its own: what lies in it is ours to remove.
fn output(file: &Map, found: &mut Diagnostics) -> String {
    let path = Fields(file).path("output").unwrap_or_else(|| "target/longshore".into());
    if let (".", Some(node)) = (path.as_str(), file.get("output")) {
        let problem =
            Problem::new("bad-path", "`output` cannot be the repository itself: old results in it are removed")
                .hint("use a separate folder, like `target/longshore`");
        found.at(problem, "output", false, &node.span);
    }
    path
}

fn is_map(root: &Node, found: &mut Diagnostics) -> bool {
    if root.map().is_some() {
        return true;
    }
    let problem = if root.is_null() {
        Problem::new("empty-file", "the file is empty")
            .hint("start it with `longshore: 1`, or remove it: no file is fine too")
    } else {
        Problem::new("wrong-type", "the file must be a map of keys").hint("start it with `longshore: 1`")
    };
    let span = Some(root.span.clone()).filter(|_| !root.is_null());
    found.push(Diagnostic { problem, span });
    false
}

fn begins_with_format(root: &Node, found: &mut Diagnostics) {
    let Value::Map(map) = &root.value else { return };
    if map.get("longshore").is_some() || map.entry("longshore").is_some_and(|entry| entry.value.is_empty()) {
        return;
    }
    let problem = Problem::new("missing-key", "`longshore: 1` is missing")
        .hint("start the file with it: it is the version of the format");
    let first = map.entries.first().map_or_else(|| root.span.clone(), |entry| entry.key_span.clone());
    found.at(problem, "longshore", true, &first);
}
