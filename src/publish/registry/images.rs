//! The images of a plan at one destination, and how far they are.

use std::collections::BTreeMap;

use tokio::sync::OnceCell;

use crate::digest::Digest;
use crate::oci::image::Blob;
use crate::oci::registry::{Document, Error, ErrorKind, Registries};
use crate::plan::{Destination, PublishedImage, RegistryDestination, Step, Work};
use crate::publish::failure::Failure;
use crate::publish::run::Run;
use crate::receipt::{Outcome, Receipt};
use crate::reference::Repository;
use crate::world::clock;

pub struct Images<'a> {
    pub run: Run<'a>,
    pub destination: &'a Destination,
    pub registry: &'a RegistryDestination,
    /// The registries, read anonymously.
    pub everybody: Registries,
    /// Whether the source repository is public, once known; `None`: unknown.
    pub public: OnceCell<Option<bool>>,
}

/// One image or index in one repository.
#[derive(Clone)]
pub struct PlannedImage<'a> {
    pub image: &'a PublishedImage,
    pub repository: &'a Repository,
    pub step: &'a Step,
    /// The fixed tags that are there, and what they are.
    pub there: BTreeMap<&'a str, Digest>,
}

/// One that was verified, and in whose way nothing stands.
pub struct Placement<'a> {
    pub planned: PlannedImage<'a>,
    pub document: Document,
    /// What an image consists of; an index has only images.
    pub blobs: Vec<Blob>,
}

impl PlannedImage<'_> {
    /// Whether it is an index rather than an image.
    pub fn is_index(&self) -> bool {
        matches!(self.step.work, Work::Index(_))
    }

    pub fn is_chart(&self) -> bool {
        matches!(self.step.work, Work::Chart(_))
    }

    /// Whether something of it is still to be done: a tag is missing, or it has none and an index that holds it is open.
    pub fn is_open(&self, all: &[&Self]) -> bool {
        if self.image.tags.iter().any(|tag| !self.there.contains_key(tag.as_str())) {
            return true;
        }
        if !self.image.tags.is_empty() {
            return false;
        }
        let holds = |other: &&&Self| match &other.step.work {
            Work::Index(index) => other.repository == self.repository && index.images.contains(&self.step.id),
            _ => false,
        };
        // With floating tags only, nothing says that it is there.
        !self.image.floating.is_empty() || all.iter().filter(holds).any(|other| other.is_open(all))
    }
}

impl Placement<'_> {
    /// The digest of its manifest or index.
    pub fn digest(&self) -> Digest {
        self.document.descriptor.digest
    }

    pub fn receipt(&self, images: &Images<'_>, tag: &str, outcome: Outcome) -> Receipt {
        let PlannedImage { repository, step, .. } = &self.planned;
        let release = images.run.plan.release(&step.component);
        Receipt {
            destination: images.destination.name.clone(),
            tag: release.map(|release| release.tag.clone()).unwrap_or_default(),
            name: format!("{repository}:{tag}"),
            sha256: Some(self.digest()),
            size: Some(self.document.descriptor.size),
            url: images.run.registries.place(&repository.at(self.digest())),
            outcome,
            confirmed_by: Some("digest".into()),
            at: clock::now(),
        }
    }
}

/// Repositories for people, with how much goes into each.
pub fn names<'r>(repositories: impl Iterator<Item = &'r Repository>) -> String {
    let mut count: BTreeMap<&Repository, usize> = BTreeMap::new();
    for repository in repositories {
        *count.entry(repository).or_default() += 1;
    }
    count.iter().map(|(repository, count)| format!("{repository} ({count})")).collect::<Vec<_>>().join(", ")
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.kind {
            ErrorKind::Denied => Self::Denied(*error.problem),
            ErrorKind::Conflict => Self::Conflict(*error.problem),
            ErrorKind::Usage => Self::Refused(*error.problem),
            ErrorKind::Retry => Self::retry(*error.problem),
            ErrorKind::Missing | ErrorKind::Refused | ErrorKind::Damaged | ErrorKind::Disk => {
                Self::Unconfirmed(*error.problem)
            }
        }
    }
}
