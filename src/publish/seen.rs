//! What was seen before the build, so that it is not asked again after it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::digest::Digest;
use crate::reference::Reference;

/// How long it counts. What somebody removes within a minute, a run that asked at its end would miss as well.
const FRESH: Duration = Duration::from_secs(60);

/// Tags that are there and never move: a fixed tag names the same bytes for ever. What was not there, or may change, is
/// asked again.
#[derive(Debug, Default)]
pub struct Seen {
    at: Option<Instant>,
    tags: BTreeMap<Reference, Digest>,
}

impl Seen {
    /// As of now.
    pub fn now(tags: impl IntoIterator<Item = (Reference, Digest)>) -> Self {
        Self { at: Some(Instant::now()), tags: tags.into_iter().collect() }
    }

    /// What a tag is, if that was seen a moment ago.
    pub fn digest(&self, reference: &Reference) -> Option<Digest> {
        let is_fresh = self.at.is_some_and(|at| at.elapsed() < FRESH);
        self.tags.get(reference).copied().filter(|_| is_fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_counts_for_a_minute() {
        let (tag, digest): (Reference, _) = ("ghcr.io/me/app:1.2.3".parse().unwrap(), Digest::of(b"x"));
        let seen = Seen::now([(tag.clone(), digest)]);
        assert_eq!(seen.digest(&tag), Some(digest));
        assert_eq!(seen.digest(&"ghcr.io/me/app:1.2.4".parse().unwrap()), None);
        assert_eq!(Seen { at: Instant::now().checked_sub(FRESH), ..seen }.digest(&tag), None);
        assert_eq!(Seen::default().digest(&tag), None);
    }
}
