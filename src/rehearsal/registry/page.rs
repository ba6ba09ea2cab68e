//! The page: repositories, their tags, and what each tag leads to.

use serde_json::Value;

use crate::digest::Digest;
use crate::oci::media;
use crate::rehearsal::html::{copy, escape, frame};
use crate::shown;

use super::shared::Shared;
use super::state::{Manifest, Repository, digest_of};

pub(super) fn all(shared: &Shared) -> String {
    let state = shared.state();
    let mut body = String::new();
    for (name, held) in &state.repositories {
        body.push_str(&repository(&format!("{}/{name}", shared.address), name, held));
    }
    if body.is_empty() {
        body.push_str("<header><span class=\"repository\"><b>Registry</b></span></header>\n<p class=\"empty\">Nothing has been pushed here yet.</p>\n");
    }
    frame("Registry", &body)
}

fn repository(address: &str, name: &str, held: &Repository) -> String {
    let mut html = format!("<header><span class=\"repository\"><b>{}</b></span></header>\n", escape(name));
    let mut tagged: Vec<(Digest, Vec<&str>)> = Vec::new();
    for (tag, digest) in &held.tags {
        match tagged.iter_mut().find(|(other, _)| other == digest) {
            Some((_, tags)) => tags.push(tag),
            None => tagged.push((*digest, vec![tag])),
        }
    }
    for (digest, tags) in &tagged {
        if let Some(manifest) = held.manifests.get(digest) {
            html.push_str(&article(address, held, *digest, manifest, tags));
        }
    }
    if tagged.is_empty() {
        let count = held.manifests.len();
        html.push_str(&format!("<p class=\"empty\">No tags; manifests without one: {count}.</p>\n"));
    }
    html
}

/// All tags of one manifest.
fn article(address: &str, held: &Repository, digest: Digest, manifest: &Manifest, tags: &[&str]) -> String {
    let (first, others) = tags.split_first().unwrap_or((&"", &[]));
    let labels: String = others.iter().map(|tag| format!("<span class=\"label\">{}</span>", escape(tag))).collect();
    let command = escape(&command(address, first, is_chart(manifest)));
    let mut rows = String::new();
    if manifest.json["manifests"].is_array() {
        for child in manifest.descriptors("manifests") {
            let layers = digest_of(child).ok().and_then(|digest| held.manifests.get(&digest));
            rows.push_str(&row(&platform(child), &layers.map_or(Vec::new(), sizes), child));
        }
    } else {
        let what = if is_chart(manifest) { "Helm chart" } else { "image" };
        rows.push_str(&row(what, &sizes(manifest), &own(digest)));
    }
    format!(
        "<article>\n<h1>{}{labels}</h1>\n<p class=\"facts\"><span><i>digest</i> <code>{digest}</code></span>\
         <span>{}</span></p>\n<section class=\"commands\"><h2>Pull</h2>{}<pre><code>{command}</code></pre></section>\n\
         <section class=\"assets\"><h2>Content</h2>\n<table><thead><tr><th>Platform</th><th>Layers</th>\
         <th class=\"size\">Size</th><th class=\"digest\">Digest</th></tr></thead>\n<tbody>{rows}</tbody></table></section>\n\
         </article>\n",
        escape(first),
        escape(&manifest.media_type),
        copy(&command, "Copy command"),
    )
}

/// How one gets it. A chart's version may hold a `+`, a tag cannot: `helm pull` wants the version.
fn command(address: &str, tag: &str, is_chart: bool) -> String {
    if is_chart {
        format!("helm pull --plain-http oci://{address} --version {}", tag.replace('_', "+"))
    } else {
        format!("docker pull {address}:{tag}")
    }
}

fn is_chart(manifest: &Manifest) -> bool {
    manifest.json["config"]["mediaType"] == media::HELM_CONFIG
}

fn own(digest: Digest) -> Value {
    serde_json::json!({ "digest": digest.to_string() })
}

fn row(what: &str, layers: &[u64], descriptor: &Value) -> String {
    let digest = escape(descriptor["digest"].as_str().unwrap_or_default());
    let list: Vec<_> = layers.iter().map(|size| shown::size(*size)).collect();
    let total: u64 = layers.iter().fold(0, |total, size| total.saturating_add(*size));
    format!(
        "<tr><td class=\"name\">{}</td><td>{}</td><td class=\"size\" title=\"{total} bytes\">{}</td>\
         <td class=\"digest\"><div><code>{digest}</code>{}</div></td></tr>\n",
        escape(what),
        list.join(", "),
        shown::size(total),
        copy(&digest, "Copy digest"),
    )
}

/// `linux/arm64/v8`, or the kind of artifact where there is no platform.
fn platform(descriptor: &Value) -> String {
    let platform = &descriptor["platform"];
    let parts = ["os", "architecture", "variant"].into_iter().filter_map(|part| platform[part].as_str());
    let text = parts.collect::<Vec<_>>().join("/");
    if text.is_empty() { descriptor["artifactType"].as_str().unwrap_or("artifact").to_owned() } else { text }
}

fn sizes(manifest: &Manifest) -> Vec<u64> {
    manifest.descriptors("layers").iter().filter_map(|layer| layer["size"].as_u64()).collect()
}
