//! Dockerfiles as values: what a build would read and need, without a disk, a clock or a process.

mod answer;
#[cfg(test)]
mod answer_tests;
mod evaluate;
mod flaw;
mod graph;
mod ignore;
mod inputs;
mod instruction;
mod lines;
mod listing;
mod mount;
mod node;
mod parse;
#[cfg(test)]
mod parse_tests;
mod path;
mod pattern;
mod pattern_text;
mod platform;
mod privilege;
mod recipe;
mod reference;
mod substitute;
mod url;
mod variables;
mod warnings;
mod word;
#[cfg(test)]
mod word_tests;

pub use answer::{Answer, CountedStage, Feature, ImageUse, NamedContext, Question, Read, ReadKind, Role, Secret, Url};
pub use flaw::{Flaw, line_of};
pub use ignore::{BadLine, IgnoreFile, ignore_file_names};
pub use inputs::{Input, Inputs, inputs};
pub use listing::{Hidden, Kind, Listing};
pub use parse::Dockerfile;
pub use platform::Platform;
pub use privilege::{Frontend, Privilege};
pub use reference::familiar;
