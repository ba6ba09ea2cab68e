//! The build service over HTTP, with an executor that does what the name of an app says.

mod api;
mod bodies;
mod command;
mod fake;
mod lines;
mod page;
mod process;
mod queue;
mod webhook;
