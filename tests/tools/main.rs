//! Tests against programs we did not write; `make tools` installs them, and a missing one fails here.
#[test]
fn x() {}
