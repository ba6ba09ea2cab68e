//! The few GraphQL queries that `gh release` asks, known by what they select.

use serde_json::{Value, json};

use super::answer::GithubAnswer;
use super::asked::Asked;
use super::json::AUTHOR;
use super::route::Target;
use super::rules::Outcome;
use super::state::{GithubState, Repository, StoredRelease, Who, time};

/// `POST /graphql`. A query this server does not know is an error that names itself, in GraphQL's shape.
pub(super) fn answer(state: &GithubState, asked: &Asked<'_>) -> Outcome<GithubAnswer> {
    if asked.who == Who::Anonymous {
        return Err(GithubAnswer::error(401, "This endpoint requires you to be authenticated."));
    }
    let request: Value = serde_json::from_slice(asked.body).unwrap_or_default();
    let query = request["query"].as_str().unwrap_or_default();
    let variables = &request["variables"];
    if query.contains("__type") {
        return Ok(GithubAnswer::json(200, json!({ "data": { "Release": { "fields": fields() } } })));
    }
    let text = |name: &str| variables[name].as_str().unwrap_or_default().to_owned();
    let target = Target { owner: text("owner"), name: text("name"), id: None };
    let Some(repository) = state.repository(&target) else {
        let message = format!("Could not resolve to a Repository with the name '{}/{}'.", target.owner, target.name);
        return Ok(failed("NOT_FOUND", &message));
    };
    let found = if query.contains("releases(") {
        releases(repository, asked.who, query, variables)
    } else if query.contains("release(tagName:") {
        let tag = text("tagName");
        let release = repository.listed(asked.who).into_iter().find(|release| release.tag == tag);
        json!({ "release": release.map(|release| node(repository, release, query)) })
    } else if query.contains("ref(qualifiedName:") {
        let name = text("tagName");
        let tag = name.strip_prefix("refs/tags/").unwrap_or(&name);
        json!({ "ref": repository.tags.get(tag).map(|_| json!({ "id": format!("REF_{tag}") })) })
    } else {
        return Ok(failed("UNKNOWN", "this server answers only the queries of `gh release`"));
    };
    Ok(GithubAnswer::json(200, json!({ "data": { "repository": found } })))
}

fn releases(repository: &Repository, who: Who, query: &str, variables: &Value) -> Value {
    let per_page = variables["perPage"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(30);
    let after = variables["endCursor"].as_str().and_then(|cursor| cursor.parse::<usize>().ok()).unwrap_or(0);
    let mut all = repository.listed(who);
    if variables["direction"] == "ASC" {
        all.reverse();
    }
    let shown = all.iter().skip(after).take(per_page);
    let nodes: Vec<Value> = shown.map(|release| node(repository, release, query)).collect();
    let end = after + nodes.len();
    let page = json!({ "hasNextPage": end < all.len(), "endCursor": end.to_string() });
    json!({ "releases": { "nodes": nodes, "pageInfo": page } })
}

/// What the query selects of a release: a strict client refuses fields it did not ask for.
fn node(repository: &Repository, release: &StoredRelease, query: &str) -> Value {
    let start = ["nodes", "release(tagName:"].iter().find_map(|field| query.split_once(field));
    let selection = start.and_then(|(_, rest)| rest.split(['{', '}']).nth(1)).unwrap_or_default();
    let selects = |name: &str| selection.split(|char: char| !char.is_ascii_alphanumeric()).any(|word| word == name);
    let mut node = json!({
        "databaseId": release.id,
        "name": release.name,
        "tagName": release.tag,
        "isDraft": release.draft,
        "isLatest": repository.latest().is_some_and(|latest| latest.id == release.id),
        "isPrerelease": release.prerelease,
        "immutable": release.immutable,
        "createdAt": time(release.created),
        "publishedAt": release.published.filter(|_| !release.draft).map(time),
        "author": { "login": AUTHOR },
    });
    if let Some(fields) = node.as_object_mut() {
        fields.retain(|name, _| selects(name));
    }
    node
}

/// The fields `gh` looks for before it asks for them.
fn fields() -> Value {
    ["databaseId", "name", "tagName", "isDraft", "isLatest", "isPrerelease", "immutable", "createdAt", "publishedAt"]
        .iter()
        .map(|name| json!({ "name": name }))
        .collect()
}

fn failed(kind: &str, message: &str) -> GithubAnswer {
    GithubAnswer::json(200, json!({ "data": { "repository": null }, "errors": [{ "type": kind, "message": message }] }))
}
