//! Answers: status, headers, content; errors in the form Pyramid gives them, which follows `Accept`.

use std::path::PathBuf;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio_util::io::ReaderStream;

use crate::rehearsal::html::escape;

/// An answer before it is put on the wire.
#[derive(Debug, Default)]
pub(super) struct IndexAnswer {
    pub(super) status: u16,
    headers: Vec<(HeaderName, String)>,
    content: Content,
}

pub(super) enum End {
    IndexAnswer(IndexAnswer),
    /// Nothing is sent any more.
    Cut,
}

#[derive(Debug, Default)]
enum Content {
    #[default]
    Empty,
    Bytes(Bytes),
    File(PathBuf, u64),
    /// An error: its form depends on who asks.
    Error(String),
}

impl IndexAnswer {
    pub(super) fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub(super) fn json(status: u16, value: &Value) -> Self {
        Self::bytes(status, "application/json", value.to_string())
    }

    pub(super) fn bytes(status: u16, media_type: &str, bytes: impl Into<Bytes>) -> Self {
        let answer = Self { status, content: Content::Bytes(bytes.into()), ..Self::default() };
        answer.header(header::CONTENT_TYPE, media_type)
    }

    pub(super) fn file(path: PathBuf, length: u64) -> Self {
        let answer = Self { status: 200, content: Content::File(path, length), ..Self::default() };
        answer.header(header::CONTENT_TYPE, "application/octet-stream")
    }

    /// A page, which may load nothing but what stands in it.
    pub(super) fn html(page: String) -> Self {
        let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
        let answer = Self::bytes(200, "text/html; charset=utf-8", page);
        answer.header(header::CONTENT_SECURITY_POLICY, policy).header(header::CACHE_CONTROL, "no-store")
    }

    /// An error with a message (`_exc_with_message` of warehouse/forklift/utils.py). There the message is the reason
    /// phrase of HTTP/1.1 too; here it is only in the body, as over HTTP/2.
    pub(super) fn error(status: u16, message: impl Into<String>) -> Self {
        Self { status, content: Content::Error(message.into()), ..Self::default() }
    }

