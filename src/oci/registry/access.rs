//! How registries are reached, and who we are there.

use std::collections::BTreeMap;

use url::Url;

use super::login::Login;
use crate::world::terminal::Printer;

/// How hosts are reached, by host as in references.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Those of which something is to be said.
    pub hosts: BTreeMap<String, HostAccess>,
    /// Whether all access is anonymous.
    pub anonymous: bool,
    pub printer: Option<Printer>,
}

#[derive(Clone, Debug, Default)]
pub struct HostAccess {
    /// Its API; absent: HTTPS at the host itself, at `registry-1.docker.io` for Docker Hub.
    pub url: Option<Url>,
    /// Whether to accept plain HTTP or any certificate.
    pub insecure: bool,
    /// CA certificates (PEM) in addition to those of the system.
    pub ca: Option<String>,
    /// Who we are there; absent: what Docker's configuration says.
    pub login: Option<Login>,
    /// Whether Docker's configuration is not asked.
    pub anonymous: bool,
    /// The host that gives out its tokens, if that is another one and our login may go there.
    pub token_service: Option<String>,
}
