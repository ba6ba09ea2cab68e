//! Turns a command of the user's into a program to start: words as they are, or a script for a named shell.

use std::path::Path;

use crate::command::{Command, Shell};
use crate::world::process::Cmd;

/// The program of a command, its folder below `repository`.
pub fn cmd(command: &Command, repository: &Path) -> Cmd {
    let dir = command.dir.as_ref().map_or_else(|| repository.to_owned(), |dir| repository.join(dir));
    let script = command.run.join("\n");
    let cmd = match command.shell {
        Some(Shell::Bash) => Cmd::new("bash", &dir).args(["-euo", "pipefail", "-c", &script]),
        // As GitHub's runner frames it: the first failing cmdlet ends the script, a program's exit code is the script's.
        Some(Shell::Pwsh) => Cmd::new("pwsh", &dir).args(["-NoProfile", "-NonInteractive", "-Command"]).arg(format!(
            "$ErrorActionPreference = 'stop'\n{script}\nif ((Test-Path -LiteralPath variable:\\LASTEXITCODE)) {{ exit $LASTEXITCODE }}"
        )),
        None => {
            let mut words = command.run.iter();
            Cmd::new(words.next().map_or("", String::as_str), &dir).args(words)
        }
    };
    command.env.iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(run: &[&str], shell: Option<Shell>, expected: &[&str]) {
        let run = run.iter().map(ToString::to_string).collect();
        let command = Command { run, shell, dir: Some("ui".into()), ..Command::default() };
        let cmd = cmd(&command, Path::new("/r"));
        let words: Vec<&str> =
            std::iter::once(cmd.program.as_str()).chain(cmd.args.iter().map(String::as_str)).collect();
        assert_eq!(words, expected);
        assert_eq!(cmd.dir, Path::new("/r/ui"));
    }

    #[test]
    fn words_and_scripts() {
        check(&["make", "build ui"], None, &["make", "build ui"]);
        check(&["a | b"], Some(Shell::Bash), &["bash", "-euo", "pipefail", "-c", "a | b"]);
    }
}
