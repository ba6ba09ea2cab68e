//! Base images: finding one platform's manifest and config, and reading from its layers what it offers a binary.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek};

use serde_json::Value;

use super::registry::{Document, Error, Kind, Registries};
use super::{Descriptor, document, media};
use crate::digest::Digest;
use crate::inspect;
use crate::platform::{BaseFacts, BaseLibc, Platform};
use crate::problem::Problem;
use crate::reference::Reference;
use crate::target::Arch;

/// The largest C library that is read; real ones have 2 MiB.
const LARGEST_LIBC: u64 = 32 << 20;
/// The most entries a base may have; ubuntu has about 3000, images with everything 200,000.
const MOST_ENTRIES: usize = 2_000_000;
/// How many symbolic links lead to a file at most, as Linux has it.
const LINKS: usize = 40;

/// One platform of a base image.
#[derive(Clone, Debug)]
pub struct Base {
    /// Digest of what the reference names: an index, or the manifest itself.
    pub named: Digest,
    /// The platform's manifest.
    pub manifest: Document,
    /// Its config.
    pub config: Value,
}

impl Base {
    /// Its layers, under OCI media types.
    ///
    /// # Errors
    /// What cannot be kept of them.
    pub fn layers(&self) -> Result<Vec<Descriptor>, String> {
        let layers = document::base_layers(&self.manifest.json())?;
        layers.into_iter().map(|layer| serde_json::from_value(layer).map_err(|error| error.to_string())).collect()
    }
}

/// Finds a base for a platform: by `digest` if it is locked, else by what the reference names.
///
/// # Errors
/// If it is not there, has nothing for the platform, or is not what an image is.
pub async fn find(
    registries: &Registries,
    from: &Reference,
    digest: Option<Digest>,
    platform: Platform,
) -> Result<Base, Error> {
    let wanted = digest.map_or_else(|| from.clone(), |digest| from.repository.at(digest));
    let Some(mut manifest) = registries.manifest(&wanted).await? else {
        let problem = Problem::new("base-missing", format!("the base image `{wanted}` is not there"));
        let hint = "look for a typing error in `bases:`; one that was deleted: `longshore lock --update`";
        return Err(Error::new(Kind::Usage, problem.hint(hint)));
    };
    let named = manifest.descriptor.digest;
    let mut listed = None;
    if manifest.json()["manifests"].is_array() {
        let entry = entry(&manifest.json(), platform)
            .ok_or_else(|| unfit(&wanted, platform, "has no image for this platform"))?;
        listed = entry["platform"]["variant"].as_str().map(str::to_owned);
        let digest = entry["digest"].as_str().and_then(|text| text.parse().ok());
        let digest: Digest = digest.ok_or_else(|| unfit(&wanted, platform, "has an index without digests"))?;
        let one = from.repository.at(digest);
        let read = registries.manifest(&one).await?;
        manifest = read.ok_or_else(|| unfit(&one, platform, "is in the index, but not in the registry"))?;
    }
    let json = manifest.json();
    if json["schemaVersion"] != 2 || json["layers"].as_array().is_none() {
        return Err(unfit(&wanted, platform, "has a manifest that is not of schema 2"));
    }
    let config: Descriptor = serde_json::from_value(json["config"].clone())
        .map_err(|_| unfit(&wanted, platform, "has a manifest without a config"))?;
    let bytes = registries.blob(&from.repository, &config).await?;
    let mut config: Value =
        serde_json::from_slice(&bytes).map_err(|_| unfit(&wanted, platform, "has a config that is no JSON"))?;
    if config["architecture"] != platform.goarch() || config["os"] != "linux" {
        let is = format!("has a config for {}/{}", text(&config["os"]), text(&config["architecture"]));
        return Err(unfit(&wanted, platform, &is));
    }
    // The index says it more reliably than configs do.
    if let Some(variant) = listed.filter(|_| config["variant"].is_null()) {
        config["variant"] = variant.into();
    }
    document::base_layers(&json).map_err(|why| unfit(&wanted, platform, &format!("cannot be built upon: {why}")))?;
    Ok(Base { named, manifest, config })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("nothing")
}

fn unfit(from: &Reference, platform: Platform, what: &str) -> Error {
    let problem = Problem::new("base-unfit", format!("the base image `{from}` for {platform} {what}"));
    Error::new(Kind::Usage, problem.hint("choose another one in `bases:`"))
}

