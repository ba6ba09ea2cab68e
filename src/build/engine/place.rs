//! Where an engine works: its folder, and what starts it; what a build of any engine ends with.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::contain::Contain;
use super::failure::Failed;
use super::model::Engine;
use super::recipe::Built;
use crate::world::process::Runner;

pub struct Place<'a> {
    pub engine: &'a Engine,
    pub runner: &'a Runner,
    pub folder: PathBuf,
    pub contain: Contain,
}

/// How a build ended, before it is said to people.
pub enum Ended {
    Built(Built),
    Failed(Failed),
}

/// A path as an argument.
///
/// # Errors
/// If it is not UTF-8.
pub fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().with_context(|| format!("the path `{}` is not UTF-8", path.display()))
}
