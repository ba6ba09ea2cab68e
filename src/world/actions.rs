//! What a GitHub Actions job understands: outputs, step summary, workflow commands.
//!
//! Workflow commands and their escaping: <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>.

use std::fs::OpenOptions;
use std::io::Write;

use anyhow::Context;

use super::env::Env;
use super::mask;
use crate::shown;

/// GitHub shows no summary of a step that is over 1 MiB.
const LARGEST_SUMMARY: usize = 1 << 20;

/// Stands where a summary was cut.
const CUT: &str = "\n\n*Truncated: GitHub shows 1 MiB per step; the log has everything.*\n";

/// Whether this process is a step of a GitHub Actions job (or of `act`).
pub fn is_job(env: &Env) -> bool {
    env.is_true("GITHUB_ACTIONS")
}

/// Sets a step output, with a random heredoc delimiter so that no value can end itself. Nothing outside a job.
///
/// # Errors
/// If the file named by `GITHUB_OUTPUT` cannot be written.
pub fn set_output(env: &Env, name: &str, value: &str) -> anyhow::Result<()> {
    let Some(path) = env.get("GITHUB_OUTPUT") else { return Ok(()) };
    let delimiter = random()?;
    append(path, &format!("{name}<<{delimiter}\n{}\n{delimiter}\n", mask::hide(value)))
}

/// Adds Markdown to the step summary, as much as still fits. Nothing outside a job.
///
/// # Errors
/// If the file named by `GITHUB_STEP_SUMMARY` cannot be written.
pub fn add_summary(env: &Env, markdown: &str) -> anyhow::Result<()> {
    let Some(path) = env.get("GITHUB_STEP_SUMMARY") else { return Ok(()) };
    let used = std::fs::metadata(path).map_or(0, |file| usize::try_from(file.len()).unwrap_or(usize::MAX));
    append(path, &fitting(&mask::hide(markdown), LARGEST_SUMMARY.saturating_sub(used)))
}

/// The text, or whole lines of it and a note. A block of code that is open there is closed.
fn fitting(markdown: &str, room: usize) -> String {
    if markdown.len() < room {
        return markdown.to_owned();
    }
    let fence = "\n```";
    let Some(room) = room.checked_sub(CUT.len() + fence.len() + 1) else { return String::new() };
    let end = (0..=room).rev().find(|at| markdown.is_char_boundary(*at)).unwrap_or(0);
    let lines = markdown[..end].rfind('\n').map_or("", |newline| &markdown[..newline]);
    let open = lines.lines().filter(|line| line.starts_with("```")).count() % 2 == 1;
    format!("{lines}{}{CUT}", if open { fence } else { "" })
}

/// An unguessable word.
///
/// # Errors
/// If the system gives no random bytes.
pub fn random() -> anyhow::Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn append(path: &str, text: &str) -> anyhow::Result<()> {
    let mut file =
        OpenOptions::new().append(true).create(true).open(path).with_context(|| format!("cannot write `{path}`"))?;
    file.write_all(text.as_bytes())?;
    Ok(())
}

/// A workflow command and its text. The runner shows the text; nothing in it steers whoever looks at the log.
pub fn command(command: &str, text: &str) -> String {
    format!("::{}::{}", shown::one_line(command), escape(&shown::lines(text)))
}

/// Escapes the data of a workflow command.
pub fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a workflow command (`file=`).
pub fn escape_property(text: &str) -> String {
    escape(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_steers_nobody_who_looks_at_the_log() {
        let text = "no \u{1b}]0;title\u{7}\u{1b}[2J\u{202e}evil\r\n100%\rx";
        assert_eq!(
            command("error title=a\u{7}b", text),
            "::error title=a\\u{7}b::no \\u{1b}]0;title\\u{7}\\u{1b}[2J\\u{202e}evil%0A100%25\\rx"
        );
    }

    #[test]
    fn outputs_cannot_end_themselves() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let env = Env::of([("GITHUB_OUTPUT", path.to_str().unwrap())]);
        set_output(&env, "matrix", "{\n}").unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let delimiter = text.lines().next().unwrap().strip_prefix("matrix<<").unwrap();
        assert_eq!(delimiter.len(), 32);
        assert_eq!(text, format!("matrix<<{delimiter}\n{{\n}}\n{delimiter}\n"));
    }

    #[test]
    fn summaries_stay_below_what_github_shows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary");
        let env = Env::of([("GITHUB_STEP_SUMMARY", path.to_str().unwrap())]);
        for text in ["é short\n".to_owned(), format!("```text\n{}", "é line\n".repeat(200_000)), "more\n".repeat(9)] {
            add_summary(&env, &text).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.len() < LARGEST_SUMMARY && text.len() > LARGEST_SUMMARY - 200, "{}", text.len());
        assert!(text.ends_with(&format!("é line\n```{CUT}")), "{}", &text[text.len() - 200..]);
        assert_eq!(fitting("short", 6), "short");
        assert_eq!(fitting("short", 5), "");
    }

    #[test]
    fn values_cannot_become_commands() {
        assert_eq!(escape("50%\n::x"), "50%25%0A::x");
        assert_eq!(escape_property("a:b,c"), "a%3Ab%2Cc");
    }
}
