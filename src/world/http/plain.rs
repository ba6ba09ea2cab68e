//! What all our clients have in common.

use std::time::Duration;

const USER_AGENT: &str = concat!("longshore/", env!("CARGO_PKG_VERSION"));
const CONNECT: Duration = Duration::from_secs(10);

pub fn plain() -> reqwest::ClientBuilder {
    // An error means that one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
}
