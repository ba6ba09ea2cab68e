//! What is to be changed in a text, and what is to hold afterwards.

use std::collections::HashMap;
use std::ops::Range;

use super::image::Image;
use super::path::ValuesPath;

/// One change of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The map or text at the path names this image.
    Image { path: ValuesPath, image: Image },
    /// The scalar at the path holds this text; with `quotes`, also where it would be a text without them.
    Text { path: ValuesPath, text: String, quotes: bool },
    /// A key of the top gets its line behind that of another one.
    Insert { key: String, text: String, after: String },
    /// A key of the top goes, with its value.
    Remove { key: String },
}

impl Change {
    /// What it names.
    pub fn path(&self) -> ValuesPath {
        match self {
            Self::Image { path, .. } | Self::Text { path, .. } => path.clone(),
            Self::Insert { after: key, .. } | Self::Remove { key } => ValuesPath::key(key),
        }
    }
}

/// A scalar and the text it gets, by the path under which Helm finds it.
pub struct Wanted<'c> {
    pub text: String,
    /// Where the scalar is written.
    pub span: Range<usize>,
    /// Steps from the path of the change to the scalar.
    pub below: usize,
    pub change: &'c Change,
}

/// What is to hold afterwards.
pub type Goal<'c> = HashMap<ValuesPath, Wanted<'c>>;