/// The entry of an index for a platform. Attestations (`unknown/unknown`) are no images.
fn entry(index: &Value, platform: Platform) -> Option<Value> {
    let entries = index["manifests"].as_array()?;
    let fits = |entry: &&Value| {
        let kind = entry["mediaType"].as_str().unwrap_or_default();
        let image = matches!(kind, media::MANIFEST | media::DOCKER_MANIFEST | "");
        let attestation = entry["annotations"]["vnd.docker.reference.type"].is_string();
        let about = &entry["platform"];
        let variant = about["variant"].as_str();
        let plain = match platform {
            // v2 and v3 need newer processors.
            Platform::LinuxAmd64 => matches!(variant, None | Some("v1")),
            Platform::LinuxArm64 => matches!(variant, None | Some("v8")),
        };
        image && !attestation && about["os"] == "linux" && about["architecture"] == platform.goarch() && plain
    };
    entries.iter().find(fits).cloned()
}

/// Reads from a base's layers what it offers. Layers are kept on disk while they are read.
///
/// # Errors
/// If a layer cannot be had, or is not what its digest says.
pub async fn measure(
    registries: &Registries,
    from: &Reference,
    base: &Base,
    platform: Platform,
) -> Result<BaseFacts, Error> {
    let layers = base.layers().map_err(|why| unfit(from, platform, &why))?;
    let mut tree = Tree::default();
    for layer in layers {
        let broken = |why: String| unfit(from, platform, &format!("has a layer that cannot be read: {why}"));
        let mut file = tempfile::tempfile().map_err(|error| broken(error.to_string()))?;
        registries.download(&from.repository, &layer, &mut file).await?;
        file.rewind().map_err(|error| broken(error.to_string()))?;
        tree.layer(file, &layer.media_type).map_err(broken)?;
    }
    Ok(tree.facts(platform.arch()))
}

/// A file system by path, without a leading `/`.
#[derive(Default)]
struct Tree {
    entries: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug)]
enum Entry {
    Folder,
    Link(String),
    File,
    /// A C library with the highest version it defines.
    Glibc(Option<String>),
    /// A short text that says where libraries are.
    Text(String),
}

impl Tree {
    fn layer(&mut self, file: File, media_type: &str) -> Result<(), String> {
        let reader = BufReader::with_capacity(1 << 17, file);
        match media_type {
            media::LAYER_TAR => self.apply(reader),
            media::LAYER_ZSTD => self.apply(zstd::Decoder::with_buffer(reader).map_err(|error| error.to_string())?),
            _ => self.apply(flate2::bufread::MultiGzDecoder::new(reader)),
        }
    }

    /// Lays one layer over those below. Whiteouts:
    /// <https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts>.
    fn apply(&mut self, reader: impl Read) -> Result<(), String> {
        let said = |error: std::io::Error| error.to_string();
        let mut archive = tar::Archive::new(reader);
        let mut added = Vec::new();
        for entry in archive.entries().map_err(said)? {
            let mut entry = entry.map_err(said)?;
            let Some(path) = clean(&String::from_utf8_lossy(&entry.path_bytes())) else { continue };
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
            if name == ".wh..wh..opq" {
                self.remove_below(folder);
                continue;
            }
            if let Some(hidden) = name.strip_prefix(".wh.") {
                let hidden = if folder.is_empty() { hidden.to_owned() } else { format!("{folder}/{hidden}") };
                self.entries.remove(&hidden);
                self.remove_below(&hidden);
                continue;
            }
            let kind = entry.header().entry_type();
            let found = match kind {
                tar::EntryType::Directory => Entry::Folder,
                tar::EntryType::Symlink => {
                    Entry::Link(String::from_utf8_lossy(&entry.link_name_bytes().unwrap_or_default()).into_owned())
                }
                // A hard link is the same file: for our purpose an absolute symbolic one.
                tar::EntryType::Link => {
                    let to = entry.link_name_bytes().unwrap_or_default().into_owned();
                    Entry::Link(format!("/{}", String::from_utf8_lossy(&to).trim_start_matches(['.', '/'])))
                }
                _ if is_libc(name) => {
                    let mut bytes = Vec::new();
                    entry.by_ref().take(LARGEST_LIBC).read_to_end(&mut bytes).map_err(said)?;
                    Entry::Glibc(inspect::glibc_defined(&bytes))
                }
                _ if path.starts_with("etc/ld.so.conf") => {
                    let mut text = String::new();
                    // A text that is none names no folder.
                    let _ = entry.by_ref().take(1 << 16).read_to_string(&mut text);
                    Entry::Text(text)
                }
                _ => Entry::File,
            };
            added.push((path, found));
            if self.entries.len() + added.len() > MOST_ENTRIES {
                return Err(format!("it has more than {MOST_ENTRIES} entries"));
            }
        }
        // A whiteout hides what is below its layer, wherever it stands in it.
        for (path, found) in added {
            if !matches!(found, Entry::Folder) && matches!(self.entries.get(&path), Some(Entry::Folder)) {
                self.remove_below(&path);
            }
            // A folder over a link to a folder is what image builders mean by "the same folder".
            if matches!(found, Entry::Folder) && matches!(self.entries.get(&path), Some(Entry::Link(_))) {
                continue;
            }
            self.entries.insert(path, found);
        }
        Ok(())
    }

