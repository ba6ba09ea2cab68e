//! The command line: one file per command.

mod act;
pub mod action;
mod actions_lock;
mod affected;
pub mod args;
mod bases;
pub mod build;
pub mod check;
pub mod complete;
pub mod ended;
mod engines;
pub mod error;
pub mod generate;
mod help;
mod init;
mod inside;
mod invocation;
pub mod lock;
pub mod matrix;
mod missing;
mod not_made;
pub mod output;
pub mod plan;
pub mod publish;
pub mod rehearse;
pub mod release;
mod report;
mod rival;
pub mod schema;
mod selectors;
mod serve;
pub mod servers;
pub mod summary;
pub mod table;
mod unlocked;
pub mod verify;

use std::ffi::OsString;

use clap::FromArgMatches;

use args::{Cli, Command};
use ended::Ended;
use invocation::Invocation;
use report::Report;

use crate::problem::{Failure, Problem};
use crate::world::env::Env;

/// Runs one command line; returns the exit code of the process.
pub fn run(words: impl IntoIterator<Item = OsString>, env: Env) -> u8 {
    let words: Vec<OsString> = words.into_iter().collect();
    let parsed = help::parser().try_get_matches_from(&words);
    let ended = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => carry_out(cli, &env),
        Err(error) => output::usage(&error, words.iter().any(|word| word == "--json"), &env),
    };
    ended.exit
}

/// Runs one command; says how it ended.
fn carry_out(mut cli: Cli, env: &Env) -> Ended {
    let invocation = Invocation::new(&cli.global, env.clone());
    let name = cli.command.name();
    if let Err(failure) = selectors::refuse_unread(&cli) {
        return output::finish(&invocation, name, Err(failure.into()));
    }
    for path in cli.command.paths() {
        *path = invocation.below(path);
    }
    if matches!(cli.command, Command::Action) {
        return action::run(&invocation, carry_out);
    }
    let result = dispatch(&invocation, cli.command);
    output::finish(&invocation, name, result)
}

fn dispatch(invocation: &Invocation, command: Command) -> anyhow::Result<Report> {
    let session = &invocation.session;
    match command {
        Command::Init => init::command(session),
        Command::Check => check::run(session),
        Command::Plan(args) => plan::run(session, &args),
        Command::Matrix(args) => matrix::run(session, &args),
        Command::Build(args) => build::run(session, &args),
        Command::Verify(args) => verify::run(session, &args),
        Command::Publish(args) => publish::run(invocation, &args),
        Command::Release(args) => release::run(invocation, &args),
        Command::Lock(args) => lock::run(session, &args),
        Command::Rehearse(args) => rehearse::run(session, &args),
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => Ok(complete::completions(&args)),
        Command::Man(args) => complete::man(&args),
        Command::Generate(args) => generate::run(session, &args),
        Command::Serve(args) => serve::run(session, &args),
        Command::Action | Command::Doctor | Command::Status => {
            let text = format!("`longshore {}` is not in this version", command.name());
            Err(Failure::usage(Problem::new("not-in-this-version", text).hint("`longshore --help` lists the commands"))
                .into())
        }
    }
}
