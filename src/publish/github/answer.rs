//! What GitHub means by a refusal: which failure a status, its headers and its message stand for.

use serde_json::Value;

use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::world::http::HeaderMap;
use crate::world::mask;
use crate::world::patience::{Wait, told};

/// An answer that is not 2xx, and whom it is from.
pub struct Answer<'a> {
    pub host: &'a str,
    /// `owner/name`
    pub repository: &'a str,
    /// The variable that the token comes from.
    pub credential: &'a str,
    pub status: u16,
    pub headers: &'a HeaderMap,
    /// `message` of the body.
    pub message: &'a str,
    /// `errors` of the body.
    pub errors: &'a [Value],
}

/// The failure that an answer stands for. `doing` completes "cannot …".
pub fn judge(doing: &str, answer: &Answer<'_>) -> Failure {
    let said = said(answer);
    let Answer { host, repository, credential, .. } = answer;
    let problem = |code| Problem::new(code, format!("cannot {doing}: `{host}` answered {said}"));
    match answer.status {
        _ if is_limit(answer) => Failure::Retry {
            problem: problem("rate-limited"),
            after: told(answer.headers).map_or(Wait::Limited, Wait::Told),
        },
        401 => Failure::Denied(
            problem("token-refused").hint(format!("`{credential}` is missing, expired or revoked: set a valid one")),
        ),
        403 => Failure::Denied(
            problem("permission-missing")
                .hint(format!("`{credential}` needs the permission `contents: write` for `{repository}`")),
        ),
        404 => Failure::Missing(problem("not-found")),
        409 => Failure::Missing(problem("not-found").hint("the repository is empty: push it first")),
        408 | 425 | 429 | 500.. => Failure::Retry {
            problem: problem("server-trouble"),
            after: told(answer.headers).map_or(Wait::Soon, Wait::Told),
        },
        422 => invalid(answer, problem),
        300..=399 => {
            Failure::Fatal(problem("repository-moved").hint(format!("was `{repository}` renamed? write its new name")))
        }
        _ => Failure::Fatal(problem("unexpected-answer")),
    }
}

/// 422: sometimes an answer to our question, sometimes a rule of the repository, else our bug.
fn invalid(answer: &Answer<'_>, problem: impl Fn(&'static str) -> Problem) -> Failure {
    let is = |key: &str, word: &str| answer.errors.iter().any(|error| error[key] == word);
    let all = said(answer).to_lowercase();
    if is("code", "already_exists") {
        Failure::AlreadyThere(problem("already-there"))
    } else if all.contains("immutable release") {
        Failure::Conflict(
            problem("release-immutable")
                .hint("the files and the tag of an immutable release can never change: release the next version"),
        )
    } else if is("field", "pre_receive") || all.contains("creations being restricted") {
        Failure::Denied(
            problem("rules-refuse")
                .hint("a rule of the repository forbids this tag or release: ask its owner to allow it"),
        )
    } else {
        Failure::Fatal(problem("unexpected-answer"))
    }
}

/// A primary limit is a 403 or 429 with nothing remaining, a secondary one says so in words:
/// <https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api#rate-limit-errors>.
pub fn is_limit(answer: &Answer<'_>) -> bool {
    let message = answer.message.to_lowercase();
    let used_up = answer.headers.get("x-ratelimit-remaining").is_some_and(|left| left == "0");
    answer.status == 429
        || answer.status == 403
            && (used_up || answer.headers.contains_key("retry-after") || message.contains("rate limit"))
}

/// Status and words of an answer in one line.
fn said(answer: &Answer<'_>) -> String {
    let mut words = vec![answer.message.trim().replace('\n', " ")];
    for error in answer.errors {
        match error {
            Value::String(text) => words.push(text.clone()),
            other => {
                let named = ["resource", "field", "code", "message"];
                words.extend(named.iter().filter_map(|key| other[key].as_str()).map(str::to_owned));
            }
        }
    }
    words.retain(|word| !word.is_empty());
    let mut text = mask::hide(&format!("{} {}", answer.status, words.join(", "))).into_owned();
    if let Some((at, _)) = text.char_indices().nth(300) {
        text.truncate(at);
    }
    text.trim_end().to_owned()
}
