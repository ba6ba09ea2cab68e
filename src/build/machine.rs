//! The machine that carries out steps.

use anyhow::Context;

use super::head::Checkout;
use crate::oci::registry::Registries;
use crate::plan::{OfKind, Plan, Step};
use crate::world::process::Runner;
use crate::world::store::Store;

/// What every step is carried out with.
#[derive(Clone, Copy)]
pub struct Machine<'a> {
    pub runner: &'a Runner,
    pub store: &'a Store,
    pub plan: &'a Plan,
    pub checkout: &'a Checkout,
    pub registries: Option<&'a Registries>,
    /// Where images that Dockerfiles name are fetched instead.
    pub bases: Option<&'a Registries>,
}

impl<'a> Machine<'a> {
    /// The same, whose programs are started by another runner.
    #[must_use]
    pub fn with(self, runner: &'a Runner) -> Self {
        Self { runner, ..self }
    }

    /// A step of the plan.
    ///
    /// # Errors
    /// If there is none.
    pub fn step(&self, id: &str) -> anyhow::Result<&'a Step> {
        self.plan.step(id).with_context(|| format!("the plan has no step `{id}`"))
    }

    /// A step that must be of one kind, with its work.
    ///
    /// # Errors
    /// If there is none.
    pub fn find<W: OfKind>(&self, id: &str) -> anyhow::Result<(&'a Step, &'a W)> {
        self.plan.find(id).with_context(|| format!("the plan has no {} `{id}`", W::KIND))
    }
}
