//! `longshore.lock`: base images by digest, what each provides to a binary, the images that Dockerfiles name and the charts
//! that charts depend on. TOML, written by `longshore lock` alone.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::platform::{BaseFacts, Platform};
use crate::problem::{Failure, Problem};
use crate::reference::Reference;

/// The file's name, beside `longshore.yaml`.
pub const FILE: &str = "longshore.lock";

const FORMAT: u32 = 1;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Sorted by name.
    #[serde(default, rename = "base")]
    pub bases: Vec<LockedBase>,
    /// Those that Dockerfiles name, sorted.
    #[serde(default, rename = "image", skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<LockedImage>,
    /// Those of other repositories that charts depend on, sorted.
    #[serde(default, rename = "chart", skip_serializing_if = "Vec::is_empty")]
    pub charts: Vec<LockedChart>,
}

/// A chart of another repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LockedChart {
    pub name: String,
    /// As Chart.yaml has it.
    pub repository: String,
    /// The versions that Chart.yaml takes, as it has them.
    pub range: String,
    pub version: String,
    /// Digest of its manifest in a registry, else of the package.
    pub digest: Digest,
    /// Digest of the package in a registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<Digest>,
    /// Where the package lies, if not in a registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// An image that a Dockerfile names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedImage {
    pub from: Reference,
    /// Digest of its index, or of its manifest if it has no index.
    pub digest: Digest,
    /// The platforms it is used for, sorted.
    #[serde(rename = "platform")]
    pub platforms: Vec<LockedImagePlatform>,
}

/// What a build on one platform of it can depend on besides its layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedImagePlatform {
    pub platform: Platform,
    /// Digest of its manifest.
    pub digest: Digest,
    /// `Env` of its config: sources in the Dockerfile may name these variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// `OnBuild` of its config: instructions that the Dockerfile does not show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub onbuild: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedBase {
    /// The flavor; `distroless-static` for the one that static binaries get.
    pub name: String,
    pub from: Reference,
    /// Digest of its index, or of its manifest if it has no index.
    pub digest: Digest,
    /// Its platforms, sorted.
    #[serde(rename = "platform")]
    pub platforms: Vec<LockedPlatform>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedPlatform {
    pub platform: Platform,
    /// Digest of its manifest.
    pub digest: Digest,
    #[serde(flatten)]
    pub facts: BaseFacts,
}

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    #[serde(flatten)]
    lock: Lock,
}

impl Lock {
    /// A platform of a base that is locked as it is configured now.
    pub fn find(&self, name: &str, from: &Reference, platform: Platform) -> Option<&LockedPlatform> {
        let base = self.bases.iter().find(|base| base.name == name && base.from == *from)?;
        base.platforms.iter().find(|locked| locked.platform == platform)
    }

    /// A platform of an image that a Dockerfile names.
    pub fn image(&self, from: &Reference, platform: Platform) -> Option<&LockedImagePlatform> {
        let image = self.images.iter().find(|image| image.from == *from)?;
        image.platforms.iter().find(|locked| locked.platform == platform)
    }

    /// A chart that a dependency means.
    pub fn chart(&self, name: &str, repository: &str, range: &str) -> Option<&LockedChart> {
        self.charts
            .iter()
            .find(|one| (one.name.as_str(), one.repository.as_str(), one.range.as_str()) == (name, repository, range))
    }

    /// The text of the file.
    ///
    /// # Errors
    /// Never for what was read or resolved.
    pub fn to_text(&self) -> anyhow::Result<String> {
        let document = toml::to_string_pretty(&Document { version: FORMAT, lock: self.clone() })?;
        Ok(format!(
            "# Written by `longshore lock`: base images by digest and what they provide. Commit it.\n{document}"
        ))
    }
}

