//! What an image of ours is made of: the records of finished steps, and a base. Compared by digest: nothing else says what
//! an engine will run.

use serde::Deserialize;

use super::image::{Blob, Image, MOST_LAYERS, Place};
use super::registry::Document;
use super::{Descriptor, media};
use crate::artifact::{Artifact, File};
use crate::digest::Digest;
use crate::platform::Platform;
use crate::reference::Repository;
use crate::world::few::few;
use crate::world::store::Store;

/// What an image of this plan consists of.
pub struct Parts<'a> {
    pub platform: Platform,
    /// The record of its config and manifest, in this order.
    pub own: &'a Artifact,
    /// The records of its layers, bottom to top.
    pub layers: Vec<&'a Artifact>,
    /// Where the layers below them are.
    pub base: Option<&'a Repository>,
}

#[derive(Deserialize)]
struct Config {
    architecture: String,
    os: String,
    rootfs: Rootfs,
}

#[derive(Deserialize)]
struct Rootfs {
    #[serde(deserialize_with = "few::<MOST_LAYERS, _, _>")]
    diff_ids: Vec<Digest>,
}

impl Parts<'_> {
    /// The image of a manifest, its blobs being files of the steps. All others are layers of the base image.
    ///
    /// # Errors
    /// If the manifest is none, or names what is nowhere.
    pub fn image(&self, store: &Store, manifest: Document) -> Result<Image, String> {
        let steps = || self.layers.iter().copied().chain([self.own]);
        Image::new(manifest, |blob| {
            let mut files = steps().flat_map(|step| step.files.iter().map(move |file| (step, file)));
            let own = files.find(|(_, file)| file.sha256 == blob.digest);
            let own = own.map(|(step, file)| Place::File(store.file(&step.step, &file.name)));
            own.or_else(|| self.below().cloned().map(Place::Repository))
        })
    }

    /// How an image is not made of this; its config is looked into where it is at hand.
    pub fn flaws(&self, image: &Image, config: Option<&[u8]>) -> Vec<String> {
        let mut wrong = Vec::new();
        let kind = &image.manifest.json()["mediaType"];
        if *kind != media::MANIFEST {
            wrong.push(format!("has a manifest of type {kind}"));
        }
        if self.own.files.first().map(|config| Descriptor::of(media::CONFIG, config)).as_ref()
            != Some(&image.config.descriptor)
        {
            wrong.push("has a manifest that refers to another config".into());
        }
        let is =
            |(blob, file): (&Blob, &File)| (blob.descriptor.digest, blob.descriptor.size) == (file.sha256, file.size);
        let own = top(&image.layers, self.files().count())
            .filter(|own| self.below().is_some() || own.len() == image.layers.len());
        if !own.is_some_and(|own| own.iter().zip(self.files()).all(is)) {
            wrong.push("has a manifest that does not end with its own layers".into());
        }
        match config.map(serde_json::from_slice::<Config>) {
            Some(Ok(config)) => self.config_flaws(&config, image.layers.len(), &mut wrong),
            Some(Err(_)) => wrong.push("has a config that cannot be read".into()),
            None => {}
        }
        wrong
    }

    fn config_flaws(&self, config: &Config, layers: usize, wrong: &mut Vec<String>) {
        let mut must = |what: &str, is: &str, planned: &str| {
            if is != planned {
                wrong.push(format!("has {what} {is:?}, but the plan says {planned:?}"));
            }
        };
        must("the architecture", &config.architecture, self.platform.goarch());
        must("the system", &config.os, "linux");
        let ids = &config.rootfs.diff_ids;
        if ids.len() != layers {
            wrong.push("has different numbers of layers in config and manifest".into());
        }
        let is = |(id, file): (&Digest, &File)| file.diff_id == Some(*id);
        if !top(ids, self.files().count()).is_some_and(|own| own.iter().zip(self.files()).all(is)) {
            wrong.push("does not end with its own layers".into());
        }
    }

    /// Where the layers are that are no files of ours.
    fn below(&self) -> Option<&Repository> {
        self.base.or(self.own.published.as_ref().map(|published| &published.repository))
    }

    pub fn files(&self) -> impl Iterator<Item = &File> {
        // Config and manifest come first; what follows are layers of an image that an engine built.
        let own = self.own.files.iter().skip(2).filter(|file| file.diff_id.is_some());
        self.layers.iter().flat_map(|layer| &layer.files).chain(own)
    }
}