    fn remove_below(&mut self, folder: &str) {
        let below = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let gone: Vec<String> = self
            .entries
            .range(below.clone()..)
            .take_while(|(path, _)| path.starts_with(&below))
            .map(|(path, _)| path.clone())
            .collect();
        gone.iter().for_each(|path| drop(self.entries.remove(path)));
    }

    /// Where a path leads when every link in it is followed; nothing if it leads nowhere.
    fn resolve(&self, path: &str) -> Option<String> {
        let mut todo: Vec<String> = path.split('/').rev().filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let mut at: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(name) = todo.pop() {
            match name.as_str() {
                "." => continue,
                ".." => {
                    at.pop();
                    continue;
                }
                _ => at.push(name),
            }
            if let Some(Entry::Link(target)) = self.entries.get(&at.join("/")) {
                links += 1;
                if links > LINKS {
                    return None;
                }
                at.pop();
                if target.starts_with('/') {
                    at.clear();
                }
                todo.extend(target.split('/').rev().filter(|name| !name.is_empty()).map(str::to_owned));
            }
        }
        Some(at.join("/"))
    }

    fn is_file(&self, path: &str) -> bool {
        let resolved = self.resolve(path);
        resolved
            .is_some_and(|path| matches!(self.entries.get(&path), Some(Entry::File | Entry::Glibc(_) | Entry::Text(_))))
    }

    fn facts(&self, arch: Arch) -> BaseFacts {
        let loaders: Vec<String> = LOADERS
            .iter()
            .filter(|(of, path)| *of == arch && self.is_file(path))
            .map(|(_, path)| (*path).into())
            .collect();
        let folders = self.folders(arch);
        let mut libraries: Vec<String> = Vec::new();
        let mut glibc = None;
        for folder in &folders {
            let below = format!("{folder}/");
            for (path, entry) in self.entries.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below)) {
                let name = &path[below.len()..];
                if name.contains('/') || !name.contains(".so") || matches!(entry, Entry::Folder) || !self.is_file(path)
                {
                    continue;
                }
                if is_libc(name)
                    && let Some(Entry::Glibc(version)) = self.resolve(path).and_then(|path| self.entries.get(&path))
                {
                    glibc = glibc.or_else(|| version.clone());
                }
                libraries.push(name.to_owned());
            }
        }
        libraries.sort();
        libraries.dedup();
        let has = |part: &str| loaders.iter().any(|loader| loader.contains(part));
        let libc = match glibc {
            Some(version) if has("ld-linux") => BaseLibc::Glibc(version),
            _ if has("ld-musl") => BaseLibc::Musl,
            _ => BaseLibc::None,
        };
        BaseFacts { libc, loaders, libraries }
    }

    /// The folders a loader looks in, links followed, each once: the built-in ones and those of `/etc/ld.so.conf`
    /// (ld.so(8)).
    fn folders(&self, arch: Arch) -> Vec<String> {
        let triple = match arch {
            Arch::X86_64 => "x86_64-linux-gnu",
            Arch::Aarch64 => "aarch64-linux-gnu",
        };
        let mut all: Vec<String> =
            ["lib64", "usr/lib64", "lib", "usr/lib", "usr/local/lib"].map(str::to_owned).to_vec();
        all.extend([format!("lib/{triple}"), format!("usr/lib/{triple}")]);
        for (path, entry) in self.entries.range("etc/ld.so.conf".to_owned()..) {
            if !path.starts_with("etc/ld.so.conf") {
                break;
            }
            if let Entry::Text(text) = entry {
                let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
                all.extend(lines.filter(|line| line.starts_with('/')).map(|line| line.trim_matches('/').to_owned()));
            }
        }
        let mut folders: Vec<String> = Vec::new();
        for folder in all.iter().filter_map(|folder| self.resolve(folder)) {
            if !folder.is_empty() && !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        folders
    }
}

/// Where loaders lie.
const LOADERS: [(Arch, &str); 4] = [
    (Arch::X86_64, "/lib/ld-musl-x86_64.so.1"),
    (Arch::X86_64, "/lib64/ld-linux-x86-64.so.2"),
    (Arch::Aarch64, "/lib/ld-linux-aarch64.so.1"),
    (Arch::Aarch64, "/lib/ld-musl-aarch64.so.1"),
];

/// `libc.so.6`, or `libc-2.31.so` where that is a link to it.
fn is_libc(name: &str) -> bool {
    name == "libc.so.6" || name.starts_with("libc-2.") && name.ends_with(".so")
}

/// A path of a tar without `./` and trailing slashes; nothing for the root or one that leaves it.
fn clean(path: &str) -> Option<String> {
    let names: Vec<&str> = path.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    (!names.is_empty() && !names.contains(&"..")).then(|| names.join("/"))
}

#[cfg(test)]
#[path = "base_tests.rs"]
mod tests;
