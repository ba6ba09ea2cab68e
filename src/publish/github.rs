//! GitHub Releases: find or draft, upload what is missing, read back, make public, confirm as an anonymous reader.
//!
//! Every phase starts from what the server says, never from what an earlier run remembers. The API:
//! <https://docs.github.com/rest/releases>.

mod answer;
pub mod api;
mod assets;
mod compare;
mod confirm;
mod describe;
mod entry;
pub mod list;
pub mod model;
mod notes;
pub mod observe;
mod publisher;
mod rank;
mod read_back;
pub mod release;
pub mod repository;
mod standing;
#[cfg(test)]
mod tests;
pub mod token;
pub mod visibility;
