//! Cargo packages: `cargo metadata --no-deps`, and Cargo.lock read by ourselves.
