//! Who uploads: API tokens of users, and tokens from trusted publishing (warehouse/macaroons).

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::fault::FaultKind;
use super::options::{Publisher, Token};
use super::shared::Shared;
use super::state::{Minted, Project, now};
use crate::pypi::name::{normalize, repr};

#[derive(Clone, Debug)]
pub(super) enum Identity {
    User(Token),
    Publisher(Minted),
}

impl Identity {
    pub(super) fn user(&self) -> Option<&str> {
        match self {
            Self::User(token) => Some(&token.user),
            Self::Publisher(_) => None,
        }
    }

    /// The trusted publisher, if it is one.
    pub(super) fn publisher(&self) -> Option<&Publisher> {
        match self {
            Self::User(_) => None,
            Self::Publisher(minted) => Some(&minted.publisher),
        }
    }
}

/// Whose token a request shows (`MacaroonSecurityPolicy.identity` of warehouse/macaroons/security_policy.py).
pub(super) fn identify(shared: &Shared, headers: &HeaderMap) -> Option<Identity> {
    let (scheme, given) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let secret = match scheme.to_ascii_lowercase().as_str() {
        "basic" => {
            let text = String::from_utf8(STANDARD.decode(given.trim()).ok()?).ok()?;
            text.strip_prefix("__token__:")?.trim().to_owned()
        }
        "token" | "bearer" => given.to_owned(),
        _ => return None,
    };
    if let Some(token) = shared.tokens.iter().find(|token| token.secret.expose() == secret) {
        return Some(Identity::User(token.clone()));
    }
    shared.state().minted.get(&secret).cloned().map(Identity::Publisher)
}

/// Whether it may upload to a project, or the text that says why not (the permission check of
/// warehouse/forklift/legacy.py, with the caveats of warehouse/macaroons/caveats).
pub(super) fn admit(shared: &Shared, who: &Identity, project: &Project) -> Result<(), String> {
    let normal = normalize(&project.name);
    let mut wrong = Vec::new();
    match who {
        Identity::User(token) => {
            let names = token.projects.as_ref();
            if names.is_some_and(|names| !names.iter().any(|name| normalize(name) == normal)) {
                wrong.push(format!("project-scoped token is not valid for project: {}", repr(&project.name)));
            }
        }
        Identity::Publisher(minted) => {
            if !minted.projects.contains(&normal) {
                wrong.push(format!("OIDC scoped token is not valid for project '{}'", project.name));
                wrong.push(format!("project-scoped token is not valid for project: {}", repr(&project.name)));
            }
            if now() >= minted.expires {
                wrong.push("token is expired".to_owned());
            }
        }
    }
    if wrong.is_empty() && shared.strike(FaultKind::Token).is_some() {
        wrong.push("token is expired".to_owned());
    }
    if !wrong.is_empty() {
        return Err(format!("Invalid API Token: {}", wrong.join(", ")));
    }
    match who.user() {
        Some(user) if !project.owners.contains(user) => Err(format!(
            "The user '{user}' isn't allowed to upload to project '{}'. See \
             https://pypi.org/help/#project-name for more information.",
            project.name
        )),
        _ => Ok(()),
    }
}
