//! Is a manifest or index what the plan and the records say? What it leaves out, nobody would miss on its way.

use serde::Deserialize;

use crate::artifact::{Artifact, File};
use crate::digest::Digest;
use crate::oci::{Descriptor, media};
use crate::plan::{Plan, Step, Work};
use crate::platform::Platform;
use crate::step_id::StepId;
use crate::world::few::few;

/// More layers than any engine mounts, and more images than there are platforms.
const MOST: usize = 1000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    media_type: String,
    config: Descriptor,
    #[serde(deserialize_with = "few::<MOST, _, _>")]
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Config {
    architecture: String,
    os: String,
    rootfs: Rootfs,
}

#[derive(Deserialize)]
struct Rootfs {
    #[serde(deserialize_with = "few::<MOST, _, _>")]
    diff_ids: Vec<Digest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    media_type: String,
    #[serde(deserialize_with = "few::<MOST, _, _>")]
    manifests: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(flatten)]
    descriptor: Descriptor,
    platform: Place,
}

#[derive(Deserialize)]
struct Place {
    architecture: String,
    os: String,
}

/// An image of ours.
pub struct Image<'a> {
    /// What it runs on.
    pub platform: Platform,
    /// Its own layers, bottom to top.
    pub layers: Vec<&'a File>,
    /// Whether there are others below.
    pub has_base: bool,
}

/// What a step made.
pub struct Content<'a> {
    /// The manifest or index.
    pub document: &'a [u8],
    /// The config of an image, if that is at hand.
    pub config: Option<Vec<u8>>,
}

/// What is wrong with the manifest or index of a step. Of images and layers that this manifest does not have, only the
/// number is known.
pub fn flaw(plan: &Plan, step: &Step, content: &Content<'_>, artifacts: &[Artifact]) -> Option<String> {
    let record = |id: &StepId| artifacts.iter().find(|artifact| artifact.step == *id);
    match &step.work {
        Work::Image(work) => {
            let layers: Option<Vec<&File>> = work.layers.iter().map(|id| record(id)?.files.first()).collect();
            let Some(layers) = layers else { return Some("is based on layers that the manifest lacks".into()) };
            let image = Image { platform: work.platform, layers, has_base: work.base.is_some() };
            let file = record(&step.id).and_then(|record| record.files.first());
            of_image(&image, content, file?)
        }
        Work::Index(work) => {
            let images: Vec<(Option<&File>, Option<Platform>)> = work
                .images
                .iter()
                .map(|id| {
                    let platform = plan.step(id).and_then(|step| match &step.work {
                        Work::Image(work) => Some(work.platform),
                        _ => None,
                    });
                    (record(id).and_then(|record| record.files.last()), platform)
                })
                .collect();
            of_index(&images, content.document)
        }
        _ => None,
    }
}

fn is(descriptor: &Descriptor, file: &File) -> bool {
    (descriptor.digest, descriptor.size) == (file.sha256, file.size)
}

fn of_image(image: &Image<'_>, content: &Content<'_>, file: &File) -> Option<String> {
    let Ok(manifest) = serde_json::from_slice::<Manifest>(content.document) else {
        return Some("is no manifest".into());
    };
    if manifest.media_type != media::MANIFEST {
        return Some(format!("is of the type {:?}", manifest.media_type));
    }
    if !is(&manifest.config, file) || manifest.config.media_type != media::CONFIG {
        return Some("names another config".into());
    }
    let below = manifest.layers.len().checked_sub(image.layers.len());
    let own = below.filter(|below| image.has_base || *below == 0).is_some_and(|below| {
        manifest.layers[below..].iter().zip(&image.layers).all(|(descriptor, file)| is(descriptor, file))
    });
    if !own {
        return Some("has other layers than planned".into());
    }
    let config = content.config.as_deref()?;
    if Digest::of(config) != file.sha256 {
        return Some("names another config".into());
    }
    let Ok(config) = serde_json::from_slice::<Config>(config) else { return Some("has a config that is none".into()) };
    if (config.architecture.as_str(), config.os.as_str()) != (image.platform.goarch(), "linux") {
        return Some(format!("is for {}/{}", config.os, config.architecture));
    }
    let ids = &config.rootfs.diff_ids;
    let right = ids.len() == manifest.layers.len()
        && ids.iter().rev().zip(image.layers.iter().rev()).all(|(id, file)| file.diff_id == Some(*id));
    if right { None } else { Some("has other layers in its config than planned".into()) }
}

