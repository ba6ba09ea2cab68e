//! The tasks in a database: one row each, and nothing else knows where a task is.

mod claim;
mod database;
mod deliveries;
mod end;
mod figures;
mod read;
mod row;
mod statement;
mod steps;
mod submit;

pub use claim::{Claimed, Held, Renewed};
pub use database::{Lock, Store};
pub use deliveries::Delivery;
pub use end::{Cancel, Recovered};
pub use read::Page;
pub use row::Row;
pub use steps::Step;
pub use submit::{Once, Submitted};
