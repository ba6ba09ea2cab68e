//! The ledger `receipts.json`: what was observed where, rewritten after every observed effect. Written, never read.

use std::path::{Path, PathBuf};

use super::failure::Failure;
use crate::digest::Digest;
use crate::receipt::{Receipt, Receipts, SCHEMA};
use crate::world::mask;
use crate::world::store::{Store, write_lasting_json};

#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    receipts: Receipts,
}

impl Ledger {
    /// An empty one; nothing is written yet.
    pub fn new(store: &Store, plan: Digest) -> Self {
        Self { path: store.receipts(), receipts: Receipts { schema: SCHEMA.into(), plan, receipts: Vec::new() } }
    }

    /// Records what was seen, each in place of an older receipt for the same thing, and writes the file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn record(&mut self, receipts: impl IntoIterator<Item = Receipt>) -> Result<(), Failure> {
        for mut receipt in receipts {
            receipt.url = receipt.url.map(|url| mask::hide(&url).into_owned());
            let same = |old: &&mut Receipt| {
                (&old.destination, &old.tag, &old.name) == (&receipt.destination, &receipt.tag, &receipt.name)
            };
            match self.receipts.receipts.iter_mut().find(same) {
                Some(old) => *old = receipt,
                None => self.receipts.receipts.push(receipt),
            }
        }
        write_lasting_json(&self.path, &self.receipts).map_err(Failure::from)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn so_far(&self) -> &Receipts {
        &self.receipts
    }

    pub fn finish(self) -> Receipts {
        self.receipts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receipt::Outcome;
    use crate::world::store::read_json;

    #[test]
    fn the_newest_receipt_of_a_thing_stands() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path(), "out");
        let mut ledger = Ledger::new(&store, Digest::of(b"plan"));
        let receipt = |name: &str, outcome| Receipt {
            destination: "github".into(),
            tag: "v1".into(),
            name: name.into(),
            sha256: None,
            size: None,
            url: None,
            outcome,
            confirmed_by: None,
            at: "2026-01-01T00:00:00Z".into(),
        };
        ledger.record([receipt("a", Outcome::Unconfirmed), receipt("b", Outcome::Published)]).unwrap();
        ledger.record([receipt("a", Outcome::Published)]).unwrap();
        let written: Receipts = read_json(&store.receipts()).unwrap();
        let seen: Vec<_> = written.receipts.iter().map(|r| (r.name.as_str(), r.outcome)).collect();
        assert_eq!(seen, [("a", Outcome::Published), ("b", Outcome::Published)]);
        assert_eq!(written, ledger.finish());
    }
}
