//! The build service: a queue of tasks in a database, a worker that hands them to an executor, and two faces over HTTP.

pub mod address;
mod bases;
pub mod build;
pub mod check;
pub mod executor;
pub mod fetch;
pub mod log;
mod masking;
pub mod push;
mod refusal;
pub mod source;
pub mod task;
