//! `py-opsml`.

/// Its name.
pub const NAME: &str = "py-opsml";
