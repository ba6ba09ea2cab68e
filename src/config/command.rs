//! Reads a command: text that is split into words, or its long form.

use super::fields::Fields;
use super::shell;
use super::yaml::{Node, Value};
use crate::command::{Command, Shell};

/// A command, if it is one.
pub fn command(node: &Node) -> Option<Command> {
    let words = |text: &str| shell::words(text).ok();
    let Value::Map(map) = &node.value else {
        return Some(Command { run: words(node.text()?)?, ..Command::default() });
    };
    let fields = Fields(map);
    let run = fields.text("run")?;
    let shell = match fields.text("shell").as_deref() {
        Some("bash") => Some(Shell::Bash),
        Some("pwsh") => Some(Shell::Pwsh),
        _ => None,
    };
    let run = if shell.is_some() { vec![run] } else { words(&run)? };
    let dir = fields.path("dir").filter(|dir| dir != ".");
    Some(Command { run, shell, dir, env: fields.table("env") })
}