fn of_index(images: &[(Option<&File>, Option<Platform>)], index: &[u8]) -> Option<String> {
    let Ok(index) = serde_json::from_slice::<Index>(index) else { return Some("is no index".into()) };
    if index.media_type != media::INDEX {
        return Some(format!("is of the type {:?}", index.media_type));
    }
    let right = index.manifests.len() == images.len()
        && index.manifests.iter().zip(images).all(|(entry, (file, platform))| {
            let place = (entry.platform.architecture.as_str(), entry.platform.os.as_str());
            entry.descriptor.media_type == media::MANIFEST
                && file.is_none_or(|file| is(&entry.descriptor, file))
                && platform.is_none_or(|platform| place == (platform.goarch(), "linux"))
        });
    if right { None } else { Some("does not name exactly its images".into()) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::artifact::Mode;

    fn file(bytes: &[u8], diff_id: Option<Digest>) -> File {
        let (sha256, size) = (Digest::of(bytes), bytes.len() as u64);
        File { name: "x".into(), size, sha256, mode: Mode::Plain, diff_id }
    }

    fn descriptor(file: &File, kind: &str) -> Value {
        json!(Descriptor { media_type: kind.into(), digest: file.sha256, size: file.size })
    }

    #[test]
    fn an_image_has_the_planned_layers() {
        let ids = [Digest::of(b"tar a"), Digest::of(b"tar b"), Digest::of(b"tar of the base")];
        let layers = [file(b"a", Some(ids[0])), file(b"bb", Some(ids[1])), file(b"base", None)];
        let check = |(base, below): (bool, bool), change: &dyn Fn(&mut Value, &mut Value), expected: Option<&str>| {
            let mut ids: Vec<String> = ids.iter().map(Digest::to_string).collect();
            ids.rotate_right(1);
            let mut all: Vec<Value> = layers.iter().map(|layer| descriptor(layer, media::LAYER_GZIP)).collect();
            all.rotate_right(1);
            if !below {
                (ids, all) = (ids[1..].to_vec(), all[1..].to_vec());
            }
            let mut config = json!({"architecture": "arm64", "os": "linux", "rootfs": {"diff_ids": ids}});
            let mut manifest = json!({"mediaType": media::MANIFEST, "layers": all});
            change(&mut config, &mut manifest);
            let config = config.to_string().into_bytes();
            let record = file(&config, None);
            if manifest["config"].is_null() {
                manifest["config"] = descriptor(&record, media::CONFIG);
            }
            let image = Image { platform: Platform::LinuxArm64, layers: layers[..2].iter().collect(), has_base: base };
            let found =
                of_image(&image, &Content { document: manifest.to_string().as_bytes(), config: Some(config) }, &record);
            assert_eq!(found.as_deref(), expected, "{manifest}");
        };
        let pop = |value: &mut Value| drop(value.as_array_mut().unwrap().pop());
        let other = Some("has other layers than planned");
        check((true, true), &|_, _| {}, None);
        check((false, false), &|_, _| {}, None);
        check((true, false), &|_, _| {}, None);
        check((false, true), &|_, _| {}, other);
        check((false, false), &|_, manifest| manifest["layers"] = json!([]), other);
        check((false, false), &|_, manifest| pop(&mut manifest["layers"]), other);
        check((true, true), &|_, manifest| pop(&mut manifest["layers"]), other);
        check((true, true), &|_, manifest| manifest["layers"][1]["size"] = json!(7), other);
        check(
            (true, true),
            &|config, _| pop(&mut config["rootfs"]["diff_ids"]),
            Some("has other layers in its config than planned"),
        );
        check((true, true), &|config, _| config["architecture"] = json!("amd64"), Some("is for linux/amd64"));
        let config = descriptor(&layers[0], media::CONFIG);
        check((true, true), &|_, manifest| manifest["config"] = config.clone(), Some("names another config"));
        check(
            (true, true),
            &|_, manifest| manifest["mediaType"] = json!(media::INDEX),
            Some(&format!("is of the type {:?}", media::INDEX)),
        );
        check((true, true), &|_, manifest| manifest["layers"] = json!(7), Some("is no manifest"));
    }

    #[test]
    fn an_index_names_the_planned_images() {
        let images = [file(b"amd64", None), file(b"arm64", None)];
        let planned: Vec<(Option<&File>, Option<Platform>)> =
            images.iter().map(Some).zip([Platform::LinuxAmd64, Platform::LinuxArm64].map(Some)).collect();
        let check = |change: &dyn Fn(&mut Value), right: bool| {
            let entries = images.iter().zip(["amd64", "arm64"]).map(|(file, arch)| {
                let mut entry = descriptor(file, media::MANIFEST);
                entry["platform"] = json!({"architecture": arch, "os": "linux"});
                entry
            });
            let mut index = json!({"mediaType": media::INDEX, "manifests": entries.collect::<Vec<_>>()});
            change(&mut index);
            assert_eq!(of_index(&planned, index.to_string().as_bytes()).is_none(), right, "{index}");
        };
        check(&|_| {}, true);
        check(&|index| index["manifests"] = json!([]), false);
        check(&|index| drop(index["manifests"].as_array_mut().unwrap().pop()), false);
        check(&|index| index["manifests"][0] = index["manifests"][1].clone(), false);
        check(&|index| index["manifests"][0]["platform"]["architecture"] = json!("arm64"), false);
        check(&|index| index["manifests"][0]["size"] = json!(1), false);
        check(&|index| index["mediaType"] = json!(media::MANIFEST), false);
    }
}
