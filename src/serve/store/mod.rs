//! The tasks in a database: one row each, and nothing else knows where a task is.

mod address;
mod claim;
mod darwin;
mod database;
mod deliveries;
mod dialect;
mod end;
mod figures;
mod lock;
mod read;
mod retention;
mod row;
mod steps;
mod submit;

pub use address::{Address, Parts};
pub use claim::{Claimed, Held, Renewed};
pub use darwin::Imported;
pub use database::Store;
pub use deliveries::Delivery;
pub use dialect::Dialect;
pub use end::{Cancel, Recovered};
pub use lock::Lock;
pub use read::Page;
pub use retention::Keep;
pub use row::Row;
pub use steps::Step;
pub use submit::{Once, Submitted};
