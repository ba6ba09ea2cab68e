//! Checks of what was built: each runs something, and its result is recorded by digest.

pub mod container;
pub mod import;
pub mod readme;
pub mod rebuild;
pub mod render;
pub mod resolve;
pub mod secrets;
pub mod smoke;
