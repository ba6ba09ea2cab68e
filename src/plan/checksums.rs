//! Plans checksums: one file for each release and destination, over what goes there.

use super::inputs::Inputs;
use super::planner::Planned;
use super::release::Releases;
use super::{ChecksumsWork, Covered, Release, Step, Work};
use crate::step_id::{StepId, StepKind};

/// One step for each release on a GitHub. Destinations with the same files and the same name share it.
pub fn steps(inputs: &Inputs<'_>, releases: &Releases, steps: &[Planned]) -> Vec<Planned> {
    let mut made: Vec<Planned> = Vec::new();
    for release in &releases.list {
        for destination in &inputs.config.destinations {
            let Some(github) = destination.github() else { continue };
            let covered = covered(steps, release, &destination.name);
            if covered.is_empty() {
                continue;
            }
            let mut step = step(&covered, release, &github.checksums);
            step.publish.push(destination.name.clone());
            let is_same = |known: &Step| known.work == step.work;
            if let Some(same) = made.iter_mut().map(|known| &mut known.step).find(|known| is_same(known)) {
                same.publish.append(&mut step.publish);
                continue;
            }
            let name = if release.component.is_empty() { inputs.name() } else { release.component.clone() };
            let is_first = made.iter().all(|known| known.step.component != release.component);
            step.id = StepId::new(StepKind::Checksums, &name, if is_first { "" } else { &destination.name });
            made.push(Planned { step, machine: None, at: format!("publish.{}", destination.name) });
        }
    }
    made
}

fn covered<'p>(steps: &'p [Planned], release: &Release, destination: &String) -> Vec<&'p Step> {
    let goes = |step: &&Step| step.component == release.component && step.publish.contains(destination);
    steps.iter().map(|planned| &planned.step).filter(goes).collect()
}

fn step(covered: &[&Step], release: &Release, file: &str) -> Step {
    let files = covered.iter().flat_map(|step| step.outputs().into_iter().map(|name| (&step.id, name)));
    let mut covers: Vec<Covered> =
        files.map(|(step, name)| Covered { step: step.clone(), name: name.to_owned() }).collect();
    covers.sort_by(|a, b| a.name.cmp(&b.name));
    Step {
        id: StepId::of(StepKind::Checksums, &release.component),
        component: release.component.clone(),
        needs: covered.iter().map(|step| step.id.clone()).collect(),
        publish: Vec::new(),
        job: None,
        target: None,
        work: Work::Checksums(ChecksumsWork { outputs: [file.to_owned().into()], covers }),
    }
}
