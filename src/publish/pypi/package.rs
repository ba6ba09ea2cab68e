//! A file for an index: what the plan knows of it, and what was verified.

use std::path::PathBuf;

use crate::digest::Digest;
use crate::wheel::DistributionName;

/// A wheel or an sdist, known before it is made.
#[derive(Clone, Copy, Debug)]
pub struct PackageFile<'a> {
    pub distribution: &'a DistributionName,
    /// The version, PEP 440.
    pub version: &'a str,
    /// The tag of the release, for the receipt.
    pub tag: &'a str,
    pub name: &'a str,
}

/// The same with its bytes.
#[derive(Clone, Debug)]
pub struct PackageUpload<'a> {
    pub file: PackageFile<'a>,
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    pub sha256: Digest,
}
