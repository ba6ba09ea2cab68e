//! The build service over HTTP, with an executor that does what the name of an app says.

mod api;
mod bodies;
mod cloud;
mod command;
mod fake;
mod lines;
mod process;
mod queue;
mod tokens;
