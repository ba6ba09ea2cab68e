//! What can go wrong on purpose: faults by name, and when each of them strikes.

use std::fmt;
use std::str::FromStr;

use super::route::RequestKind;

/// A misfortune the server can be told to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The first upload answers 502 and leaves an asset in state `starter`.
    BadGateway,
    /// Creating, uploading and publishing each take effect once without the answer arriving.
    LostAnswer,
    /// The connection of the first upload is cut in the middle of the body.
    CutUpload,
    /// 429 with `Retry-After` once for a read, an upload and an update.
    RateLimit,
    /// 403 with `Retry-After` once for creating and once for uploading.
    SecondaryLimit,
    /// The third write answers 401.
    UnauthorizedMidway,
    NoDigest,
    /// A new release is missing from the next two listings.
    SlowListing,
}

/// Name and description, in the order they are shown.
const FAULTS: &[(Fault, &str, &str)] = &[
    (Fault::BadGateway, "bad-gateway", "the first upload answers 502 and leaves an unfinished asset behind"),
    (Fault::LostAnswer, "lost-answer", "creating, uploading and publishing each succeed once without a response"),
    (Fault::CutUpload, "cut-upload", "the connection of the first upload is cut in the middle"),
    (Fault::RateLimit, "rate-limit", "429 with Retry-After once for a read, an upload and an update"),
    (Fault::SecondaryLimit, "secondary-limit", "403 with Retry-After once for creating and once for uploading"),
    (Fault::UnauthorizedMidway, "unauthorized-midway", "the third write answers 401"),
    (Fault::NoDigest, "no-digest", "the server reports no digest of any asset"),
    (Fault::SlowListing, "slow-listing", "a new release is missing from the next two listings"),
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
pub(super) enum Strike {
    /// 502, for an upload after its body was read.
    BadGateway,
    /// Carried out, never answered.
    LoseAnswer,
    /// Cut after half of the body.
    CutBody,
    /// 429.
    RateLimit,
    /// 403 with a wait.
    SecondaryLimit,
    /// 401.
    Unauthorized,
}

/// The faults of a server and what they have seen so far.
pub(super) struct Faults(Vec<Armed>);

struct Armed {
    fault: Fault,
    struck: Vec<RequestKind>,
    writes: usize,
}

impl Faults {
    pub(super) fn new(faults: &[Fault]) -> Self {
        Self(faults.iter().map(|fault| Armed { fault: *fault, struck: Vec::new(), writes: 0 }).collect())
    }

    /// What strikes this request: the first fault that applies; the others have not seen it.
    pub(super) fn strike(&mut self, kind: RequestKind) -> Option<Strike> {
        self.0.iter_mut().find_map(|armed| armed.strike(kind))
    }
}

impl Armed {
    fn strike(&mut self, kind: RequestKind) -> Option<Strike> {
        let (strike, kinds): (_, &[RequestKind]) = match self.fault {
            Fault::BadGateway => (Strike::BadGateway, &[RequestKind::Upload]),
            Fault::LostAnswer => (Strike::LoseAnswer, &[RequestKind::Create, RequestKind::Upload, RequestKind::Update]),
            Fault::CutUpload => (Strike::CutBody, &[RequestKind::Upload]),
            Fault::RateLimit => (Strike::RateLimit, &[RequestKind::Read, RequestKind::Upload, RequestKind::Update]),
            Fault::SecondaryLimit => (Strike::SecondaryLimit, &[RequestKind::Create, RequestKind::Upload]),
            Fault::UnauthorizedMidway => {
                self.writes += usize::from(kind.writes());
                return (kind.writes() && self.writes == 3).then_some(Strike::Unauthorized);
            }
            Fault::NoDigest | Fault::SlowListing => return None,
        };
        if !kinds.contains(&kind) || self.struck.contains(&kind) {
            return None;
        }
        self.struck.push(kind);
        Some(strike)
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
        assert!("typo".parse::<Fault>().unwrap_err().contains("bad-gateway"));
    }

    #[test]
    fn each_strikes_when_it_says() {
        let check = |fault, kinds: &[RequestKind], expected: &[Option<Strike>]| {
            let mut faults = Faults::new(&[fault]);
            let strikes: Vec<_> = kinds.iter().map(|kind| faults.strike(*kind)).collect();
            assert_eq!(strikes, expected, "{fault}");
        };
        use RequestKind::{Create, Read, Update, Upload};
        check(Fault::BadGateway, &[Create, Upload, Upload], &[None, Some(Strike::BadGateway), None]);
        check(Fault::CutUpload, &[Read, Upload, Upload], &[None, Some(Strike::CutBody), None]);
        let lost = Some(Strike::LoseAnswer);
        check(Fault::LostAnswer, &[Read, Create, Upload, Update, Upload], &[None, lost, lost, lost, None]);
        check(Fault::RateLimit, &[Read, Read, Create], &[Some(Strike::RateLimit), None, None]);
        check(Fault::SecondaryLimit, &[Create, Create], &[Some(Strike::SecondaryLimit), None]);
        let unauthorized = Some(Strike::Unauthorized);
        check(
            Fault::UnauthorizedMidway,
            &[Create, Read, Upload, Upload, Upload],
            &[None, None, None, unauthorized, None],
        );
        check(Fault::NoDigest, &[Read, Upload], &[None, None]);
    }

    #[test]
    fn two_faults_do_not_share_a_request() {
        let mut faults = Faults::new(&[Fault::BadGateway, Fault::CutUpload]);
        assert_eq!(faults.strike(RequestKind::Upload), Some(Strike::BadGateway));
        assert_eq!(faults.strike(RequestKind::Upload), Some(Strike::CutBody));
        assert_eq!(faults.strike(RequestKind::Upload), None);
    }
}
