//! Writes the file of SHA-256 sums, in the format that `sha256sum -c` reads.

use std::collections::BTreeMap;

use anyhow::{Context, bail};

use super::machine::Machine;
use super::pack;
use crate::artifact::{self, Artifact, Mode};
use crate::plan::{ChecksumsWork, Covered, Step};
use crate::world::store;

/// Writes a checksums step's file. The sums are those of the records: every file was hashed when it was written.
///
/// # Errors
/// If a record is missing or of another plan.
pub fn make(machine: Machine<'_>, step: &Step, work: &ChecksumsWork) -> anyhow::Result<Vec<artifact::File>> {
    let Machine { store, plan, .. } = machine;
    let [output] = &work.outputs;
    let mut sums = BTreeMap::new();
    let digest = plan.digest();
    for covered in &work.covers {
        let job = plan.step(&covered.step).and_then(|step| step.job.as_deref()).unwrap_or("merge");
        let missing = || format!("no record of `{}` of `{}` (job `{job}`)", covered.name, covered.step);
        let record: Artifact = store::read_json(&store.record(&covered.step)).with_context(missing)?;
        if record.plan != digest {
            bail!("the record of `{}` (job `{job}`) belongs to another plan", covered.step);
        }
        sums.insert(covered.name.as_str(), sum(&record, covered).with_context(missing)?);
    }
    let text: String = sums.iter().map(|(name, hex)| format!("{hex}  {name}\n")).collect();
    let write = |out: &mut dyn std::io::Write| Ok(out.write_all(text.as_bytes())?);
    Ok(vec![pack::save(&store.step(&step.id), &output.name, Mode::Plain, write)?])
}

fn sum(record: &Artifact, covered: &Covered) -> Option<String> {
    let file = record.files.iter().find(|file| file.name == covered.name)?;
    Some(file.sha256.hex())
}
