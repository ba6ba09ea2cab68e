//! The build service: a queue of tasks in a database, a worker that hands them to an executor, and two faces over HTTP.

pub mod address;
mod attempt;
mod bases;
pub mod build;
mod cache;
pub mod check;
pub mod executor;
pub mod face;
pub mod fetch;
pub mod floor;
pub mod log;
mod masking;
pub mod metrics;
pub mod push;
pub mod queue;
mod refusal;
pub mod service;
pub mod settings;
pub mod source;
pub mod store;
pub mod task;
pub mod webhook;
pub mod worker;
