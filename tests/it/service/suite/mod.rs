//! What holds with every database: `database` of the module above says which one a folder has. The executor does what the
//! name of an app says.

mod api;
mod bodies;
pub mod fake;
mod lines;
mod page;
pub mod process;
mod queue;
mod retention;
mod tokens;
mod webhook;

use super::database;
