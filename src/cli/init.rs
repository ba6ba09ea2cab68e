//! `init`
use super::output::Report;
use super::session::Session;
/// x
pub fn command(_session: &Session) -> anyhow::Result<Report> {
    anyhow::bail!("later")
}
