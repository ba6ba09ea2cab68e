//! Hides secrets in a stream of bytes, wherever it is cut into pieces.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::secret::Secret;
use crate::world::mask;

const HIDDEN: &[u8] = b"***";

/// Replaces secrets; what may be the beginning of one is kept back until more is known.
#[derive(Default)]
pub struct Masking {
    forms: BTreeSet<String>,
    finder: Option<AhoCorasick>,
    /// First bytes of forms.
    first: BTreeSet<u8>,
    longest: usize,
    held: Vec<u8>,
}

impl Masking {
    pub fn learn(&mut self, secret: &Secret) {
        let forms = mask::forms(secret.expose());
        if forms.is_subset(&self.forms) {
            return;
        }
        self.forms.extend(forms);
        self.first = self.forms.iter().filter_map(|form| form.bytes().next()).collect();
        self.longest = self.forms.iter().map(String::len).max().unwrap_or_default();
        let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&self.forms);
        // Only forms of gigabytes have none.
        self.finder = finder.ok();
    }

    /// The next bytes as they may be shown.
    pub fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.finder.is_none() {
            out.extend_from_slice(bytes);
            return;
        }
        self.held.extend_from_slice(bytes);
        let end = self.begun();
        self.release(end, out);
    }

    /// What was kept back: nothing follows.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.release(self.held.len(), out);
    }

    /// Where the end begins that may be the beginning of a form.
    fn begun(&self) -> usize {
        let from = self.held.len().saturating_sub(self.longest.saturating_sub(1));
        let may_begin = |at: &usize| {
            let rest = &self.held[*at..];
            self.first.contains(&rest[0])
                && self.forms.iter().any(|form| form.len() > rest.len() && form.as_bytes().starts_with(rest))
        };
        (from..self.held.len()).find(may_begin).unwrap_or(self.held.len())
    }

    fn release(&mut self, mut end: usize, out: &mut Vec<u8>) {
        let mut at = 0;
        for found in self.finder.iter().flat_map(|finder| finder.find_iter(&self.held)) {
            if found.end() > end {
                // It reaches into what is kept back: it is kept back with it.
                end = end.min(found.start());
                break;
            }
            out.extend_from_slice(&self.held[at..found.start()]);
            out.extend_from_slice(HIDDEN);
            at = found.end();
        }
        out.extend_from_slice(&self.held[at..end.max(at)]);
        self.held.drain(..end.max(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(secrets: &[&str], text: &str, piece: usize) -> String {
        let (mut masking, mut out) = (Masking::default(), Vec::new());
        secrets.iter().for_each(|secret| masking.learn(&Secret::new(*secret)));
        text.as_bytes().chunks(piece).for_each(|piece| masking.take(piece, &mut out));
        masking.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn secrets_are_hidden_however_they_are_cut() {
        let text = "begin canary-secret, canary-secre canary-canary-secret end canary-";
        for piece in 1..text.len() {
            let got = masked(&["canary-secret"], text, piece);
            assert_eq!(got, "begin ***, canary-secre canary-*** end canary-", "{piece}");
        }
    }

    #[test]
    fn the_longer_of_two_is_hidden_whole() {
        for piece in 1..30 {
            assert_eq!(masked(&["token-one", "token-one-two"], "a token-one-two b token-one-", piece), "a *** b ***-");
        }
    }

    #[test]
    fn lines_and_encoded_forms() {
        let key = "-----BEGIN KEY-----\nMIIcanarycanary00\n-----END KEY-----";
        assert_eq!(masked(&[key], "x MIIcanarycanary00 y", 3), "x *** y");
        assert_eq!(masked(&["p@ss/word"], "https://p%40ss%2Fword@host", 2), "https://***@host");
    }

    #[test]
    fn without_secrets_nothing_is_kept_back() {
        let (mut masking, mut out) = (Masking::default(), Vec::new());
        masking.take(b"abc", &mut out);
        assert_eq!(out, b"abc");
    }
}
