//! The build service: a queue of tasks in a database, a worker that hands them to an executor, and two faces over HTTP.

pub mod executor;
pub mod log;
pub mod task;
