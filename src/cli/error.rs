//! Errors to message, hint and exit code.

use super::report::{Fields, ReleaseState};
use crate::config::{Diagnostic, Source};
use crate::problem::{Exit, Failure, Problem};
use crate::release::Rejected;
use crate::world::disk;
use crate::world::mask;

/// A command that did not succeed: how the process ends, and everything there is to say.
#[derive(Default)]
pub struct Refused {
    pub exit: Exit,
    pub diagnostics: Vec<Diagnostic>,
    pub source: Source,
    /// What a result would have held as far as it got.
    pub fields: Fields,
}

impl Refused {
    /// Problems of any stage; those of the configuration are located in it.
    fn of(exit: Exit, problems: Vec<Problem>) -> Self {
        let diagnostics = problems.into_iter().map(|problem| Diagnostic { problem, span: None }).collect();
        Self { exit, diagnostics, ..Self::default() }
    }

    /// Told to stop by a signal, whatever came of it.
    pub fn interrupted(signal: i32) -> Self {
        let exit = if signal == 15 { Exit::Terminated } else { Exit::Interrupted };
        let problem = Problem::new("interrupted", "interrupted; run the same command again to continue");
        Self::of(exit, vec![problem.hint("programs it had started were stopped")])
    }

    /// Without the secrets that others may have put into it.
    fn hidden(mut self) -> Self {
        for diagnostic in &mut self.diagnostics {
            let problem = &mut diagnostic.problem;
            problem.message = mask::hide(&problem.message).into_owned();
            problem.hint = problem.hint.as_deref().map(|hint| mask::hide(hint).into_owned());
        }
        self
    }

    /// An error of any stage, with what was reached until then.
    pub fn during(error: anyhow::Error, fields: Fields) -> Self {
        Self { fields, ..Self::from(error) }
    }
}

impl From<anyhow::Error> for Refused {
    fn from(error: anyhow::Error) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(refused) => return refused.hidden(),
            Err(error) => error,
        };
        let error = match error.downcast::<Rejected>() {
            Ok(Rejected { diagnostics, source }) => {
                return Self { exit: Exit::Usage, diagnostics, source, ..Self::default() }.hidden();
            }
            Err(error) => error,
        };
        if let Some(failure) = error.downcast_ref::<Failure>() {
            let state = if failure.exit == Exit::Unfinished { ReleaseState::Partial } else { ReleaseState::Nothing };
            let fields = Fields { state, ..Fields::default() };
            return Self { fields, ..Self::of(failure.exit, failure.problems.clone()) }.hidden();
        }
        Self::of(Exit::Unexpected, vec![disk::blamed(&error)]).hidden()
    }
}

impl std::fmt::Debug for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Refused")
            .field("exit", &self.exit)
            .field("diagnostics", &self.diagnostics)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.diagnostics.iter().try_for_each(|diagnostic| writeln!(f, "{}", diagnostic.problem))
    }
}

impl std::error::Error for Refused {}
