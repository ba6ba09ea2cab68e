//! The folder of finished files: what people look for after a build, without the steps that made it.

use std::fs;

use anyhow::Context;

use crate::plan::{Plan, Step};
use crate::step_id::StepKind;
use crate::world::store::Store;
use crate::world::{busy, files};

/// Puts the files that are released into `dist/`, those of each component in a folder of its own if there are several, and
/// says how many they are. What was there before goes.
///
/// # Errors
/// If it cannot be written.
pub fn gather(store: &Store, plan: &Plan) -> anyhow::Result<usize> {
    let folder = store.finished();
    busy::remove(&folder)?;
    let several = plan.releases.len() > 1;
    let mut count = 0;
    for step in plan.steps.iter().filter(|step| store.record(&step.id).is_file()) {
        for name in released(step) {
            let place = if several { folder.join(&step.component) } else { folder.clone() };
            // What is not published may have the name of another.
            let place = if place.join(name).exists() { place.join(&step.id) } else { place };
            let cannot = || format!("cannot write in `{}`", place.display());
            fs::create_dir_all(&place).with_context(cannot)?;
            files::link(&store.file(&step.id, name), &place.join(name)).with_context(cannot)?;
            count += 1;
        }
    }
    Ok(count)
}

/// The files of a step that are for users.
fn released(step: &Step) -> Vec<&str> {
    let kinds =
        [StepKind::Archive, StepKind::Asset, StepKind::Checksums, StepKind::Wheel, StepKind::Sdist, StepKind::Chart];
    if !kinds.contains(&step.id.kind()) {
        return Vec::new();
    }
    // A chart's documents are for registries.
    step.outputs().into_iter().filter(|name| step.id.kind() != StepKind::Chart || name.ends_with(".tgz")).collect()
}
