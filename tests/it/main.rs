//! The one integration test binary: whole commands on whole projects, and the guards of this repository.

mod tidy;
