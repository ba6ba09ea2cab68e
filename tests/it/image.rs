//! A small image of two platforms, made here, pushed and read back by our client.

use std::collections::BTreeMap;
use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use longshore::digest::Digest;
use longshore::oci::document::{self, Layer, Settings};
use longshore::oci::registry::{Document, Error, Registries, Source};
use longshore::oci::{Descriptor, media};
use longshore::platform::Platform;
use longshore::reference::Repository;

/// Everything of an image.
pub struct Image {
    /// Layers and configs.
    pub blobs: Vec<(Descriptor, Vec<u8>)>,
    /// One per platform.
    pub manifests: Vec<Document>,
    /// Over all of them.
    pub index: Document,
}

impl Image {
    /// An image that says `text`: the same text, the same image.
    pub fn new(text: &str) -> Self {
        let (mut blobs, mut manifests, mut entries) = (Vec::new(), Vec::new(), Vec::new());
        for platform in Platform::BINARIES {
            let tar = tar(&format!("{text} on {platform}"));
            let (layer, bytes) = blob(media::LAYER_GZIP, gzip(&tar));
            let layer = Layer { blob: layer, diff_id: Digest::of(&tar), holds: text.into() };
            blobs.push((layer.blob.clone(), bytes));
            let entrypoint = ["/app".to_owned()];
            let settings = Settings {
                entrypoint: &entrypoint,
                user: "65532:65532",
                workdir: "/",
                ..Settings::new(platform, "2026-11-21T00:00:00Z")
            };
            let config = document::config(None, &settings, std::slice::from_ref(&layer)).unwrap();
            let described = document::platform(&serde_json::from_slice(&config).unwrap());
            let (config, bytes) = blob(media::CONFIG, config);
            let notes = BTreeMap::from([("org.opencontainers.image.version".to_owned(), text.to_owned())]);
            let manifest = document::manifest(None, &config, &[layer], &notes).unwrap();
            blobs.push((config, bytes));
            let manifest = Document::new(media::MANIFEST, manifest);
            entries.push((manifest.descriptor.clone(), described));
            manifests.push(manifest);
        }
        let index = Document::new(media::INDEX, document::index(&entries, &BTreeMap::new()));
        Self { blobs, manifests, index }
    }

    /// Blobs, manifests by digest, the index under each tag.
    pub async fn push(&self, registries: &Registries, to: &Repository, tags: &[&str]) -> Result<(), Error> {
        for (blob, bytes) in &self.blobs {
            registries.push_blob(to, blob, Source::Bytes(bytes)).await?;
        }
        for manifest in &self.manifests {
            registries.put_manifest(&to.at(manifest.descriptor.digest), manifest).await?;
        }
        for tag in tags {
            registries.put_manifest(&to.tagged(*tag), &self.index).await?;
        }
        Ok(())
    }

    /// Reads every part of what a tag names.
    ///
    /// # Panics
    /// If it is not this image.
    pub async fn check(&self, registries: &Registries, at: &Repository, tag: &str) {
        let head = registries.head(&at.tagged(tag)).await.unwrap();
        assert_eq!(head.as_ref(), Some(&self.index.descriptor), "{at}:{tag}");
        let index = registries.manifest(&at.tagged(tag)).await.unwrap().unwrap();
        assert_eq!(index, self.index);
        for (manifest, entry) in self.manifests.iter().zip(index.json()["manifests"].as_array().unwrap()) {
            let entry: Descriptor = serde_json::from_value(entry.clone()).unwrap();
            let there = registries.manifest(&at.at(entry.digest)).await.unwrap().unwrap();
            assert_eq!((&there, &there.descriptor), (manifest, &entry));
            let json = there.json();
            for described in [&json["config"], &json["layers"][0]] {
                let blob: Descriptor = serde_json::from_value(described.clone()).unwrap();
                let bytes = registries.blob(at, &blob).await.unwrap();
                assert!(self.blobs.contains(&(blob, bytes)));
            }
        }
    }
}

/// Bytes as a blob.
pub fn blob(media_type: &str, bytes: Vec<u8>) -> (Descriptor, Vec<u8>) {
    let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
    (Descriptor { media_type: media_type.to_owned(), digest, size }, bytes)
}

/// A tar of one file.
pub fn tar(text: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(text.len() as u64);
    header.set_mode(0o755);
    builder.append_data(&mut header, "app", text.as_bytes()).unwrap();
    builder.into_inner().unwrap()
}

/// Compressed.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
