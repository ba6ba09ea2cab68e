//! Images as values, and the client of registries.

pub mod base;
pub mod document;
pub mod filesystem;
pub mod image;
pub mod layer;
pub mod layout;
pub mod parts;
pub mod registry;
pub mod secrets;
mod tree;

use serde::{Deserialize, Serialize};

use crate::artifact::File;
use crate::digest::Digest;

/// What a manifest says of a blob: <https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md>.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    pub media_type: String,
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
}

impl Descriptor {
    pub fn of(media_type: &str, file: &File) -> Self {
        Self { media_type: media_type.to_owned(), digest: file.sha256, size: file.size }
    }
}

/// The largest config, manifest or index that is read into memory; registries take no manifest of more than 4 MiB.
pub const LARGEST_DOCUMENT: u64 = 8 << 20;

/// Media types we write, and those of Docker that we read.
pub mod media {
    pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    pub const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    pub const LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
    pub const LAYER_TAR: &str = "application/vnd.oci.image.layer.v1.tar";
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// <https://helm.sh/docs/topics/registries/#helm-chart-manifest>
    pub const HELM_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
    pub const HELM_CHART: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
}
