//! Registries of clouds: their logins are made when they ask for one, out of what the machine is given.

mod ask;
mod aws;
mod ecr;
mod google;
mod sigv4;

use std::sync::Arc;

use crate::oci::registry::{Broker, Error};
use crate::reference::Repository;
use crate::world::env::Env;

use ecr::Ecr;
use google::Google;

/// Variables that hold credentials of clouds: engines and git do not get them.
pub const CREDENTIALS: [&str; 3] = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"];

/// Whose registry it is.
#[derive(Clone, Debug)]
pub enum Cloud {
    Aws(Arc<Ecr>),
    Google(Arc<Google>),
}

/// The name of an account's registry at AWS.
///
/// # Errors
/// What is no account or region, for people.
pub fn aws_registry(account: &str, region: &str) -> Result<String, String> {
    ecr::registry(account, region)
}

impl Cloud {
    /// That of a registry, by its name; nothing for all others.
    pub fn of(registry: &str, env: &Env) -> Option<Self> {
        let aws = Ecr::of(registry, env).map(|ecr| Self::Aws(Arc::new(ecr)));
        aws.or_else(|| Google::of(registry, env).map(|google| Self::Google(Arc::new(google))))
    }

    pub fn broker(&self) -> Arc<dyn Broker> {
        match self {
            Self::Aws(ecr) => Arc::<Ecr>::clone(ecr),
            Self::Google(google) => Arc::<Google>::clone(google),
        }
    }

    /// Creates a repository where the first push does not; whether there is such a thing.
    ///
    /// # Errors
    /// If it may not be created. One that is there is fine.
    pub async fn create(&self, repository: &Repository) -> Result<bool, Error> {
        match self {
            Self::Aws(ecr) => ecr.create(&repository.path).await.map(|()| true),
            Self::Google(_) => Ok(false),
        }
    }
}
