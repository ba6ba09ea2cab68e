//! The form of a submission on the old face: multipart or urlencoded, read as FastAPI reads it.

use std::convert::Infallible;

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use futures_util::stream;
use serde::Serialize;

/// What a form holds. Of fields that come twice the last one counts; empty ones are absent.
#[derive(Debug, Default)]
pub(super) struct Form {
    fields: Vec<(String, Value)>,
}

#[derive(Debug)]
enum Value {
    Text(String),
    File(Vec<u8>),
}

/// Why there is no form.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    NoBoundary,
    /// The boundary is nowhere in the body.
    WrongBoundary,
    /// It ends in the middle of a part; what came before is complete.
    CutOff,
}

/// One entry of the body of a 422, in the order of its keys.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Flaw {
    r#type: &'static str,
    loc: [&'static str; 2],
    msg: &'static str,
    input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ctx: Option<Context>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Context {
    error: Nothing,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Nothing {}

impl Flaw {
    pub(super) fn missing(place: &'static str, name: &'static str) -> Self {
        Self { r#type: "missing", loc: [place, name], msg: "Field required", input: None, ctx: None }
    }

    fn not_text(name: &'static str) -> Self {
        Self {
            r#type: "string_type",
            loc: ["body", name],
            msg: "Input should be a valid string",
            input: None,
            ctx: None,
        }
    }

    fn not_file(name: &'static str, text: &str) -> Self {
        let msg = "Value error, Expected UploadFile, received: <class 'str'>";
        let ctx = Some(Context { error: Nothing {} });
        Self { r#type: "value_error", loc: ["body", name], msg, input: Some(text.to_owned()), ctx }
    }

    fn cut_off() -> Self {
        let ctx = Some(Context { error: Nothing {} });
        Self { r#type: "value_error", loc: ["body", ""], msg: "Value error, the form is cut off", input: None, ctx }
    }
}

/// A submission that is complete.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) app_name: String,
    pub(super) image_tag: String,
    pub(super) git_repo: String,
    pub(super) branch: Option<String>,
    pub(super) app_dir: Option<String>,
    pub(super) dockerfile: Option<Vec<u8>>,
}

impl Form {
    /// Reads a body. One of another type is a form without fields.
    pub(super) async fn read(headers: &HeaderMap, body: Bytes) -> (Self, Option<Malformed>) {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/x-www-form-urlencoded" => (Self::urlencoded(&body), None),
            "multipart/form-data" => match multer::parse_boundary(kind) {
                Ok(boundary) => Self::multipart(body, &boundary).await,
                Err(_) => (Self::default(), Some(Malformed::NoBoundary)),
            },
            _ => (Self::default(), None),
        }
    }

    fn urlencoded(body: &[u8]) -> Self {
        let pairs = url::form_urlencoded::parse(body);
        Self { fields: pairs.map(|(name, value)| (name.into_owned(), Value::Text(value.into_owned()))).collect() }
    }

    async fn multipart(body: Bytes, boundary: &str) -> (Self, Option<Malformed>) {
        let mut form = Self::default();
        if body.is_empty() {
            return (form, None);
        }
        let mark = format!("--{boundary}");
        if memchr::memmem::find(&body, mark.as_bytes()).is_none() {
            return (form, Some(Malformed::WrongBoundary));
        }
        let mut parts = multer::Multipart::new(stream::iter([Ok::<_, Infallible>(body)]), boundary);
        loop {
            let part = match parts.next_field().await {
                Ok(Some(part)) => part,
                Ok(None) => return (form, None),
                Err(_) => return (form, Some(Malformed::CutOff)),
            };
            let name = part.name().unwrap_or_default().to_owned();
            let is_file = part.file_name().is_some();
            let Ok(bytes) = part.bytes().await else { return (form, Some(Malformed::CutOff)) };
            let text = || Value::Text(String::from_utf8_lossy(&bytes).into_owned());
            form.fields.push((name, if is_file { Value::File(bytes.to_vec()) } else { text() }));
        }
    }

    fn last(&self, name: &str) -> Option<&Value> {
        let value = self.fields.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)?;
        let is_empty = match value {
            Value::Text(text) => text.is_empty(),
            Value::File(bytes) => bytes.is_empty(),
        };
        (!is_empty).then_some(value)
    }

    fn text(&self, name: &'static str, flaws: &mut Vec<Flaw>) -> Option<String> {
        match self.last(name)? {
            Value::Text(text) => Some(text.clone()),
            Value::File(_) => {
                flaws.push(Flaw::not_text(name));
                Some(String::new())
            }
        }
    }

    fn required(&self, name: &'static str, flaws: &mut Vec<Flaw>) -> String {
        self.text(name, flaws).unwrap_or_else(|| {
            flaws.push(Flaw::missing("body", name));
            String::new()
        })
    }

    /// # Errors
    /// Everything that is wrong, in the order in which the old service lists it.
    pub(super) fn fields(&self, is_cut_off: bool) -> Result<Fields, Vec<Flaw>> {
        let mut flaws = Vec::new();
        let app_name = self.required("app_name", &mut flaws);
        let image_tag = self.required("image_tag", &mut flaws);
        let dockerfile = match self.last("dockerfile") {
            Some(Value::File(bytes)) => Some(bytes.clone()),
            Some(Value::Text(text)) => {
                flaws.push(Flaw::not_file("dockerfile", text));
                None
            }
            None => None,
        };
        let git_repo = self.required("git_repo", &mut flaws);
        let (branch, app_dir) = (self.text("branch", &mut flaws), self.text("app_dir", &mut flaws));
        if is_cut_off && flaws.is_empty() {
            flaws.push(Flaw::cut_off());
        }
        if flaws.is_empty() {
            Ok(Fields { app_name, image_tag, git_repo, branch, app_dir, dockerfile })
        } else {
            Err(flaws)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &str, body: &str) -> (Form, Option<Malformed>) {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, kind.parse().unwrap())]);
        crate::world::runtime::block_on(Form::read(&headers, Bytes::from(body.to_owned()))).unwrap()
    }

    fn part(name: &str, value: &str) -> String {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    }

    const COMPLETE: &str = "app_name=a&image_tag=t&git_repo=r";

    #[test]
    fn the_last_field_counts_and_empty_ones_are_absent() {
        let (form, _) =
            read("application/x-www-form-urlencoded", &format!("{COMPLETE}&app_name=b+c&branch=&dockerfile="));
        let fields = form.fields(false).unwrap();
        assert_eq!((fields.app_name.as_str(), fields.branch, fields.dockerfile), ("b c", None, None));
        let file = "--b\r\nContent-Disposition: form-data; name=\"dockerfile\"; filename=\"Dockerfile\"\r\n\r\n\r\n";
        let body =
            format!("{}{}{}{file}--b--\r\n", part("app_name", "a"), part("image_tag", "t"), part("git_repo", "r"));
        assert_eq!(read("multipart/form-data; boundary=b", &body).0.fields(false).unwrap().dockerfile, None);
    }

    #[test]
    fn what_is_wrong_comes_in_the_order_of_the_old_service() {
        let (form, _) = read("application/x-www-form-urlencoded", "dockerfile=x");
        let names: Vec<&str> = form.fields(false).unwrap_err().iter().map(|flaw| flaw.loc[1]).collect();
        assert_eq!(names, ["app_name", "image_tag", "dockerfile", "git_repo"]);
    }

    #[test]
    fn broken_bodies_are_told_apart() {
        let complete = format!("{}{}{}", part("app_name", "a"), part("image_tag", "t"), part("git_repo", "r"));
        let whole = format!("{complete}--b--\r\n");
        let check = |kind: &str, body: &str, expected: Option<Malformed>| {
            assert_eq!(read(kind, body).1, expected, "{kind} {body}");
        };
        check("multipart/form-data; boundary=b", &whole, None);
        check("multipart/form-data", &whole, Some(Malformed::NoBoundary));
        check("multipart/form-data; boundary=other", &whole, Some(Malformed::WrongBoundary));
        check("multipart/form-data; boundary=b", &complete[..complete.len() - 9], Some(Malformed::CutOff));
        check("multipart/form-data; boundary=b", &complete, Some(Malformed::CutOff));
        check("multipart/form-data; boundary=b", "", None);
        check("application/json", "{", None);
        let (form, _) = read("multipart/form-data; boundary=b", &complete);
        assert_eq!(form.fields(true).unwrap_err(), [Flaw::cut_off()]);
    }
}
