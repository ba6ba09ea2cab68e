//! Why a step of publishing did not succeed: what whoever called it branches on.

use crate::problem::{Exit, Problem};
use crate::world::patience::{Passing, Wait};

/// Why a step of publishing did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Something of that name exists; whoever gets this looks what it is.
    AlreadyThere(Problem),
    /// It does not exist, or may not be seen.
    Missing(Problem),
    /// Something different is there; it is not overwritten.
    Conflict(Problem),
    /// A credential or permission is missing.
    Denied(Problem),
    /// Found before anything was started.
    Refused(Problem),
    /// The destination does not take it, whoever sends it and how often.
    Rejected(Problem),
    /// It may work later; whoever repeats it observes first.
    Retry {
        /// What happened.
        problem: Problem,
        /// When to come back.
        after: Wait,
    },
    /// It is there, but nobody could show that it is right.
    Unconfirmed(Problem),
    /// An answer that nobody understands; repeating changes nothing.
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
    /// Something that may work soon.
    pub fn retry(problem: Problem) -> Self {
        Self::Retry { problem, after: Wait::Soon }
    }

    /// What it says.
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

    /// How the process ends with it.
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

/// All failures as one: every problem, and the exit that matters most (4 and 5 win over 6).
pub fn together(failures: Vec<Failure>) -> Option<crate::problem::Failure> {
    let rank = |exit: Exit| match exit {
        Exit::Conflict => 0,
        Exit::Denied => 1,
        Exit::Usage => 2,
        Exit::Verification => 3,
        Exit::Unexpected => 4,
        _ => 5,
    };
    let exit = failures.iter().map(Failure::exit).min_by_key(|exit| rank(*exit))?;
    let problems = failures.iter().map(|failure| failure.problem().clone()).collect();
    Some(crate::problem::Failure { exit, problems })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(failures: &[Failure], expected: Option<Exit>) {
        assert_eq!(together(failures.to_vec()).map(|failure| failure.exit), expected);
    }

    #[test]
    fn conflict_and_denied_win_over_unfinished() {
        let problem = || Problem::new("x", "x");
        let unfinished = Failure::retry(problem());
        check(&[], None);
        check(std::slice::from_ref(&unfinished), Some(Exit::Unfinished));
        check(&[unfinished.clone(), Failure::Conflict(problem())], Some(Exit::Conflict));
        check(&[Failure::Denied(problem()), unfinished.clone()], Some(Exit::Denied));
        check(&[Failure::Denied(problem()), Failure::Conflict(problem())], Some(Exit::Conflict));
        check(&[unfinished.clone(), Failure::Rejected(problem())], Some(Exit::Verification));
        check(&[unfinished, Failure::Fatal(problem())], Some(Exit::Unexpected));
    }
}
