//! How indexes of Python packages are reached, with credentials out of the environment.

use std::collections::BTreeMap;

use url::Url;

use crate::destination::Trusted;
use crate::plan::{Plan, PypiDestination};
use crate::problem::{Failure, Problem};
use crate::publish::Indexes;
use crate::publish::pypi::{Credential, Index};
use crate::wheel::DistributionName;
use crate::world::env::Env;

/// The indexes of a plan. A distribution without a credential is not in its table.
///
/// # Errors
/// If an address is invalid.
pub fn indexes(plan: &Plan, env: &Env) -> anyhow::Result<Indexes> {
    let mut indexes = Indexes::new();
    for destination in &plan.destinations {
        let Some(pypi) = destination.kind.pypi() else { continue };
        let index = Index {
            name: destination.name.clone(),
            upload: url(&pypi.upload)?,
            json: pypi.json.as_deref().map(url).transpose()?,
            simple: url(&pypi.simple)?,
        };
        indexes.insert(destination.name.clone(), (index, credentials(pypi, env)?));
    }
    Ok(indexes)
}

fn url(text: &str) -> anyhow::Result<Url> {
    Url::parse(text).map_err(|error| {
        let problem = Problem::new("bad-url", format!("`{text}` is not an address: {error}"));
        Failure::usage(problem.hint("for example https://upload.pypi.org/legacy/")).into()
    })
}

/// A token is what its user set on purpose, so it comes before the identity of the job, unless the configuration says
/// `trusted: always`.
///
/// # Errors
/// If the address that issues identities is invalid.
pub fn credentials(pypi: &PypiDestination, env: &Env) -> anyhow::Result<BTreeMap<DistributionName, Credential>> {
    let mut credentials = BTreeMap::new();
    let job = env.get("ACTIONS_ID_TOKEN_REQUEST_URL").zip(env.secret("ACTIONS_ID_TOKEN_REQUEST_TOKEN"));
    let trusted = match (job, pypi.trusted) {
        (_, Trusted::Never) | (None, _) => None,
        (Some((address, token)), _) => Some(Credential::Trusted { request_url: url(address)?, request_token: token }),
    };
    for (name, variables) in &pypi.tokens {
        let Ok(name) = name.parse::<DistributionName>() else { continue };
        let token = variables.iter().find_map(|variable| env.secret(variable));
        let token = token.filter(|_| pypi.trusted != Trusted::Always).map(|secret| {
            let username = pypi.username.as_ref().and_then(|variable| env.get(variable));
            match username {
                Some(username) => Credential::Login { username: username.to_owned(), password: secret },
                None => Credential::Token(secret),
            }
        });
        if let Some(credential) = token.or_else(|| trusted.clone()) {
            credentials.insert(name, credential);
        }
    }
    Ok(credentials)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_presented() {
        let job = [
            ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://actions.test/?x=1"),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "canary"),
        ];
        let check = |trusted: Trusted, env: &[(&str, &str)], expected: &str| {
            let pypi = PypiDestination {
                upload: "https://upload.test/legacy/".into(),
                simple: "https://upload.test/simple/".into(),
                json: None,
                trusted,
                tokens: [("app".to_owned(), vec!["OWN".to_owned(), "ALL".to_owned()])].into(),
                username: Some("USER_NAME".into()),
            };
            let credentials = credentials(&pypi, &Env::of(env.iter().copied())).unwrap();
            let found = match credentials.values().next() {
                None => "nothing".to_owned(),
                Some(Credential::Token(token)) => format!("token {}", token.expose()),
                Some(Credential::Login { username, password }) => format!("{username} {}", password.expose()),
                Some(Credential::Trusted { request_url, .. }) => format!("trusted {request_url}"),
            };
            assert_eq!(found, expected, "{trusted:?} {env:?}");
        };
        check(Trusted::Auto, &[], "nothing");
        check(Trusted::Auto, &[("ALL", "a"), ("OWN", "o")], "token o");
        check(Trusted::Auto, &[("ALL", "a"), ("USER_NAME", "me")], "me a");
        check(Trusted::Auto, &job, "trusted https://actions.test/?x=1");
        check(Trusted::Auto, &[job[0], job[1], ("ALL", "a")], "token a");
        check(Trusted::Always, &[job[0], job[1], ("ALL", "a")], "trusted https://actions.test/?x=1");
        check(Trusted::Never, &job, "nothing");
    }
}
