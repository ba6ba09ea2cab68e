crates/a/src/lib.rs
