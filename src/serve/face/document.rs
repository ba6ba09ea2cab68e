//! What describes the service: the OpenAPI document, and a page made from it.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::answer::{json as answer, typed};

const DOCUMENT: &str = include_str!("openapi.json");

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}\
 h2{margin-top:2rem}code{font-family:ui-monospace,monospace}dt{margin-top:.5rem}section{border-top:1px solid #8888;padding:.5rem 0}";

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap_or_default()
}

pub(super) fn openapi(base: &str) -> Response {
    let mut document = document();
    document["servers"] = json!([{ "url": base }]);
    answer(StatusCode::OK, &document)
}

/// The document for people, without a script.
pub(super) fn page() -> Response {
    let document = document();
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{0}</title><style>{STYLE}</style>\n<h1>{0}</h1>\n<p>{1} \
         The same for programs: <a href=\"openapi.json\">openapi.json</a></p>\n",
        html(&document["info"]["title"]),
        html(&document["info"]["description"]),
    );
    for (path, methods) in entries(&document["paths"]) {
        for (method, operation) in entries(methods) {
            page.push_str(&operation_of(path, method, operation));
        }
    }
    let mut response = typed(StatusCode::OK, "text/html; charset=utf-8", page);
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

fn operation_of(path: &str, method: &str, operation: &Value) -> String {
    let mut text = format!(
        "<section><h2><code>{} {}</code></h2>\n<p>{}. {}</p>\n<dl>\n",
        method.to_ascii_uppercase(),
        escape(path),
        html(&operation["summary"]),
        html(&operation["description"])
    );
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        text.push_str(&line(&parameter["name"], &parameter["description"]));
    }
    for (kind, content) in entries(&operation["requestBody"]["content"]) {
        text.push_str(&format!("<dt><code>{}</code><dd>\n", escape(kind)));
        let required = content["schema"]["required"].as_array().cloned().unwrap_or_default();
        for (name, field) in entries(&content["schema"]["properties"]) {
            let needed = if required.contains(&Value::from(name.as_str())) { " (required)" } else { "" };
            text.push_str(&format!("<code>{}</code>{needed}: {}<br>\n", escape(name), html(&field["description"])));
        }
    }
    for (code, response) in entries(&operation["responses"]) {
        text.push_str(&line(&Value::from(code.as_str()), &response["description"]));
    }
    text + "</dl></section>\n"
}

fn line(name: &Value, about: &Value) -> String {
    format!("<dt><code>{}</code><dd>{}\n", html(name), html(about))
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn html(value: &Value) -> String {
    escape(value.as_str().unwrap_or_default())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::face::route::Route;
    use crate::serve::task::{Phase, State};

    #[test]
    fn every_address_is_described() {
        let document = document();
        for (path, methods) in entries(&document["paths"]) {
            let route = Route::of(path);
            for (method, _) in entries(methods) {
                assert!(route.methods().contains(&method.to_ascii_uppercase().as_str()), "{method} {path}");
            }
        }
        let build = &document["components"]["schemas"]["Build"]["properties"];
        let words = |all: Vec<&str>| json!(all);
        assert_eq!(build["state"]["enum"], words(State::ALL.iter().map(|one| one.word()).collect()));
        assert_eq!(build["phase"]["enum"], words(Phase::ALL.iter().map(|one| one.word()).collect()));
    }
}
