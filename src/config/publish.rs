//! `publish:`: destinations, where an artifact goes, and how both are read.

use std::collections::BTreeMap;

use url::Url;

use super::command;
use super::fields::Fields;
use super::names;
use super::overrides::{Layers, distinct};
use super::schema::{ACCEPTED, KINDS, Place};
use super::text;
use super::words::{elsewhere, nearest, quote};
use super::yaml::{Entry, Map, Node, Value};
use crate::command::Command;
use crate::deployment::{EXTENSIONS, FileFormat};
use crate::destination::{Existing, ReadBack, Trusted, When};
use crate::problem::Problem;
use crate::reference::{self, Prefix};
use crate::template::Template;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Publish {
    /// Every destination of its kind.
    Default,
    /// `publish: false`
    Off,
    To(Vec<String>),
}

#[derive(Clone, Debug)]
pub struct Destination {
    /// Its key.
    pub name: String,
    pub when: When,
    /// `environment:`; `None` = `false`.
    pub environment: Option<String>,
    pub kind: DestinationKind,
}

#[derive(Clone, Debug)]
pub enum DestinationKind {
    Github(Github),
    Registry(Registry),
    Pypi(Pypi),
    File(DeploymentFile),
    Command(DestinationCommand),
}

impl Destination {
    /// What a GitHub destination needs; nothing for another kind.
    pub fn github(&self) -> Option<&Github> {
        match &self.kind {
            DestinationKind::Github(github) => Some(github),
            _ => None,
        }
    }

    pub fn registry(&self) -> Option<&Registry> {
        match &self.kind {
            DestinationKind::Registry(registry) => Some(registry),
            _ => None,
        }
    }

    /// Names of the variables that hold its secrets.
    pub fn secret_names(&self) -> Vec<&String> {
        match &self.kind {
            DestinationKind::Registry(registry) => {
                registry.hosts.values().filter_map(|host| host.password_env.as_ref()).collect()
            }
            DestinationKind::Pypi(pypi) => pypi.token_env.iter().chain(pypi.token_envs.values()).collect(),
            // A glob names what only the environment knows.
            DestinationKind::Command(command) => command.pass_env.iter().filter(|name| !text::is_glob(name)).collect(),
            DestinationKind::Github(_) | DestinationKind::File(_) => Vec::new(),
        }
    }

    pub fn file(&self) -> Option<&DeploymentFile> {
        match &self.kind {
            DestinationKind::File(file) => Some(file),
            _ => None,
        }
    }

    pub fn command(&self) -> Option<&DestinationCommand> {
        match &self.kind {
            DestinationKind::Command(command) => Some(command),
            _ => None,
        }
    }

