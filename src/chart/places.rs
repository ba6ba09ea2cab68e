//! Where the fields of a YAML file stand.

use std::collections::BTreeMap;
use std::ops::Range;

/// Bytes of fields by their path: `version`, `dependencies[0].name`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places(BTreeMap<String, Range<usize>>);

impl Places {
    pub fn put(&mut self, path: String, span: Range<usize>) {
        self.0.insert(path, span);
    }

    /// The field's own place, else that of what would hold it, else the beginning.
    pub fn of(&self, path: &str) -> Range<usize> {
        let mut path = path;
        loop {
            if let Some(span) = self.0.get(path) {
                return span.clone();
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return 0..0,
            }
        }
    }

    /// Whether the field is written.
    pub fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }
}
