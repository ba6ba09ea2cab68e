//! How registries are reached, and who we are there.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use url::Url;

use super::error::Error;
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

/// Makes a login when a registry asks for one, for as long as it holds.
pub trait Broker: fmt::Debug + Send + Sync {
    /// The login; fails if none can be had.
    fn login(&self) -> Brokered<'_>;
}

pub type Brokered<'a> = Pin<Box<dyn Future<Output = Result<Login, Error>> + Send + 'a>>;

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
    /// Asked where neither `login` nor Docker's configuration says it.
    pub broker: Option<Arc<dyn Broker>>,
    /// Whether Docker's configuration is not asked.
    pub anonymous: bool,
    /// The host that gives out its tokens, if that is another one and our login may go there.
    pub token_service: Option<String>,
}
