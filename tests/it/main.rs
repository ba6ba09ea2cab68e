//! The one integration test binary: whole commands on whole projects, and the guards of this repository.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod act;
mod action;
mod action_install;
mod bases;
mod cases;
mod chart_case;
mod charts;
mod coordination;
mod crash;
mod delivery;
mod deployment;
mod dockerfiles;
mod documents;
mod first_minutes;
mod generate;
#[cfg(unix)]
mod git_server;
mod image;
mod images;
mod interrupted;
mod ollyscale;
mod opsml;
mod order;
mod output;
mod package;
mod package_index;
mod package_upload;
mod project;
mod reference;
mod registry_client;
mod rehearsal_server;
mod release;
mod secrets;
mod service;
#[cfg(unix)]
mod service_fetch;
mod source;
mod tidy;
mod workflows;
