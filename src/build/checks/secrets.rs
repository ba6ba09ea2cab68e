//! Looks for secrets in an image: those of its build, and every credential of ours that this job has.

use crate::artifact::{Artifact, CheckResult, File, Subject};
use crate::build::log::Log;
use crate::build::machine::Machine;
use crate::build::stored;
use crate::oci::secrets::{SHORTEST, Sought, find};
use crate::plan::{ImageWork, SecretsCheck};
use crate::secret::Secret;
use crate::step_id::StepId;
use crate::world::store::read_json;

/// Reads every layer and the config of an image. A secret that is in it is a result, no error.
///
/// # Errors
/// If the image is not there, or a layer cannot be read.
pub fn run(
    machine: Machine<'_>,
    log: &mut Log<'_>,
    check: &SecretsCheck,
    image: &StepId,
) -> anyhow::Result<CheckResult> {
    let (step, work) = machine.find::<ImageWork>(image)?;
    let record: Artifact = read_json(&machine.store.record(&step.id))?;
    if let Some(place) = &record.published {
        let detail = format!("its layers were searched before they were published as `{place}`");
        log.tell(&detail);
        return Ok(CheckResult { passed: true, subjects: subjects(&record), detail, ..CheckResult::default() });
    }
    let sought = |id: &str, value: &str| Sought { id: id.to_owned(), value: Secret::new(value) };
    let value = |name: &str| machine.runner.secrets().find(|(known, _)| *known == name).map(|(_, value)| value);
    let own = check.secrets.iter().filter_map(|(id, name)| Some(sought(id, value(name)?)));
    let is_other = |name: &str| !check.secrets.values().any(|known| known == name);
    let others = machine.runner.secrets().filter(|(name, value)| value.len() >= SHORTEST && is_other(name));
    let secrets: Vec<Sought> = own.chain(others.map(|(name, value)| sought(name, value))).collect();
    let stored = stored::image(machine.store, step, work)?;
    let found = find(&secrets, &stored).map_err(anyhow::Error::msg)?;
    let places: Vec<String> = found.leaks.iter().map(ToString::to_string).collect();
    places.iter().for_each(|place| log.tell(place));
    let detail = match places.as_slice() {
        [] => format!("none of {} secrets is in it", secrets.len()),
        [first] => first.clone(),
        [first, others @ ..] => format!("{first}, and {} more places", others.len()),
    };
    let hidden = (found.unlooked > 0 && !secrets.is_empty())
        .then(|| format!("{} compressed files in its layers were not looked into", found.unlooked));
    Ok(CheckResult {
        passed: places.is_empty(),
        subjects: subjects(&record),
        detail,
        warnings: hidden.into_iter().collect(),
        ..CheckResult::default()
    })
}

fn subjects(record: &Artifact) -> Vec<Subject> {
    let of = |file: &File| Subject { step: record.step.clone(), name: file.name.clone(), sha256: file.sha256 };
    record.files.iter().map(of).collect()
}
