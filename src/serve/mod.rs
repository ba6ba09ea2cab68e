//! The build service: a queue of tasks in a database, a worker that hands them to an executor, and two faces over HTTP.

mod attempt;
pub mod executor;
pub mod face;
pub mod log;
pub mod queue;
pub mod store;
pub mod task;
pub mod worker;
