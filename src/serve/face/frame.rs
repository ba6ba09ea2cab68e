//! What all pages share: their frame, their style and script, and what a browser may do with them.

use std::sync::LazyLock;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::answer::{typed, with};
use super::html::{Html, html};
use super::links::Links;
use crate::digest::Digest;

const STYLE: &str =
    concat!(include_str!("../../../templates/base.css"), include_str!("../../../templates/service.css"));
const SCRIPT: &str = include_str!("../../../templates/service.js");

/// Nothing but our own style and script, from this very origin. The referrer stays, because a browser that hides it sends forms
/// with `Origin: null`, which is refused as another site's.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Changes with what it is about, so that browsers keep the files for as long as they like.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let hex = Digest::of(format!("{STYLE}{SCRIPT}").as_bytes()).hex();
    hex.get(..12).unwrap_or_default().to_owned()
});

pub(super) fn page(links: &Links, status: StatusCode, title: &str, body: &Html) -> Response {
    let (prefix, version) = (links.prefix(), VERSION.as_str());
    let page = html!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{} · Longshore</title>\n\
         <link rel=\"icon\" href=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Cg fill='none' stroke='%23137a78' stroke-width='3' stroke-linecap='round'%3E%3Ccircle cx='16' cy='6' r='3'/%3E%3Cpath d='M16 9v19M10 14h12M5 19c0 6 5 9 11 9s11-3 11-9'/%3E%3C/g%3E%3C/svg%3E\">\n\
         <link rel=\"stylesheet\" href=\"{}/assets/service.css?{}\">\n<script src=\"{}/assets/service.js?{}\" defer></script>\n\
         </head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to content</a>\n<header><a class=\"brand\" href=\"{}/\">Longshore</a>\n\
         <nav aria-label=\"Service\"><a href=\"{}/\">Builds</a> <a href=\"{}/docs\">API</a></nav></header>\n\
         <main id=\"main\">\n{}</main>\n</body>\n</html>\n",
        title,
        prefix,
        version,
        prefix,
        version,
        prefix,
        prefix,
        prefix,
        body,
    );
    fragment(status, page)
}

/// A page, or a part of one.
pub(super) fn fragment(status: StatusCode, markup: Html) -> Response {
    let mut response = typed(status, "text/html; charset=utf-8", markup.into_string());
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A page that says one thing.
pub(super) fn notice(links: &Links, status: StatusCode, text: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = html!("<h1>{}</h1>\n<p>{}</p>\n<p><a href=\"{}/\">All builds</a></p>\n", title, text, links.prefix());
    page(links, status, title, &body)
}

/// `/assets/NAME`
pub(super) fn asset(name: &str) -> Option<Response> {
    let response = match name {
        "service.css" => typed(StatusCode::OK, "text/css; charset=utf-8", STYLE),
        "service.js" => typed(StatusCode::OK, "text/javascript; charset=utf-8", SCRIPT),
        _ => return None,
    };
    Some(with(response, header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
}
