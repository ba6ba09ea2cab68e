//! What can go wrong on purpose: faults by name, and the moments they strike at.

use std::fmt;
use std::str::FromStr;

/// A misfortune the index can be told to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A file is stored, the answer is 502.
    StoredThen502,
    /// The connection is cut in the middle of an upload; nothing is stored.
    CutBody,
    /// The simple index of a project is answered as it was when the server started.
    StaleIndex,
    /// 429 for the upload that would create a project.
    RateLimit,
    /// 503 for an upload.
    ServerError,
    /// 403 for a good token.
    TokenExpired,
    /// 403 for an upload: the index is read-only.
    ReadOnly,
    /// A file is stored, and the connection is cut instead of an answer.
    LostAnswer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// An upload begins.
    Arrival,
    /// The body of an upload is read.
    Body,
    /// A token is checked against a project.
    Token,
    /// A project is about to be created by an upload.
    NewProject,
    /// A new file was stored.
    Stored,
    /// The simple index of a project is asked for.
    Index,
}

/// Name, description and when it strikes, in the order they are shown.
const FAULTS: &[(Fault, &str, &str, FaultKind)] = &[
    (Fault::StoredThen502, "stored-then-502", "a file is stored, the response is 502", FaultKind::Stored),
    (Fault::CutBody, "cut-body", "the connection is cut in the middle of an upload", FaultKind::Body),
    (Fault::StaleIndex, "stale-index", "the simple index lacks what was uploaded since the start", FaultKind::Index),
    (Fault::RateLimit, "rate-limit", "429 for an upload that would create a project", FaultKind::NewProject),
    (Fault::ServerError, "server-error", "503 for uploads", FaultKind::Arrival),
    (Fault::TokenExpired, "token-expired", "403 for a good token", FaultKind::Token),
    (Fault::ReadOnly, "read-only", "403 for uploads, as in read-only mode", FaultKind::Arrival),
    (Fault::LostAnswer, "lost-answer", "a file is stored without a response", FaultKind::Stored),
];

impl Fault {
    pub fn all() -> impl Iterator<Item = Self> {
        FAULTS.iter().map(|(fault, ..)| *fault)
    }

    pub fn description(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> &'static (Self, &'static str, &'static str, FaultKind) {
        FAULTS.iter().find(|(fault, ..)| *fault == self).expect("every fault has a row")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.row().1)
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        FAULTS.iter().find(|(_, name, ..)| *name == text).map(|(fault, ..)| *fault).ok_or_else(|| {
            let names: Vec<_> = FAULTS.iter().map(|(_, name, ..)| *name).collect();
            format!("`{text}` is not a fault; there are: {}", names.join(", "))
        })
    }
}

/// The faults of an index, with how often each may still strike.
pub(super) struct Faults(Vec<(Fault, usize)>);

impl Faults {
    pub(super) fn new(faults: &[(Fault, usize)]) -> Self {
        Self(faults.to_vec())
    }

    /// What strikes at this moment: the first fault that applies; the others have not seen it.
    pub(super) fn strike(&mut self, kind: FaultKind) -> Option<Fault> {
        let (fault, left) = self.0.iter_mut().find(|(fault, left)| *left > 0 && fault.row().3 == kind)?;
        *left -= 1;
        Some(*fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_parses() {
        for fault in Fault::all() {
            assert_eq!(fault.to_string().parse(), Ok(fault));
            assert!(!fault.description().is_empty());
        }
        assert!("typo".parse::<Fault>().unwrap_err().contains("cut-body"));
    }

    #[test]
    fn each_strikes_as_often_as_it_was_told() {
        let mut faults = Faults::new(&[(Fault::ReadOnly, 2), (Fault::ServerError, 1)]);
        assert_eq!(faults.strike(FaultKind::Stored), None);
        let struck: Vec<_> = std::iter::from_fn(|| faults.strike(FaultKind::Arrival)).collect();
        assert_eq!(struck, [Fault::ReadOnly, Fault::ReadOnly, Fault::ServerError]);
    }
}
