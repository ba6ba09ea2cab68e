//! Longshore: from a repository to a verified, published release.
//!
//! The modules in reading order: the vocabulary (parsed once, at the edge), the world (the only code with side
//! effects), then the stages in the order the data flows: config, facts, plan, build, verify, publish. `workflow` writes a plan's CI files, `rehearsal` holds
//! the servers a release is tried against, `cli` one file per command. ARCHITECTURE.md has the map.

pub mod artifact;
pub mod chart;
pub mod command;
pub mod core_metadata;
pub mod deployment;
pub mod destination;
pub mod digest;
pub mod dockerfile;
pub mod format;
pub mod glob;
pub mod input_list;
pub mod inspect;
pub mod lfs;
pub mod link;
pub mod macos;
pub mod pep440;
pub mod platform;
pub mod portable;
pub mod problem;
pub mod pypi;
pub mod receipt;
pub mod reference;
pub mod secret;
pub mod shown;
pub mod step_id;
pub mod tag;
pub mod target;
pub mod template;
pub mod version;
pub mod wheel;
pub mod yaml;

pub mod world;

pub mod config;
pub mod facts;
pub mod plan;

pub mod workflow;

pub mod oci;

pub mod build;
pub mod verify;

pub mod publish;
pub mod release;

pub mod rehearsal;

pub mod serve;

pub mod cli;
