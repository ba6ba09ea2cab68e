build.rs
