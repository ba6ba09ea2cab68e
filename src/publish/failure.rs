//! Why a step of publishing failed: what its callers branch on.

use crate::problem::{self, Exit, Problem};
use crate::world::disk;
use crate::world::patience::{Passing, Wait};

/// Why a step of publishing did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Something of that name exists; the caller checks what it is.
    AlreadyThere(Problem),
    /// It does not exist, or may not be seen.
    Missing(Problem),
    /// Something different is there; it is not overwritten.
    Conflict(Problem),
    /// A credential or permission is missing.
    Denied(Problem),
    /// Found before anything was started.
    Refused(Problem),
    /// The destination does not accept it; repeating does not help.
    Rejected(Problem),
    /// It may work later; observe before repeating.
    Retry { problem: Problem, after: Wait },
    /// It is there, but could not be confirmed to be right.
    Unconfirmed(Problem),
    /// An unknown answer; repeating does not help.
    Fatal(Problem),
}

impl Passing for Failure {
    fn passing(&mut self) -> Option<(Wait, &mut Problem)> {
        match self {
            Self::Retry { problem, after } => Some((*after, problem)),
            _ => None,
        }
    }
}

impl Failure {
    pub fn retry(problem: Problem) -> Self {
        Self::Retry { problem, after: Wait::Soon }
    }

    pub fn problem(&self) -> &Problem {
        match self {
            Self::AlreadyThere(problem)
            | Self::Missing(problem)
            | Self::Conflict(problem)
            | Self::Denied(problem)
            | Self::Refused(problem)
            | Self::Rejected(problem)
            | Self::Retry { problem, .. }
            | Self::Unconfirmed(problem)
            | Self::Fatal(problem) => problem,
        }
    }

    pub fn exit(&self) -> Exit {
        match self {
            Self::AlreadyThere(_) | Self::Conflict(_) => Exit::Conflict,
            Self::Missing(_) | Self::Denied(_) => Exit::Denied,
            Self::Refused(_) => Exit::Usage,
            Self::Rejected(_) => Exit::Verification,
            Self::Retry { .. } | Self::Unconfirmed(_) => Exit::Unfinished,
            Self::Fatal(_) => Exit::Unexpected,
        }
    }
}

impl From<anyhow::Error> for Failure {
    /// What a part of this machine has refused, or is not able to do.
    fn from(error: anyhow::Error) -> Self {
        let Some(known) = error.downcast_ref::<problem::Failure>() else { return Self::Fatal(disk::blamed(&error)) };
        let Some(problem) = known.problems.first().cloned() else { return Self::Fatal(disk::blamed(&error)) };
        match known.exit {
            Exit::Conflict => Self::Conflict(problem),
            Exit::Denied => Self::Denied(problem),
            Exit::Usage => Self::Refused(problem),
            Exit::Verification => Self::Rejected(problem),
            Exit::Unfinished => Self::Unconfirmed(problem),
            _ => Self::Fatal(problem),
        }
    }
}

/// All failures, at least one: what `observe`, `advance` and `confirm` fail with.
#[derive(Debug)]
pub struct Failures(Vec<Failure>);

impl Failures {
    /// All that was found, if anything was.
    ///
    /// # Errors
    /// If anything was.
    pub fn of(found: Vec<Failure>) -> Result<(), Self> {
        if found.is_empty() { Ok(()) } else { Err(Self(found)) }
    }
}

impl<T: Into<Failure>> From<T> for Failures {
    fn from(failure: T) -> Self {
        Self(vec![failure.into()])
    }
}

impl IntoIterator for Failures {
    type IntoIter = std::vec::IntoIter<Failure>;
    type Item = Failure;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl From<Failures> for problem::Failure {
    /// Every problem, each once, and the exit that matters most (4 and 5 win over 6).
    fn from(Failures(failures): Failures) -> Self {
        let rank = |exit: &Exit| match exit {
            Exit::Conflict => 0,
            Exit::Denied => 1,
            Exit::Usage => 2,
            Exit::Verification => 3,
            Exit::Unexpected => 4,
            _ => 5,
        };
        let exit = failures.iter().map(Failure::exit).min_by_key(rank).unwrap_or_default();
        Self { exit, problems: failures.iter().map(|failure| failure.problem().clone()).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(failures: &[Failure], expected: Exit) {
        assert_eq!(problem::Failure::from(Failures(failures.to_vec())).exit, expected);
    }

    #[test]
    fn conflict_and_denied_win_over_unfinished() {
        let problem = || Problem::new("x", "x");
        let unfinished = Failure::retry(problem());
        check(std::slice::from_ref(&unfinished), Exit::Unfinished);
        check(&[unfinished.clone(), Failure::Conflict(problem())], Exit::Conflict);
        check(&[Failure::Denied(problem()), unfinished.clone()], Exit::Denied);
        check(&[Failure::Denied(problem()), Failure::Conflict(problem())], Exit::Conflict);
        check(&[unfinished.clone(), Failure::Rejected(problem())], Exit::Verification);
        check(&[unfinished, Failure::Fatal(problem())], Exit::Unexpected);
        assert!(Failures::of(Vec::new()).is_ok());
    }
}
