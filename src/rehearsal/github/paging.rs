//! Lists in pages, with GitHub's `Link` headers.

use axum::http::header;
use serde_json::Value;

use super::answer::GithubAnswer;
use super::asked::Asked;
use crate::rehearsal::percent::query;

/// The page a request asks for. Links lead to `/repositories/ID/…`, as GitHub's do: a client must follow them as they
/// are instead of counting.
pub(super) fn page(asked: &Asked<'_>, repository: u64, items: Vec<Value>) -> GithubAnswer {
    let per_page = number(asked.query, "per_page").unwrap_or(30).clamp(1, 100);
    let page = number(asked.query, "page").unwrap_or(1).max(1);
    let last = items.len().div_ceil(per_page).max(1);
    let tail = tail(asked.path);
    let link = |number: usize, relation: &str| {
        let base = asked.to.api();
        format!("<{base}/repositories/{repository}/{tail}?per_page={per_page}&page={number}>; rel=\"{relation}\"")
    };
    let mut links = Vec::new();
    if page > 1 {
        links.push(link(page - 1, "prev"));
    }
    if page < last {
        links.push(link(page + 1, "next"));
        links.push(link(last, "last"));
    }
    if page > 1 {
        links.push(link(1, "first"));
    }
    let shown: Vec<Value> = items.into_iter().skip((page - 1).saturating_mul(per_page)).take(per_page).collect();
    let answer = GithubAnswer::json(200, shown.into());
    if links.is_empty() { answer } else { answer.header(header::LINK, links.join(", ")) }
}

fn number(asked: &str, name: &str) -> Option<usize> {
    query(asked, name)?.parse().ok()
}

/// What follows the repository in a path of the API.
fn tail(path: &str) -> String {
    let path = path.strip_prefix("/api/v3").unwrap_or(path);
    let before = if path.starts_with("/repositories/") { 2 } else { 3 };
    path.split('/').skip(1 + before).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::tail;

    #[test]
    fn finds_what_follows_the_repository() {
        assert_eq!(tail("/repos/o/r/releases"), "releases");
        assert_eq!(tail("/api/v3/repos/o/r/releases/1/assets"), "releases/1/assets");
        assert_eq!(tail("/repositories/7/releases"), "releases");
    }
}
