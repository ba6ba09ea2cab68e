//! The wheels and sdists of a plan, as an index of Python packages is given them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Order;
use super::pypi::{Credential, Index, Upload};
use crate::artifact::File;
use crate::plan::{Destination, DestinationKind, Release, SdistWork, StageWork, Step, WheelWork, Work};
use crate::wheel::DistributionName;
use crate::world::terminal::Printer;

/// What one index is given.
pub struct Parcels<'a> {
    /// The index.
    pub index: &'a Index,
    /// What is presented to it.
    pub credentials: &'a BTreeMap<DistributionName, Credential>,
    parcels: Vec<Parcel<'a>>,
}

struct Parcel<'a> {
    path: PathBuf,
    file: &'a File,
    stage: &'a StageWork,
    release: &'a Release,
}

/// The files of every index among the destinations, in the plan's order.
///
/// # Errors
/// If the manifest lacks one.
pub fn parcels<'a>(
    printer: &Printer,
    order: &'a Order<'_>,
    destinations: &[&'a Destination],
) -> anyhow::Result<Vec<Parcels<'a>>> {
    let mut all = Vec::new();
    for destination in destinations.iter().filter(|one| matches!(one.kind, DestinationKind::Pypi(_))) {
        let (index, credentials) = super::index(order, &destination.name)?;
        let mut parcels = Vec::new();
        for release in &order.plan.releases {
            if !super::is_wanted(printer, destination, release) {
                continue;
            }
            for wanted in super::files(order, destination, release)? {
                let Some(stage) = order.plan.step(wanted.step()).and_then(stage) else { continue };
                let path = order.store.file(wanted.step(), &wanted.file().name);
                parcels.push(Parcel { path, file: wanted.file(), stage, release });
            }
        }
        all.push(Parcels { index, credentials, parcels });
    }
    Ok(all)
}

fn stage(step: &Step) -> Option<&StageWork> {
    match &step.work {
        Work::Wheel(WheelWork { stage, .. }) | Work::Sdist(SdistWork { stage, .. }) => Some(stage),
        _ => None,
    }
}

impl Parcels<'_> {
    /// The same as the uploader wants them.
    pub fn uploads(&self) -> Vec<Upload<'_>> {
        self.parcels.iter().map(Parcel::upload).collect()
    }
}

impl Parcel<'_> {
    fn upload(&self) -> Upload<'_> {
        Upload {
            distribution: &self.stage.distribution,
            version: &self.stage.version,
            tag: &self.release.tag,
            path: &self.path,
            name: &self.file.name,
            size: self.file.size,
            sha256: self.file.sha256,
        }
    }
}
