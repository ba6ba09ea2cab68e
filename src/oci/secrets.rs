//! Secrets that an image holds: in any file of any layer, also one that a later layer removes, and in all of its texts.

mod forms;

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use serde_json::Value;

use super::image::{Blob, Image};
use super::layer::{self, Change, Made};
use crate::secret::Secret;
use crate::shown;
use crate::world::interrupt;

/// The shortest value that can be told from chance.
pub const SHORTEST: usize = 8;
/// How much of a file is searched at once.
const CHUNK: usize = 256 << 10;
/// The most places that are told.
const MOST_LEAKS: usize = 1000;
/// Up to this many bytes of patterns the fast automaton takes little memory.
const SMALL: usize = 32 << 10;

/// A value that must not be in an image.
pub struct Sought {
    /// The name that is told instead of the value.
    pub id: String,
    /// At least [`SHORTEST`] bytes long.
    pub value: Secret,
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leak {
    pub id: String,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The content of a file: number of the layer (the lowest is 1) and path.
    Content(usize, String),
    /// A path, or what a link at it points at.
    Name(usize, String),
    /// A step of the history, by number, and the build argument in it if it is one.
    History(usize, Option<String>),
    Env(String),
    Label(String),
    Annotation(String),
    /// Another text of the config: its key.
    Config(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Content(layer, path) => format!("in `/{path}` of layer {layer}"),
            Self::Name(layer, path) => format!("in the name or link target of `/{path}` of layer {layer}"),
            Self::History(step, None) => format!("in the history, step {step}"),
            Self::History(step, Some(name)) => format!("in the history, step {step}, as the build argument `{name}`"),
            Self::Env(name) => format!("in the environment variable `{name}`"),
            Self::Label(name) => format!("in the label `{name}`"),
            Self::Annotation(name) => format!("in the annotation `{name}`"),
            Self::Config(key) => format!("in `{key}` of the config"),
        };
        f.write_str(&shown::one_line(&text))
    }
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the secret `{}` is {}", shown::one_line(&self.id), self.place)
    }
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// In order, each place once for each secret.
    pub leaks: Vec<Leak>,
    /// Files that hold compressed bytes, in which nothing can be found.
    pub unlooked: u64,
}

/// Looks for values as they are, in base64, hexadecimal and URL encoding, in everything that an image publishes.
///
/// # Errors
/// If a value is too short, or a layer or the config cannot be read.
pub fn find(secrets: &[Sought], image: &Image) -> Result<Found, String> {
    let search = Search::new(secrets)?;
    let mut found = Findings::default();
    let config = image.config.file().ok_or("the config is not on this machine")?;
    let config = std::fs::read(config).map_err(|error| format!("the config cannot be read: {error}"))?;
    let config: Value = serde_json::from_slice(&config).map_err(|_| "the config is not JSON".to_owned())?;
    search.config(&config, &mut found);
    search.annotations(&image.manifest.json(), &mut found);
    // Where nothing is sought, nothing needs to be read.
    let layers = if secrets.is_empty() { &[][..] } else { &image.layers };
    for (number, blob) in (1..).zip(layers) {
        search.layer(number, blob, &mut found).map_err(|why| format!("layer {number} cannot be read: {why}"))?;
    }
    Ok(Found { leaks: found.leaks.into_iter().collect(), unlooked: found.unlooked })
}

#[derive(Default)]
struct Findings {
    leaks: BTreeSet<Leak>,
    unlooked: u64,
}

struct Search<'a> {
    secrets: &'a [Sought],
    automaton: AhoCorasick,
    /// Which secret a pattern is of.
    of: Vec<usize>,
    longest: usize,
}

impl<'a> Search<'a> {
    fn new(secrets: &'a [Sought]) -> Result<Self, String> {
        let (mut patterns, mut of) = (Vec::new(), Vec::new());
        for (index, secret) in secrets.iter().enumerate() {
            let value = secret.value.expose().trim_end_matches(['\r', '\n']);
            if value.len() < SHORTEST {
                return Err(format!("the secret `{}` has fewer than {SHORTEST} bytes", secret.id));
            }
            for form in forms::of(value) {
                patterns.push(form);
                of.push(index);
            }
        }
        let longest = patterns.iter().map(Vec::len).max().unwrap_or(1);
        let total: usize = patterns.iter().map(Vec::len).sum();
        let kind = if total <= SMALL { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA };
        let mut builder = AhoCorasick::builder();
        let automaton = builder.match_kind(MatchKind::Standard).kind(Some(kind)).build(&patterns);
        let automaton = automaton.map_err(|error| format!("the secrets are too long: {error}"))?;
        Ok(Self { secrets, automaton, of, longest })
    }

    /// Which secrets are in some bytes.
    fn hits(&self, bytes: &[u8]) -> BTreeSet<usize> {
        // Nearly always there is none, and this is faster.
        if !self.automaton.is_match(bytes) {
            return BTreeSet::new();
        }
        self.automaton.find_overlapping_iter(bytes).map(|hit| self.of[hit.pattern().as_usize()]).collect()
    }

    fn text(&self, text: &str, found: &mut Findings, place: impl Fn(usize) -> Place) {
        for secret in self.hits(text.as_bytes()) {
            if found.leaks.len() < MOST_LEAKS {
                found.leaks.insert(Leak { id: self.secrets[secret].id.clone(), place: place(secret) });
            }
        }
    }

