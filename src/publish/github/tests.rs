//! Every path of a release against a small scripted GitHub.

mod conflicts;
mod fake;
mod faults;
mod order;
mod pages;
mod refusals;

use self::fake::{File, Rel};
use crate::receipt::Outcome;

const FILES: &[(&str, &[u8])] = &[("app.tar.gz", b"archive"), ("SHA256SUMS", b"sums")];

fn file(id: u64, name: &str, bytes: &[u8]) -> File {
    File { id, name: name.into(), state: "uploaded", bytes: bytes.into() }
}

fn release(id: u64, draft: bool, assets: Vec<File>) -> Rel {
    Rel { id, tag: "v1.2.0".into(), name: "One two".into(), body: "Notes\n".into(), draft, assets, ..Rel::default() }
}

fn outcomes(receipts: &crate::receipt::Receipts) -> Vec<(&str, Outcome, Option<&str>)> {
    receipts.receipts.iter().map(|r| (r.name.as_str(), r.outcome, r.confirmed_by.as_deref())).collect()
}
