//! What every kind of destination does, and the order in which all of them do it.

use std::fs;
use std::io::Seek;

use futures_util::future::LocalBoxFuture;

use super::describe::Describe;
use super::failure::{Failure, Failures};
use super::ledger::Ledger;
use super::run::Run;
use super::verified::Verified;
use crate::artifact::File;
use crate::digest::Digest;
use crate::plan::{Destination, Step};
use crate::reference::Reference;
use crate::world::http::Limited;

/// A publish phase: what is invisible comes first, then what cannot be undone, then what is announced. All
/// destinations are through with one before the next begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// What is there is compared with what was verified; nothing is written.
    Compare,
    /// Drafts of releases are made and filled.
    Drafts,
    /// Blobs and manifests of images, by digest: not visible without a tag.
    Content,
    /// Tags of images that never move.
    FixedTags,
    /// Charts, each after the charts it depends on: the images that they name are there.
    Charts,
    /// Packages on indexes, which keep each file for ever.
    Packages,
    Releases,
    /// The same for those that several workflow files make together.
    SharedReleases,
    /// Tags of images that follow the newest release.
    FloatingTags,
    /// Deployment files, which name what is there now.
    Files,
    /// Commands, which use it.
    Commands,
}

impl Phase {
    /// The order of publication: the phases that write.
    pub const ORDER: [Self; 10] = [
        Self::Drafts,
        Self::Content,
        Self::FixedTags,
        Self::Charts,
        Self::Packages,
        Self::Releases,
        Self::SharedReleases,
        Self::FloatingTags,
        Self::Files,
        Self::Commands,
    ];
}

pub type Doing<'s, T = (), E = Failures> = LocalBoxFuture<'s, Result<T, E>>;

/// A file that was promised, with the step that made it.
pub struct Promised<'a> {
    pub step: &'a str,
    pub file: &'a File,
}

impl Promised<'_> {
    /// A file emptied for its bytes, and for no more of them.
    ///
    /// # Errors
    /// If it cannot be emptied.
    pub fn sink<'f>(&self, mut to: &'f fs::File) -> Result<Limited<&'f fs::File>, Failure> {
        to.set_len(0).and_then(|()| to.rewind()).map_err(anyhow::Error::from)?;
        Ok(Limited::new(to, self.file.size))
    }
}

/// One destination of a run. It is asked, brought forward phase by phase, and each time read back; every repetition
/// starts from what it says, never from what an earlier run remembers.
pub trait Publisher {
    /// Looks at what is there; writes nothing, and needs nothing that was built.
    fn observe(&mut self) -> Doing<'_>;

    /// After it was observed: fixed tags that are there.
    fn seen(&self) -> Vec<(Reference, Digest)> {
        Vec::new()
    }

    /// Whether a phase has anything for it; else it is left out of that phase.
    fn takes_part(&self, phase: Phase) -> bool;

    fn advance<'s>(&'s mut self, phase: Phase, verified: Verified<'s>, ledger: &'s mut Ledger) -> Doing<'s>;

    /// Reads back what came of it, as the public does where there is one.
    fn confirm<'s>(&'s mut self, phase: Phase, ledger: &'s mut Ledger) -> Doing<'s>;

    /// After it was observed: the promised files without which it cannot be finished. None, where it takes no files.
    fn lacks<'s>(&'s self, _: Verified<'s>) -> Doing<'s, Vec<Promised<'s>>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Writes a promised file into `to` if it has it, and says whether. What it writes may be other bytes.
    fn fetch<'s>(&'s self, _: &'s Promised<'s>, _: &'s fs::File) -> Doing<'s, bool, Failure> {
        Box::pin(async { Ok(false) })
    }
}

/// What there is to know of a destination of a kind without asking it.
pub trait Kind: Describe {
    /// The destination, not asked yet.
    ///
    /// # Errors
    /// What a glance at the plan refuses.
    fn publisher<'a>(&'a self, run: Run<'a>, destination: &'a Destination)
    -> Result<Box<dyn Publisher + 'a>, Failures>;

    /// The names in receipts of what a step's files become there.
    fn receipt_names(&self, _: &Step, _: &[File]) -> Vec<(String, Digest)> {
        Vec::new()
    }
}
