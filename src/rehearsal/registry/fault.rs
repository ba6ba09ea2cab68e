//! What can go wrong on purpose: faults by name, and the requests they strike.

use std::fmt;
use std::str::FromStr;

/// A misfortune the registry can be told to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// 429 with `Retry-After: 1` for the upload of a blob.
    RateLimit,
    /// The connection is cut in the middle of a blob; what arrived stays in the upload.
    CutUpload,
    /// A blob or manifest is stored, and the connection is cut instead of an answer.
    LostAnswer,
    /// 503 for a manifest.
    ServerError,
    /// 507 for the bytes of a blob, always.
    StorageFull,
    /// 500 at `/token`.
    TokenDown,
    /// 401 for a good token.
    ExpiredToken,
    /// `HEAD` of a blob gives a wrong length.
    LiesAboutSize,
    /// `GET` of a blob gives other bytes.
    WrongBytes,
    /// 403 `DENIED` for every kind of push.
    Denied,
}

/// Name and description, in the order they are shown.
const FAULTS: &[(Fault, &str, &str)] = &[
    (Fault::RateLimit, "rate-limit", "429 with Retry-After for uploads of blobs"),
    (Fault::CutUpload, "cut-upload", "the connection is cut in the middle of a blob"),
    (Fault::LostAnswer, "lost-answer", "a blob or manifest is stored without a response"),
    (Fault::ServerError, "server-error", "503 for manifests"),
    (Fault::StorageFull, "storage-full", "507 for the bytes of blobs, always"),
    (Fault::TokenDown, "token-down", "500 from the token endpoint"),
    (Fault::ExpiredToken, "expired-token", "401 for a good token"),
    (Fault::LiesAboutSize, "lies-about-size", "HEAD of a blob reports a wrong length"),
    (Fault::WrongBytes, "wrong-bytes", "GET of a blob returns other bytes"),
    (Fault::Denied, "denied", "403 for every push"),
];

impl Fault {
    pub fn all() -> impl Iterator<Item = Self> {
        FAULTS.iter().map(|(fault, ..)| *fault)
    }

    pub fn description(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> &'static (Self, &'static str, &'static str) {
        FAULTS.iter().find(|(fault, ..)| *fault == self).expect("every fault has a row")
    }

    fn kinds(self) -> &'static [FaultKind] {
        use FaultKind::{Chunk, Fetch, Finish, Manifest, Probe, Start, Token, TokenUse};
        match self {
            Self::RateLimit => &[Start, Chunk, Finish],
            Self::CutUpload | Self::StorageFull => &[Chunk, Finish],
            Self::LostAnswer => &[Finish, Manifest],
            Self::ServerError => &[Manifest],
            Self::TokenDown => &[Token],
            Self::ExpiredToken => &[TokenUse],
            Self::LiesAboutSize => &[Probe],
            Self::WrongBytes => &[Fetch],
            Self::Denied => &[Start, Chunk, Finish, Manifest],
        }
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
        FAULTS.iter().find(|(_, name, _)| *name == text).map(|(fault, ..)| *fault).ok_or_else(|| {
            let names: Vec<_> = FAULTS.iter().map(|(_, name, _)| *name).collect();
            format!("`{text}` is not a fault; there are: {}", names.join(", "))
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// An upload begins, or a blob is to be mounted.
    Start,
    /// Bytes for an upload that goes on.
    Chunk,
    /// The last or only bytes of a blob.
    Finish,
    /// A manifest is put.
    Manifest,
    /// `HEAD` of a blob.
    Probe,
    /// `GET` of a blob.
    Fetch,
    Token,
    /// A good token is shown; it goes with a request of another kind.
    TokenUse,
    Other,
}

/// The faults of a registry, with how often each may still strike.
pub(super) struct Faults(Vec<(Fault, usize)>);

impl Faults {
    pub(super) fn new(faults: &[(Fault, usize)]) -> Self {
        Self(faults.to_vec())
    }

    /// What strikes this request: the first fault that applies; the others have not seen it.
    pub(super) fn strike(&mut self, kind: FaultKind) -> Option<Fault> {
        let (fault, left) = self.0.iter_mut().find(|(fault, left)| *left > 0 && fault.kinds().contains(&kind))?;
        // A full disk stays full.
        *left -= usize::from(*fault != Fault::StorageFull);
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
            assert!(!fault.description().is_empty() && !fault.kinds().is_empty());
        }
        assert!("typo".parse::<Fault>().unwrap_err().contains("cut-upload"));
    }

    #[test]
    fn each_strikes_as_often_as_it_was_told() {
        let mut faults = Faults::new(&[(Fault::RateLimit, 2), (Fault::LostAnswer, 1), (Fault::StorageFull, 1)]);
        assert_eq!(faults.strike(FaultKind::Start), Some(Fault::RateLimit));
        assert_eq!(faults.strike(FaultKind::Finish), Some(Fault::RateLimit));
        assert_eq!(faults.strike(FaultKind::Start), None);
        assert_eq!(faults.strike(FaultKind::Finish), Some(Fault::LostAnswer));
        assert_eq!(faults.strike(FaultKind::Manifest), None);
        assert_eq!(faults.strike(FaultKind::Chunk), Some(Fault::StorageFull));
        assert_eq!(faults.strike(FaultKind::Chunk), Some(Fault::StorageFull));
    }
}
