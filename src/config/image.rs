//! `images:` and `bases:` read.

use super::diagnostics::Diagnostics;
use super::dockerfile;
use super::fields::Fields;
use super::fields::FileItem;
use super::model::{Base, Image, ImageSmoke, ImageTag};
use super::names;
use super::overrides::{EntryKind, Layers, distinct};
use super::publish::artifact_publish;
use super::schema::{BASE, IMAGE, Place};
use super::text;
use super::words::{nearest, quote};
use super::yaml::{Map, Node};
use crate::destination::When;
use crate::platform::{Compression, Platform};
use crate::problem::Problem;
use crate::template::Template;

const KIND: EntryKind = EntryKind { key: "images", section: &IMAGE };
const BASES: EntryKind = EntryKind { key: "bases", section: &BASE };

/// The flavors that need no entry of `bases:`, in the order of `flavors: all`.
pub const FLAVORS: [&str; 5] = ["distroless", "debian", "ubuntu", "alpine", "scratch"];
const DEFAULT_TAGS: [&str; 4] = ["{version}", "{major}.{minor}", "{major}", "latest"];

pub fn read(file: &Map, layers: &mut Layers) -> Vec<Image> {
    let mut images = Vec::new();
    for entry in distinct(file, KIND.key, &mut layers.found) {
        let node = layers.entry(file, KIND, Some(&entry.value));
        let map = node.map().cloned().unwrap_or_default();
        let image = one(&entry.key, Fields(&map));
        let path = format!("{}.{}", KIND.key, entry.key);
        known_flavors(file, &map, &path, &mut layers.found);
        dockerfile::check(&map, &path, &mut layers.found);
        layers.entries.push((KIND.key, entry.key.clone(), node));
        images.push(image);
    }
    images
}

pub fn bases(file: &Map, layers: &mut Layers) -> Vec<Base> {
    let mut bases = Vec::new();
    for entry in distinct(file, BASES.key, &mut layers.found) {
        let node = layers.entry(file, BASES, Some(&entry.value));
        let map = node.map().cloned().unwrap_or_default();
        let fields = Fields(&map);
        let from = fields.text("from").and_then(|text| names::image(&text).ok());
        if map.entry("from").is_none() && !FLAVORS.contains(&entry.key.as_str()) {
            let problem = Problem::new("missing-key", format!("the base image {} has no `from:`", quote(&entry.key)))
                .hint(format!("set it to an image, or use one of {}", FLAVORS.join(", ")));
            layers.found.at(problem, &format!("{}.{}", BASES.key, entry.key), true, &entry.key_span);
        }
        bases.push(Base {
            flavor: entry.key.clone(),
            from,
            platforms: fields.platforms(),
            user: fields.text("user"),
            include: files(fields),
        });
        layers.entries.push((BASES.key, entry.key.clone(), node));
    }
    bases
}

fn one(name: &str, fields: Fields<'_>) -> Image {
    let tags = |key: &str| fields.many(key).map(|items| items.iter().filter_map(tag).collect::<Vec<_>>());
    let default = |text: &str| {
        let tag = text.parse().expect("our own templates are well formed");
        ImageTag { tag, when: When::Always }
    };
    let dockerfiles = dockerfile::read(fields);
    let built: Vec<String> = dockerfiles.iter().map(|build| build.flavor.clone()).collect();
    Image {
        name: name.to_owned(),
        title: fields.text("name"),
        component: fields.text("component"),
        repositories: fields.parsed("repositories", |text| names::image_repository(text).ok()),
        binaries: fields.texts("binaries"),
        platforms: fields.platforms().unwrap_or_else(|| Platform::BINARIES.to_vec()),
        flavors: if built.is_empty() { flavors(fields.texts("flavors")) } else { built },
        include: files(fields),
        tags: tags("tags").unwrap_or_else(|| DEFAULT_TAGS.map(default).to_vec()),
        platform_tags: tags("platform-tags").unwrap_or_default(),
        entrypoint: fields.texts("entrypoint"),
        cmd: fields.texts("cmd").unwrap_or_default(),
        user: fields.text("user"),
        workdir: workdir(fields),
        env: fields.table("env"),
        expose: fields.parsed("expose", |text| names::port(text).ok()).unwrap_or_default(),
        healthcheck: fields.texts("healthcheck"),
        labels: templates(fields, "labels"),
        annotations: templates(fields, "annotations"),
        compression: match fields.text("compression").as_deref() {
            Some("zstd") => Compression::Zstd,
            _ => Compression::Gzip,
        },
        smoke: smoke(fields),
        max_size: fields.text("max-size").and_then(|text| text::size(&text).ok()),
        dockerfiles,
        publish: artifact_publish(fields),
    }
}

