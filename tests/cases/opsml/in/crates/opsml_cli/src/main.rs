//! The command line; its `ui` command downloads the server's archives by name.

fn main() {
    println!("{} {}", env!("CARGO_BIN_NAME"), env!("CARGO_PKG_VERSION"));
}
