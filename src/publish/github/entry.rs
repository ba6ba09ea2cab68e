//! One release of the plan at one repository: its files, where it stood, and how far it is.

use std::path::PathBuf;

use super::model::{Asset, GithubRelease};
use super::standing::{Standing, standing};
use crate::artifact::File;
use crate::plan::{self, ReleasePage};
use crate::publish::run::PlannedFile;
use crate::receipt::Outcome;

/// What the plan knows of a release.
#[derive(Clone)]
pub struct PlannedRelease<'a> {
    pub release: &'a plan::Release,
    pub page: &'a ReleasePage,
    /// Its files, in the plan's order.
    pub files: Vec<PlannedFile<'a>>,
    /// Names of what several workflow files tell each other there.
    pub told: Vec<String>,
}

impl PlannedRelease<'_> {
    pub fn tag(&self) -> &str {
        &self.release.tag
    }

    /// Whether it is to hold a file of that name.
    pub fn holds(&self, name: &str) -> bool {
        self.files.iter().any(|file| file.name == name)
    }
}

#[derive(Clone, Debug)]
pub enum Start {
    /// Nothing is there.
    Create,
    /// A draft is there.
    Fill(GithubRelease),
    /// A published, mutable release may be filled.
    Extend(GithubRelease),
    /// It is published with all its files.
    Finished(GithubRelease),
}

impl Start {
    pub fn release(&self) -> Option<&GithubRelease> {
        match self {
            Self::Create => None,
            Self::Fill(release) | Self::Extend(release) | Self::Finished(release) => Some(release),
        }
    }
}

/// A release that was compared with what was verified.
pub struct Entry<'a> {
    pub planned: PlannedRelease<'a>,
    pub start: Start,
    pub files: Vec<ReleaseFile<'a>>,
    /// It, as soon as it holds them.
    pub there: Option<There>,
}

pub struct There {
    pub release: GithubRelease,
    /// Whether it was there before.
    pub outcome: Outcome,
    /// What made it public, if it is.
    pub done: Option<Done>,
}

impl There {
    /// Whether it is still a draft, as far as we know.
    pub fn is_hidden(&self) -> bool {
        self.done.is_none() && self.release.draft
    }
}

/// What a run did to a release that is public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Nothing was missing.
    Nothing,
    /// Files were added to a release that was already published.
    Filled,
    Published,
}

pub struct ReleaseFile<'a> {
    pub step: &'a str,
    pub file: File,
    pub path: PathBuf,
    pub outcome: Outcome,
    /// The asset whose bytes were downloaded and hashed in this run.
    pub hashed: Option<u64>,
}

impl ReleaseFile<'_> {
    /// How its equality was established.
    pub fn evidence(&self) -> &'static str {
        if self.hashed.is_some() { "download" } else { "digest" }
    }

    /// Whether its very bytes are among these assets.
    pub fn is_known(&self, assets: &[Asset]) -> bool {
        match standing(&self.file, assets) {
            Standing::Equal(_) => true,
            Standing::Unknown(asset) => self.hashed == Some(asset.id),
            _ => false,
        }
    }

    /// Whether it is there, as far as is known.
    pub fn is_right(&self) -> bool {
        matches!(self.outcome, Outcome::Published | Outcome::AlreadyThere)
    }
}
