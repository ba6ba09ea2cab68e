//! The registry as a client sees it.
