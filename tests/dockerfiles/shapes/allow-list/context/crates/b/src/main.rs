crates/b/src/main.rs
