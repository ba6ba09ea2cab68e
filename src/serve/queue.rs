//! Decisions of the queue, without a clock or a database: how long, how often, and what comes after a fault.

use std::time::Duration;

use super::task::Fault;

/// Tasks that may wait; whoever submits more is asked to come back.
pub const MOST_WAITING: i64 = 10_000;

/// Attempts of one task, those that ended with the service included.
pub const MOST_TRIES: u32 = 3;

/// When a caller whose task found no place is to come back.
pub const COME_BACK: Duration = Duration::from_secs(30);

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long a claim holds without being renewed. It is renewed at a third of it.
    pub lease: Duration,
    /// Before the second attempt; before each further one it is six times as long.
    pub delay: Duration,
    /// How long an attempt may take until its last fence.
    pub limit: Duration,
    /// How often what is to be kept no longer is removed.
    pub tidy: Duration,
    /// How long attempts may take to end when the service is stopped.
    pub farewell: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            delay: Duration::from_secs(10),
            limit: Duration::from_secs(60 * 60),
            tidy: Duration::from_secs(5 * 60),
            farewell: Duration::from_secs(40),
        }
    }
}

/// What becomes of a task whose attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Again { after: Duration },
    End,
}

/// `tries` counts the attempts that are used up, the failed one included.
pub fn after(fault: &Fault, tries: u32, pace: &Pace) -> Next {
    if !fault.reason.is_of_infrastructure() || tries >= MOST_TRIES {
        return Next::End;
    }
    Next::Again { after: pace.delay * 6_u32.pow(tries.saturating_sub(1).min(MOST_TRIES)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::task::Reason;

    #[test]
    fn only_faults_of_the_infrastructure_are_tried_again() {
        let pace = Pace::default();
        let check = |reason: Reason, tries: u32, expected: Option<u64>| {
            let next = match after(&Fault::new(reason, ""), tries, &pace) {
                Next::Again { after } => Some(after.as_secs()),
                Next::End => None,
            };
            assert_eq!(next, expected, "{reason} after {tries}");
        };
        check(Reason::BuildFailed, 1, None);
        check(Reason::GitRevisionNotFound, 1, None);
        check(Reason::Timeout, 1, None);
        check(Reason::RegistryUnavailable, 1, Some(10));
        check(Reason::RegistryUnavailable, 2, Some(60));
        check(Reason::RegistryUnavailable, 3, None);
        check(Reason::EngineUnavailable, 4, None);
        let again: Vec<&Reason> = Reason::ALL.iter().filter(|reason| reason.is_of_infrastructure()).collect();
        assert!(again.len() < Reason::ALL.len() / 3, "{again:?}");
    }
}
