//! `opsml-types`.

/// Its name.
pub const NAME: &str = "opsml-types";
