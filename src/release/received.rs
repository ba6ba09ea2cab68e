//! A plan that is there already, and the output folder with what was made of it here and elsewhere.

use std::path::{Path, PathBuf};

use super::plan_file;
use super::session::Session;
use crate::digest::Digest;
use crate::facts;
use crate::plan::Plan;
use crate::world::busy;
use crate::world::files;
use crate::world::handover;
use crate::world::store::{Sharing, Store};

impl Session {
    /// The output folder of this folder's project; without a repository, of the folder itself.
    ///
    /// # Errors
    /// Every problem of the configuration.
    pub fn store(&self, sharing: Sharing) -> anyhow::Result<Store> {
        let dir = self.folder()?;
        let top = facts::git::top(&self.runner(), &dir).ok();
        let (file, root) = self.place(&dir, top.as_deref())?;
        Store::open(&root, &self.config(file.as_deref())?.0.output, sharing, &self.printer)
    }

    /// The plan and the store it is about, after the results of other machines came in. Nothing comes in for another plan
    /// than the one that was chosen, or than one of the digest that is given.
    ///
    /// # Errors
    /// If a tar cannot be used, or there is no plan, or another one.
    pub fn received(
        &self,
        from: &[PathBuf],
        wanted: Option<Digest>,
        sharing: Sharing,
    ) -> anyhow::Result<(Plan, Store)> {
        let tars: Vec<&Path> = from.iter().map(AsRef::as_ref).collect();
        if let Some(file) = &self.selection.plan {
            let (plan, store) = self.stored(file, wanted, sharing)?;
            handover::unpack(&store, &tars, Some(plan.digest()))?;
            return Ok((plan, store));
        }
        let store = self.store(sharing)?;
        handover::unpack(&store, &tars, wanted)?;
        let plan = plan_file::read(&store.plan(), wanted)?;
        self.hide(&plan);
        Ok((plan, store))
    }

    /// Lets the results of other machines in, for this plan and no other: what another one left is removed before.
    ///
    /// # Errors
    /// If a tar cannot be taken.
    pub fn receive(&self, plan: &Plan, store: &Store, from: &[PathBuf]) -> anyhow::Result<()> {
        if from.is_empty() {
            return Ok(());
        }
        keep_plan(plan, store)?;
        let tars: Vec<&Path> = from.iter().map(AsRef::as_ref).collect();
        handover::unpack(store, &tars, Some(plan.digest()))
    }

    /// A stored plan, with the store that lies beside the repository of this folder.
    ///
    /// # Errors
    /// If the file is not a plan of this version, or not the one that is wanted.
    pub fn stored(&self, file: &Path, wanted: Option<Digest>, sharing: Sharing) -> anyhow::Result<(Plan, Store)> {
        let dir = self.folder()?;
        let plan = plan_file::read(&dir.join(file), wanted)?;
        self.hide(&plan);
        let top = facts::git::top(&self.runner(), &dir).ok();
        let (_, root) = self.place(&dir, top.as_deref())?;
        let store = Store::open(&root, &plan.output, sharing, &self.printer)?;
        Ok((plan, store))
    }
}

/// Writes plan.json into the store before results of other machines come in: what another plan left is removed.
fn keep_plan(plan: &Plan, store: &Store) -> anyhow::Result<()> {
    let bytes = plan.to_json();
    if std::fs::read(store.plan()).is_ok_and(|known| known == bytes) {
        return Ok(());
    }
    for name in ["steps", "artifacts", "logs"] {
        files::fresh_folder(&store.root().join(name))?;
    }
    for file in [store.manifest(), store.receipts()] {
        busy::remove(&file)?;
    }
    store.keep_plan(&bytes)
}
