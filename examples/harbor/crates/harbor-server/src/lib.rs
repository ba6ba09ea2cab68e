//! The berths of a harbor over HTTP, for programs that bring their own harbor.

mod routes;

pub use routes::router;
