//! Trusted publishing: identity tokens of jobs against tokens for uploads, as warehouse/oidc/views.py exchanges them.

use serde_json::{Value, json};

use super::answer::IndexAnswer;
use super::github::{self, ISSUER};
use super::options::{Grant, Publisher, TrustedPublishing};
use super::project;
use super::shared::Shared;
use super::state::{IndexState, Minted, Project, now};
use crate::pypi::name::{normalize, repr};
use crate::rehearsal::random::random;

/// Tokens are good for so long, in seconds.
const LIFE: u64 = 900;

/// Why a token is not given: a code and a description.
type Refusal = (&'static str, String);

/// `GET /_/oidc/audience`.
pub(super) fn audience(shared: &Shared) -> IndexAnswer {
    match shared.quirks.trusted_publishing {
        TrustedPublishing::On => IndexAnswer::json(200, &json!({ "audience": expected(shared) })),
        TrustedPublishing::Off => {
            IndexAnswer::json(403, &json!({ "message": "Trusted publishing functionality not enabled" }))
        }
        TrustedPublishing::Unknown => IndexAnswer::error(404, "Not Found"),
    }
}

fn expected(shared: &Shared) -> &'static str {
    if shared.quirks.test_index { "testpypi" } else { "pypi" }
}

/// `POST /_/oidc/mint-token`.
pub(super) fn mint(shared: &Shared, body: &[u8]) -> IndexAnswer {
    if shared.quirks.trusted_publishing == TrustedPublishing::Unknown {
        return IndexAnswer::error(404, "Not Found");
    }
    match exchange(shared, body) {
        Ok((token, expires)) => IndexAnswer::json(200, &json!({ "success": true, "token": token, "expires": expires })),
        Err((code, description)) => {
            let errors = json!([{ "code": code, "description": description }]);
            IndexAnswer::json(422, &json!({ "message": "Token request failed", "errors": errors }))
        }
    }
}

fn exchange(shared: &Shared, body: &[u8]) -> Result<(String, i64), Refusal> {
    let payload: Value = serde_json::from_slice(body).unwrap_or_default();
    let Some(token) = payload["token"].as_str() else {
        return Err(("invalid-payload", "1 validation error for TokenPayload\ntoken\n  Field required".into()));
    };
    let malformed = || ("invalid-payload", "malformed JWT".to_owned());
    let (claims, signed) = github::read(&shared.key, token).ok_or_else(malformed)?;
    let issuer = claims["iss"].as_str().ok_or_else(malformed)?;
    if issuer != ISSUER {
        return Err(("invalid-payload", "unknown trusted publishing issuer".into()));
    }
    if shared.quirks.trusted_publishing == TrustedPublishing::Off {
        return Err(("not-enabled", "GitHub trusted publishing functionality not enabled".into()));
    }
    if !signed || claims["aud"] != expected(shared) || claims["exp"].as_i64().is_none_or(|end| end <= now()) {
        return Err(("invalid-token", "malformed or invalid token".into()));
    }
    let mut state = shared.state();
    pending(shared, &mut state, &claims)?;
    let publisher = find(&state, &claims, false)?;
    state.spent.insert(text(&claims, "jti").to_owned());
    let (Some(random), Some(more)) = (random(), random()) else {
        return Err(("invalid-payload", "no random numbers".into()));
    };
    let token = format!("pypi-{random}{more}");
    let life = i64::try_from(shared.quirks.token_life.unwrap_or(LIFE)).unwrap_or(i64::MAX);
    let expires = now().saturating_add(life);
    state.minted.insert(token.clone(), Minted { projects: publisher.projects(), publisher, expires });
    Ok((token, expires))
}

