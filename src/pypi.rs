//! What PyPI refuses in the metadata of a wheel or an sdist: one set of rules for checks, uploads and the rehearsal's index.
//!
//! First what Python's `packaging.metadata` refuses, then what `warehouse/forklift/metadata.py` adds, in their words
//! (<https://github.com/pypi/warehouse>, 6b62157). Whether a description renders is not known here.

pub mod address;
pub mod allowed;
pub mod classifier;
pub mod content_type;
pub mod license;
pub mod marker;
pub mod name;
pub mod platform;
pub mod requirement;
pub mod version;

mod metadata;
mod specified;

pub use metadata::{FIELDS, Field, Metadata, Refusal, VERSIONS};

impl Metadata {
    /// Everything that PyPI refuses. `newer` are classifiers that are taken although the list here does not know them.
    pub fn refusals(&self, newer: &[String]) -> Vec<Refusal> {
        let unreadable = specified::unreadable(self);
        if !unreadable.is_empty() {
            return unreadable;
        }
        let refused = specified::refused(self);
        // What is not a metadata is looked into no further, as there.
        if refused.is_empty() { allowed::refused(self, newer) } else { refused }
    }
}

#[cfg(test)]
mod tests;
