//! The only code with side effects: processes, network, environment, clock, terminal, files.

pub mod actions;
pub mod busy;
pub mod clock;
pub mod command;
pub mod disk;
pub mod env;
pub mod family;
pub mod few;
pub mod files;
pub mod git;
pub mod handover;
pub mod http;
pub mod interrupt;
pub mod mask;
pub mod members;
pub mod path;
pub mod patience;
pub mod private;
pub mod process;
pub mod runtime;
pub mod search;
pub mod server;
pub mod sink;
pub mod store;
pub mod terminal;
