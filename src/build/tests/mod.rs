//! Building for real: tiny crates in temporary repositories, real cargo for the bytes, fake programs for the calls.

mod assets;
mod binaries;
mod commit;
mod fixture;
mod import;
mod machine;
mod packs;
mod readme;
mod refusals;
mod wheels;
