//! How cargo is told which package is meant, where the name alone may mean several.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::plan::BinaryWork;
use crate::world::process::{Cmd, Runner};

/// The packages of a workspace, as `cargo metadata --no-deps` lists them.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Package>,
}

/// The value of `-p` for the planned package of a workspace: its name, or `name@version` where another version of it may
/// be among the dependencies (<https://doc.rust-lang.org/cargo/reference/pkgid-spec.html>).
///
/// # Errors
/// If cargo cannot be asked.
pub fn spec(runner: &Runner, dir: &Path, repository: &Path, work: &BinaryWork) -> anyhow::Result<String> {
    let name = &work.package;
    if is_alone(&repository.join(&work.manifest).with_file_name("Cargo.lock"), name) {
        return Ok(name.clone());
    }
    let cmd = Cmd::new("cargo", dir).args(["metadata", "--no-deps", "--format-version", "1", "--color", "never"]);
    let metadata: Metadata = serde_json::from_str(&runner.text(&cmd)?)?;
    let version = metadata.packages.iter().find(|package| package.name == *name).map(|package| &package.version);
    Ok(version.map_or_else(|| name.clone(), |version| format!("{name}@{version}")))
}

/// Whether a lock file holds one package of this name. Without one it is not known.
fn is_alone(lock: &Path, name: &str) -> bool {
    let lock = fs::read_to_string(lock).ok().and_then(|text| toml::from_str::<Lock>(&text).ok());
    lock.is_some_and(|lock| lock.package.iter().filter(|package| package.name == name).count() == 1)
}
