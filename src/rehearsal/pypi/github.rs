//! A mock of GitHub where it gives jobs their identity tokens.
//!
//! The real tokens are signed with RSA; these are with a keyed digest that only this server can check.
//! <https://docs.github.com/en/actions/reference/security/oidc>

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::digest::Digest;
use crate::rehearsal::percent::query;

use super::answer::IndexAnswer;
use super::options::WorkflowJob;
use super::shared::Shared;
use super::state::now;
use crate::rehearsal::random::random;

/// Who GitHub's tokens say they are from.
pub(super) const ISSUER: &str = "https://token.actions.githubusercontent.com";
/// How long they are good, in seconds.
const LIFE: i64 = 300;

/// `GET /_/github-oidc?audience=…`.
pub(super) fn answer(shared: &Shared, headers: &HeaderMap, asked: &str) -> IndexAnswer {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.split_once(' '));
    let job = given
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .and_then(|(_, token)| shared.jobs.iter().find(|job| job.request_token.expose() == token.trim()));
    let Some(job) = job else {
        return IndexAnswer::json(401, &json!({ "message": "the request token is missing or not known" }));
    };
    let Some(id) = random() else { return IndexAnswer::error(503, "no random numbers") };
    let audience = query(asked, "audience").unwrap_or_else(|| format!("https://github.com/{}", owner(&job.repository)));
    let token = sign(&shared.key, &claims(job, &audience, &id));
    IndexAnswer::json(200, &json!({ "count": token.len(), "value": token }))
}

/// What a token says.
fn claims(job: &WorkflowJob, audience: &str, id: &str) -> Value {
    let (repository, git_ref) = (&job.repository, &job.git_ref);
    let own = format!("{repository}/.github/workflows/{}@{git_ref}", job.workflow);
    let subject = match &job.environment {
        Some(environment) => format!("repo:{repository}:environment:{environment}"),
        None => format!("repo:{repository}:ref:{git_ref}"),
    };
    let mut claims = json!({
        "iss": ISSUER,
        "aud": audience,
        "sub": subject,
        "jti": id,
        "iat": now(),
        "nbf": now() - 600,
        "exp": now() + LIFE,
        "repository": repository,
        "repository_owner": owner(repository),
        "repository_owner_id": owner_id(owner(repository)),
        "repository_visibility": "public",
        "ref": git_ref,
        "ref_type": if git_ref.starts_with("refs/tags/") { "tag" } else { "branch" },
        "sha": job.commit,
        "workflow_ref": own,
        "job_workflow_ref": job.called.as_ref().unwrap_or(&own),
        "event_name": job.event,
        "runner_environment": "github-hosted",
    });
    if let Some(environment) = &job.environment {
        claims["environment"] = json!(environment);
    }
    claims
}

pub(super) fn owner(repository: &str) -> &str {
    repository.split('/').next().unwrap_or_default()
}

/// The number of an account: always the same for a name.
pub(super) fn owner_id(owner: &str) -> String {
    Digest::of(owner.as_bytes()).hex().bytes().take(8).map(|byte| char::from(b'1' + byte % 9)).collect()
}

pub(super) fn sign(key: &str, claims: &Value) -> String {
    let header = json!({ "alg": "HS256", "typ": "JWT", "kid": "longshore-rehearsal" });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&header), part(claims));
    let signature = signature(key, &text);
    format!("{text}.{signature}")
}

/// What a token claims, and whether this server signed it; nothing if it is not a token.
pub(super) fn read(key: &str, token: &str) -> Option<(Value, bool)> {
    let (text, given) = token.rsplit_once('.')?;
    let (_, claims) = text.split_once('.')?;
    let claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    Some((claims, given == signature(key, text)))
}

fn signature(key: &str, text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Digest::of(format!("{key}.{text}").as_bytes()).hex())
}
