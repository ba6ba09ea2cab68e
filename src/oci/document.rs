//! Config, manifest and index of an image as JSON: pure functions, the same bytes for the same inputs.
//!
//! What a base says is kept, also what we do not know; keys are sorted. Specification:
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/spec.md>.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Descriptor, media};
use crate::digest::Digest;
use crate::platform::Platform;

/// What a config says besides what it inherits.
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    pub platform: Platform,
    /// RFC 3339.
    pub created: &'a str,
    /// `Entrypoint`; an inherited `Cmd` goes with it, since it was meant for another program.
    pub entrypoint: &'a [String],
    pub cmd: &'a [String],
    pub user: &'a str,
    pub workdir: &'a str,
    /// `Env`: replaces what the base has under the same name.
    pub env: Option<&'a BTreeMap<String, String>>,
    pub expose: &'a [String],
    /// `Healthcheck`, Docker's extension; empty: the base's, which was meant for another program, is dropped.
    pub healthcheck: &'a [String],
    pub labels: Option<&'a BTreeMap<String, String>>,
}

impl<'a> Settings<'a> {
    /// Nothing but what every config says.
    pub fn new(platform: Platform, created: &'a str) -> Self {
        Self {
            platform,
            created,
            entrypoint: &[],
            cmd: &[],
            user: "",
            workdir: "",
            env: None,
            expose: &[],
            healthcheck: &[],
            labels: None,
        }
    }
}

/// A layer of ours: its descriptor, digest of its tar, and what it holds, for `history`.
#[derive(Clone, Debug)]
pub struct Layer {
    pub blob: Descriptor,
    /// Digest of the tar.
    pub diff_id: Digest,
    /// For `history`.
    pub holds: String,
}

/// Docker's own keys of a config, which say how its layers came about on some machine.
const OF_DOCKER: [&str; 4] = ["container", "container_config", "docker_version", "id"];
/// What every program expects, where no base sets it.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The config of an image: what the base's says, our settings, our layers on top.
///
/// # Errors
/// If the base's config is not what a config is.
pub fn config(base: Option<&Value>, settings: &Settings<'_>, layers: &[Layer]) -> Result<Vec<u8>, String> {
    let (platform, created) = (settings.platform, settings.created);
    let mut config = match base {
        Some(Value::Object(map)) => map.clone(),
        Some(_) => return Err("the config of the base image is not a JSON object".into()),
        None => Map::new(),
    };
    OF_DOCKER.iter().for_each(|key| drop(config.remove(*key)));
    config.insert("architecture".into(), json!(platform.goarch()));
    config.insert("os".into(), json!("linux"));
    config.insert("created".into(), json!(created));
    if let (None, Some(variant)) = (base, platform.variant()) {
        config.insert("variant".into(), json!(variant));
    }
    let runs = config.remove("config").filter(Value::is_object).unwrap_or_else(|| json!({}));
    config.insert("config".into(), runs_with(runs, settings));
    let rootfs = config.entry("rootfs").or_insert_with(|| json!({ "type": "layers", "diff_ids": [] }));
    let Some(diff_ids) = rootfs.get_mut("diff_ids").and_then(Value::as_array_mut) else {
        return Err("the config of the base image has no `rootfs.diff_ids`".into());
    };
    diff_ids.extend(layers.iter().map(|layer| json!(layer.diff_id.to_string())));
    let history = config.entry("history").or_insert_with(|| json!([]));
    let Some(history) = history.as_array_mut() else {
        return Err("the config of the base image has a `history` that is not a list".into());
    };
    for layer in layers {
        history.push(json!({ "created": created, "created_by": format!("longshore: {}", layer.holds) }));
    }
    Ok(bytes(&Value::Object(config)))
}

/// The config of an image that somebody else made, with our labels and time.
///
/// # Errors
/// If it is not what a config is.
pub fn labelled(config: Value, created: &str, labels: &BTreeMap<String, String>) -> Result<Vec<u8>, String> {
    let Value::Object(mut config) = config else { return Err("the config of the image is not a JSON object".into()) };
    config.insert("created".into(), json!(created));
    let runs = config.entry("config").or_insert_with(|| json!({}));
    let Some(runs) = runs.as_object_mut() else { return Err("the config of the image is damaged".into()) };
    extend(runs, "Labels", labels.iter().map(|(key, value)| (key.clone(), json!(value))));
    Ok(bytes(&Value::Object(config)))
}

