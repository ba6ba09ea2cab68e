//! What a wheel or an sdist was planned to be.

use crate::target::Target;
use crate::wheel::{DistributionName, WheelTag};

/// What a wheel was planned to be.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    pub distribution: &'a DistributionName,
    /// Its version, PEP 440.
    pub version: &'a str,
    pub tag: &'a WheelTag,
    /// What its libraries were compiled for.
    pub target: Target,
    /// Import packages that must not be empty: `opsml`, `a.b`.
    pub modules: &'a [String],
    /// Other distributions made of the same code: a dependency on one of them may be this one under its old name.
    pub siblings: &'a [DistributionName],
    /// Most bytes; without it PyPI's limit.
    pub max_size: Option<u64>,
    /// Texts of which each must be in one of its modules.
    pub present: &'a [String],
    /// Texts that must be in none.
    pub absent: &'a [String],
    /// Whether it is prebuilt: its SBOM may contain paths of another machine.
    pub prebuilt: bool,
}

/// What an sdist was planned to be.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedSdist<'a> {
    pub distribution: &'a DistributionName,
    /// Its version, PEP 440.
    pub version: &'a str,
    /// Other distributions made of the same code.
    pub siblings: &'a [DistributionName],
    /// Most bytes; without it PyPI's limit.
    pub max_size: Option<u64>,
}
