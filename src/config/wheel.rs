//! `wheels:` read into settings per target.

use std::collections::BTreeMap;

use super::binary;
use super::fields::Fields;
use super::model::{BinarySettings, VariantCheck, Wheel, WheelSettings};
use super::names;
use super::overrides::{EntryKind, Layers, distinct};
use super::publish::artifact_publish;
use super::schema::{Place, WHEEL};
use super::yaml::{Entry, Map, Node, Value};
use crate::target::Target;

const KIND: EntryKind = EntryKind { key: "wheels", section: &WHEEL };

/// Reads `wheels:`; `targets` are the file's.
pub fn read(file: &Map, targets: &[Target], layers: &mut Layers) -> Vec<Wheel> {
    let mut wheels = Vec::new();
    for entry in distinct(file, KIND.key, &mut layers.found) {
        match names::distribution(&entry.key) {
            Ok(_) => wheels.extend(one(file, entry, targets, layers)),
            Err(problem) => layers.found.at(problem, &format!("wheels.{}", entry.key), true, &entry.key_span),
        }
    }
    wheels
}

fn one(file: &Map, entry: &Entry, targets: &[Target], layers: &mut Layers) -> Option<Wheel> {
    let node = layers.entry(file, KIND, Some(&entry.value));
    let path = format!("{}.{}", KIND.key, entry.key);
    let map = node.map().cloned().unwrap_or_default();
    let fields = Fields(&map);
    let own = fields.parsed("targets", |text| text.parse().ok());
    let mut builds: Vec<(Target, WheelSettings)> = Vec::new();
    for target in own.as_deref().unwrap_or(targets) {
        let special = layers.for_target(&node, KIND, &path, *target);
        let map = special.as_ref().and_then(Node::map).unwrap_or(&map);
        let before = binary::before(map, &path, *target, layers);
        let fields = Fields(map);
        let compatibility = fields.text("compatibility").and_then(|text| names::compatibility(&text).ok());
        let compatibility = compatibility.unwrap_or_else(|| "2_28".into());
        let prebuilt = fields.template("prebuilt", Place::PrebuiltWheel);
        let cargo = BinarySettings { prebuilt, ..binary::settings(fields, before) };
        builds.push((*target, WheelSettings { cargo, compatibility }));
    }
    let wheel = Wheel {
        name: names::distribution(&entry.key).ok()?,
        component: fields.text("component"),
        python: fields.parsed("python", |text| names::python(text).ok()).unwrap_or_default(),
        sdist: fields.flag("sdist").unwrap_or(true),
        project: map.get("project").and_then(Node::map).map(table).unwrap_or_default(),
        new_classifiers: fields.texts("new-classifiers").unwrap_or_default(),
        variant_check: variant_check(fields),
        publish: artifact_publish(fields),
        builds,
    };
    layers.entries.push((KIND.key, entry.key.clone(), node));
    Some(wheel)
}

fn variant_check(fields: Fields<'_>) -> VariantCheck {
    if fields.is_off("variant-check") {
        return VariantCheck::Off;
    }
    match fields.map("variant-check") {
        Some(map) => VariantCheck::Written {
            present: map.texts("present").unwrap_or_default(),
            absent: map.texts("absent").unwrap_or_default(),
            python: map.text("python"),
        },
        None => VariantCheck::Auto,
    }
}

fn table(map: &Map) -> BTreeMap<String, serde_json::Value> {
    map.entries.iter().map(|entry| (entry.key.clone(), json(&entry.value))).collect()
}

/// YAML as JSON: what is quoted is text, what is not is what the core words of YAML 1.2 say.
fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Map(map) => serde_json::Value::Object(table(map).into_iter().collect()),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Scalar { text, plain } if *plain => match text.as_str() {
            "true" => true.into(),
            "false" => false.into(),
            "null" | "~" | "" => serde_json::Value::Null,
            other => other.parse::<i64>().map_or_else(|_| other.into(), Into::into),
        },
        Value::Scalar { text, .. } => text.as_str().into(),
    }
}
