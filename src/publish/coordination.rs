//! Several workflow files, one version: they coordinate through the draft of the release.
//!
//! Each, verified, puts its manifest into the draft and waits for the others'; so nothing is public before all are
//! verified. Then it publishes, and puts its receipts there. When all receipts are there, the one that coordinates, the
//! one that publishes to that GitHub destination, makes the release public; what follows the newest release moves after
//! that.

mod account;
pub mod announcement;
pub mod gates;
pub mod names;
pub mod recover;
pub mod shared;
mod wait;
