//! YAML as Helm reads it, and edits of single values that leave every other byte alone.
//!
//! Helm 4 reads values.yaml and Chart.yaml with `sigs.k8s.io/yaml` over `go.yaml.in/yaml/v2`: YAML 1.1, turned into JSON.
//! `read` gives the same values with their places in the text, `edit` changes some of them and proves that the others
//! are what they were.

mod change;
mod edit;
mod find;
mod flaw;
mod image;
mod node;
mod number;
mod path;
mod place;
mod prove;
mod read;
mod resolve;
mod syntax;
mod write;

pub use change::Change;
pub use edit::edit;
pub use find::{Found, find};
pub use flaw::{Flaw, line};
pub use image::{Image, image_at};
pub use node::{Entry, Node, Style, Value, to_json};
pub use path::{Step, ValuesPath};
pub use read::{documents, read};
