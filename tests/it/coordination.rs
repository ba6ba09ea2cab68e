//! Three workflow files publish one version: side by side, late, killed at any request, repeated, and with other bytes.
//!
//! Each is a publisher of its own against one GitHub, one registry and one package index, all of them the rehearsal's.

mod command;
mod components;
mod conflicts;
mod killed;
mod repeated;
mod side_by_side;
pub mod world;
