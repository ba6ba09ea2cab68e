//! The servers a release is tried against, in this process.
//!
//! They answer as the real ones do and know nothing of plans: a destination is only a URL.

pub mod base;
pub mod github;
mod hold;
mod html;
mod percent;
pub mod pypi;
mod random;
pub mod registry;
