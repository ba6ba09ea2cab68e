//! What the registry holds: repositories with their blobs, manifests and tags, uploads that run, and tokens.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use axum::body::Bytes;
use serde_json::Value;

use crate::digest::{Digest, Hashing};

use super::route::Named;
use super::scope::Tokens;

/// Everything but the bytes of blobs, which lie in a folder.
#[derive(Default)]
pub(super) struct RegistryState {
    pub(super) repositories: BTreeMap<String, Repository>,
    /// Sizes of all blobs; a repository has those it names.
    pub(super) blobs: BTreeMap<Digest, u64>,
    pub(super) uploads: BTreeMap<String, Upload>,
    pub(super) begun: usize,
    pub(super) tokens: Tokens,
}

#[derive(Default)]
pub(super) struct Repository {
    pub(super) blobs: BTreeSet<Digest>,
    pub(super) manifests: BTreeMap<Digest, Manifest>,
    pub(super) tags: BTreeMap<String, Digest>,
}

pub(super) struct Manifest {
    pub(super) media_type: String,
    pub(super) bytes: Bytes,
    pub(super) json: Value,
    pub(super) subject: Option<Digest>,
}

/// An upload between its first and last request.
pub(super) struct Upload {
    pub(super) repository: String,
    /// Absent while a request writes to it.
    pub(super) file: Option<Hashing<File>>,
    pub(super) path: PathBuf,
    pub(super) received: u64,
    /// A chunk came that only the last may be: it is smaller than the least.
    pub(super) short: bool,
}

impl RegistryState {
    pub(super) fn blob(&self, repository: &str, digest: Digest) -> Option<u64> {
        let repository = self.repositories.get(repository)?;
        repository.blobs.contains(&digest).then(|| self.blobs.get(&digest).copied()).flatten()
    }

    pub(super) fn upload(&self, repository: &str, id: &str) -> Option<&Upload> {
        self.uploads.get(id).filter(|upload| upload.repository == repository)
    }

    /// Adds a blob whose bytes are in place.
    pub(super) fn add_blob(&mut self, repository: &str, digest: Digest, size: u64) {
        self.blobs.insert(digest, size);
        self.repositories.entry(repository.to_owned()).or_default().blobs.insert(digest);
    }
}

impl Repository {
    pub(super) fn manifest(&self, named: &Named) -> Option<(Digest, &Manifest)> {
        let digest = match named {
            Named::Tag(tag) => *self.tags.get(tag)?,
            Named::Digest(digest) => *digest,
        };
        self.manifests.get(&digest).map(|manifest| (digest, manifest))
    }
}

impl Manifest {
    pub(super) fn new(media_type: &str, bytes: Bytes) -> Result<Self, String> {
        let json: Value = serde_json::from_slice(&bytes).map_err(|error| format!("manifest is not JSON: {error}"))?;
        let subject = match &json["subject"] {
            Value::Null => None,
            subject => Some(digest_of(subject)?),
        };
        Ok(Self { media_type: media_type.to_owned(), bytes, json, subject })
    }

    /// What referrers are filtered by: the image spec's `artifactType`, else the media type of the config.
    pub(super) fn artifact_type(&self) -> Option<&str> {
        let own = self.json["artifactType"].as_str().filter(|text| !text.is_empty());
        own.or_else(|| self.json["config"]["mediaType"].as_str())
    }

    pub(super) fn descriptors(&self, list: &str) -> &[Value] {
        self.json[list].as_array().map_or(&[], Vec::as_slice)
    }
}

pub(super) fn digest_of(descriptor: &Value) -> Result<Digest, String> {
    let text = descriptor["digest"].as_str().ok_or("a descriptor has no digest")?;
    text.parse()
}

/// Where the bytes of a blob lie.
pub(super) fn blob_path(folder: &Path, digest: Digest) -> PathBuf {
    folder.join(digest.hex())
}
