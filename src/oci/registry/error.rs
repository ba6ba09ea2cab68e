//! What a registry refuses, and what that means for us.

use serde_json::Value;

use crate::problem::{Exit, Failure, Problem};
use crate::reference::Repository;
use crate::world::http::{NoAnswer, Reply};
use crate::world::mask;
use crate::world::patience::{Passing, Wait};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub kind: ErrorKind,
    pub problem: Box<Problem>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A credential or permission is missing.
    Denied,
    /// The repository does not exist, and the registry makes none by itself.
    Missing,
    /// Something different is there already.
    Conflict,
    /// It may work later.
    Retry,
    /// The registry does not take it.
    Refused,
    /// Bytes are not what their digest says.
    Damaged,
    /// Something here must be corrected first.
    Usage,
    /// Our disk is full, or may not be written.
    Disk,
}

#[derive(Clone, Debug)]
pub enum Failed {
    /// For good.
    Final(Error),
    /// Another attempt may succeed.
    Again(Error, Wait),
}

impl Passing for Failed {
    fn passing(&mut self) -> Option<(Wait, &mut Problem)> {
        match self {
            Self::Again(error, after) => Some((*after, &mut error.problem)),
            Self::Final(_) => None,
        }
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Final(error) | Failed::Again(error, _) => error,
        }
    }
}

impl From<Error> for Failed {
    /// What was tried often enough already, or need not be tried.
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

impl Failed {
    pub fn of(error: Error) -> Self {
        if error.kind == ErrorKind::Retry { Self::Again(error, Wait::Soon) } else { Self::Final(error) }
    }
}

impl Error {
    pub fn new(kind: ErrorKind, problem: Problem) -> Self {
        Self { kind, problem: Box::new(problem) }
    }