/// Makes the project of a pending publisher that fits, and the publisher a full one. None that fits is not an error.
fn pending(shared: &Shared, state: &mut IndexState, claims: &Value) -> Result<(), Refusal> {
    let publisher = match find(state, claims, true) {
        Ok(publisher) => publisher,
        Err(("invalid-publisher", _)) => return Ok(()),
        Err(refusal) => return Err(refusal),
    };
    let Grant::Pending { project: name, user } = publisher.grant.clone() else { return Ok(()) };
    let normal = normalize(&name);
    if state.projects.contains_key(&normal) {
        state.publishers.retain(|held| *held != publisher);
        return Err(("invalid-pending-publisher", "valid token, but project already exists".into()));
    }
    // Not counted among the new projects: `ratelimited=False`.
    project::check(state, &shared.prohibited, &name).map_err(|(_, text)| ("invalid-payload", text))?;
    state.publishers.retain(|held| *held != publisher);
    let mut full = Publisher { grant: Grant::Projects(Vec::new()), ..publisher };
    // One row for one workflow: it may have other projects already.
    if let Some(index) = state.publishers.iter().position(|held| held.key() == full.key()) {
        full = state.publishers.swap_remove(index);
    }
    if let Grant::Projects(names) = &mut full.grant {
        names.push(name.clone());
    }
    state.publishers.push(full);
    let project = Project { name, owners: [user].into(), ..Project::default() };
    state.projects.insert(normal.clone(), project);
    state.journal(&normal);
    Ok(())
}

/// The publisher a token is for: `find_publisher` of warehouse/oidc/services.py with warehouse/oidc/models/github.py.
fn find(state: &IndexState, claims: &Value, pending: bool) -> Result<Publisher, Refusal> {
    let none = |why: &str| Err(("invalid-publisher", format!("valid token, but no corresponding publisher ({why})")));
    let required = [
        "repository",
        "repository_owner",
        "repository_owner_id",
        "job_workflow_ref",
        "jti",
        "event_name",
        "ref",
        "sha",
    ];
    if let Some(missing) = required.iter().find(|claim| !claims[**claim].is_string()) {
        return none(&format!("Missing claim {}", repr(missing)));
    }
    let called = text(claims, "job_workflow_ref");
    let Some(workflow) = workflow(called) else {
        return none("Could not job extract workflow filename from OIDC claims");
    };
    let repository = text(claims, "repository");
    let environment = text(claims, "environment").to_lowercase();
    let fits = |held: &&Publisher| {
        matches!(held.grant, Grant::Pending { .. }) == pending
            && held.repository == repository
            && held.workflow == workflow
    };
    let of = |wanted: &str| {
        let mine = |held: &&Publisher| held.environment.as_deref().unwrap_or_default().to_lowercase() == wanted;
        state.publishers.iter().filter(fits).find(mine)
    };
    let Some(publisher) = of(&environment).or_else(|| of("")) else {
        return none("Publisher with matching claims was not found");
    };
    if text(claims, "repository_owner_id") != github::owner_id(github::owner(repository)) {
        return none("Publisher with matching claims was not found");
    }
    let path = format!("{repository}/.github/workflows/{}", publisher.workflow);
    let mut expected: Vec<_> = ["ref", "sha"]
        .into_iter()
        .map(|claim| text(claims, claim))
        .filter(|at| !at.is_empty())
        .map(|at| format!("{path}@{at}"))
        .collect();
    expected.sort();
    if !expected.iter().any(|expected| expected == called) {
        let listed: Vec<_> = expected.iter().map(|expected| repr(expected)).collect();
        let text = "The job_workflow_ref claim does not match, expecting one of";
        return none(&format!("{text} [{}], got {}", listed.join(", "), repr(called)));
    }
    if state.spent.contains(text(claims, "jti")) {
        return Err(("invalid-reuse-token", "invalid token: already used".into()));
    }
    if text(claims, "event_name") == "pull_request_target" {
        return none("Publishing from a workflow invoked via 'pull_request_target' is not supported.");
    }
    Ok(publisher.clone())
}

fn text<'a>(claims: &'a Value, name: &str) -> &'a str {
    claims[name].as_str().unwrap_or_default()
}

/// `FILE.yml` of `OWNER/NAME/.github/workflows/FILE.yml@REF` (`_WORKFLOW_FILENAME_RE`).
fn workflow(called: &str) -> Option<&str> {
    let ends = called.match_indices('@').map(|(at, _)| &called[..at]);
    let path = ends.into_iter().find(|path| path.ends_with(".yml") || path.ends_with(".yaml"))?;
    path.rsplit('/').next().filter(|file| !file.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workflows() {
        for (called, expected) in [
            ("a/b/.github/workflows/release.yml@refs/tags/v1", Some("release.yml")),
            ("a/b/.github/workflows/r@x.yaml@refs/heads/a.yml@b", Some("r@x.yaml")),
            ("a/b/.github/workflows/release.json@main", None),
        ] {
            assert_eq!(workflow(called), expected);
        }
    }
}
