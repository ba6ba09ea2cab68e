//! The packages of a release at one index, and how far they are.

use std::collections::BTreeMap;

use super::connection::Connection;
use super::file::Content;
use super::observe::Shown;
use super::package::{PackageFile, PackageUpload};
use super::rules;
use super::token::Keeper;
use crate::wheel::DistributionName;

/// An index, and what it is to hold.
pub struct Packages<'a> {
    pub connection: Connection<'a>,
    /// What is presented for each project.
    pub keepers: BTreeMap<&'a DistributionName, Keeper<'a>>,
    /// What is to be there in the end, in order.
    pub files: Vec<PackageFile<'a>>,
    pub shown: Vec<Shown<'a>>,
    /// The files after they were compared with what is there.
    pub parcels: Vec<Parcel<'a>>,
}

/// A file and whether it was there before we began.
pub struct Parcel<'a> {
    pub upload: PackageUpload<'a>,
    /// Whether it was there.
    pub there: bool,
    /// What was read from it, if it is to be sent.
    pub content: Option<Content>,
}

impl Parcel<'_> {
    pub fn is_of(&self, name: &DistributionName) -> bool {
        self.upload.file.distribution == name
    }

    /// Whether it is an sdist rather than a wheel.
    pub fn is_source(&self) -> bool {
        rules::is_source(self.upload.file.name)
    }
}

impl<'a> Packages<'a> {
    /// The files by project and version, in the order given.
    pub fn versions(&self) -> Vec<Vec<&Parcel<'a>>> {
        let mut versions: BTreeMap<(&DistributionName, &str), Vec<&Parcel<'a>>> = BTreeMap::new();
        for parcel in &self.parcels {
            let file = &parcel.upload.file;
            versions.entry((file.distribution, file.version)).or_default().push(parcel);
        }
        versions.into_values().collect()
    }
}
