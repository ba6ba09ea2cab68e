//! `opsml-cli`.

/// Its name.
pub const NAME: &str = "opsml-cli";
