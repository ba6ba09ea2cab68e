//! `images.NAME.dockerfile:` and the keys that belong to it, read: one build per Dockerfile.

use std::collections::BTreeMap;

use super::command::command;
use super::diagnostics::Diagnostics;
use super::fields::Fields;
use super::model::{BuildContext, Dockerfile, Runners};
use super::names;
use super::schema::Place;
use super::text;
use super::words::quote;
use super::yaml::{Entry, Map, Node};
use crate::platform::Platform;
use crate::problem::Problem;

/// How long a build may take if nothing is written, seconds.
const TIMEOUT: u64 = 60 * 60;

/// What the Dockerfile itself says, or what only images of binaries have.
const ELSEWHERE: [&str; 10] =
    ["entrypoint", "cmd", "user", "workdir", "env", "expose", "healthcheck", "flavors", "include", "compression"];
/// What only images from Dockerfiles have.
const ONLY_HERE: [&str; 15] = [
    "context", "stage", "args", "secrets", "before", "contexts", "assets", "runner", "emulate", "engine", "network",
    "cache", "reuse", "contains", "timeout",
];

/// The builds of an image, one per flavor; none if it has no Dockerfile.
pub fn read(fields: Fields<'_>) -> Vec<Dockerfile> {
    let Some(node) = fields.0.get("dockerfile") else { return Vec::new() };
    let Some(flavors) = node.map() else {
        return fields.path("dockerfile").map(|path| one(String::new(), path, fields, None)).into_iter().collect();
    };
    let of_flavor = |entry: &Entry| {
        let own = entry.value.map().map(Fields);
        let path = match own {
            Some(own) => own.path("dockerfile")?,
            None => names::path(entry.value.text()?).ok()?,
        };
        Some(one(entry.key.clone(), path, fields, own))
    };
    flavors.entries.iter().filter_map(of_flavor).collect()
}

/// A build; `own` are the keys of its flavor, which win.
fn one(flavor: String, dockerfile: String, fields: Fields<'_>, own: Option<Fields<'_>>) -> Dockerfile {
    let with = |key: &str| own.filter(|own| own.0.entry(key).is_some()).unwrap_or(fields);
    let folder = dockerfile.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    let context = fields.path("context").map(|path| if path == "." { String::new() } else { path });
    let templates = with("args").table("args").into_iter();
    let args = templates.filter_map(|(key, value)| Some((key, text::template(Place::ImageText, &value).ok()?)));
    Dockerfile {
        flavor,
        context: context.unwrap_or(folder),
        dockerfile,
        stage: with("stage").text("stage"),
        args: args.collect(),
        secrets: fields.table("secrets"),
        before: fields.many("before").unwrap_or_default().iter().filter_map(command).collect(),
        contexts: fields.table("contexts").into_iter().map(|(name, text)| (name, build_context(&text))).collect(),
        binaries: with("binaries").texts("binaries").unwrap_or_default(),
        assets: fields.texts("assets").unwrap_or_default(),
        platforms: with("platforms").platforms().unwrap_or_else(|| Platform::BINARIES.to_vec()),
        runners: runners(fields),
        emulate: fields.flag("emulate").unwrap_or(false),
        engine: fields.text("engine").filter(|engine| engine != "auto"),
        network: fields.text("network").as_deref() != Some("none"),
        cache: fields.flag("cache"),
        reuse: fields.text("reuse").map(|word| word == "inputs"),
        contains: fields.parsed("contains", |text| names::image_path(text).ok()).unwrap_or_default(),
        timeout: fields.text("timeout").and_then(|text| text::seconds(&text).ok()).unwrap_or(TIMEOUT),
    }
}

/// `image.NAME` is another image of the file, anything else a folder.
fn build_context(text: &str) -> BuildContext {
    match text.strip_prefix("image.") {
        Some(image) => BuildContext::Image(image.to_owned()),
        None => BuildContext::Folder(names::path(text).unwrap_or_default()),
    }
}

fn runners(fields: Fields<'_>) -> Runners {
    match fields.map("runner") {
        Some(_) => {
            let by_platform = fields.table("runner").into_iter();
            let parsed = by_platform.filter_map(|(platform, label)| Some((platform.parse().ok()?, label)));
            Runners { all: None, by_platform: parsed.collect() }
        }
        None => Runners { all: fields.text("runner"), by_platform: BTreeMap::new() },
    }
}

/// Keys that do not go together with a Dockerfile, or not without one.
pub fn check(map: &Map, path: &str, found: &mut Diagnostics) {
    let is_built = map.entry("dockerfile").is_some();
    for entry in &map.entries {
        let key = entry.key.as_str();
        let problem = match is_built {
            true if ELSEWHERE.contains(&key) => {
                let problem =
                    Problem::new("in-the-dockerfile", format!("`{key}` does not go together with `dockerfile`"));
                problem.hint(instead(key))
            }
            false if ONLY_HERE.contains(&key) => {
                let problem = Problem::new("needs-dockerfile", format!("`{key}` is for images from Dockerfiles"));
                problem.hint("add `dockerfile: PATH`, or remove it")
            }
            _ => continue,
        };
        found.at(problem, &format!("{path}.{key}"), true, &entry.key_span);
    }
    for entry in map.get("contexts").and_then(Node::map).map(|map| map.entries.as_slice()).unwrap_or_default() {
        let text = entry.value.text().filter(|text| !text.starts_with("image."));
        if let Some(Err(problem)) = text.map(names::path) {
            found.at(problem, &format!("{path}.contexts.{}", entry.key), false, &entry.value.span);
        }
    }
    for entry in map.get("dockerfile").and_then(Node::map).map(|map| map.entries.as_slice()).unwrap_or_default() {
        if entry.value.map().is_some_and(|flavor| flavor.entry("dockerfile").is_none()) {
            let problem = Problem::new("missing-key", format!("flavor {} has no `dockerfile:`", quote(&entry.key)));
            let at = format!("{path}.dockerfile.{}", entry.key);
            found.at(problem.hint("set it to the path of its Dockerfile"), &at, true, &entry.key_span);
        }
    }
}

/// Where a key is said instead.
fn instead(key: &str) -> &'static str {
    match key {
        "entrypoint" => "write `ENTRYPOINT` in the Dockerfile",
        "cmd" => "write `CMD` in the Dockerfile",
        "user" => "write `USER` in the Dockerfile",
        "workdir" => "write `WORKDIR` in the Dockerfile",
        "env" => "write `ENV` in the Dockerfile",
        "expose" => "write `EXPOSE` in the Dockerfile",
        "healthcheck" => "write `HEALTHCHECK` in the Dockerfile",
        "flavors" => "write `dockerfile: {FLAVOR: PATH}` for several flavors",
        "include" => "write `COPY` in the Dockerfile",
        _ => "remove it: the engine compresses the layers with gzip",
    }
}
