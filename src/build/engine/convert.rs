//! From what buildah writes to an OCI image layout: layers of bases as they were, configs without traces of the machine.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

use super::bases::{Base, oci_type};
use crate::build::gzip::Gzip;
use crate::digest::{Digest, Hashing};
use crate::oci::layout::{Entry, Layout};
use crate::oci::registry::Document;
use crate::oci::{Descriptor, LARGEST_DOCUMENT, layer, media};
use crate::world::files;

/// The name that BuildKit gives, too.
const NAME: &str = "latest";

/// What stays of a config: <https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md>; not the container that was
/// used, nor the image that was built on.
const KEPT: [&str; 9] =
    ["architecture", "author", "config", "created", "history", "os", "os.features", "os.version", "rootfs"];
/// What starts it, with Docker's extensions that OCI reserves; not the name of the build's container and its terminals.
const KEPT_OF_RUN: [&str; 15] = [
    "ArgsEscaped",
    "Cmd",
    "Entrypoint",
    "Env",
    "ExposedPorts",
    "Healthcheck",
    "Labels",
    "Memory",
    "OnBuild",
    "Shell",
    "StopSignal",
    "StopTimeout",
    "User",
    "Volumes",
    "WorkingDir",
];

/// Reads a folder of containers/image (`dir:`) into a new layout.
///
/// # Errors
/// If the folder is damaged, or the layout cannot be written.
pub fn convert(folder: &Path, bases: &[Base], output: &Path) -> anyhow::Result<()> {
    let read = |name: &str| -> anyhow::Result<Value> {
        let bytes = files::read_small(&folder.join(name), LARGEST_DOCUMENT)?;
        serde_json::from_slice(&bytes).with_context(|| format!("`{name}` of the engine is not JSON"))
    };
    let manifest = read("manifest.json")?;
    let config_digest: Digest = digest_of(&manifest["config"])?;
    let mut config = read(&config_digest.hex())?;
    clean(&mut config);
    let layout = Layout::create(output)?;
    let diff_ids = config["rootfs"]["diff_ids"].as_array().cloned().unwrap_or_default();
    let layers = manifest["layers"].as_array().cloned().unwrap_or_default();
    if diff_ids.len() != layers.len() {
        bail!("the engine's manifest has {} layers and its config {}", layers.len(), diff_ids.len());
    }
    let mut descriptors = Vec::new();
    for (layer, diff_id) in layers.iter().zip(&diff_ids) {
        let diff_id = diff_id.as_str().unwrap_or_default();
        let of_base = bases.iter().flat_map(|base| &base.layers).find(|layer| layer.diff_id == diff_id);
        descriptors.push(match of_base {
            Some(known) => {
                let blob = &known.blob;
                layout.add(blob.descriptor.digest, &blob.path)?;
                Descriptor { media_type: oci_type(&blob.descriptor.media_type).to_owned(), ..blob.descriptor.clone() }
            }
            None => pack(&folder.join(digest_of(layer)?.hex()), &layout, output)?,
        });
    }
    let config = Document::new(media::CONFIG, config.to_string().into_bytes());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media::MANIFEST,
        "config": config.descriptor,
        "layers": descriptors,
    });
    let manifest = Document::new(media::MANIFEST, manifest.to_string().into_bytes());
    layout.put(&config)?;
    layout.put(&manifest)?;
    layout.finish(&[Entry::new(manifest.descriptor, NAME)])
}

fn digest_of(descriptor: &Value) -> anyhow::Result<Digest> {
    let text = descriptor["digest"].as_str().context("the engine's manifest is damaged")?;
    text.parse().map_err(|error| anyhow::anyhow!("the engine's manifest has a damaged digest: {error}"))
}

/// Compresses a layer in our way, which is the same on every machine.
fn pack(from: &Path, layout: &Layout, output: &Path) -> anyhow::Result<Descriptor> {
    let file = File::open(from).with_context(|| format!("cannot read `{}`", from.display()))?;
    let part = output.join("blobs").join("part");
    let to = File::create(&part).with_context(|| format!("cannot write `{}`", part.display()))?;
    let mut gzip = Gzip::new(Hashing::new(to))?;
    io::copy(&mut layer::open(file)?, &mut gzip)?;
    let (_, digest, size) = gzip.finish()?.finish();
    let path = layout.path(digest);
    fs::rename(&part, &path).with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(Descriptor { media_type: media::LAYER_GZIP.to_owned(), digest, size })
}

/// Leaves out what is of the machine and the moment, and what says nothing.
fn clean(config: &mut Value) {
    let keep = |value: &mut Value, kept: &[&str]| {
        if let Value::Object(map) = value {
            map.retain(|key, value| kept.contains(&key.as_str()) && !says_nothing(value));
        }
    };
    let variant = config["variant"].clone();
    keep(config, &KEPT);
    if variant.as_str().is_some_and(|text| !text.is_empty()) {
        config["variant"] = variant;
    }
    if let Some(run) = config.get_mut("config") {
        keep(run, &KEPT_OF_RUN);
    } else {
        config["config"] = Value::Object(Map::new());
    }
    for entry in config["history"].as_array_mut().into_iter().flatten() {
        // `FROM localhost/folder/of/the/build`: where we put the base for the engine.
        if entry["comment"].as_str().is_some_and(|comment| comment.starts_with("FROM ")) {
            let Value::Object(map) = entry else { continue };
            map.remove("comment");
        }
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configs_have_nothing_of_the_machine() {
        let mut config = json!({
            "created": "2023-11-14T22:13:20Z", "container": "7a5e", "container_config": {"Hostname": "x"},
            "config": {"Hostname": "2b74", "Env": ["A=b"], "Cmd": [], "Healthcheck": {"Test": ["NONE"]}, "User": ""},
            "architecture": "arm", "os": "linux", "variant": "v7", "parent": "sha256:8a",
            "rootfs": {"type": "layers", "diff_ids": []},
            "history": [{"created_by": "x", "comment": "FROM localhost/tmp/x:latest"}, {"comment": "mine"}],
        });
        clean(&mut config);
        assert_eq!(
            config,
            json!({
                "created": "2023-11-14T22:13:20Z",
                "config": {"Env": ["A=b"], "Healthcheck": {"Test": ["NONE"]}},
                "architecture": "arm", "os": "linux", "variant": "v7",
                "rootfs": {"type": "layers", "diff_ids": []},
                "history": [{"created_by": "x"}, {"comment": "mine"}],
            })
        );
    }
}
