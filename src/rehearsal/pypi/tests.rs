//! The index as a client sees it.
