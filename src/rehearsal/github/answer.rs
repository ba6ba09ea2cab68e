//! Answers: status, headers and body as GitHub gives them, and the effects they report to the log.

use std::path::PathBuf;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio_util::io::ReaderStream;

use super::event::Effect;

#[derive(Debug, Default)]
pub(super) struct GithubAnswer {
    pub(super) status: u16,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) content: Content,
    pub(super) effects: Vec<Effect>,
    /// Bytes of body that were read for it.
    pub(super) received: u64,
}

#[derive(Debug, Default)]
pub(super) enum Content {
    #[default]
    Empty,
    Json(Value),
    Html(String),
    File {
        path: PathBuf,
        size: u64,
    },
}

impl GithubAnswer {
    pub(super) fn json(status: u16, value: Value) -> Self {
        Self { status, content: Content::Json(value), ..Self::default() }
    }

    /// A page, which may load nothing but what stands in it.
    pub(super) fn html(status: u16, page: String) -> Self {
        let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
        let answer = Self { status, content: Content::Html(page), ..Self::default() };
        answer.header(header::CONTENT_SECURITY_POLICY, policy).header(header::CACHE_CONTROL, "no-store")
    }

    pub(super) fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub(super) fn redirect(to: String) -> Self {
        Self::empty(302).header(header::LOCATION, to)
    }

    pub(super) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn effects(mut self, effects: Vec<Effect>) -> Self {
        self.effects = effects;
        self
    }

    pub(super) fn error(status: u16, message: &str) -> Self {
        let body = json!({ "message": message, "documentation_url": DOCS, "status": status.to_string() });
        Self::json(status, body)
    }

    pub(super) fn not_found() -> Self {
        Self::error(404, "Not Found")
    }

    /// 422 with `errors[]`.
    pub(super) fn invalid(errors: &[Value]) -> Self {
        let body = json!({
            "message": "Validation Failed", "errors": errors, "documentation_url": DOCS, "status": "422",
        });
        Self::json(422, body)
    }

    #[cfg(test)]
    pub(super) fn value(&self) -> &Value {
        match &self.content {
            Content::Json(value) => value,
            _ => &Value::Null,
        }
    }

    pub(super) async fn into_response(self) -> Response<Body> {
        let (kind, length, body) = match self.content {
            Content::Empty => (None, None, Body::empty()),
            Content::Json(value) => (Some("application/json; charset=utf-8"), None, Body::from(value.to_string())),
            Content::Html(page) => (Some("text/html; charset=utf-8"), None, Body::from(page)),
            Content::File { path, size } => match tokio::fs::File::open(&path).await {
                Ok(file) => (None, Some(size), Body::from_stream(ReaderStream::with_capacity(file, 64 * 1024))),
                Err(error) => {
                    let text = format!("the stored bytes are gone: {error}");
                    return plain(StatusCode::INTERNAL_SERVER_ERROR, Body::from(text));
                }
            },
        };
        let mut response = plain(StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK), body);
        let headers = response.headers_mut();
        if let Some(kind) = kind {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        if let Some(length) = length {
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
        for (name, value) in self.headers {
            // A name or type from a client that cannot stand in a header is left out rather than trusted.
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

const DOCS: &str = "https://docs.github.com/rest";

fn plain(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// An entry of `errors[]` with a known code.
pub(super) fn field(resource: &str, code: &str, field: &str) -> Value {
    json!({ "resource": resource, "code": code, "field": field })
}

/// An entry of `errors[]` in words.
pub(super) fn custom(resource: &str, field: Option<&str>, message: &str) -> Value {
    let mut error = json!({ "resource": resource, "code": "custom", "message": message });
    if let Some(field) = field {
        error["field"] = field.into();
    }
    error
}
