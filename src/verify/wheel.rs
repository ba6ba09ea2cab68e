//! Is a wheel or an sdist what an index takes and a user can install? Reads bytes, runs nothing, knows no plan.

mod declared;
mod entry_points;
mod expected;
mod flaw;
mod framing;
mod library;
mod linux;
mod manifests;
mod members;
mod metadata;
mod module;
mod native;
mod platform;
mod read;
mod record;
mod sdist;
mod set;
mod stable_abi;

pub use expected::{Expected, ExpectedSdist};
pub use flaw::{Flaw, INDEX_LIMIT};
pub use library::Library;
pub use read::{Wheel, read};
pub use sdist::{Sdist, read as read_sdist};
pub use set::{agree, variants};

#[cfg(test)]
mod tests;