/// The last so many of a list.
fn top<T>(all: &[T], count: usize) -> Option<&[T]> {
    all.len().checked_sub(count).map(|below| &all[below..])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::artifact::{ARTIFACT_SCHEMA, Mode};

    fn record(step: &str, files: &[(&[u8], Option<Digest>)]) -> Artifact {
        let file = |(bytes, diff_id): &(&[u8], Option<Digest>)| {
            let (sha256, size) = (Digest::of(bytes), bytes.len() as u64);
            File { name: "x".into(), size, sha256, mode: Mode::Plain, diff_id: *diff_id }
        };
        Artifact {
            schema: ARTIFACT_SCHEMA.into(),
            step: step.into(),
            kind: "image".into(),
            plan: Digest::of(b"plan"),
            commit: "1".into(),
            files: files.iter().map(file).collect(),
            check: None,
            rustflags: Vec::new(),
            published: None,
            not_needed: None,
        }
    }

    const REPOSITORY: &str = "base.example/team/base";

    /// The flaws of an image with two layers of ours after a change; `base`: what is promised, `below`: what is there.
    fn flaws(base: bool, below: bool, change: &dyn Fn(&mut Value, &mut Value)) -> Vec<String> {
        let ids = [Digest::of(b"tar of the base"), Digest::of(b"tar a"), Digest::of(b"tar b")];
        let layers = [record("layer.a", &[(b"a", Some(ids[1]))]), record("layer.b", &[(b"bb", Some(ids[2]))])];
        let all = [&record("x", &[(b"base", None)]).files[0], &layers[0].files[0], &layers[1].files[0]];
        let from = usize::from(!below);
        let shown: Vec<String> = ids[from..].iter().map(Digest::to_string).collect();
        let mut config = json!({ "architecture": "arm64", "os": "linux", "rootfs": { "diff_ids": shown } });
        let blobs: Vec<_> = all[from..].iter().map(|file| Descriptor::of(media::LAYER_GZIP, file)).collect();
        let mut manifest = json!({ "mediaType": media::MANIFEST, "layers": blobs });
        change(&mut config, &mut manifest);
        let config = config.to_string().into_bytes();
        let own = record("image", &[(&config, None)]);
        if manifest["config"].is_null() {
            manifest["config"] = json!(Descriptor::of(media::CONFIG, &own.files[0]));
        }
        let repository = REPOSITORY.parse::<crate::reference::Reference>().unwrap().repository;
        let (platform, base) = (Platform::LinuxArm64, Some(&repository).filter(|_| base));
        let parts = Parts { platform, own: &own, layers: layers.iter().collect(), base };
        let store = Store::new(std::path::Path::new("/nowhere"), "out");
        match parts.image(&store, Document::new(media::MANIFEST, manifest.to_string().into_bytes())) {
            Ok(image) => parts.flaws(&image, Some(&config)),
            Err(flaw) => vec![flaw],
        }
    }

    #[test]
    fn an_image_is_made_of_its_parts() {
        let check = |base, below, change: &dyn Fn(&mut Value, &mut Value), expected: &[&str]| {
            assert_eq!(flaws(base, below, change), expected);
        };
        let pop = |value: &mut Value| drop(value.as_array_mut().unwrap().pop());
        let layers = "has a manifest that does not end with its own layers";
        let count = "has different numbers of layers in config and manifest";
        let nowhere =
            format!("refers to {}, which is neither one of our blobs nor of a base image", Digest::of(b"base"));
        check(true, true, &|_, _| {}, &[]);
        check(false, false, &|_, _| {}, &[]);
        check(true, false, &|_, _| {}, &[]);
        check(false, true, &|_, _| {}, &[&nowhere]);
        check(false, false, &|_, manifest| manifest["layers"] = json!([]), &[layers, count]);
        check(false, false, &|_, manifest| pop(&mut manifest["layers"]), &[layers, count]);
        check(true, true, &|_, manifest| pop(&mut manifest["layers"]), &[layers, count]);
        check(true, true, &|_, manifest| manifest["layers"][1]["size"] = json!(7), &[layers]);
        let ids = |config: &mut Value, _: &mut Value| pop(&mut config["rootfs"]["diff_ids"]);
        check(true, true, &ids, &[count, "does not end with its own layers"]);
        let architecture = "has the architecture \"amd64\", but the plan says \"arm64\"";
        check(true, true, &|config, _| config["architecture"] = json!("amd64"), &[architecture]);
        check(true, true, &|config, _| config["rootfs"] = json!(7), &["has a config that cannot be read"]);
        let other = json!({ "mediaType": media::CONFIG, "digest": Digest::of(b"a").to_string(), "size": 1 });
        let config = "has a manifest that refers to another config";
        check(true, true, &|_, manifest| manifest["config"] = other.clone(), &[config]);
        let index = format!("has a manifest of type \"{}\"", media::INDEX);
        check(true, true, &|_, manifest| manifest["mediaType"] = json!(media::INDEX), &[&index]);
        check(true, true, &|_, manifest| manifest["layers"] = json!(7), &["has a manifest that cannot be read"]);
    }

    #[test]
    fn blobs_are_files_of_ours_or_at_the_base() {
        let (own, layer) = (record("image.a", &[(b"config", None)]), record("layer.a", &[(b"a", None)]));
        let base = REPOSITORY.parse::<crate::reference::Reference>().unwrap().repository;
        let other = Descriptor { media_type: media::LAYER_GZIP.into(), digest: Digest::of(b"base"), size: 4 };
        let manifest = json!({
            "config": Descriptor::of(media::CONFIG, &own.files[0]),
            "layers": [other, Descriptor::of(media::LAYER_GZIP, &layer.files[0])],
        });
        let store = Store::new(std::path::Path::new("/nowhere"), "out");
        let parts = Parts { platform: Platform::LinuxAmd64, own: &own, layers: vec![&layer], base: Some(&base) };
        let manifest = Document::new(media::MANIFEST, manifest.to_string().into_bytes());
        let image = parts.image(&store, manifest).unwrap();
        let places: Vec<Place> = image.blobs().map(|blob| blob.place.clone()).collect();
        let file = |step: &str| Place::File(store.file(step, "x"));
        assert_eq!(places, [Place::Repository(base.clone()), file("layer.a"), file("image.a")]);
    }
}
