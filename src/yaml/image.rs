//! An image in the values of a chart: which scalars name it, and what a chart makes of them.

use super::find::{Found, find};
use super::flaw::Flaw;
use super::node::{Node, Value};
use super::path::{Step, ValuesPath};

/// What a chart is to pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Host and port; may be empty.
    pub registry: String,
    /// The path below the host.
    pub repository: String,
    pub tag: String,
    /// `sha256:…`, where the reference is to be pinned by it.
    pub digest: Option<String>,
}

impl Image {
    /// Without the tag.
    fn name(&self) -> String {
        join(&self.registry, &self.repository)
    }

    fn reference(&self) -> String {
        format!("{}:{}", self.name(), self.tag_and_digest())
    }

    fn tag_and_digest(&self) -> String {
        self.digest.as_ref().map_or_else(|| self.tag.clone(), |digest| format!("{}@{digest}", self.tag))
    }
}

fn join(registry: &str, repository: &str) -> String {
    if registry.is_empty() { repository.into() } else { format!("{registry}/{repository}") }
}

/// A scalar that is to get a text.
pub struct Target<'n> {
    pub found: Found<'n>,
    pub text: String,
    /// Quotes also where YAML needs none.
    pub quotes: bool,
}

/// The keys of a map that name an image; a chart has `repository` or `name`.
const KEYS: [&str; 4] = ["repository", "tag", "registry", "digest"];

/// The scalars below a path that name an image, with the texts they are to hold.
pub fn targets<'n>(text: &str, root: &'n Node, path: &ValuesPath, image: &Image) -> Result<Vec<Target<'n>>, Flaw> {
    let found = find(text, root, path)?;
    let span = found.node.place();
    match &found.node.value {
        Value::Map(_) => map_targets(text, root, path, image),
        Value::List(_) => {
            Err(Flaw::new(format!("`{path}` is a list"), span).hint(format!("name an item: `{path}[0]`")))
        }
        _ if path.last_key().is_some_and(|key| KEYS.contains(&key)) => Err(ends_in_key(path, span)),
        Value::Text(_) => Ok(vec![Target { found, text: image.reference(), quotes: false }]),
        _ => Err(Flaw::new(format!("`{path}` is {}, not an image", found.node.kind()), span)
            .hint("it must be a map with `repository` and `tag`, or a text")),
    }
}

fn ends_in_key(path: &ValuesPath, span: std::ops::Range<usize>) -> Flaw {
    let key = path.last_key().unwrap_or_default();
    Flaw::new(format!("`{path}` names the `{key}` alone"), span).hint(match path.above(1) {
        Some(map) => format!("name the map: `{map}`"),
        None => "put `repository` and `tag` into a map, such as `image`, and name that".into(),
    })
}

fn map_targets<'n>(text: &str, root: &'n Node, path: &ValuesPath, image: &Image) -> Result<Vec<Target<'n>>, Flaw> {
    let map = find(text, root, path)?.node;
    let has = |key: &str| map.get(key).is_some();
    let name = if has("repository") { "repository" } else { "name" };
    if !has(name) && !has("tag") {
        return Err(without_keys(map, path));
    }
    let mut texts: Vec<(&str, String)> = Vec::new();
    if has(name) {
        texts.push((name, if has("registry") { image.repository.clone() } else { image.name() }));
    }
    if has("registry") {
        texts.push(("registry", image.registry.clone()));
    }
    if has("tag") {
        texts.push(("tag", if has("digest") { image.tag.clone() } else { image.tag_and_digest() }));
    }
    // Without a tag or digest, what is pulled has no version of its own.
    if !has("tag") && (image.digest.is_none() || !has("digest")) {
        let hint = if has("digest") { "add `tag: \"\"`, or set `pin: digest`" } else { "add `tag: \"\"`" };
        let text = format!("`{path}` has no `tag`, so the version of the image cannot be written");
        return Err(Flaw::new(text, map.place()).hint(hint));
    }
    match (map.get("digest"), &image.digest) {
        (Some(_), Some(digest)) => texts.push(("digest", digest.clone())),
        // An old digest would win over the new tag.
        (Some(old), None) if !old.is_null() => texts.push(("digest", String::new())),
        _ => {}
    }
    let target = |(key, new): (&str, String)| {
        let found = find(text, root, &path.join(Step::Key(key.into())))?;
        Ok(Target { found, text: new, quotes: key == "tag" })
    };
    texts.into_iter().map(target).collect()
}

fn without_keys(map: &Node, path: &ValuesPath) -> Flaw {
    let flaw = Flaw::new(format!("`{path}` has none of the keys `repository`, `name` and `tag`"), map.place());
    let nested = |key: &str| map.get(key).is_some_and(|map| map.get("repository").or(map.get("tag")).is_some());
    match map.entries().iter().find(|entry| nested(&entry.key)) {
        Some(entry) => flaw.hint(format!("did you mean `{}`?", path.join(Step::Key(entry.key.clone())))),
        None => flaw,
    }
}

/// The reference that a chart usually builds from what stands at a path: `registry/repository:tag@digest`, with what
/// is there.
///
/// # Errors
/// Nothing there that names an image.
pub fn image_at(text: &str, root: &Node, path: &ValuesPath) -> Result<String, Flaw> {
    let node = find(text, root, path)?.node;
    if let Value::Text(reference) = &node.value {
        return Ok(reference.clone());
    }
    let part = |key: &str| node.get(key).and_then(Node::shown).filter(|text| !text.is_empty());
    let Some(name) = part("repository").or_else(|| part("name")) else {
        return Err(without_keys(node, path));
    };
    let mut reference = join(&part("registry").unwrap_or_default(), &name);
    reference.extend(part("tag").map(|tag| format!(":{tag}")));
    reference.extend(part("digest").map(|digest| format!("@{digest}")));
    Ok(reference)
}
