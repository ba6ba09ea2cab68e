//! Engines, the programs that build Dockerfiles: each is a value, made by [`choose`](choose()), and does the same with a recipe.

mod ask;
mod bases;
mod buildah;
mod buildkit;
mod buildx;
mod choose;
mod client;
mod contain;
mod convert;
mod failure;
pub mod feature;
mod lines;
mod model;
mod outcome;
mod place;
mod platform;
mod printed;
mod probe;
mod progress;
pub mod recipe;
mod session;
pub mod table;
pub mod version;

pub use ask::Ask;
pub use choose::choose;
pub use contain::Contain;
pub use feature::Feature;
pub use model::{Engine, Kind};
pub use recipe::{Built, Cache, EngineStep, Named, Network, Recipe};
pub use session::Session;
