//! How long our own part of a plan takes.
fn main() {}
