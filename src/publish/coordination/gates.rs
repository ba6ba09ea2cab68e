//! What a workflow file waits for before it goes on with a phase.

use super::account::account;
use super::announcement::Announcement;
use super::names::{manifest, receipts};
use super::shared::{Coordination, SharedRelease, pick};
use super::wait::{self, Awaited};
use crate::artifact::Manifest;
use crate::plan::Workflow;
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::publish::github::api::Reader;
use crate::publish::github::list::list;
use crate::publish::github::model::GithubRelease as Draft;
use crate::publish::github::observe::{gone, releases};
use crate::publish::github::release;
use crate::publish::ledger::Ledger;
use crate::publish::publisher::Phase;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It may.
    Open,
    /// So much time has passed that everything is to be looked at again.
    Stale,
    /// It is for another run.
    Closed,
}

impl Coordination<'_> {
    /// Waits for whatever a phase of a run needs from the others, and tells them what they need.
    ///
    /// # Errors
    /// If another plan is at work, or one of the others does not come.
    pub async fn before(
        &mut self,
        phase: Phase,
        takes_part: bool,
        verified: &Manifest,
        ledger: &Ledger,
    ) -> Result<Gate, Failure> {
        match phase {
            Phase::Drafts => self.announce(verified).await,
            Phase::SharedReleases => self.account(ledger).await,
            Phase::FloatingTags | Phase::Files | Phase::Commands if takes_part => {
                self.public().await.map(|()| Gate::Open)
            }
            _ => Ok(Gate::Open),
        }
    }

    /// Puts this file's manifest there and waits for the others'. If nothing of that was left to do, what was observed
    /// before is still true.
    async fn announce(&mut self, verified: &Manifest) -> Result<Gate, Failure> {
        let mut idle = true;
        for at in 0..self.releases.len() {
            if self.releases[at].found.is_none() {
                idle = false;
                let draft = self.draft(&self.releases[at]).await?;
                self.releases[at].found = Some(draft);
            }
            let announcement = Announcement::new(self.url, &self.releases[at].makers, verified.clone());
            idle &= !self.put(at, &manifest(self.workflow), &announcement.to_json()).await?;
        }
        if !self.missing(manifest).is_empty() {
            self.all(manifest, "manifest").await?;
            return Ok(Gate::Stale);
        }
        Ok(if idle { Gate::Open } else { Gate::Stale })
    }

    /// Tells the others what is published, and before their releases become public reads what they say.
    async fn account(&mut self, ledger: &Ledger) -> Result<Gate, Failure> {
        let chosen = |share: &String| self.run.workflow.is_some_and(|workflow| workflow.destinations.contains(share));
        if !self.workflow.destinations.iter().all(chosen) {
            let text =
                format!("the rest of `{}`: `longshore publish --workflow {0}` without `--to`", self.workflow.file);
            self.run.printer.step("Remaining", text);
            return Ok(Gate::Closed);
        }
        let told = serde_json::to_vec(ledger.so_far()).map_err(anyhow::Error::from)?;
        for at in 0..self.releases.len() {
            self.put(at, &receipts(self.workflow), &told).await?;
        }
        if self.publishes_here() {
            self.all(receipts, "receipts").await?;
            account(self).await?;
        }
        Ok(Gate::Open)
    }

    /// Makes a draft, or waits for the one that the coordinating file makes.
    async fn draft(&self, shared: &SharedRelease<'_>) -> Result<Draft, Failure> {
        let (repository, tag) = (&self.repository, &shared.release.tag);
        let page = repository.github.pages.iter().find(|page| page.tag == *tag);
        if let Some(page) = page.filter(|_| self.publishes_here()) {
            return release::create(repository, shared.release, page).await;
        }
        let awaited = format!("the draft of `{tag}`, which `{}` makes", self.coordinating.file);
        let rhythm = self.rhythm.slower(self.pages);
        self.may_write(tag).await?;
        let poll = async || {
            let listed = releases(&repository.api).await?;
            let Some(found) = pick(tag, &listed)? else { return Ok(Awaited::Missing(awaited.clone())) };
            self.may_join(found).map(|()| Awaited::Here(found.clone()))
        };
        wait::until(self.run.printer, rhythm, self.workflow, poll).await
    }

    /// GitHub hides drafts without write permission, so waiting would be in vain. Asking for notes needs the same right, and
    /// leaves nothing there.
    async fn may_write(&self, tag: &str) -> Result<(), Failure> {
        match self.repository.api.generate_notes(tag, None).await {
            Err(Failure::Denied(problem)) => {
                let message = format!("the draft of `{tag}` is not visible: {}", problem.message);
                let hint = "every workflow file that publishes needs `permissions: contents: write`";
                Err(Failure::Denied(Problem::new("permission-missing", message).hint(hint)))
            }
            // Whatever else is wrong, the draft may come.
            _ => Ok(()),
        }
    }

    /// Waits until every file has put something there.
    async fn all(&mut self, name: fn(&Workflow) -> String, what: &str) -> Result<(), Failure> {
        let (printer, workflow) = (self.run.printer, self.workflow);
        let rhythm = self.rhythm.slower(u32::try_from(self.releases.len()).unwrap_or(1));
        let poll = async || {
            for shared in self.releases.iter_mut().filter(|shared| !shared.missing(name).is_empty()) {
                if let Some(found) = &mut shared.found {
                    found.assets = list(&self.repository.api, found.id).await?;
                }
            }
            self.read().await?;
            let missing = self.missing(name);
            if missing.is_empty() {
                return Ok(Awaited::Here(()));
            }
            Ok(Awaited::Missing(format!("the {what} of `{}`", missing.join("`, `"))))
        };
        wait::until(printer, rhythm, workflow, poll).await
    }

    /// Waits until the releases are public, with everything that belongs to them.
    async fn public(&mut self) -> Result<(), Failure> {
        self.all(receipts, "receipts").await?;
        let api = &self.repository.api;
        if self.repository.github.draft {
            return Ok(());
        }
        let awaited = format!("`{}` to make the release public", self.coordinating.file);
        let mut hidden: Vec<&mut Draft> = self.releases.iter_mut().filter_map(|shared| shared.found.as_mut()).collect();
        let poll = async || {
            for found in hidden.iter_mut().filter(|found| found.draft) {
                let (doing, path) = (format!("look at `{}`", found.tag_name), format!("releases/{}", found.id));
                let now = api.look::<Draft>(&doing, &path, Reader::Token).await;
                found.draft = now.map_err(|failure| gone(&found.tag_name, failure))?.draft;
                if found.draft {
                    return Ok(Awaited::Missing(awaited.clone()));
                }
            }
            Ok(Awaited::Here(()))
        };
        wait::until(api.printer, self.rhythm, self.workflow, poll).await
    }
}
