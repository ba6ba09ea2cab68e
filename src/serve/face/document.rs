//! What describes the service: the OpenAPI document, and a page made from it on which every request can be tried.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::answer::json as answer;
use super::frame;
use super::html::{Html, html};
use super::links::Links;

const DOCUMENT: &str = include_str!("openapi.json");

/// The new face, the old one, and what is about both.
const GROUPS: [&str; 3] = ["Builds", "Tasks", "Service"];

const JSON: &str = "application/json";

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap_or_default()
}

pub(super) fn openapi(base: &str) -> Response {
    let mut document = document();
    document["servers"] = json!([{ "url": base }]);
    answer(StatusCode::OK, &document)
}

/// The document for people.
pub(super) fn page(links: &Links) -> Response {
    let document = document();
    let title = text(&document["info"]["title"]);
    let mut body = html!(
        "<h1>{}</h1>\n<p>{} For programs: <a href=\"{}/openapi.json\">openapi.json</a></p>\n",
        title,
        text(&document["info"]["description"]),
        links.prefix()
    );
    for group in GROUPS {
        body.push(&html!("<h2>{}</h2>\n", group));
        for (path, methods) in entries(&document["paths"]) {
            for (method, operation) in entries(methods).filter(|(_, operation)| operation["tags"][0] == group) {
                body.push(&Operation { prefix: links.prefix(), path, method, operation }.markup());
            }
        }
    }
    frame::page(links, StatusCode::OK, title, &body)
}

struct Operation<'d> {
    prefix: &'d str,
    path: &'d str,
    method: &'d str,
    operation: &'d Value,
}

impl Operation<'_> {
    fn markup(&self) -> Html {
        let operation = self.operation;
        let responses = entries(&operation["responses"]).map(|(code, response)| {
            html!("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", code, text(&response["description"]))
        });
        html!(
            "<details class=\"operation\">\n<summary><b>{}</b> <code>{}</code> <span class=\"soft\">{}</span></summary>\n\
             <div class=\"body\">\n<p>{}</p>\n{}<h3>Answers</h3>\n<table>\n{}</table>\n</div>\n</details>\n",
            self.method.to_ascii_uppercase(),
            self.path,
            text(&operation["summary"]),
            text(&operation["description"]),
            self.form(),
            responses.collect::<Html>()
        )
    }

    /// A form for it; those of the old face work without a script.
    fn form(&self) -> Html {
        let (kind, schema) = self.body();
        let mut fields = Html::default();
        for parameter in self.operation["parameters"].as_array().into_iter().flatten() {
            match text(&parameter["in"]) {
                "header" => fields.push(&html!(
                    "<p><code>{}</code> <span class=\"soft\">{}</span></p>\n",
                    text(&parameter["name"]),
                    text(&parameter["description"])
                )),
                _ => fields.push(&field(text(&parameter["name"]), parameter, parameter["required"] == true)),
            }
        }
        let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.contains(&json!(name)));
        let properties = entries(&schema["properties"]);
        if kind == JSON {
            let (needed, free): (Vec<_>, Vec<_>) = properties.partition(|(name, _)| required(name));
            let example: Map<String, Value> = needed.iter().map(|(name, _)| ((*name).clone(), json!(""))).collect();
            let example = serde_json::to_string_pretty(&example).unwrap_or_default();
            let free = free
                .into_iter()
                .map(|(name, about)| html!("<br><code>{}</code>: {}", name, text(&about["description"])));
            fields.push(&html!(
                "<label><span>JSON <small>and if you like{}</small></span><textarea name=\"body\" spellcheck=\"false\">{}</textarea></label>\n",
                free.collect::<Html>(),
                example
            ));
        } else {
            properties.for_each(|(name, about)| fields.push(&field(name, about, required(name))));
        }
        let plain = match self.path.contains('{') || kind == JSON {
            true => Html::default(),
            false if kind.is_empty() => html!(" method=\"{}\" action=\"{}{}\"", self.method, self.prefix, self.path),
            false => {
                html!(" method=\"{}\" enctype=\"{}\" action=\"{}{}\"", self.method, kind, self.prefix, self.path)
            }
        };
        html!(
            "<form{} data-method=\"{}\" data-path=\"{}{}\" data-kind=\"{}\">\n{}<button>Send</button>\n<output></output>\n</form>\n",
            plain,
            self.method,
            self.prefix,
            self.path,
            kind,
            fields
        )
    }

    /// The first form of its body.
    fn body(&self) -> (&str, &Value) {
        let first = entries(&self.operation["requestBody"]["content"]).next();
        first.map_or(("", &Value::Null), |(kind, content)| (kind.as_str(), &content["schema"]))
    }
}

fn field(name: &str, about: &Value, is_required: bool) -> Html {
    let kind = if about["contentMediaType"].is_string() { "file" } else { "text" };
    let required = if is_required { html!(" required") } else { Html::default() };
    html!(
        "<label><span><code>{}</code> <small>{}</small></span><input type=\"{}\" name=\"{}\"{}></label>\n",
        name,
        text(&about["description"]),
        kind,
        name,
        required
    )
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
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
            for (method, operation) in entries(methods) {
                assert!(GROUPS.iter().any(|group| operation["tags"][0] == *group), "{path}");
                assert!(route.methods().contains(&method.to_ascii_uppercase().as_str()), "{method} {path}");
            }
        }
        let build = &document["components"]["schemas"]["Build"]["properties"];
        let words = |all: Vec<&str>| json!(all);
        assert_eq!(build["state"]["enum"], words(State::ALL.iter().map(|one| one.word()).collect()));
        assert_eq!(build["phase"]["enum"], words(Phase::ALL.iter().map(|one| one.word()).collect()));
    }
}
