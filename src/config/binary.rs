//! `binaries:` read into settings per target.

use std::collections::HashMap;

use super::command::command;
use super::fields::Fields;
use super::model::{Binaries, Binary, BinarySettings, Builder};
use super::overrides::{EntryKind, Layers, distinct};
use super::schema::{BINARY, Place};
use super::smoke::Smoke;
use super::text;
use super::yaml::{Map, Node};
use crate::command::Command;
use crate::problem::{At, Problem};
use crate::target::{Libc, Linkage, Target};

const KIND: EntryKind = EntryKind { key: "binaries", section: &BINARY };

/// Reads `binaries:`; `targets` are the file's.
pub fn read(file: &Map, targets: &[Target], layers: &mut Layers) -> Binaries {
    match file.get(KIND.key) {
        Some(node) if node.bool() == Some(false) => Binaries::Off,
        Some(node) if node.map().is_some() => {
            let mut binaries = Vec::new();
            for entry in distinct(file, KIND.key, &mut layers.found) {
                binaries.push(one(file, &entry.key, Some(&entry.value), targets, layers));
            }
            equal(file, &binaries, layers);
            Binaries::Listed(binaries)
        }
        _ => Binaries::Implied(Box::new(one(file, "", None, targets, layers))),
    }
}

fn one(file: &Map, name: &str, entry: Option<&Node>, targets: &[Target], layers: &mut Layers) -> Binary {
    let node = layers.entry(file, KIND, entry);
    let path = if name.is_empty() { format!("defaults.{}", KIND.key) } else { format!("{}.{name}", KIND.key) };
    let map = node.map().cloned().unwrap_or_default();
    let fields = Fields(&map);
    let own = fields.parsed("targets", |text| text.parse().ok());
    let mut builds: Vec<(Target, BinarySettings)> = Vec::new();
    for target in own.as_deref().unwrap_or(targets) {
        let special = layers.for_target(&node, KIND, &path, *target);
        let map = special.as_ref().and_then(Node::map).unwrap_or(&map);
        let before = before(map, &path, *target, layers);
        let mut build = settings(Fields(map), before);
        build.static_build = static_build(&node, &path, *target, build.static_target, layers).map(Box::new);
        builds.push((*target, build));
    }
    let component = fields.text("component");
    layers.entries.push((KIND.key, name.to_owned(), node));
    Binary { name: name.to_owned(), component, builds }
}

/// The implicit static build of a glibc target.
fn static_build(node: &Node, path: &str, target: Target, way: Libc, layers: &mut Layers) -> Option<BinarySettings> {
    if target.libc() != Libc::Gnu {
        return None;
    }
    let (made, special) = match way {
        Libc::Gnu => (target, layers.for_static(node, KIND, path, target)),
        _ => {
            let musl = Target::all().find(|other| {
                other.os() == target.os() && other.arch() == target.arch() && other.libc() == Libc::Musl
            })?;
            (musl, layers.for_target(node, KIND, path, musl))
        }
    };
    let empty = Map::default();
    let map = special.as_ref().unwrap_or(node).map().unwrap_or(&empty);
    let before = before(map, path, made, layers);
    Some(settings(Fields(map), before))
}

/// What cargo is told, for one target.
pub fn settings(fields: Fields<'_>, before: Vec<Command>) -> BinarySettings {
    BinarySettings {
        package: fields.text("package"),
        manifest: fields.path("manifest"),
        bins: fields.texts("bins").unwrap_or_default(),
        features: fields.texts("features").unwrap_or_default(),
        default_features: fields.flag("default-features").unwrap_or(true),
        all_features: fields.flag("all-features").unwrap_or(false),
        profile: fields.text("profile").unwrap_or_else(|| "release".into()),
        locked: fields.flag("locked"),
        cargo_args: fields.texts("cargo-args").unwrap_or_default(),
        builder: builder(fields.text("builder").as_deref()),
        runner: fields.text("runner"),
        container: fields.text("container"),
        glibc: fields.text("glibc"),
        macos: fields.text("macos").and_then(|text| text.parse().ok()),
        linkage: linkage(fields.text("linkage").as_deref()),
        static_target: if fields.text("static-target").as_deref() == Some("gnu") { Libc::Gnu } else { Libc::Musl },
        static_build: None,
        prebuilt: fields.template("prebuilt", Place::Prebuilt),
        assets: fields.texts("assets").unwrap_or_default(),
        before,
        env: fields.table("env"),
        pass_env: fields.texts("pass-env").unwrap_or_default(),
        smoke: Smoke::read(fields),
        max_size: fields.text("max-size").and_then(|text| text::size(&text).ok()),
    }
}

fn builder(word: Option<&str>) -> Builder {
    match word {
        Some("cargo") => Builder::Cargo,
        Some("zigbuild") => Builder::Zigbuild,
        Some("cross") => Builder::Cross,
        _ => Builder::Auto,
    }
}

fn linkage(word: Option<&str>) -> Option<Linkage> {
    match word {
        Some("static") => Some(Linkage::Static),
        Some("dynamic") => Some(Linkage::Dynamic),
        _ => None,
    }
}

pub fn before(map: &Map, path: &str, target: Target, layers: &mut Layers) -> Vec<Command> {
    let mut commands = Vec::new();
    for node in Fields(map).many("before").unwrap_or_default() {
        let targets = node.map().and_then(|map| map.get("targets")).map(Node::many).unwrap_or_default();
        let mut wanted = targets.is_empty();
        for item in targets {
            if let Some(text) = item.text() {
                let at = At { path: format!("{path}.before"), key: false };
                wanted |= layers.selects(text, at, &item.span, target);
            }
        }
        commands.extend(command(node).filter(|_| wanted));
    }
    commands
}

/// Two entries that make exactly the same.
fn equal(file: &Map, binaries: &[Binary], layers: &mut Layers) {
    let mut seen: HashMap<&str, Vec<&Binary>> = HashMap::new();
    for binary in binaries {
        let Some((_, first)) = binary.builds.first() else { continue };
        let same_package = seen.entry(first.package.as_deref().unwrap_or(&binary.name)).or_default();
        let twin = same_package
            .iter()
            .take(16)
            .find(|other| other.component == binary.component && builds(other) == builds(binary));
        if let Some(twin) = twin
            && let Some(entry) = file.get(KIND.key).and_then(Node::map).and_then(|map| map.entry(&binary.name))
        {
            let message = format!("`{}` and `{}` build the same", twin.name, binary.name);
            let problem =
                Problem::new("equal-entries", message).hint("remove one; several archives may contain the same binary");
            layers.found.at(problem, &format!("{}.{}", KIND.key, binary.name), true, &entry.key_span);
        }
        same_package.push(binary);
    }
}

/// What is built, with the package that an absent `package:` means.
fn builds(binary: &Binary) -> Vec<(Target, BinarySettings)> {
    let named = |settings: &BinarySettings| {
        let package = settings.package.clone().or_else(|| Some(binary.name.clone()));
        BinarySettings { package, ..settings.clone() }
    };
    let whole = |(target, settings): &(Target, BinarySettings)| {
        let static_build = settings.static_build.as_deref().map(|build| Box::new(named(build)));
        (*target, BinarySettings { static_build, ..named(settings) })
    };
    binary.builds.iter().map(whole).collect()
}
