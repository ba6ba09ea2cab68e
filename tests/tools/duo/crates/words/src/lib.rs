//! A dependency by path.

/// The pattern of a word.
pub const WORD: &str = "[a-z]+";
