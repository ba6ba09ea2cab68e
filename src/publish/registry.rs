//! Registries: everything by digest first, then fixed tags, then, when every other destination has its release, floating ones.
//!
//! A tag is what the public sees. Until the first one is put, whatever a killed run leaves is unreferenced blobs, and the next
//! run finds them.

mod compare;
mod describe;
mod image_index;
mod images;
mod inputs;
mod observe;
mod publisher;
mod push;
mod readers;
mod tags;