    /// Names of the variables that hold who logs in.
    pub fn usernames(&self) -> Vec<&String> {
        match &self.kind {
            DestinationKind::Registry(registry) => {
                registry.hosts.values().filter_map(|host| host.username_env.as_ref()).collect()
            }
            DestinationKind::Pypi(pypi) => pypi.username_env.iter().collect(),
            _ => Vec::new(),
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Registry {
    pub prefix: Option<Prefix>,
    /// `pull:`, what is named instead of the prefix.
    pub pull: Option<Prefix>,
    /// `snapshots:`; absent: where the prefix's host is this machine.
    pub snapshots: Option<bool>,
    pub insecure: bool,
    /// `ca:`, of the prefix's host: path of a PEM file.
    pub ca: Option<String>,
    pub read_back: ReadBack,
    pub hosts: BTreeMap<String, RegistryHost>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryHost {
    pub username_env: Option<String>,
    pub password_env: Option<String>,
    /// `pull:`, what is named instead of the host.
    pub pull: Option<Prefix>,
    /// `insecure:`: plain HTTP, or a certificate that is not checked.
    pub insecure: bool,
    /// `ca:`, path of a PEM file.
    pub ca: Option<String>,
    pub token_service: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Pypi {
    /// Where files are uploaded to.
    pub upload: Url,
    /// `simple:`; absent: beside it.
    pub simple: Option<Url>,
    pub trusted: Trusted,
    /// `token-env:` for every distribution.
    pub token_env: Option<String>,
    /// `token-env:` by distribution.
    pub token_envs: BTreeMap<String, String>,
    pub username_env: Option<String>,
}

/// A file that tells others what was published.
#[derive(Clone, Debug)]
pub struct DeploymentFile {
    pub file: String,
    pub format: FileFormat,
    /// In the order written.
    pub set: Vec<(String, Template)>,
}

/// What runs when everything that it accepts is published.
#[derive(Clone, Debug)]
pub struct DestinationCommand {
    pub command: Command,
    pub pass_env: Vec<String>,
    /// Words of `ACCEPTED`.
    pub accepts: Vec<&'static str>,
    /// `timeout:` in seconds.
    pub timeout: u64,
}

#[derive(Clone, Debug)]
pub struct Github {
    /// `repository:` = git remote.
    pub repository: Option<String>,
    /// `host:` = github.com.
    pub host: Option<String>,
    /// `draft:`: leave the release a draft.
    pub draft: bool,
    pub title: Template,
    pub notes: Notes,
    pub header: Option<String>,
    pub footer: Option<String>,
    /// `checksums:`, the file's name.
    pub checksums: String,
    pub existing: Existing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notes {
    /// The changelog's section if there is one, else GitHub's.
    Auto,
    /// The changelog's section; none is an error.
    Changelog,
    /// GitHub's generated notes.
    Github,
    File(String),
    Off,
}

/// Reads `publish:`: `github` unless it is written `false`, `registry` if there are images, then the others.
pub fn read(file: &Map, images: bool, layers: &mut Layers) -> Vec<Destination> {
    let empty = Map::default();
    let entries = distinct(file, "publish", &mut layers.found);
    let mut destinations = Vec::new();
    for (name, implied) in [("github", true), ("registry", images), ("pypi", false)] {
        match entries.iter().find(|entry| entry.key == name) {
            Some(entry) if entry.value.bool() == Some(false) => {}
            Some(entry) => destinations.push(destination(name, name, &entry.value)),
            None if implied => {
                destinations.push(destination(name, name, &Node { span: 0..0, value: Value::Map(empty.clone()) }))
            }
            None => {}
        }
    }
    let own = |entry: &&Entry| {
        !matches!(entry.key.as_str(), "github" | "registry" | "pypi") && entry.value.bool() != Some(false)
    };
    for entry in entries.iter().filter(own) {
        let Some(kind) = kind_of(entry, layers) else { continue };
        if kind == "file" {
            file_flaws(entry, layers);
        }
        let next = destination(&entry.key, kind, &entry.value);
        let same = |other: &&Destination| place(other) == place(&next) && other.when == next.when;
        if let Some(other) = destinations.iter().take(16).find(same) {
            let message = format!("`{}` and `{}` are the same destination", other.name, next.name);
            let key = match next.kind {
                DestinationKind::Github(_) => "repository",
                DestinationKind::Pypi(_) => "index",
                DestinationKind::File(_) => "file",
                DestinationKind::Registry(_) | DestinationKind::Command(_) => "prefix",
            };
            let problem =
                Problem::new("equal-entries", message).hint(format!("give one of them another `{key}:`, or remove it"));
            layers.found.at(problem, &format!("publish.{}", entry.key), true, &entry.key_span);
        }
        destinations.push(next);
    }
    destinations
}

/// What two destinations must not share.
fn place(one: &Destination) -> (&'static str, Option<String>) {
    match &one.kind {
        DestinationKind::Github(Github { repository, host: Some(host), .. }) if host != "github.com" => {
            ("github", Some(format!("{host} {}", repository.as_deref().unwrap_or_default())))
        }
        DestinationKind::Github(github) => ("github", github.repository.clone()),
        DestinationKind::Registry(registry) => ("registry", registry.prefix.as_ref().map(ToString::to_string)),
        DestinationKind::Pypi(pypi) => ("pypi", Some(pypi.upload.to_string())),
        DestinationKind::File(file) => ("file", Some(file.file.clone())),
        // The same command may run twice.
        DestinationKind::Command(_) => ("command", Some(one.name.clone())),
    }
}

/// The kind of a destination, if it is a known one. A name chosen by the user does not tell it.
fn kind_of<'e>(entry: &'e Entry, layers: &mut Layers) -> Option<&'e str> {
    let name = &entry.key;
    if let Some(kind) = entry.value.map().and_then(|map| map.get("kind")).and_then(Node::text) {
        return Some(kind).filter(|kind| KINDS.contains(kind));
    }
    if let Some(kind) = KINDS.iter().find(|kind| *kind == name) {
        return Some(kind);
    }
    if let Some(hint) = elsewhere(name) {
        let text = format!("publishing to {} is not supported in this version", quote(name));
        let problem = Problem::new("unsupported-destination", text).hint(hint);
        layers.found.at(problem, &format!("publish.{name}"), true, &entry.key_span);
        return None;
    }
    let hint = match nearest(name, KINDS.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? other names need `kind:`"),
        None => format!("set `kind:` to one of `{}`", KINDS.join("`, `")),
    };
    let problem = Problem::new("missing-key", format!("the destination {} has no `kind:`", quote(name))).hint(hint);
    layers.found.at(problem, &format!("publish.{name}"), true, &entry.key_span);
    None
}

fn destination(name: &str, kind: &str, node: &Node) -> Destination {
    let empty = Map::default();
    let fields = Fields(node.map().unwrap_or(&empty));
    let environment = fields.text("environment").unwrap_or_else(|| "release".into());
    Destination {
        name: name.to_owned(),
        when: match fields.text("when").as_deref() {
            Some("stable") => When::Stable,
            Some("prerelease") => When::Prerelease,
            _ => When::Always,
        },
        environment: (!fields.is_off("environment")).then_some(environment),
        kind: match kind {
            "registry" => DestinationKind::Registry(registry(node, fields)),
            "pypi" => DestinationKind::Pypi(pypi(fields)),
            "file" => DestinationKind::File(file(fields)),
            "command" => DestinationKind::Command(destination_command(node, fields)),
            _ => DestinationKind::Github(github(fields)),
        },
    }
}

fn registry(node: &Node, fields: Fields<'_>) -> Registry {
    // `registry: ghcr.io/owner` is the prefix alone.
    let short = node.text().filter(|_| node.map().is_none()).map(str::to_owned);
    let hosts = fields.map("hosts").map(|map| map.0.entries.as_slice()).unwrap_or_default();
    let empty = Map::default();
    let host = |entry: &Entry| {
        let fields = Fields(entry.value.map().unwrap_or(&empty));
        let host = RegistryHost {
            username_env: fields.text("username-env"),
            password_env: fields.text("password-env"),
            pull: fields.text("pull").and_then(|text| names::image_prefix(&text).ok()),
            insecure: fields.flag("insecure").unwrap_or(false),
            ca: fields.path("ca"),
            token_service: fields.text("token-service").map(|host| host.to_ascii_lowercase()),
        };
        // Docker Hub has several names; references use one.
        (reference::host(&entry.key).unwrap_or_else(|_| entry.key.clone()), host)
    };
    Registry {
        prefix: short.or_else(|| fields.text("prefix")).and_then(|text| names::image_prefix(&text).ok()),
        pull: fields.text("pull").and_then(|text| names::image_prefix(&text).ok()),
        snapshots: fields.flag("snapshots"),
        insecure: fields.flag("insecure").unwrap_or(false),
        ca: fields.path("ca"),
        read_back: match fields.text("read-back").as_deref() {
            Some("anonymous") => ReadBack::Anonymous,
            Some("own") => ReadBack::Own,
            _ => ReadBack::Auto,
        },
        hosts: hosts.iter().map(host).collect(),
    }
}

fn pypi(fields: Fields<'_>) -> Pypi {
    let url = |key: &str| fields.text(key).and_then(|text| names::index(&text).ok());
    let by_name = fields.map("token-env").is_some();
    Pypi {
        upload: url("index").unwrap_or_else(|| names::index("pypi").expect("our own address is well formed")),
        simple: url("simple"),
        trusted: match fields.text("trusted").as_deref() {
            Some("always") => Trusted::Always,
            Some("never") => Trusted::Never,
            _ => Trusted::Auto,
        },
        token_env: fields.text("token-env").filter(|_| !by_name),
        token_envs: if by_name { fields.table("token-env") } else { BTreeMap::new() },
        username_env: fields.text("username-env"),
    }
}

fn file(fields: Fields<'_>) -> DeploymentFile {
    let file = fields.path("file").unwrap_or_default();
    let set = fields.map("set").map(|map| map.0.entries.as_slice()).unwrap_or_default();
    let value = |entry: &Entry| Some((entry.key.clone(), text::template(Place::Deployment, entry.value.text()?).ok()?));
    let format = FileFormat::of(&file).unwrap_or(FileFormat::Json);
    DeploymentFile { format, file, set: set.iter().filter_map(value).collect() }
}

/// What the extension of a deployment file does not allow.
fn file_flaws(entry: &Entry, layers: &mut Layers) {
    let Some(map) = entry.value.map() else { return };
    let Some((node, path)) = map.get("file").and_then(|node| Some((node, names::path(node.text()?).ok()?))) else {
        return;
    };
    let at = format!("publish.{}", entry.key);
    let Some(format) = FileFormat::of(&path) else {
        let text = format!("the extension of {} is not a format of deployment files", quote(&path));
        let problem = Problem::new("unknown-extension", text).hint(format!("use {EXTENSIONS}"));
        return layers.found.at(problem, &format!("{at}.file"), false, &node.span);
    };
    for set in map.get("set").and_then(Node::map).map(|map| map.entries.as_slice()).unwrap_or_default() {
        if let Some(why) = format.refuses(&set.key) {
            let problem =
                Problem::new("bad-name", format!("{} cannot be a key of `{path}`", quote(&set.key))).hint(why);
            layers.found.at(problem, &format!("{at}.set.{}", set.key), true, &set.key_span);
        }
    }
}

fn destination_command(node: &Node, fields: Fields<'_>) -> DestinationCommand {
    let accepts = fields.parsed("accepts", |word| ACCEPTED.iter().find(|known| **known == word).copied());
    DestinationCommand {
        command: command::command(node).unwrap_or_default(),
        pass_env: fields.texts("pass-env").unwrap_or_default(),
        accepts: accepts.unwrap_or_default(),
        timeout: fields.text("timeout").and_then(|text| text::seconds(&text).ok()).unwrap_or(30 * 60),
    }
}

fn github(fields: Fields<'_>) -> Github {
    let notes = match fields.text("notes").as_deref() {
        _ if fields.is_off("notes") => Notes::Off,
        None | Some("auto") => Notes::Auto,
        Some("changelog") => Notes::Changelog,
        Some("github") => Notes::Github,
        Some(_) => fields.path("notes").map_or(Notes::Auto, Notes::File),
    };
    Github {
        repository: fields.text("repository"),
        host: fields.text("host").map(|host| host.to_lowercase()),
        draft: fields.flag("draft").unwrap_or(false),
        title: fields
            .template("title", Place::Title)
            .unwrap_or_else(|| "{tag}".parse().expect("our own template is well formed")),
        notes,
        header: fields.path("header"),
        footer: fields.path("footer"),
        checksums: fields.text("checksums").unwrap_or_else(|| "SHA256SUMS".into()),
        existing: if fields.text("existing").as_deref() == Some("any") { Existing::Any } else { Existing::Draft },
    }
}

pub fn artifact_publish(fields: Fields<'_>) -> Publish {
    if fields.is_off("publish") {
        return Publish::Off;
    }
    fields.texts("publish").map_or(Publish::Default, Publish::To)
}
