//! The `longshore` program.

use std::process::ExitCode;

use longshore::cli;
use longshore::world::env::Env;

fn main() -> ExitCode {
    ExitCode::from(cli::run(std::env::args_os(), Env::read()))
}
