//! The servers a release is tried against, in this process.
