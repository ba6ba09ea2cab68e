//! What was verified, and where its bytes lie.

use std::path::PathBuf;

use super::failure::Failure;
use super::run::PlannedFile;
use crate::artifact::{Artifact, File, Manifest};
use crate::problem::Problem;
use crate::world::store::Store;

/// The artifacts that are published: of this run, or of an earlier one whose promise stands.
#[derive(Clone, Copy)]
pub struct Verified<'a> {
    pub manifest: &'a Manifest,
    pub store: &'a Store,
}

impl<'a> Verified<'a> {
    /// The record of a step.
    ///
    /// # Errors
    /// If there is none.
    pub fn artifact(&self, step: &str) -> Result<&'a Artifact, Failure> {
        self.manifest.artifacts.iter().find(|artifact| artifact.step == step).ok_or_else(|| {
            let problem = Problem::new("manifest-incomplete", format!("the manifest lacks `{step}`"));
            Failure::Refused(problem.hint("run `longshore verify` for this plan").step(step))
        })
    }

    /// The record of a planned file.
    ///
    /// # Errors
    /// If there is none.
    pub fn file(&self, planned: PlannedFile<'_>) -> Result<&'a File, Failure> {
        let files = &self.artifact(&planned.step.id)?.files;
        files.iter().find(|file| file.name == planned.name).ok_or_else(|| {
            let text = format!("the manifest lacks `{}` of `{}`", planned.name, planned.step.id);
            let problem = Problem::new("manifest-incomplete", text).hint("run `longshore verify` for this plan");
            Failure::Refused(problem.step(&planned.step.id))
        })
    }

    pub fn path(&self, step: &str, file: &File) -> PathBuf {
        self.store.file(step, &file.name)
    }
}
