//! The build service over HTTP, with its queue in SQLite.

mod cloud;
mod command;
mod suite;

use std::path::Path;

use longshore::serve::store::Address;

/// The database of a service with this folder.
pub fn database(_: &Path) -> Address {
    Address::Sqlite
}