    fn config(&self, config: &Value, found: &mut Findings) {
        let history = config["history"].as_array().map(Vec::as_slice).unwrap_or_default();
        for (number, step) in (1..).zip(history) {
            self.each(step, "", &mut |_, text| {
                self.text(text, found, |secret| Place::History(number, self.argument(text, secret)));
            });
        }
        let runs = &config["config"];
        for entry in runs["Env"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let name = entry.split('=').next().unwrap_or_default();
            self.text(entry, found, |secret| Place::Env(self.unless_secret(name, secret)));
        }
        for (name, text) in runs["Labels"].as_object().into_iter().flatten() {
            let both = format!("{name}={}", text.as_str().unwrap_or_default());
            self.text(&both, found, |secret| Place::Label(self.unless_secret(name, secret)));
        }
        let elsewhere = |key: &str| {
            key.starts_with("/history") || key.starts_with("/config/Env") || key.starts_with("/config/Labels")
        };
        self.each(config, "", &mut |key, text| {
            if !elsewhere(key) {
                self.text(text, found, |secret| Place::Config(self.unless_secret(key, secret)));
            }
        });
    }

    fn annotations(&self, manifest: &Value, found: &mut Findings) {
        self.each(manifest, "", &mut |key, text| {
            let name = key.rsplit('/').next().unwrap_or_default();
            self.text(text, found, |secret| Place::Annotation(self.unless_secret(name, secret)));
        });
    }

    /// Every key and text of a JSON value, with the way to it.
    fn each(&self, value: &Value, key: &str, visit: &mut dyn FnMut(&str, &str)) {
        match value {
            Value::String(text) => visit(key, text),
            Value::Array(items) => items.iter().for_each(|item| self.each(item, key, visit)),
            Value::Object(map) => {
                for (name, item) in map {
                    visit(key, name);
                    self.each(item, &format!("{key}/{name}"), visit);
                }
            }
            _ => {}
        }
    }

    /// The build argument that has the secret as its value.
    fn argument(&self, text: &str, secret: usize) -> Option<String> {
        let value = self.secrets[secret].value.expose().trim();
        let before = text.split_once('|')?.1.split_once(value)?.0.strip_suffix('=')?;
        let name = before.rsplit(' ').next()?;
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        (plain && !name.is_empty()).then(|| name.to_owned())
    }

    /// A name that is told, unless it holds the value itself.
    fn unless_secret(&self, name: &str, secret: usize) -> String {
        if self.hits(name.as_bytes()).is_empty() {
            name.to_owned()
        } else {
            format!("(secret `{}`)", self.secrets[secret].id)
        }
    }

    /// A path that is told: of one that holds a secret, the folders that do not.
    fn path(&self, path: &str) -> String {
        let mut path = path;
        while !self.hits(path.as_bytes()).is_empty() {
            path = layer::folder(path);
        }
        path.to_owned()
    }

    fn layer(&self, number: usize, blob: &Blob, found: &mut Findings) -> Result<(), String> {
        let said = |error: io::Error| error.to_string();
        let file = blob.file().ok_or("it is not on this machine")?;
        let reader = layer::open(File::open(file).map_err(said)?).map_err(said)?;
        let mut buffer = Vec::new();
        layer::each(reader, &mut |change, _, bytes| {
            if interrupt::told().is_some() {
                return Err("interrupted".into());
            }
            let (path, target) = match &change {
                Change::Gone(path) | Change::Emptied(path) => (path, ""),
                Change::Made(path, Made::Link(target) | Made::Same(target)) => (path, target.as_str()),
                Change::Made(path, _) => (path, ""),
            };
            for text in [path.as_str(), target] {
                self.text(text, found, |_| Place::Name(number, self.path(path)));
            }
            let hits = self.content(bytes, &mut buffer, &mut found.unlooked).map_err(said)?;
            for secret in hits {
                if found.leaks.len() < MOST_LEAKS {
                    let place = Place::Content(number, self.path(path));
                    found.leaks.insert(Leak { id: self.secrets[secret].id.clone(), place });
                }
            }
            Ok(())
        })
    }

    /// Which secrets are in a file. What may be the beginning of one at the end of a piece is looked at again with the next.
    fn content(&self, bytes: &mut dyn Read, buffer: &mut Vec<u8>, unlooked: &mut u64) -> io::Result<BTreeSet<usize>> {
        let mut hits = BTreeSet::new();
        buffer.clear();
        let mut first = true;
        loop {
            let kept = buffer.len();
            (&mut *bytes).take(CHUNK as u64).read_to_end(buffer)?;
            if buffer.len() == kept {
                return Ok(hits);
            }
            if std::mem::take(&mut first) && is_compressed(buffer) {
                *unlooked += 1;
            }
            hits.append(&mut self.hits(buffer));
            let keep = buffer.len().min(self.longest - 1);
            buffer.drain(..buffer.len() - keep);
        }
    }
}

/// By their first bytes: gzip, zip (and what is made of it), zstd, xz, bzip2, lz4, 7z.
fn is_compressed(bytes: &[u8]) -> bool {
    const MAGIC: &[&[u8]] = &[
        b"\x1f\x8b",
        b"PK\x03\x04",
        b"\x28\xb5\x2f\xfd",
        b"\xfd7zXZ\0",
        b"BZh",
        b"\x04\x22\x4d\x18",
        b"7z\xbc\xaf\x27\x1c",
    ];
    MAGIC.iter().any(|magic| bytes.starts_with(magic))
}

#[cfg(test)]
#[path = "secrets/tests.rs"]
mod tests;
