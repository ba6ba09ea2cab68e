//! Typed reading of a map. Lenient: what is wrong was reported by `shape` and reads as if it were not written.

use std::collections::BTreeMap;

use super::names;
use super::schema::Place;
use super::text;
use super::yaml::{Map, Node, Value};
use crate::platform::Platform;
use crate::template::Template;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileItem {
    /// A path or glob relative to the repository.
    pub from: String,
    /// Where it goes; absent: its own path (a glob's match: its file name for `include`).
    pub to: Option<String>,
    /// `links: follow` of an asset's files.
    pub follow: bool,
}

#[derive(Clone, Copy)]
pub struct Fields<'n>(pub &'n Map);

impl<'n> Fields<'n> {
    pub fn text(&self, key: &str) -> Option<String> {
        self.0.get(key)?.text().map(str::to_owned)
    }

    /// A path without needless parts.
    pub fn path(&self, key: &str) -> Option<String> {
        names::path(self.0.get(key)?.text()?).ok()
    }

    /// One or many pieces of text.
    pub fn texts(&self, key: &str) -> Option<Vec<String>> {
        Some(self.many(key)?.iter().filter_map(|item| item.text().map(str::to_owned)).collect())
    }

    /// One or many nodes.
    pub fn many(&self, key: &str) -> Option<&'n [Node]> {
        Some(self.0.get(key)?.many())
    }

    /// One or many of something that is parsed.
    pub fn parsed<T>(&self, key: &str, parse: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
        Some(self.many(key)?.iter().filter_map(|item| parse(item.text()?)).collect())
    }

    pub fn flag(&self, key: &str) -> Option<bool> {
        self.0.get(key)?.bool()
    }

    /// Whether it is written `false`.
    pub fn is_off(&self, key: &str) -> bool {
        self.flag(key) == Some(false)
    }

    pub fn template(&self, key: &str, place: Place) -> Option<Template> {
        let node = self.0.get(key).filter(|node| node.bool().is_none())?;
        text::template(place, node.text()?).ok()
    }

    pub fn map(&self, key: &str) -> Option<Self> {
        self.0.get(key)?.map().map(Self)
    }

    pub fn table(&self, key: &str) -> BTreeMap<String, String> {
        let entries = self.map(key).map(|map| map.0.entries.as_slice()).unwrap_or_default();
        entries.iter().filter_map(|entry| Some((entry.key.clone(), entry.value.text()?.to_owned()))).collect()
    }

    /// `platforms:`, sorted.
    pub fn platforms(&self) -> Option<Vec<Platform>> {
        let mut platforms = self.parsed("platforms", |text| names::platform(text).ok())?;
        platforms.sort();
        platforms.dedup();
        Some(platforms)
    }

    pub fn files(&self, key: &str) -> Option<Vec<FileItem>> {
        Some(self.many(key)?.iter().filter_map(file).collect())
    }
}

fn file(node: &Node) -> Option<FileItem> {
    match &node.value {
        Value::Map(map) => {
            let fields = Fields(map);
            let follow = fields.text("links").as_deref() == Some("follow");
            // `to/` is a folder for what is put there, `to` a name.
            let is_folder = fields.text("to").is_some_and(|to| to.ends_with('/'));
            let to = fields.path("to").map(|to| if is_folder { format!("{to}/") } else { to });
            Some(FileItem { from: fields.path("from")?, to, follow })
        }
        _ => Some(FileItem { from: names::path(node.text()?).ok()?, to: None, follow: false }),
    }
}
