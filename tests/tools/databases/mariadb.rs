//! MariaDB.

#[path = "faults.rs"]
mod faults;
#[path = "several.rs"]
mod several;
#[path = "../../it/service/suite/mod.rs"]
pub mod suite;

use std::path::Path;
use std::sync::OnceLock;

use longshore::serve::store::Address;

use super::server::{self, Server};

static SERVER: OnceLock<Server> = OnceLock::new();

/// The database of a service with this folder: one of its own, unless another process has said which.
pub fn database(folder: &Path) -> Address {
    server::of(folder, || SERVER.get_or_init(server::mariadb))
}

/// A server that only this test has.
fn alone() -> Server {
    server::mariadb()
}
