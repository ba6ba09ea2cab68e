//! Answers: status, headers and body, and errors as the distribution spec words them.

use std::io::SeekFrom;
use std::path::PathBuf;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

#[derive(Debug, Default)]
pub(super) struct RegistryAnswer {
    pub(super) status: u16,
    headers: Vec<(HeaderName, String)>,
    content: Content,
}

#[derive(Debug, Default)]
enum Content {
    #[default]
    Empty,
    Bytes(Bytes),
    Part(Part),
}

#[derive(Debug)]
pub(super) struct Part {
    pub(super) path: PathBuf,
    pub(super) start: u64,
    pub(super) length: u64,
    /// The first byte is another one than was stored.
    pub(super) spoiled: bool,
}

/// Error codes of the spec ("Error Codes"), and `UNKNOWN` as most registries give it besides.
#[derive(Clone, Copy, Debug)]
pub(super) enum Code {
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    Denied,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    SizeInvalid,
    TagInvalid,
    TooManyRequests,
    Unauthorized,
    Unknown,
    Unsupported,
}

impl Code {
    fn text(self) -> &'static str {
        match self {
            Self::BlobUnknown => "BLOB_UNKNOWN",
            Self::BlobUploadInvalid => "BLOB_UPLOAD_INVALID",
            Self::BlobUploadUnknown => "BLOB_UPLOAD_UNKNOWN",
            Self::Denied => "DENIED",
            Self::DigestInvalid => "DIGEST_INVALID",
            Self::ManifestBlobUnknown => "MANIFEST_BLOB_UNKNOWN",
            Self::ManifestInvalid => "MANIFEST_INVALID",
            Self::ManifestUnknown => "MANIFEST_UNKNOWN",
            Self::NameInvalid => "NAME_INVALID",
            Self::NameUnknown => "NAME_UNKNOWN",
            Self::SizeInvalid => "SIZE_INVALID",
            Self::TagInvalid => "TAG_INVALID",
            Self::TooManyRequests => "TOOMANYREQUESTS",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Unknown => "UNKNOWN",
            Self::Unsupported => "UNSUPPORTED",
        }
    }
}

/// Which content a blob or manifest has, on almost every answer about one.
pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

impl RegistryAnswer {
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

    pub(super) fn part(status: u16, part: Part) -> Self {
        let answer = Self { status, content: Content::Part(part), ..Self::default() };
        answer.header(header::CONTENT_TYPE, "application/octet-stream")
    }

    /// A page, which may load nothing but what stands in it.
    pub(super) fn html(page: String) -> Self {
        let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
        let answer = Self::bytes(200, "text/html; charset=utf-8", page);
        answer.header(header::CONTENT_SECURITY_POLICY, policy).header(header::CACHE_CONTROL, "no-store")
    }

    pub(super) fn error(status: u16, code: Code, message: &str) -> Self {
        Self::detailed(status, code, message, &Value::Null)
    }

    /// An error that says what it is about.
    pub(super) fn detailed(status: u16, code: Code, message: &str, detail: &Value) -> Self {
        Self::json(status, &json!({ "errors": [{ "code": code.text(), "message": message, "detail": detail }] }))
    }

    /// 405.
    pub(super) fn not_allowed() -> Self {
        Self::error(405, Code::Unsupported, "the operation is unsupported")
    }

    pub(super) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The response on the wire; to a `HEAD` without its body.
    pub(super) async fn into_response(self, head: bool) -> Response<Body> {
        let (length, body) = match self.content {
            Content::Empty => (0, Body::empty()),
            Content::Bytes(bytes) => (bytes.len() as u64, Body::from(bytes)),
            Content::Part(part) if head => (part.length, Body::empty()),
            Content::Part(part) => match open(&part).await {
                Ok(body) => (part.length, body),
                Err(error) => return gone(&error),
            },
        };
        let mut response = Response::new(if head { Body::empty() } else { body });
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let headers = response.headers_mut();
        if self.status != 204 {
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
        headers.insert("docker-distribution-api-version", HeaderValue::from_static("registry/2.0"));
        for (name, value) in self.headers {
            // What a client sent and cannot stand in a header is left out rather than trusted.
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

async fn open(part: &Part) -> std::io::Result<Body> {
    let mut file = tokio::fs::File::open(&part.path).await?;
    file.seek(SeekFrom::Start(part.start)).await?;
    let mut spoil = part.spoiled;
    let chunks = ReaderStream::with_capacity(file.take(part.length), 64 * 1024).map(move |chunk| {
        let chunk = chunk?;
        if !std::mem::take(&mut spoil) {
            return Ok(chunk);
        }
        let mut bytes = chunk.to_vec();
        bytes.iter_mut().take(1).for_each(|byte| *byte = !*byte);
        Ok::<_, std::io::Error>(Bytes::from(bytes))
    });
    Ok(Body::from_stream(chunks))
}

fn gone(error: &std::io::Error) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("the stored bytes are gone: {error}")));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}
