//! Which command reads which of the flags that select a release, a part of it, a configuration or a plan. A flag that
//! would be ignored is refused: the user believes that it counts.

use super::args::{Cli, Command, Global};
use crate::problem::{Failure, Problem};

const TAG: &str = "--tag";
const SNAPSHOT: &str = "--snapshot";
const LABEL: &str = "--label";
const COMPONENT: &str = "--component";
const ONLY: &str = "--only";
const CONFIG: &str = "--config";
const OVERLAY: &str = "--overlay";
const PLAN: &str = "--plan";

pub const ALL: [&str; 8] = [TAG, SNAPSHOT, LABEL, COMPONENT, ONLY, CONFIG, OVERLAY, PLAN];

/// How a command comes to what it works on, and so what it reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// It makes a plan.
    Planned,
    /// It was given one.
    Given,
    /// It takes the one in the output folder or in a tar; the configuration says where that folder is.
    Finished,
    /// It reads the configuration, for every release alike.
    Configuration,
    /// It writes what reads longshore.yaml and nothing else.
    Generated,
    /// Nothing of these.
    Nothing,
}

impl Source {
    /// The one of a command line; none for commands that are not there yet.
    fn of(command: &Command, given: bool) -> Option<Self> {
        Some(match command {
            Command::Check | Command::Plan(_) | Command::Rehearse(_) | Command::Release(_) => Self::Planned,
            Command::Matrix(_) | Command::Build(_) if !given => Self::Planned,
            Command::Verify(_) | Command::Publish(_) if !given => Self::Finished,
            Command::Matrix(_) | Command::Build(_) | Command::Verify(_) | Command::Publish(_) => Self::Given,
            Command::Lock(_) => Self::Configuration,
            Command::Generate(_) => Self::Generated,
            Command::Init | Command::Schema(_) | Command::Completions(_) | Command::Man(_) => Self::Nothing,
            // Its inputs come from the environment.
            Command::Action | Command::Serve(_) => Self::Nothing,
            Command::Doctor | Command::Status => return None,
        })
    }

    fn reads(self) -> &'static [&'static str] {
        match self {
            Self::Planned => &[TAG, SNAPSHOT, LABEL, COMPONENT, ONLY, CONFIG, OVERLAY],
            // `--config` says in which folder the output is.
            Self::Given => &[PLAN, CONFIG],
            // A project in a folder below.
            Self::Generated => &[CONFIG],
            Self::Finished | Self::Configuration => &[CONFIG, OVERLAY],
            Self::Nothing => &[],
        }
    }

    /// Why one is not read, and what to do instead.
    fn instead(self, command: &str, flag: &str) -> (&'static str, String) {
        let value = if flag == SNAPSHOT { "" } else { " …" };
        let again = format!("remove it, or make another plan: `longshore plan {flag}{value} --out plan.json`");
        let leave = || "remove it".to_owned();
        match self {
            _ if flag == PLAN => ("only `matrix`, `build`, `verify` and `publish` take a stored plan", leave()),
            Self::Given => ("a stored plan is fixed", again),
            Self::Finished if command == "publish" => {
                let narrower = "`--to` limits the destinations";
                ("the plan of the built files is fixed", format!("{again}; {narrower}"))
            }
            Self::Finished => ("the plan of the built files is fixed", again),
            Self::Generated if flag == OVERLAY => {
                ("the workflows plan without it", "write into longshore.yaml what holds in CI".to_owned())
            }
            Self::Configuration | Self::Generated => ("it is the same for every release", leave()),
            Self::Planned | Self::Nothing => ("it plans nothing and reads no configuration", leave()),
        }
    }
}

/// The flags that a command of this name reads, with a stored plan or without.
pub fn shown(command: &str) -> Vec<&'static str> {
    let sources: &[Source] = match command {
        "check" | "plan" | "rehearse" | "release" => &[Source::Planned],
        "matrix" | "build" => &[Source::Planned, Source::Given],
        "verify" | "publish" => &[Source::Finished, Source::Given],
        "lock" => &[Source::Configuration],
        "generate" => &[Source::Generated],
        _ => &[],
    };
    sources.iter().flat_map(|source| source.reads()).copied().collect()
}

/// Refuses a flag that the command does not read.
///
/// # Errors
/// One problem for each of them.
pub fn refuse_unread(cli: &Cli) -> Result<(), Failure> {
    let command = cli.command.name();
    let Some(source) = Source::of(&cli.command, cli.global.plan.is_some()) else { return Ok(()) };
    let unread = given(&cli.global).into_iter().filter(|flag| !source.reads().contains(flag));
    let problems: Vec<Problem> = unread
        .map(|flag| {
            let (why, hint) = source.instead(command, flag);
            let with = if source == Source::Given { format!("{command} {PLAN}") } else { command.to_owned() };
            Problem::new("unread-flag", format!("`longshore {with}` does not accept `{flag}`: {why}")).hint(hint)
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(Failure { exit: crate::problem::Exit::Usage, problems }) }
}

fn given(global: &Global) -> Vec<&'static str> {
    let flags = [
        (TAG, !global.tag.is_empty()),
        (SNAPSHOT, global.snapshot),
        (LABEL, global.label.is_some()),
        (COMPONENT, !global.component.is_empty()),
        (ONLY, !global.only.is_empty()),
        (CONFIG, global.config.is_some()),
        (OVERLAY, !global.overlay.is_empty()),
        (PLAN, global.plan.is_some()),
    ];
    flags.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn every_command_refuses_what_it_does_not_read() {
        let planned = "--tag --snapshot --label --component --only --config --overlay";
        let rows = [
            ("init", ""),
            ("check", planned),
            ("plan", planned),
            ("rehearse", planned),
            ("release", planned),
            ("matrix", "--tag --snapshot --label --component --only --config --overlay --plan"),
            ("build", "--tag --snapshot --label --component --only --config --overlay --plan"),
            ("build --plan p", "--config --plan"),
            ("matrix --plan p", "--config --plan"),
            ("verify", "--config --overlay --plan"),
            ("publish", "--config --overlay --plan"),
            ("verify --plan p", "--config --plan"),
            ("publish --plan p", "--config --plan"),
            ("lock", "--config --overlay"),
            ("generate", "--config"),
            ("schema plan", ""),
            ("completions bash", ""),
            ("man", ""),
            ("action", ""),
            ("serve", ""),
        ];
        for (line, read) in rows {
            for flag in ALL.into_iter().filter(|flag| !line.contains(flag)) {
                let value = if flag == SNAPSHOT { vec![] } else { vec!["x"] };
                let words = ["longshore"].into_iter().chain(line.split(' ')).chain([flag]).chain(value);
                let refused = refuse_unread(&Cli::try_parse_from(words).unwrap()).err();
                let expected = !read.split(' ').any(|one| one == flag);
                assert_eq!(refused.is_some(), expected, "longshore {line} {flag}");
                let Some(refused) = refused else { continue };
                assert!(refused.problems[0].message.contains(&format!("`{flag}`")), "{refused}");
                assert!(refused.problems.iter().all(|problem| problem.hint.is_some()), "{refused}");
            }
        }
        let several = "longshore publish --tag v9.9.9 --component nope --only archive.extra".split(' ');
        assert_eq!(refuse_unread(&Cli::try_parse_from(several).unwrap()).unwrap_err().problems.len(), 3);
    }
}
