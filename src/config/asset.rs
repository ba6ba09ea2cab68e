//! `assets:` read.

use super::command::command;
use super::fields::Fields;
use super::model::Asset;
use super::overrides::{EntryKind, Layers, distinct};
use super::publish::artifact_publish;
use super::schema::{ASSET, Place};
use super::text;
use super::yaml::{Entry, Map};
use crate::problem::Problem;
use crate::template::Piece;

const KIND: EntryKind = EntryKind { key: "assets", section: &ASSET };

pub fn read(file: &Map, layers: &mut Layers) -> Vec<Asset> {
    distinct(file, KIND.key, &mut layers.found).iter().map(|entry| one(file, entry, layers)).collect()
}

fn one(file: &Map, entry: &Entry, layers: &mut Layers) -> Asset {
    let node = layers.entry(file, KIND, Some(&entry.value));
    let path = format!("{}.{}", KIND.key, entry.key);
    let map = node.map().cloned().unwrap_or_default();
    let fields = Fields(&map);
    if map.entry("files").is_none() {
        let problem = Problem::new("missing-key", format!("the asset `{}` has no `files:`", entry.key))
            .hint("list the files or folders it consists of");
        layers.found.at(problem, &path, true, &entry.key_span);
    }
    let mut bundle = None;
    if let Some(template) = fields.template("file", Place::AssetFile)
        && let Some(node) = map.get("file")
    {
        let ending = match template.pieces().last() {
            Some(Piece::Text(text)) => text.as_str(),
            _ => "",
        };
        match text::format_of(ending) {
            Ok(format) => bundle = Some((template, format)),
            Err(_) => {
                let problem = text::format_of(node.text().unwrap_or_default()).err();
                problem
                    .into_iter()
                    .for_each(|problem| layers.found.at(problem, &format!("{path}.file"), false, &node.span));
            }
        }
    }
    let asset = Asset {
        name: entry.key.clone(),
        title: fields.text("name"),
        component: fields.text("component"),
        run: fields.many("run").unwrap_or_default().iter().filter_map(command).collect(),
        files: fields.files("files").unwrap_or_default(),
        file: bundle,
        runner: fields.text("runner"),
        publish: artifact_publish(fields),
    };
    layers.entries.push((KIND.key, entry.key.clone(), node));
    asset
}
