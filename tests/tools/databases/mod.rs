//! The build service with its queue in the two servers: everything that holds with SQLite, several processes on one queue, and
//! servers that do not answer.

mod import;
mod mariadb;
mod postgres;
mod server;
