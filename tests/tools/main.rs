//! Tests against programs we did not write; `make tools` installs them, and a missing one fails here.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::duplicate_mod, reason = "what holds with every database is run with each")]

mod act;
mod action_log;
mod bindings;
#[path = "../it/chart_case.rs"]
mod chart_case;
mod charts;
#[cfg(unix)]
mod databases;
#[path = "../it/delivery.rs"]
mod delivery;
mod dockerfiles;
mod duo;
#[cfg(unix)]
mod engines;
mod five_targets;
mod flags;
mod generated;
#[path = "../it/workflows.rs"]
mod generated_from;
#[cfg(unix)]
#[path = "../it/git_server.rs"]
mod git_server;
#[path = "../it/image.rs"]
mod image;
mod inspect;
mod installed;
#[cfg(unix)]
mod local_cluster;
#[path = "../it/package.rs"]
mod package;
#[path = "../it/project.rs"]
mod project;
mod pypi;
mod quay;
mod registry;
mod rehearsal_clients;
#[cfg(unix)]
mod service;
mod site;
mod terminal;
#[cfg(unix)]
mod verdicts;
mod wheels;
mod workflows;

use std::process::Command;

pub use installed::{program, root, tool, tools};

/// One of the Python programs of `make tools`.
///
/// # Panics
/// As [`tool`].
pub fn python_tool(name: &str) -> Command {
    program(&tools().join("python/bin").join(name))
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
