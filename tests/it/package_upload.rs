//! Our uploader against the package index of the rehearsal.

mod crash;
mod faults;
mod order;
mod preflight;
mod trusted;

use std::ops::{Deref, DerefMut};

use longshore::digest::Digest;
use longshore::publish::pypi::Index;
use longshore::receipt::{Outcome, Receipt};
use longshore::rehearsal::pypi::{Existing, Options, Quirks, Server, Token};
use longshore::secret::Secret;

use crate::delivery::{CANARY, Delivery, NAMES, TAGS};

/// An index, and a release for it.
struct World {
    server: Server,
    delivery: Delivery,
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn quirky(quirks: Quirks) -> Self {
        Self::with(|options| options.quirks = quirks)
    }

    fn with(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options { tokens: vec![ada()], ..Options::default() };
        change(&mut options);
        let server = Server::start(options).unwrap();
        let at = |tail: &str| format!("{}{tail}", server.url()).parse().unwrap();
        let (upload, simple) = (at("/legacy/"), at("/simple/"));
        let delivery = Delivery::new(Index { name: "pypi".into(), upload, json: Some(at("/pypi/")), simple });
        Self { server, delivery }
    }

    /// Only the files of this distribution.
    fn only(mut self, distribution: &str) -> Self {
        self.files.retain(|file| file.distribution.as_str() == distribution);
        self
    }

    /// A run that ends well: everything is there, and is what was verified.
    async fn succeeds(&self) -> Vec<Receipt> {
        let receipts = self.run().await.unwrap();
        let mut names: Vec<(&str, Option<Digest>)> =
            receipts.iter().map(|receipt| (receipt.name.as_str(), receipt.sha256)).collect();
        let mut wanted: Vec<_> = self.files.iter().map(|file| (file.name.as_str(), Some(file.sha256))).collect();
        names.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(names, wanted);
        for file in &self.files {
            assert_eq!(self.shown(&file.name), Some(file.sha256), "{}", file.name);
        }
        receipts
    }

    /// The digest of a file as the index shows it.
    fn shown(&self, name: &str) -> Option<Digest> {
        let files = self.server.shown().into_iter().flat_map(|project| project.files);
        files.into_iter().find(|(held, ..)| held == name).map(|(_, sha256, _)| sha256)
    }

    /// The names of all files that are there.
    fn stored(&self) -> Vec<String> {
        self.server.shown().into_iter().flat_map(|project| project.files).map(|(name, ..)| name).collect()
    }

    /// How many requests begin so.
    fn count(&self, start: &str) -> usize {
        self.server.requests().iter().filter(|request| request.starts_with(start)).count()
    }

    /// How many files were sent.
    fn sent(&self) -> usize {
        self.count("POST /legacy/")
    }
}

impl Deref for World {
    type Target = Delivery;

    fn deref(&self) -> &Delivery {
        &self.delivery
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Delivery {
        &mut self.delivery
    }
}

fn ada() -> Token {
    Token { secret: Secret::new(CANARY), user: "ada".into(), projects: None }
}

fn existing(name: &str) -> Existing {
    Existing { name: name.into(), owner: "ada".into(), ..Existing::default() }
}

fn all(receipts: &[Receipt], outcome: Outcome) -> bool {
    receipts.iter().all(|receipt| receipt.outcome == outcome && receipt.confirmed_by.as_deref() == Some("digest"))
}
