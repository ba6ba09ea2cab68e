//! Lists and adds the berths of a harbor, kept in a JSON file.

use std::fs;
use std::io::ErrorKind;
use std::process::ExitCode;

use harbor_core::{Berth, Harbor};

const HELP: &str = "\
Lists and adds the berths of a harbor, kept in a JSON file.

Usage: harbor list FILE
       harbor add FILE NAME LENGTH [SHIP]

  -h, --help       print this
  -V, --version    print the version
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("harbor: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> Result<String, String> {
    match args {
        ["-V" | "--version"] => Ok(concat!("harbor ", env!("CARGO_PKG_VERSION"), "\n").into()),
        ["-h" | "--help"] => Ok(HELP.into()),
        ["list", file] => Ok(read(file)?.to_string()),
        ["add", file, name, length] => add(file, name, length, None),
        ["add", file, name, length, ship] => add(file, name, length, Some(ship)),
        _ => Err(format!("unknown arguments\n\n{HELP}")),
    }
}

fn read(file: &str) -> Result<Harbor, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("cannot read `{file}`: {error}"))?;
    Harbor::from_json(&text).map_err(|error| format!("`{file}`: {error}"))
}

/// Adds a berth to a file, which is made if it is not there.
fn add(file: &str, name: &str, length: &str, ship: Option<&str>) -> Result<String, String> {
    let mut harbor = match fs::metadata(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Harbor::default(),
        _ => read(file)?,
    };
    let length = length.parse().map_err(|_| format!("`{length}` is not a length in metres"))?;
    let berth = Berth { name: name.into(), length, ship: ship.map(str::to_owned) };
    harbor.add(berth).map_err(|refused| refused.to_string())?;
    fs::write(file, harbor.to_json()).map_err(|error| format!("cannot write `{file}`: {error}"))?;
    Ok(harbor.to_string())
}
