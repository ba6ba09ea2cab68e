//! Answers: compact JSON as the old service writes it, and problems as RFC 9457 has them.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use crate::serve::check::Refusal;
use crate::serve::task::Reason;

pub(super) const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    typed(status, JSON, serde_json::to_vec(body).unwrap_or_default())
}

pub(super) fn typed(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The same with one more header, if its value can be one.
pub(super) fn with(mut response: Response, name: HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

#[derive(Serialize)]
struct Detail<T> {
    detail: T,
}

/// The old face's form of an error.
pub(super) fn detail(status: StatusCode, detail: impl Serialize) -> Response {
    json(status, &Detail { detail })
}

/// What is wrong with a request as a whole.
pub(super) struct Bad {
    status: StatusCode,
    word: &'static str,
    detail: String,
}

impl Bad {
    pub(super) fn new(status: StatusCode, word: &'static str, detail: impl Into<String>) -> Self {
        Self { status, word, detail: detail.into() }
    }

    pub(super) fn answer(&self) -> Response {
        problem(self.status, self.word, &self.detail)
    }
}

#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    /// A stable word.
    code: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError<'a>>,
}

/// What is wrong with one field of a request.
#[derive(Serialize)]
struct FieldError<'a> {
    field: &'a str,
    code: &'a str,
    detail: &'a str,
    hint: &'a str,
}

/// The new face's form of an error.
pub(super) fn problem(status: StatusCode, code: &str, detail: &str) -> Response {
    explained(status, code, detail, Vec::new())
}

/// The same for a request that is refused: its first reason, and all of them.
pub(super) fn refused(refusals: &[Refusal]) -> Response {
    let errors = refusals.iter().map(|one| FieldError {
        field: one.field,
        code: one.reason.word(),
        detail: &one.message,
        hint: &one.hint,
    });
    let code = refusals.first().map_or(Reason::Internal, |one| one.reason).word();
    let detail = refusals.first().map(|one| one.fault().message).unwrap_or_default();
    explained(StatusCode::UNPROCESSABLE_ENTITY, code, &detail, errors.collect())
}

fn explained(status: StatusCode, code: &str, detail: &str, errors: Vec<FieldError<'_>>) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = Problem { r#type: "about:blank", title, status: status.as_u16(), detail, code, errors };
    typed(status, PROBLEM, serde_json::to_vec(&body).unwrap_or_default())
}
