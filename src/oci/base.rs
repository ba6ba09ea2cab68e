//! Base images: finding one platform's manifest and config, and reading from its layers what it provides to a binary.

use std::io::Seek;

use serde_json::Value;

use super::registry::{Document, Error, ErrorKind, Registries};
use super::tree::Tree;
use super::{Descriptor, document, layer, media};
use crate::digest::{Digest, Watched};
use crate::platform::{BaseFacts, Platform};
use crate::problem::Problem;
use crate::reference::Reference;
use crate::shown;
use crate::world::disk;

/// The largest config: those of images with hundreds of steps have 100 KiB. What it takes in memory is a hundred times as much.
const LARGEST_CONFIG: u64 = 1 << 20;
/// The largest layer that is taken, packed, and the most of them.
const LARGEST_LAYER: u64 = 32 << 30;
const MOST_LAYERS: usize = 500;
/// What may follow the end of a layer's tar: programs fill up their last record.
const MOST_AFTER_END: u64 = 64 << 20;

/// One platform of a base image.
#[derive(Clone, Debug)]
pub struct Base {
    /// Digest of what the reference names: an index, or the manifest itself.
    pub named: Digest,
    pub manifest: Document,
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
        let problem = Problem::new("base-missing", format!("the base image `{wanted}` does not exist"));
        let hint = "check its name; if the image was deleted, run `longshore lock --update`";
        return Err(Error::new(ErrorKind::Usage, problem.hint(hint)));
    };
    let named = manifest.descriptor.digest;
    let mut listed = None;
    if manifest.json()["manifests"].is_array() {
        let entry =
            entry(&manifest.json(), platform).ok_or_else(|| unfit(from, platform, "has no image for this platform"))?;
        listed = entry["platform"]["variant"].as_str().map(str::to_owned);
        let digest = entry["digest"].as_str().and_then(|text| text.parse().ok());
        let digest: Digest = digest.ok_or_else(|| unfit(&wanted, platform, "has an index without digests"))?;
        let one = from.repository.at(digest);
        let read = registries.manifest(&one).await?;
        manifest = read.ok_or_else(|| unfit(&one, platform, "is in the index, but not in the registry"))?;
    }
    let json = manifest.json();
    if json["schemaVersion"] != 2 || json["layers"].as_array().is_none() {
        return Err(unfit(&wanted, platform, "has a manifest that does not have schema version 2"));
    }
    let config: Descriptor = serde_json::from_value(json["config"].clone())
        .map_err(|_| unfit(&wanted, platform, "has a manifest without a config"))?;
    if config.size > LARGEST_CONFIG {
        let text = format!("has a config of {} bytes; the limit is {} MiB", config.size, LARGEST_CONFIG >> 20);
        return Err(unfit(&wanted, platform, &text));
    }
    let bytes = registries.blob(&from.repository, &config).await?;
    let mut config: Value =
        serde_json::from_slice(&bytes).map_err(|_| unfit(&wanted, platform, "has a config that is not JSON"))?;
    if config["architecture"] != platform.goarch() || config["os"] != "linux" {
        let is = format!("has a config for {}/{}", text(&config["os"]), text(&config["architecture"]));
        return Err(unfit(&wanted, platform, &is));
    }
    // The index says it more reliably than configs do.
    if let Some(variant) = listed.filter(|_| config["variant"].is_null()) {
        config["variant"] = variant.into();
    }
    document::base_layers(&json)
        .map_err(|why| unfit(&wanted, platform, &format!("cannot be used as a base: {why}")))?;
    Ok(Base { named, manifest, config })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("nothing")
}

fn unfit(from: &Reference, platform: Platform, what: &str) -> Error {
    let problem = Problem::new("base-unfit", format!("the base image `{from}` for {platform} {what}"));
    Error::new(ErrorKind::Usage, problem.hint("choose another base image, or remove the platform"))
}

/// The entry of an index for a platform. Attestations (`unknown/unknown`) are not images.
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
            _ => platform.variant().is_none_or(|wanted| variant.is_none_or(|variant| variant == wanted)),
        };
        image && !attestation && about["os"] == "linux" && about["architecture"] == platform.goarch() && plain
    };
    entries.iter().find(fits).cloned()
}

/// Reads from a base's layers what it provides. Layers are kept on disk while they are read.
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
    if layers.len() > MOST_LAYERS {
        let text = format!("has {} layers; the limit is {MOST_LAYERS}", layers.len());
        return Err(unfit(from, platform, &text));
    }
    let diff_ids = base.config["rootfs"]["diff_ids"].as_array().map(Vec::as_slice).unwrap_or_default();
    if diff_ids.len() != layers.len() {
        let text = format!("has {} layers, but a config with {} `diff_ids`", layers.len(), diff_ids.len());
        return Err(unfit(from, platform, &text));
    }
    for (layer, diff_id) in layers.into_iter().zip(diff_ids) {
        let broken = |why: String| unfit(from, platform, &format!("has a layer that cannot be read: {why}"));
        if layer.size > LARGEST_LAYER {
            let most = LARGEST_LAYER >> 30;
            return Err(broken(format!("it has {} bytes; the limit is {most} GiB", layer.size)));
        }
        let mut file = tempfile::tempfile().map_err(|error| {
            let text = format!("cannot keep a layer of `{from}`: {error}");
            let (code, hint) = disk::of(&error).unwrap_or(("not-writable", "check `TMPDIR`"));
            Error::new(ErrorKind::Disk, Problem::new(code, text).hint(hint))
        })?;
        registries.download(&from.repository, &layer, &mut file).await?;
        file.rewind().map_err(|error| broken(error.to_string()))?;
        let mut unpacked = Watched::new(layer::open(file).map_err(|error| broken(error.to_string()))?);
        tree.apply(&mut unpacked).map_err(broken)?;
        // Engines make the same check and refuse such an image.
        let is = unpacked.digest(MOST_AFTER_END).map_err(|error| broken(error.to_string()))?;
        if *diff_id != is.to_string() {
            let said = shown::one_line(text(diff_id));
            let what =
                format!("cannot be started: its layer `{}` unpacks to {is}, but its config says {said}", layer.digest);
            return Err(unfit(from, platform, &what));
        }
    }
    let arch =
        platform.arch().ok_or_else(|| unfit(from, platform, "is for a platform that binaries are not built for"))?;
    tree.facts(arch).map_err(|why| unfit(from, platform, &format!("is too large to inspect: {why}")))
}

#[cfg(test)]
#[path = "base_tests.rs"]
mod tests;
