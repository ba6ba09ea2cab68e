//! The command line as it is shown: commands in groups, and at each command the flags that it reads.

use clap::{Arg, Command, CommandFactory};

use super::args::Cli;
use super::selectors;

/// Every command that is shown, in the order of the help.
const GROUPS: [(&str, &[&str]); 6] = [
    ("Set up", &["init", "check", "lock", "generate"]),
    ("Inspect", &["plan"]),
    ("Rehearse", &["rehearse"]),
    ("Release", &["release", "build", "verify", "publish"]),
    ("Serve", &["serve"]),
    ("CI and shell", &["matrix", "schema", "completions", "man"]),
];

/// What completions and manual pages are made from.
pub fn command() -> Command {
    let mut command = Cli::command();
    let unread: Vec<(String, Vec<Arg>)> =
        command.get_subcommands().map(|sub| (name(sub), unread(&command, sub))).collect();
    for (name, args) in unread {
        command = command.mut_subcommand(name, |sub| sub.args(args));
    }
    command
}

/// What the words of the user are parsed with. It lists the commands in groups, and so none by itself.
pub fn parser() -> Command {
    let command = command();
    let groups = groups(&command);
    let template = format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}{{all-args}}{{after-help}}");
    command.mut_subcommands(|sub| sub.hide(true)).help_template(template)
}

fn name(command: &Command) -> String {
    command.get_name().to_owned()
}

/// Flags of every command that this one does not read, as it knows them: unseen. Whoever writes one all the same is told why
/// it means nothing.
fn unread(command: &Command, sub: &Command) -> Vec<Arg> {
    let reads = selectors::shown(sub.get_name());
    let is_unread = |arg: &&Arg| {
        let flag = arg.get_long().map(|long| format!("--{long}")).unwrap_or_default();
        arg.is_global_set() && selectors::ALL.contains(&flag.as_str()) && !reads.contains(&flag.as_str())
    };
    command.get_arguments().filter(is_unread).map(|arg| arg.clone().hide(true)).collect()
}

/// Each group under its heading, aligned over all of them.
fn groups(command: &Command) -> String {
    let heading = command.get_styles().get_header();
    let width = GROUPS.iter().flat_map(|(_, names)| *names).map(|name| name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (title, names) in GROUPS {
        text.push_str(&format!("{heading}{title}:{heading:#}\n"));
        for name in names {
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let literal = command.get_styles().get_literal();
            let about = about.map(ToString::to_string).unwrap_or_default();
            text.push_str(&format!("  {literal}{name:width$}{literal:#}  {about}\n"));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_in_one_group() {
        let command = command();
        let mut shown: Vec<&str> =
            command.get_subcommands().filter(|sub| !sub.is_hide_set()).map(Command::get_name).collect();
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        shown.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(shown, grouped);
    }

    #[test]
    fn help_shows_the_flags_that_are_read() {
        let help = |name: &str| {
            let mut command = command();
            command.build();
            command.find_subcommand_mut(name).unwrap().render_help().to_string()
        };
        assert!(help("plan").contains("--tag") && !help("plan").contains("--plan <FILE>"), "{}", help("plan"));
        assert!(help("publish").contains("--plan <FILE>") && !help("publish").contains("--snapshot"));
        assert!(!help("schema").contains("--tag") && help("schema").contains("--json"));
        let whole = parser().render_help().to_string();
        assert!(
            whole.contains("Set up:\n  init") && whole.contains("Selection:") && whole.contains("Exit codes:"),
            "{whole}"
        );
    }
}