/// Reads the file of a repository; without one nothing is locked.
///
/// # Errors
/// `Failure` with exit 2 if it is damaged or of another format.
pub fn read(root: &Path) -> anyhow::Result<Lock> {
    let text = match fs::read_to_string(root.join(FILE)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Lock::default()),
        read => read.with_context(|| format!("cannot read `{FILE}`"))?,
    };
    parse(&text).map_err(|why| {
        let problem = Problem::new("damaged-lock", format!("`{FILE}` {why}"));
        Failure::usage(problem.hint("remove it and run `longshore lock`, or restore it from the last commit")).into()
    })
}

fn parse(text: &str) -> Result<Lock, String> {
    let document: Document = toml::from_str(text).map_err(|error| format!("is damaged: {}", error.message()))?;
    if document.version != FORMAT {
        return Err(format!("has format {}, but this version reads {FORMAT}", document.version));
    }
    let mut seen = BTreeSet::new();
    for base in &document.lock.bases {
        for locked in &base.platforms {
            if !seen.insert((&base.name, base.from.to_string(), locked.platform)) {
                return Err(format!("contains `{}` for {} twice, perhaps after a merge", base.name, locked.platform));
            }
        }
    }
    let mut seen = BTreeSet::new();
    for chart in &document.lock.charts {
        if !seen.insert((&chart.name, &chart.repository, &chart.range)) {
            return Err(format!("contains the chart `{}` {} twice, perhaps after a merge", chart.name, chart.range));
        }
    }
    let mut seen = BTreeSet::new();
    for image in &document.lock.images {
        for locked in &image.platforms {
            if !seen.insert((image.from.to_string(), locked.platform)) {
                return Err(format!("contains `{}` for {} twice, perhaps after a merge", image.from, locked.platform));
            }
        }
    }
    Ok(document.lock)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::BaseLibc;

    #[test]
    fn reads_what_it_writes() {
        let facts = BaseFacts {
            libc: BaseLibc::Glibc("2.36".into()),
            loaders: vec!["/lib64/ld-linux-x86-64.so.2".into()],
            libraries: vec!["libc.so.6".into()],
        };
        let digest = Digest::of(b"x");
        let platforms = vec![LockedPlatform { platform: Platform::LinuxAmd64, digest, facts }];
        let from: Reference = "debian:stable-slim".parse().unwrap();
        let bases = vec![LockedBase { name: "debian".into(), from: from.clone(), digest, platforms }];
        let one = LockedImagePlatform {
            platform: Platform::LinuxArmV7,
            digest,
            env: vec!["PATH=/bin".into()],
            onbuild: vec!["COPY . /app".into()],
        };
        let images = vec![LockedImage { from: from.clone(), digest, platforms: vec![one] }];
        let lock = Lock { bases, images, charts: Vec::new() };
        let text = lock.to_text().unwrap();
        assert_eq!(parse(&text).unwrap(), lock, "{text}");
        assert!(lock.find("debian", &from, Platform::LinuxAmd64).is_some());
        assert!(lock.find("debian", &"debian:12".parse().unwrap(), Platform::LinuxAmd64).is_none());
        assert!(lock.find("debian", &from, Platform::LinuxArm64).is_none());
        assert!(lock.image(&from, Platform::LinuxArmV7).is_some() && lock.image(&from, Platform::LinuxArm64).is_none());
        assert_eq!(parse(&Lock::default().to_text().unwrap()).unwrap(), Lock::default());
    }

    #[test]
    fn damage_is_named() {
        let base = |digest: char| {
            let digest = format!("digest = 'sha256:{}'", digest.to_string().repeat(64));
            format!(
                "[[base]]\nname = 'debian'\nfrom = 'debian:12'\n{digest}\n[[base.platform]]\nplatform = 'linux/amd64'\n\
                 {digest}\nlibc = 'glibc 2.36'\n"
            )
        };
        assert!(parse(&format!("version = 1\n{}", base('a'))).is_ok());
        let twice = parse(&format!("version = 1\n{}{}", base('a'), base('b'))).unwrap_err();
        assert_eq!(twice, "contains `debian` for linux/amd64 twice, perhaps after a merge");
        assert!(parse("version = 2").unwrap_err().contains("format 2"));
        assert!(parse("version = 1\n[[base]]\nname = 3").unwrap_err().contains("damaged"));
    }
}
