//! How a command ended, small enough for a job's output.

use serde::Serialize;

use super::error::Refused;
use super::report::{Fields, OutputRelease, ReleaseState};
use crate::problem::Exit;

/// The format of the output `summary-json`.
const SCHEMA: &str = "longshore/summary/1";

/// Longest text of it; an environment takes four times as much, and jobs hand it on in one.
const LIMIT: usize = 32 * 1024;

/// How a command ended. Codes and counts only: nothing that a tool printed.
#[derive(Clone, Debug, Serialize)]
pub struct Ended {
    schema: &'static str,
    pub command: String,
    ok: bool,
    pub exit: u8,
    state: ReleaseState,
    pub releases: Vec<OutputRelease>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
    counts: Counts,
    problems: Vec<&'static str>,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Counts {
    releases: usize,
    steps: usize,
    artifacts: usize,
    files: usize,
    published: usize,
    problems: usize,
}

impl Ended {
    /// With success, or as it was refused.
    pub fn new(command: &str, fields: &Fields, refused: Option<&Refused>) -> Self {
        let exit = refused.map_or(Exit::Done, |refused| refused.exit);
        let plan = fields.plan.as_ref();
        let releases = plan.map(OutputRelease::all).unwrap_or_default();
        let problems: Vec<&'static str> =
            refused.iter().flat_map(|refused| &refused.diagnostics).map(|it| it.problem.code).collect();
        let artifacts = fields.artifacts.as_deref().unwrap_or_default();
        let counts = Counts {
            releases: releases.len(),
            steps: plan.map_or(0, |plan| plan.steps.len()),
            artifacts: artifacts.len(),
            files: artifacts.iter().map(|artifact| artifact.files.len()).sum(),
            published: fields.receipts.as_ref().map_or(0, Vec::len),
            problems: problems.len(),
        };
        let plan = plan.map(|plan| plan.digest().to_string());
        let (command, ok) = (command.to_owned(), exit == Exit::Done);
        Self { schema: SCHEMA, command, ok, exit: exit as u8, state: fields.state, releases, plan, counts, problems }
    }

    /// A command line that could not be read.
    pub fn usage() -> Self {
        let refused = Refused { exit: Exit::Usage, ..Refused::default() };
        Self::new("", &Fields::default(), Some(&refused))
    }

    /// The same, but its result could not be printed.
    pub fn lost(self) -> Self {
        Self { ok: false, exit: Exit::Unexpected as u8, problems: vec!["output-lost"], ..self }
    }

    pub fn shown() -> Self {
        Self::new("", &Fields::default(), None)
    }

    /// One line of JSON. Where it would be too long, releases and problems are left out at the end; `counts` says how
    /// many there were.
    pub fn to_json(&self) -> String {
        let mut short = self.clone();
        loop {
            let text = serde_json::to_string(&short).unwrap_or_default();
            if text.len() <= LIMIT {
                return text;
            }
            short.releases.truncate(short.releases.len() / 2);
            short.problems.truncate(short.problems.len() / 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Diagnostic;
    use crate::problem::Problem;

    #[test]
    fn stays_small() {
        let problem = Problem::new("unknown-key", "secret text");
        let diagnostics = vec![Diagnostic { problem, span: None }; 9000];
        let refused = Refused { exit: Exit::Usage, diagnostics, ..Refused::default() };
        let text = Ended::new("plan", &Fields::default(), Some(&refused)).to_json();
        assert!(text.len() <= LIMIT && text.len() > LIMIT / 4, "{}", text.len());
        assert!(text.contains(r#""problems":9000"#) && !text.contains("secret"));
    }
}
