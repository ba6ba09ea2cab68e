//! What a GitHub Actions job understands: outputs, step summary, annotations.
//!
//! Workflow commands and their escaping: <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>.

use std::fs::OpenOptions;
use std::io::Write;

use anyhow::Context;

use super::env::Env;

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
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
    let delimiter: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    append(path, &format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"))
}

/// Adds Markdown to the step summary. Nothing outside a job.
///
/// # Errors
/// If the file named by `GITHUB_STEP_SUMMARY` cannot be written.
pub fn add_summary(env: &Env, markdown: &str) -> anyhow::Result<()> {
    env.get("GITHUB_STEP_SUMMARY").map_or(Ok(()), |path| append(path, markdown))
}

fn append(path: &str, text: &str) -> anyhow::Result<()> {
    let mut file =
        OpenOptions::new().append(true).create(true).open(path).with_context(|| format!("cannot write `{path}`"))?;
    file.write_all(text.as_bytes())?;
    Ok(())
}

/// Escapes the data of a workflow command.
pub fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a workflow command (`file=`).
pub fn escape_property(text: &str) -> String {
    escape(text).replace(':', "%3A").replace(',', "%2C")
}

/// A line of a tool's output that no runner takes for a workflow command.
pub fn harmless(line: &str) -> String {
    let start = line.trim_start();
    if start.starts_with("::") || start.starts_with("##[") { format!("| {line}") } else { line.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn commands_of_tools_are_not_obeyed() {
        assert_eq!(harmless("::set-output name=x::y"), "| ::set-output name=x::y");
        assert_eq!(harmless("plain :: line"), "plain :: line");
        assert_eq!(escape("50%\n::x"), "50%25%0A::x");
    }
}