/// `all` spelled out where it stands.
fn flavors(written: Option<Vec<String>>) -> Vec<String> {
    let mut flavors: Vec<String> = Vec::new();
    for flavor in written.unwrap_or_else(|| vec![FLAVORS[0].into()]) {
        let many = if flavor == "all" { FLAVORS.map(str::to_owned).to_vec() } else { vec![flavor] };
        for flavor in many {
            if !flavors.contains(&flavor) {
                flavors.push(flavor);
            }
        }
    }
    flavors
}

fn known_flavors(file: &Map, image: &Map, path: &str, found: &mut Diagnostics) {
    let own = || super::overrides::entries(file, BASES.key).iter().map(|entry| entry.key.as_str());
    let known: Vec<&str> = FLAVORS.into_iter().chain(["all"]).chain(own()).collect();
    for node in Fields(image).many("flavors").unwrap_or_default() {
        let Some(flavor) = node.text().filter(|flavor| !known.contains(flavor)) else { continue };
        let problem = Problem::new("unknown-flavor", format!("there is no base image for flavor {}", quote(flavor)));
        let problem = problem.hint(match nearest(flavor, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write `bases: {{ {flavor}: {{ from: IMAGE }} }}`, or use one of {}", known.join(", ")),
        });
        found.at(problem, &format!("{path}.flavors"), false, &node.span);
    }
}

fn files(fields: Fields<'_>) -> Vec<FileItem> {
    let item = |node: &Node| {
        let fields = Fields(node.map()?);
        Some(FileItem { from: fields.path("from")?, to: names::image_path(&fields.text("to")?).ok(), follow: false })
    };
    fields.many("include").unwrap_or_default().iter().filter_map(item).collect()
}

fn tag(node: &Node) -> Option<ImageTag> {
    let template = |text: &str| text::template(Place::ImageTag, text).ok();
    let Some(map) = node.map() else { return Some(ImageTag { tag: template(node.text()?)?, when: When::Always }) };
    let fields = Fields(map);
    let when = match fields.text("when").as_deref() {
        Some("stable") => When::Stable,
        Some("prerelease") => When::Prerelease,
        _ => When::Always,
    };
    Some(ImageTag { tag: template(&fields.text("tag")?)?, when })
}

fn templates(fields: Fields<'_>, key: &str) -> std::collections::BTreeMap<String, Template> {
    let parsed = |(key, text): (String, String)| Some((key, text::template(Place::ImageText, &text).ok()?));
    fields.table(key).into_iter().filter_map(parsed).collect()
}

fn smoke(fields: Fields<'_>) -> Option<ImageSmoke> {
    if let Some(map) = fields.map("smoke") {
        return Some(ImageSmoke::Http(map.text("http")?));
    }
    fields.texts("smoke").filter(|_| !fields.is_off("smoke")).map(ImageSmoke::Args)
}

fn workdir(fields: Fields<'_>) -> String {
    let path = fields.text("workdir").and_then(|text| names::image_path(&text).ok()).unwrap_or_default();
    format!("/{}", path.trim_end_matches('/'))
}
