//! What all steps of an image from a Dockerfile are made with.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::dockerfile_flaws::problem;
use super::dockerfile_order::below;
use super::inputs::Inputs;
use super::planner::{Planned, Planner};
use crate::config::Image;
use crate::dockerfile::{Dockerfile, Flaw, Listing};
use crate::input_list::InputList;
use crate::problem::Problem;
use crate::reference::Reference;
use crate::step_id::StepId;

/// One image while its steps are made.
pub struct Maker<'a> {
    pub planner: &'a Planner<'a>,
    pub image: &'a Image,
    /// `images.app`
    pub at: String,
    /// Steps of the images before it.
    pub made: &'a [Planned],
    pub lists: &'a RefCell<BTreeMap<StepId, InputList>>,
}

/// The Dockerfile of a flavor, read.
pub struct Read {
    pub file: Dockerfile,
    pub text: Arc<str>,
    pub path: String,
    /// The key that chooses the stage.
    pub stage: String,
    /// Path of the ignore file in force.
    pub ignore: Option<String>,
    pub main: Listing,
    pub named: BTreeMap<String, Listing>,
    /// Paths in the context that other steps make.
    pub made: Vec<String>,
}

impl<'a> Maker<'a> {
    pub fn inputs(&self) -> &'a Inputs<'a> {
        self.planner.inputs
    }

    pub fn component(&self) -> String {
        component(self.inputs(), self.image)
    }

    /// Whether other images are built on it: then it may have nothing to start.
    pub fn is_base(&self) -> bool {
        let images = &self.inputs().config.images;
        images.iter().any(|other| below(other).any(|(_, name)| name == self.image.name))
    }

    pub fn refuse(&self, flaws: Vec<Flaw>, read: &Read) {
        for flaw in flaws {
            let is_of_key = flaw.code == "unknown-stage" && flaw.span.is_empty();
            let problem = problem(flaw, &read.path, &read.text);
            self.inputs().refuse(if is_of_key {
                Problem { within: None, ..problem }.at_value(&read.stage)
            } else {
                problem
            });
        }
    }
}

pub fn component(inputs: &Inputs<'_>, image: &Image) -> String {
    inputs.component(image.component.as_deref(), &image.name)
}

/// A path in a folder of the repository; empty: the repository.
pub fn inside(folder: &str, name: &str) -> String {
    if folder.is_empty() || folder == "." { name.to_owned() } else { format!("{folder}/{name}") }
}

/// A reference as engines read it: `alpine` has the tag `latest`.
pub fn reference(text: &str) -> Result<Reference, String> {
    let mut reference: Reference = text.parse()?;
    if reference.tag.is_none() && reference.digest.is_none() {
        reference.tag = Some("latest".into());
    }
    Ok(reference)
}
