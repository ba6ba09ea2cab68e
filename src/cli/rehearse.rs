//! `rehearse`: the whole release against servers in this process.

use super::args;
use super::output::Report;
use super::session::Session;

/// `longshore rehearse`
///
/// # Errors
/// Of every stage.
pub fn run(_session: &Session, _args: &args::Rehearse) -> anyhow::Result<Report> {
    anyhow::bail!("later")
}
