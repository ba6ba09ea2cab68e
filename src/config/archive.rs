//! `archives:` read.

use super::fields::Fields;
use super::model::{Archive, Archives, Binaries, Formats};
use super::overrides::{EntryKind, Layers, distinct};
use super::publish::artifact_publish;
use super::schema::{ARCHIVE, Place};
use super::yaml::{Map, Node};
use crate::format::Format;
use crate::problem::Problem;
use crate::target::{Os, Target};
use crate::template::Template;

const KIND: EntryKind = EntryKind { key: "archives", section: &ARCHIVE };

/// Reads `archives:`; archives that name no targets have those of their binaries.
pub fn read(file: &Map, binaries: &Binaries, layers: &mut Layers) -> Archives {
    // A default archive may be for any target of its binary.
    let implied = one(file, "", None, &Target::all().collect::<Vec<_>>(), layers);
    let mut archives = Archives { off: false, items: Vec::new(), dropped: Vec::new(), implied };
    if file.get(KIND.key).and_then(Node::bool) == Some(false) {
        archives.off = true;
        return archives;
    }
    for entry in distinct(file, KIND.key, &mut layers.found) {
        if entry.value.bool() == Some(false) {
            archives.dropped.push(entry.key.clone());
            continue;
        }
        let targets = targets_of(&entry.key, &entry.value, binaries);
        archives.items.push(one(file, &entry.key, Some(&entry.value), &targets, layers));
    }
    archives
}

fn targets_of(name: &str, entry: &Node, binaries: &Binaries) -> Vec<Target> {
    let binaries = match binaries {
        Binaries::Listed(binaries) => binaries.as_slice(),
        Binaries::Implied(binary) => std::slice::from_ref(&**binary),
        Binaries::Off => &[],
    };
    let names = entry.map().and_then(|map| Fields(map).texts("binaries")).unwrap_or_else(|| vec![name.to_owned()]);
    let mut held: Vec<_> = binaries.iter().filter(|binary| names.contains(&binary.name)).collect();
    if held.is_empty() && binaries.len() == 1 {
        held = binaries.iter().collect();
    }
    held.iter().flat_map(|binary| binary.builds.iter().map(|(target, _)| *target)).collect()
}

fn one(file: &Map, name: &str, entry: Option<&Node>, targets: &[Target], layers: &mut Layers) -> Archive {
    let node = layers.entry(file, KIND, entry);
    let path = if name.is_empty() { format!("defaults.{}", KIND.key) } else { format!("{}.{name}", KIND.key) };
    let map = node.map().cloned().unwrap_or_default();
    let mut archive = settings(name, &map, &path, layers);
    let targets = archive.targets.clone().unwrap_or_else(|| targets.to_vec());
    for target in targets {
        let Some(special) = layers.for_target(&node, KIND, &path, target) else { continue };
        if let Some(map) = special.map() {
            let over = settings(name, map, &path, layers);
            archive.overrides.push((target, over));
        }
    }
    layers.entries.push((KIND.key, name.to_owned(), node));
    archive
}

fn settings(name: &str, map: &Map, path: &str, layers: &mut Layers) -> Archive {
    let fields = Fields(map);
    let formats = formats(map.get("formats"));
    let file = fields.template("file", Place::ArchiveFile).unwrap_or_else(default_file);
    let packed = formats.by_os.iter().flat_map(|(_, formats)| formats).chain(&formats.other);
    if file.places().any(|place| place == "binary") && packed.clone().any(|format| *format != Format::Binary) {
        let problem =
            Problem::new("unknown-placeholder", "an archive contains several executables: `{binary}` has no value")
                .hint("use it with `formats: binary` only");
        if let Some(node) = map.get("file") {
            layers.found.at(problem, &format!("{path}.file"), false, &node.span);
        }
    }
    Archive {
        name: name.to_owned(),
        title: fields.text("name"),
        component: fields.text("component"),
        binaries: fields.texts("binaries"),
        file,
        targets: fields.parsed("targets", |text| text.parse().ok()),
        formats,
        directory: fields.template("directory", Place::Directory),
        include: fields.files("include"),
        publish: artifact_publish(fields),
        overrides: Vec::new(),
    }
}

fn default_file() -> Template {
    "{name}-{target}".parse().expect("our own template is well formed")
}

/// Formats as written; what a written map leaves open is built in.
fn formats(node: Option<&Node>) -> Formats {
    let parse = |node: &Node| node.many().iter().filter_map(|item| format(item.text()?)).collect::<Vec<_>>();
    let built_in = Formats { by_os: vec![(Os::Windows, vec![Format::Zip])], other: vec![Format::TarGz] };
    let Some(node) = node else { return built_in };
    let Some(map) = node.map() else { return Formats { by_os: Vec::new(), other: parse(node) } };
    let other = map.get("*").map(parse);
    let mut by_os: Vec<(Os, Vec<Format>)> = Vec::new();
    for os in [Os::Linux, Os::Darwin, Os::Windows] {
        by_os.extend(map.get(os.name()).map(|node| (os, parse(node))));
    }
    match other {
        Some(other) => Formats { by_os, other },
        None => {
            let rest = built_in.by_os.into_iter().filter(|(os, _)| map.get(os.name()).is_none());
            Formats { by_os: by_os.iter().cloned().chain(rest).collect(), other: built_in.other }
        }
    }
}

fn format(word: &str) -> Option<Format> {
    match word {
        "tar.gz" => Some(Format::TarGz),
        "tar.zst" => Some(Format::TarZst),
        "zip" => Some(Format::Zip),
        "binary" => Some(Format::Binary),
        _ => None,
    }
}