    pub fn exit(&self) -> Exit {
        match self.kind {
            ErrorKind::Denied => Exit::Denied,
            ErrorKind::Conflict => Exit::Conflict,
            ErrorKind::Damaged => Exit::Verification,
            ErrorKind::Usage => Exit::Usage,
            ErrorKind::Missing | ErrorKind::Retry | ErrorKind::Refused => Exit::Unfinished,
            ErrorKind::Disk => Exit::Unexpected,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { exit: error.exit(), problems: vec![*error.problem] }
    }
}

impl From<Error> for anyhow::Error {
    fn from(error: Error) -> Self {
        Failure::from(error).into()
    }
}

pub fn unreachable(error: &NoAnswer) -> Error {
    let problem = Problem::new("registry-unreachable", error.text.clone());
    if error.forbidden {
        let hint = "if this private host is intended, add it to `publish.registry.hosts`: `HOST: {}`";
        return Error::new(ErrorKind::Refused, Problem::new("registry-refused", error.text.clone()).hint(hint));
    }
    if error.changed {
        let hint = "the files changed after they were verified: run `longshore verify` or build again";
        return Error::new(ErrorKind::Usage, Problem::new("changed-artifact", error.to_string()).hint(hint));
    }
    if let Some((code, hint)) = error.disk {
        return Error::new(ErrorKind::Disk, Problem::new(code, error.text.clone()).hint(hint));
    }
    if error.untrusted {
        let hint = "set `ca:` of the host in `publish.registry.hosts` to its CA certificate";
        return Error::new(ErrorKind::Usage, problem.hint(hint));
    }
    let hint = "check the network (behind a proxy, set `HTTPS_PROXY`), then run the same command again to continue";
    Error::new(ErrorKind::Retry, problem.hint(hint))
}

/// The codes of an error answer:
/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes>.
pub fn codes(reply: &Reply) -> Vec<String> {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let errors = body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().filter_map(|error| error["code"].as_str().map(str::to_owned)).collect()
}

/// What a registry says, on one line and not too long.
pub fn words(reply: &Reply) -> String {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let message = body["errors"][0]["message"].as_str().or_else(|| body["message"].as_str());
    let raw = String::from_utf8_lossy(&reply.body);
    // A page of HTML says nothing.
    let text = message.unwrap_or_else(|| if raw.contains('<') { "" } else { &raw });
    // Whole: a secret that is cut is not known for one.
    let line: String =
        mask::hide(text).chars().map(|char| if char.is_control() { ' ' } else { char }).take(300).collect();
    let codes = codes(reply).join(", ");
    match (codes.is_empty(), line.trim().is_empty()) {
        (true, true) => format!("status {}", reply.status),
        (true, false) => format!("status {}: {}", reply.status, line.trim()),
        (false, true) => format!("status {}, {codes}", reply.status),
        (false, false) => format!("status {}, {codes}: {}", reply.status, line.trim()),
    }
}

/// An answer that looks like a success, but is not what was asked for: a page to log in at, a proxy's, an error.
pub fn unreadable(place: &str, wanted: &str, reply: &Reply) -> Error {
    let kind =
        reply.header("content-type").map(|kind| crate::shown::one_line(&mask::hide(kind)).chars().take(80).collect());
    let kind: String =
        kind.filter(|kind: &String| !kind.is_empty()).unwrap_or_else(|| "something without a type".into());
    let text = format!("`{place}` cannot be read: the answer ({}; {kind}) is not a {wanted}", words(reply));
    let hint = "check the host, and whether a proxy requires a login; then run the same command again";
    Error::new(ErrorKind::Refused, Problem::new("registry-refused", text).hint(hint))
}

/// An answer that is not a success. `doing` says what was tried, for "cannot …"; `place` is the repository or host.
pub fn refusal(doing: &str, place: &str, reply: &Reply) -> Error {
    let said = words(reply);
    let codes = codes(reply);
    let has = |code: &str| codes.iter().any(|known| known.eq_ignore_ascii_case(code));
    let text = format!("cannot {doing} at `{place}`: {said}");
    // Distribution answers 500 when its disk is full, others 507.
    let full = reply.status == 507 || reply.status == 500 && said.contains("no space left");
    let (kind, problem) = match reply.status {
        401 => (
            ErrorKind::Denied,
            Problem::new("registry-denied", text).hint(
                "log in (`docker login`), or set the variables that hold user and password in `publish.registry.hosts`",
            ),
        ),
        _ if has("NAME_UNKNOWN") || has("RepositoryNotFoundException") => (
            ErrorKind::Missing,
            Problem::new("registry-missing", text)
                .hint("create the repository first (this registry does not create repositories), or check its name"),
        ),
        403 => (
            ErrorKind::Denied,
            Problem::new("registry-denied", text)
                .hint("the account lacks permission: allow it to push (GHCR: `permissions: packages: write`)"),
        ),
        _ if full => (
            ErrorKind::Refused,
            Problem::new("registry-full", text)
                .hint("free some space there, then run the same command again to continue"),
        ),
        429 => (
            ErrorKind::Retry,
            Problem::new("registry-limited", text).hint("wait, and run the same command again to continue"),
        ),
        500..=599 => (
            ErrorKind::Retry,
            Problem::new("registry-unreachable", text).hint("run the same command again to continue"),
        ),
        _ => (
            ErrorKind::Refused,
            Problem::new("registry-refused", text)
                .hint("fix what the registry reports, then run the same command again to continue"),
        ),
    };
    Error::new(kind, problem)
}

/// Bytes that are not what their digest says.
pub fn damaged(text: String) -> Error {
    let hint = "do not use this registry (or the proxy in front of it) until it is repaired";
    Error::new(ErrorKind::Damaged, Problem::new("registry-damaged", text).hint(hint))
}

/// An answer that is not a list.
pub fn no_list(doing: &str, repository: &Repository, reply: &Reply) -> Error {
    match reply.status {
        200 => unreadable(&repository.to_string(), "list", reply),
        _ => refusal(doing, &repository.to_string(), reply),
    }
}

/// Whether a tag may not be moved. ECR, GAR, Docker Hub, Harbor and Quay each say it in their own words.
pub fn is_immutable(reply: &Reply) -> bool {
    let said = words(reply).to_ascii_lowercase();
    let codes = codes(reply);
    (400..=412).contains(&reply.status)
        && (said.contains("immutab") || codes.iter().any(|code| code.contains("ImageTagAlreadyExists")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::world::http::HeaderMap;

    /// A login at ECR is longer than what is shown of an answer.
    #[test]
    fn a_long_secret_is_hidden_before_anything_is_cut() {
        let secret: String = (0..2500).map(|n| char::from(b'a' + (n * n % 26) as u8)).collect();
        mask::learn(&Secret::new(&secret));
        for body in [format!("you sent {secret}"), serde_json::json!({ "message": secret }).to_string()] {
            let said = words(&Reply { status: 400, headers: HeaderMap::new(), body: body.into_bytes() });
            assert!(said.contains("***") && !said.contains(&secret[..20]), "{said}");
        }
        let mut headers = HeaderMap::new();
        headers.insert("content-type", format!("text/{secret}").parse().unwrap());
        let text = unreadable("r.example", "list", &Reply { status: 200, headers, body: Vec::new() }).problem.message;
        assert!(text.contains("text/***") && !text.contains(&secret[..20]), "{text}");
    }
}