    pub(super) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The response on the wire; to a `HEAD` without its body.
    pub(super) async fn into_response(self, asked: &HeaderMap, head: bool) -> Response<Body> {
        let Self { status, mut headers, content } = self;
        let (length, body) = match content {
            Content::Empty => (0, Body::empty()),
            Content::Bytes(bytes) => (bytes.len() as u64, Body::from(bytes)),
            Content::Error(message) => {
                let (media_type, text) = explained(status, &message, accepted(asked));
                headers.push((header::CONTENT_TYPE, media_type.into()));
                (text.len() as u64, Body::from(text))
            }
            Content::File(_, length) if head => (length, Body::empty()),
            Content::File(path, length) => match tokio::fs::File::open(&path).await {
                Ok(file) => (length, Body::from_stream(ReaderStream::with_capacity(file, 64 * 1024))),
                Err(error) => {
                    let text = format!("the stored bytes are gone: {error}");
                    (text.len() as u64, Body::from(text))
                }
            },
        };
        let mut response = Response::new(if head { Body::empty() } else { body });
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
        for (name, value) in headers {
            // What a client sent and cannot stand in a header is left out rather than trusted.
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// The `Accept` header; none at all is not the same as an empty one.
fn accepted(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::ACCEPT)?.to_str().ok()
}

/// Title and explanation of a status (pyramid/httpexceptions.py).
fn title(status: u16) -> (&'static str, &'static str) {
    match status {
        308 => ("Permanent Redirect", ""),
        400 => (
            "Bad Request",
            "The server could not comply with the request since it is either malformed or otherwise incorrect.",
        ),
        403 => ("Forbidden", "Access was denied to this resource."),
        404 => ("Not Found", "The resource could not be found."),
        405 => ("Method Not Allowed", ""),
        409 => ("Conflict", "There was a conflict when trying to complete your request."),
        410 => ("Gone", "This resource is no longer available.  No forwarding address is given."),
        429 => (
            "Too Many Requests",
            "The action could not be performed because there were too many requests by the client.",
        ),
        502 => ("Bad Gateway", "Bad gateway."),
        503 => ("Service Unavailable", "The server is currently unavailable. Please try again at a later time."),
        _ => ("Error", ""),
    }
}

/// `HTTPException.prepare` of pyramid/httpexceptions.py: HTML, JSON or text, as the client likes best.
fn explained(status: u16, message: &str, accept: Option<&str>) -> (&'static str, String) {
    let (title, explanation) = title(status);
    match preferred(accept.unwrap_or_default(), &["text/html", "application/json"]) {
        Some("text/html") => {
            let line = escape(&format!("{status} {message}"));
            let body = format!("{}<br/><br/>\n{}\n\n", escape(explanation), escape(message));
            let page = format!(
                "<html>\n <head>\n  <title>{line}</title>\n </head>\n <body>\n  <h1>{line}</h1>\n  {body}\n </body>\n</html>"
            );
            ("text/html; charset=UTF-8", page)
        }
        Some(_) => {
            let body = format!("{explanation}\n\n\n{message}\n\n");
            let answer = json!({ "message": body, "code": format!("{status} {message}"), "title": title });
            ("application/json", answer.to_string())
        }
        None => {
            let body = format!("{explanation}\n\n\n{message}\n\n");
            ("text/plain; charset=UTF-8", format!("{status} {message}\n\n{body}"))
        }
    }
}

/// What of an offer is liked best by an `Accept` header that was sent (RFC 9110, 12.5.1); equals in the order of the offer.
pub(super) fn preferred<'a>(accept: &str, offers: &[&'a str]) -> Option<&'a str> {
    let ranges: Vec<(&str, u16)> = accept.split(',').filter_map(range).collect();
    let quality = |offer: &str| {
        let family = format!("{}/*", offer.split('/').next().unwrap_or_default());
        let found = [offer, &family, "*/*"].into_iter().find_map(|wanted| {
            ranges.iter().find(|(range, _)| range.eq_ignore_ascii_case(wanted)).map(|(_, quality)| *quality)
        });
        found.unwrap_or(0)
    };
    let best = offers.iter().map(|offer| quality(offer)).max().filter(|best| *best > 0)?;
    offers.iter().find(|offer| quality(offer) == best).copied()
}

/// A range and its quality in thousandths.
fn range(text: &str) -> Option<(&str, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().filter(|range| !range.is_empty())?;
    let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(1000, |quality| {
        let (whole, rest) = quality.split_once('.').unwrap_or((quality, ""));
        let digits = format!("{rest:0<3}");
        let thousandths = digits.get(..3).and_then(|digits| digits.parse().ok()).unwrap_or(0);
        if whole == "1" { 1000 } else { thousandths }
    });
    Some((range, quality))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_take_the_form_that_is_asked_for() {
        let (kind, text) = explained(400, "File already exists ('a')", Some("application/json"));
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((kind, &value["code"]), ("application/json", &json!("400 File already exists ('a')")));
        assert_eq!(value["title"], "Bad Request");
        assert!(value["message"].as_str().unwrap().contains("\n\n\nFile already exists ('a')\n"));
        let (kind, text) = explained(403, "no <b>", Some("*/*"));
        assert!(kind.starts_with("text/html") && text.contains("<h1>403 no &lt;b&gt;</h1>"));
        let (kind, text) = explained(403, "no", None);
        assert!(kind.starts_with("text/plain") && text.starts_with("403 no\n\nAccess was denied"));
    }

    #[test]
    fn prefers_by_quality_then_by_order() {
        let offers = ["text/html", "application/json"];
        for (accept, expected) in [
            ("", None),
            ("*/*", Some("text/html")),
            ("application/*", Some("application/json")),
            ("application/json;q=0.9, text/plain;q=0.8, text/html;q=0.7", Some("application/json")),
            ("text/html;q=0, */*;q=0.1", Some("application/json")),
            ("image/png", None),
        ] {
            assert_eq!(preferred(accept, &offers), expected, "{accept}");
        }
    }
}
