//! What reading finished files brings to light.

use std::collections::BTreeMap;

use super::content::Listing;
use super::wheel::{Sdist, Wheel};
use crate::artifact::{InspectedBinary, InspectedImage};
use crate::problem::Problem;
use crate::step_id::StepId;

/// What the files of one or more steps brought to light.
#[derive(Default)]
pub struct Findings {
    pub problems: Vec<Problem>,
    pub warnings: Vec<String>,
    pub binaries: Vec<InspectedBinary>,
    /// What the bundles of assets hold, by step.
    pub listings: BTreeMap<StepId, Listing>,
    pub wheels: Vec<Read<Wheel>>,
    pub sdists: Vec<Read<Sdist>>,
    pub images: Vec<InspectedImage>,
}

/// A distribution that was read, with its step and the name of its file.
pub struct Read<T> {
    pub step: StepId,
    pub name: String,
    pub held: T,
}

impl<T> Read<T> {
    /// Step and name of the file.
    pub fn at(&self) -> (&str, &str) {
        (&self.step, &self.name)
    }
}

impl Findings {
    pub fn append(&mut self, mut other: Self) {
        self.problems.append(&mut other.problems);
        self.warnings.append(&mut other.warnings);
        self.binaries.append(&mut other.binaries);
        self.listings.append(&mut other.listings);
        self.wheels.append(&mut other.wheels);
        self.sdists.append(&mut other.sdists);
        self.images.append(&mut other.images);
    }
}
