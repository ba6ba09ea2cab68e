//! Tests against programs we did not write; `make tools` installs them, and a missing one fails here.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod act;
mod action_log;
mod bindings;
#[path = "../it/delivery.rs"]
mod delivery;
mod duo;
#[cfg(unix)]
mod engines;
mod five_targets;
mod flags;
mod generated;
#[path = "../it/workflows.rs"]
mod generated_from;
#[path = "../it/image.rs"]
mod image;
mod inspect;
#[path = "../it/package.rs"]
mod package;
#[path = "../it/project.rs"]
mod project;
mod pypi;
mod quay;
mod registry;
mod rehearsal_clients;
mod terminal;
mod verdicts;
mod wheels;
mod workflows;

use std::path::{Path, PathBuf};
use std::process::Command;

/// A program of `make tools`, ready to be given arguments.
///
/// # Panics
/// If it is not installed: a test that needs it has failed, not passed.
pub fn tool(name: &str) -> Command {
    program(&tools().join("bin").join(name))
}

/// One of the Python programs of `make tools`.
///
/// # Panics
/// As [`tool`].
pub fn python_tool(name: &str) -> Command {
    program(&tools().join("python/bin").join(name))
}

#[expect(clippy::disallowed_methods, reason = "tests start programs themselves")]
fn program(path: &Path) -> Command {
    assert!(path.exists(), "`{}` is missing: run `make tools`", path.display());
    Command::new(path)
}

/// The folder of `make tools`.
pub fn tools() -> PathBuf {
    root().join("target/tools")
}

/// Variables that let compilers keep what they make between tests, whose homes are empty.
pub fn kept(name: &str) -> [(&'static str, String); 3] {
    let folder = |name: &str| root().join("target").join(name).display().to_string();
    [
        ("CARGO_TARGET_DIR", folder(name)),
        ("CARGO_ZIGBUILD_CACHE_DIR", folder("zig/wrappers")),
        ("ZIG_GLOBAL_CACHE_DIR", folder("zig/cache")),
    ]
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
