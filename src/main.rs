//! The `longshore` program.

use std::process::ExitCode;

use longshore::cli;
use longshore::world::private;

fn main() -> ExitCode {
    let env = private::environment();
    ExitCode::from(cli::run(std::env::args_os(), env))
}
