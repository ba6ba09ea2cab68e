//! A file for an index: what the plan knows of it, and what was verified.

use std::path::PathBuf;

use crate::digest::Digest;
use crate::wheel::DistributionName;

/// A wheel or an sdist, known before it is made.
#[derive(Clone, Copy, Debug)]
pub struct PackageFile<'a> {
    /// The project it belongs to.
    pub distribution: &'a DistributionName,
    /// The version, PEP 440.
    pub version: &'a str,
    /// The tag of the release, for the receipt.
    pub tag: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// The same with its bytes.
#[derive(Clone, Debug)]
pub struct PackageUpload<'a> {
    /// What the plan knows.
    pub file: PackageFile<'a>,
    /// Where it lies.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// Its digest as verified.
    pub sha256: Digest,
}