fn runs_with(mut runs: Value, settings: &Settings<'_>) -> Value {
    let mut runs = runs.as_object_mut().map_or_else(Map::new, std::mem::take);
    runs.insert("Entrypoint".into(), json!(settings.entrypoint));
    let mut set = |key: &str, value: Value, keep: bool| {
        if keep {
            runs.insert(key.into(), value);
        } else {
            runs.remove(key);
        }
    };
    set("Cmd", json!(settings.cmd), !settings.cmd.is_empty());
    set("User", json!(settings.user), true);
    set("WorkingDir", json!(settings.workdir), true);
    let test: Vec<&str> = std::iter::once("CMD").chain(settings.healthcheck.iter().map(String::as_str)).collect();
    set("Healthcheck", json!({ "Test": test }), !settings.healthcheck.is_empty());
    // Says that `Cmd` is one shell line, which ours never is.
    set("ArgsEscaped", Value::Null, false);
    let mut env: Vec<String> = strings(runs.get("Env"));
    if !env.iter().any(|entry| entry.starts_with("PATH=")) {
        env.insert(0, PATH.into());
    }
    for (name, value) in settings.env.into_iter().flatten() {
        let entry = format!("{name}={value}");
        let same = |other: &&mut String| other.split('=').next() == Some(name);
        match env.iter_mut().find(same) {
            Some(other) => *other = entry,
            None => env.push(entry),
        }
    }
    runs.insert("Env".into(), json!(env));
    extend(&mut runs, "ExposedPorts", settings.expose.iter().map(|port| (port.clone(), json!({}))));
    let labels = settings.labels.into_iter().flatten();
    extend(&mut runs, "Labels", labels.map(|(key, value)| (key.clone(), json!(value))));
    Value::Object(runs)
}

fn extend(runs: &mut Map<String, Value>, key: &str, entries: impl Iterator<Item = (String, Value)>) {
    let mut all = match runs.remove(key) {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    };
    all.extend(entries);
    if !all.is_empty() {
        runs.insert(key.into(), Value::Object(all));
    }
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// The manifest of an image. Layers of a Docker base get the OCI names of the same formats: same bytes, same digest.
///
/// # Errors
/// If a layer of the base is one that cannot be kept (a foreign layer), or the base's manifest is none.
pub fn manifest(
    base: Option<&Value>,
    config: &Descriptor,
    layers: &[Layer],
    annotations: &BTreeMap<String, String>,
) -> Result<Vec<u8>, String> {
    let mut all: Vec<Value> = base.map(base_layers).transpose()?.unwrap_or_default();
    all.extend(layers.iter().map(|layer| json!(layer.blob)));
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": media::MANIFEST,
        "config": config,
        "layers": all,
    });
    if !annotations.is_empty() {
        manifest["annotations"] = json!(annotations);
    }
    Ok(bytes(&manifest))
}

/// The layer descriptors of a base's manifest, under OCI media types.
///
/// # Errors
/// What cannot be kept.
pub fn base_layers(manifest: &Value) -> Result<Vec<Value>, String> {
    let layers = manifest["layers"].as_array().ok_or("the manifest of the base image has no `layers`")?;
    let mut all = Vec::new();
    for layer in layers {
        let kind = layer["mediaType"].as_str().unwrap_or_default();
        let name = match kind {
            media::DOCKER_LAYER | media::LAYER_GZIP => media::LAYER_GZIP,
            media::LAYER_TAR | media::LAYER_ZSTD => kind,
            _ if kind.contains("foreign") || kind.contains("nondistributable") => {
                return Err(format!("a layer of the base image has type `{kind}`, which registries do not store"));
            }
            _ => return Err(format!("a layer of the base image has the unknown type `{kind}`")),
        };
        let mut layer = layer.clone();
        layer["mediaType"] = json!(name);
        if serde_json::from_value::<Descriptor>(layer.clone()).is_err() {
            return Err("a layer of the base image has no digest or size".into());
        }
        all.push(layer);
    }
    Ok(all)
}

/// The index over the images of one flavor, each with its platform as its config has it.
pub fn index(images: &[(Descriptor, Value)], annotations: &BTreeMap<String, String>) -> Vec<u8> {
    let entry = |(image, platform): &(Descriptor, Value)| {
        let mut entry = json!(image);
        entry["platform"] = platform.clone();
        entry
    };
    let mut index = json!({
        "schemaVersion": 2,
        "mediaType": media::INDEX,
        "manifests": images.iter().map(entry).collect::<Vec<_>>(),
    });
    if !annotations.is_empty() {
        index["annotations"] = json!(annotations);
    }
    bytes(&index)
}

/// The manifest of an artifact with one layer:
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidelines-for-artifact-usage>.
pub fn artifact(config: &Descriptor, layer: &Descriptor, annotations: &BTreeMap<String, String>) -> Vec<u8> {
    bytes(&json!({
        "schemaVersion": 2,
        "mediaType": media::MANIFEST,
        "config": config,
        "layers": [layer],
        "annotations": annotations,
    }))
}

/// The `platform` of an index entry, from the image's config.
pub fn platform(config: &Value) -> Value {
    let mut platform = json!({ "architecture": config["architecture"], "os": config["os"] });
    if let Some(variant) = config["variant"].as_str() {
        platform["variant"] = json!(variant);
    }
    platform
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
