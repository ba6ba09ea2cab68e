//! Base images: the built-in table, what the configuration changes of it, and what the lock file knows.

use std::sync::LazyLock;

use serde::Deserialize;

use super::PlannedBase;
use super::inputs::Inputs;
use crate::config::{self, Config};
use crate::platform::{BaseFacts, BaseLibc, Platform};
use crate::reference::Reference;
use crate::target::{Arch, Libc, Target};

pub const SCRATCH: &str = "scratch";
/// The flavor that has a second base for static executables, and that base.
const DISTROLESS: &str = "distroless";
const DISTROLESS_STATIC: &str = "distroless-static";

/// A base image of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedBase {
    /// Its name in the lock file: the flavor, or `distroless-static`.
    pub name: String,
    pub from: Reference,
    pub platforms: Vec<Platform>,
}

/// One base for one flavor and platform, with what it provides.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// What it is; nothing for `scratch`.
    pub base: Option<PlannedBase>,
    pub facts: BaseFacts,
    /// Whether the facts are the built-in ones.
    pub assumed: bool,
    pub only_static: bool,
}

/// The built-in table.
#[derive(Deserialize)]
struct Table {
    base: Vec<BaseRow>,
}

#[derive(Deserialize)]
struct BaseRow {
    name: String,
    from: Reference,
    libc: BaseLibc,
    #[serde(default)]
    libraries: Vec<String>,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| toml::from_str(include_str!("bases.toml")).expect("our own table is well formed"));

impl BaseRow {
    fn facts(&self, platform: Platform) -> BaseFacts {
        let loaders =
            platform.arch().and_then(|arch| loader(&self.libc, arch)).map(str::to_owned).into_iter().collect();
        BaseFacts { libc: self.libc.clone(), loaders, libraries: self.libraries.clone() }
    }
}

/// Where every distribution of a C library has its loader.
pub fn loader(libc: &BaseLibc, arch: Arch) -> Option<&'static str> {
    match (libc, arch) {
        (BaseLibc::None, _) => None,
        (BaseLibc::Musl, Arch::X86_64) => Some("/lib/ld-musl-x86_64.so.1"),
        (BaseLibc::Musl, Arch::Aarch64) => Some("/lib/ld-musl-aarch64.so.1"),
        (BaseLibc::Glibc(_), Arch::X86_64) => Some("/lib64/ld-linux-x86-64.so.2"),
        (BaseLibc::Glibc(_), Arch::Aarch64) => Some("/lib/ld-linux-aarch64.so.1"),
    }
}

/// Every base image of the configuration, each once, sorted by name.
pub fn used(config: &Config) -> Vec<UsedBase> {
    let mut all: Vec<UsedBase> = Vec::new();
    for image in config.images.iter().filter(|image| image.dockerfiles.is_empty()) {
        for (flavor, platform) in
            image.flavors.iter().flat_map(|flavor| image.platforms.iter().map(move |platform| (flavor, *platform)))
        {
            for (name, from, _) in of_flavor(config, flavor, platform) {
                match all.iter_mut().find(|base| base.name == name) {
                    Some(base) if base.platforms.contains(&platform) => {}
                    Some(base) => base.platforms.push(platform),
                    None => all.push(UsedBase { name, from, platforms: vec![platform] }),
                }
            }
        }
    }
    all.iter_mut().for_each(|base| base.platforms.sort());
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// The bases of a flavor for a platform: name, reference, built-in facts. None for `scratch`, or if it has none.
fn of_flavor(config: &Config, flavor: &str, platform: Platform) -> Vec<(String, Reference, Option<&'static BaseRow>)> {
    let written = config.bases.iter().find(|base| base.flavor == flavor);
    if written.is_some_and(|base| base.platforms.as_ref().is_some_and(|list| !list.contains(&platform))) {
        return Vec::new();
    }
    if let Some(from) = written.and_then(|base| base.from.clone()) {
        // Nothing is known of it until it is locked, even if it only names another version.
        return vec![(flavor.to_owned(), from, None)];
    }
    let rows =
        TABLE.base.iter().filter(|row| row.name == flavor || flavor == DISTROLESS && row.name == DISTROLESS_STATIC);
    rows.map(|row| (row.name.clone(), row.from.clone(), Some(row))).collect()
}

/// The bases that a flavor's image may be based on for a platform, in the order they are tried: first those that provide most.
/// None: the flavor has no base for it, or (the name in the error) nothing is known of its base.
///
/// # Errors
/// The base of which nothing is known.
pub fn candidates(inputs: &Inputs<'_>, flavor: &str, platform: Platform) -> Result<Vec<Candidate>, Reference> {
    let (config, lock) = (inputs.config, &inputs.facts.lock);
    if flavor == SCRATCH && !config.bases.iter().any(|base| base.flavor == SCRATCH && base.from.is_some()) {
        let facts = BaseFacts { libc: BaseLibc::None, loaders: Vec::new(), libraries: Vec::new() };
        return Ok(vec![Candidate { base: None, facts, assumed: false, only_static: false }]);
    }
    let mut found = Vec::new();
    for (name, from, row) in of_flavor(config, flavor, platform) {
        let locked = lock.find(&name, &from, platform);
        let only_static = name == DISTROLESS_STATIC;
        let facts = match (locked, row) {
            (Some(locked), _) => locked.facts.clone(),
            (None, Some(row)) => row.facts(platform),
            (None, None) => return Err(from),
        };
        let digest = locked.filter(|_| !inputs.request.stub_bases).map(|locked| locked.digest);
        let base = Some(PlannedBase { from, digest });
        found.push(Candidate { base, facts, assumed: locked.is_none(), only_static });
    }
    Ok(found)
}

/// `bases:` of a flavor, as written.
pub fn written<'c>(config: &'c Config, flavor: &str) -> Option<&'c config::Base> {
    config.bases.iter().find(|base| base.flavor == flavor)
}

/// What an executable needs of a base, as far as it is known before it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requirement {
    Static,
    /// musl's loader.
    Musl,
    /// glibc of this version or later.
    Glibc(String),
    /// glibc of an unknown version.
    Unknown,
}

impl Requirement {
    pub fn fits(&self, target: Target, candidate: &Candidate) -> bool {
        let libc = &candidate.facts.libc;
        match self {
            Self::Static => true,
            _ if candidate.only_static => false,
            Self::Musl => target.libc() == Libc::Musl && *libc == BaseLibc::Musl,
            Self::Glibc(requirement) => match libc {
                BaseLibc::Glibc(version) => numbers(requirement) <= numbers(version),
                _ => false,
            },
            Self::Unknown => false,
        }
    }
}

fn numbers(version: &str) -> Vec<u32> {
    crate::inspect::parse_version(version).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_each_base_once_and_sorts_its_libraries() {
        let mut names: Vec<&str> = TABLE.base.iter().map(|row| row.name.as_str()).collect();
        names.dedup();
        assert_eq!(names, ["distroless", "distroless-static", "debian", "ubuntu", "alpine"]);
        assert!(TABLE.base.iter().all(|row| row.libraries.is_sorted() && row.from.tag.is_some()));
    }
}
