//! An index of Python packages: where it is, and what may be presented to it.

use std::collections::BTreeMap;

use url::Url;

use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::secret::Secret;
use crate::wheel::DistributionName;
use crate::world::http::{self, is_loopback};

#[derive(Clone, Debug)]
pub struct Index {
    /// Name of the destination, for receipts.
    pub name: String,
    /// Where files are sent: `https://upload.pypi.org/legacy/`.
    pub upload: Url,
    /// The JSON API, which only PyPI and what runs the same code have: `https://pypi.org/pypi/`. With it go PyPI's rules
    /// of sizes, platform tags and old releases.
    pub json: Option<Url>,
    /// The simple API, which installers read: `https://pypi.org/simple/`.
    pub simple: Url,
}

#[derive(Clone, Debug)]
pub enum Credential {
    Token(Secret),
    Login {
        username: String,
        password: Secret,
    },
    /// Trusted publishing from a GitHub Actions job: a token is minted when it is needed.
    Trusted {
        /// `ACTIONS_ID_TOKEN_REQUEST_URL`
        request_url: Url,
        /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`
        request_token: Secret,
    },
}

/// Credentials are never sent in clear text, except on this machine.
pub fn insecure(index: &Index, credentials: &BTreeMap<DistributionName, Credential>) -> Vec<Failure> {
    let mut urls = vec![&index.upload, &index.simple];
    urls.extend(&index.json);
    urls.extend(credentials.values().filter_map(|credential| match credential {
        Credential::Trusted { request_url, .. } => Some(request_url),
        _ => None,
    }));
    let mut hosts: Vec<String> =
        urls.into_iter().filter(|url| url.scheme() != "https" && !is_loopback(url)).map(http::host).collect();
    hosts.dedup();
    let refuse = |host: String| {
        let problem = Problem::new("endpoint-insecure", format!("`{host}` is reached without encryption"));
        Failure::Refused(problem.hint("use its `https` address"))
    };
    hosts.into_iter().map(refuse).collect()
}
