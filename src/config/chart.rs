//! `charts:` read.

use super::fields::Fields;
use super::model::Chart;
use super::names;
use super::overrides::{EntryKind, Layers, distinct};
use super::publish::artifact_publish;
use super::schema::{CHART, Place};
use super::text;
use super::yaml::{Entry, Map, Node};
use crate::template::Template;
use crate::yaml::ValuesPath;

const KIND: EntryKind = EntryKind { key: "charts", section: &CHART };

pub fn read(file: &Map, layers: &mut Layers) -> Vec<Chart> {
    let mut charts = Vec::new();
    for entry in distinct(file, KIND.key, &mut layers.found) {
        let node = layers.entry(file, KIND, Some(&entry.value));
        let map = node.map().cloned().unwrap_or_default();
        charts.push(one(&entry.key, Fields(&map)));
        layers.entries.push((KIND.key, entry.key.clone(), node));
    }
    charts
}

fn one(name: &str, fields: Fields<'_>) -> Chart {
    Chart {
        name: name.to_owned(),
        title: fields.text("name"),
        component: fields.text("component"),
        path: fields.path("path").unwrap_or_else(|| format!("charts/{name}")),
        repositories: fields.parsed("repositories", |text| names::image_repository(text).ok()),
        is_set: fields.text("version").as_deref() == Some("release"),
        app_version: fields.template("app-version", Place::ChartText),
        images: entries(fields, "images").iter().map(image).collect(),
        values: entries(fields, "values").iter().filter_map(value).collect(),
        pin_digest: fields.text("pin").as_deref() == Some("digest"),
        fetches: fields.text("dependencies").as_deref() == Some("build"),
        render: !fields.is_off("render"),
        allow: fields.texts("allow").unwrap_or_default(),
        publish: artifact_publish(fields),
    }
}

fn entries<'n>(fields: Fields<'n>, key: &str) -> &'n [Entry] {
    fields.map(key).map(|map| map.0.entries.as_slice()).unwrap_or_default()
}

fn image(entry: &Entry) -> (String, Vec<ValuesPath>) {
    let path = |node: &Node| names::values_path(node.text()?).ok();
    (entry.key.clone(), entry.value.many().iter().filter_map(path).collect())
}

fn value(entry: &Entry) -> Option<(ValuesPath, Template)> {
    Some((names::values_path(&entry.key).ok()?, text::template(Place::ChartText, entry.value.text()?).ok()?))
}
