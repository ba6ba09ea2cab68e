//! Helm charts as values: what Helm reads, refuses and packages, without a disk, a network or a clock.
//!
//! A folder becomes a package like this: [`ignore`] says which files are kept, [`tree`] sorts them as Helm does and
//! unpacks what lies in `charts/`, [`judge`] and [`dependencies`] find what a release may not have, [`edit`] writes
//! versions into the copy, [`package`] makes the tar, and [`artifact`] what a registry holds besides it.

pub mod artifact;
pub mod copy;
pub mod dependencies;
pub mod edit;
pub mod fields;
pub mod file;
pub mod flaw;
pub mod ignore;
pub mod judge;
pub mod lock;
pub mod metadata;
pub mod package;
pub mod places;
pub mod range;
pub mod references;
pub mod repository;
pub mod tree;
