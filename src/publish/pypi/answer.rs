//! What an index means by its answer to an upload, or by none.
//!
//! The words are PyPI's (`warehouse/forklift/legacy.py`); other indexes have a few of their own.

use serde_json::Value;

use super::html::unescape;
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::secret::Secret;
use crate::world::http::{NoAnswer, Reply};
use crate::world::mask;
use crate::world::patience::{Wait, told};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    Stored,
    /// The token is too old; this failure if there is no newer one.
    Expired(Failure),
    /// Something of that name is there; this failure unless it is the same.
    Taken(Failure),
    /// It may work later, or have worked.
    Again(Failure),
    Over(Failure),
}

pub struct About<'a> {
    pub host: &'a str,
    pub name: &'a str,
    pub project: &'a str,
    /// What was presented, to be kept out of what we say.
    pub secret: Option<&'a Secret>,
}

pub fn unreachable(error: &NoAnswer) -> Failure {
    let problem = |code| Problem::new(code, error.to_string());
    if error.changed {
        let hint = "the files changed after they were verified: run `longshore verify` or build again";
        return Failure::Refused(problem("changed-artifact").hint(hint));
    }
    if error.untrusted {
        let hint =
            "if the server is yours, install its CA certificate, or set `SSL_CERT_FILE` to a file that contains it";
        return Failure::Fatal(problem("certificate-untrusted").hint(hint));
    }
    Failure::retry(problem("unreachable"))
}

#[derive(Clone, Copy)]
enum End {
    Conflict,
    Denied,
    Later,
    Rejected,
}

struct Refusal {
    /// The words it is known by, in lower case.
    words: &'static str,
    code: &'static str,
    end: End,
    hint: &'static str,
}

/// The refusals for good; the first whose words are said counts.
const REFUSALS: &[Refusal] = &[
    Refusal {
        words: "non-user identities cannot create new projects",
        code: "index-project-new",
        end: End::Denied,
        hint: "register a pending publisher for exactly this project name; a workflow and environment can have only one pending publisher, so a second new project needs its own environment or a first upload with an API token",
    },
    Refusal {
        words: "too many new projects created",
        code: "index-too-many-projects",
        end: End::Later,
        hint: "PyPI allows 4 new projects per user in 24 hours: run the same command again tomorrow, or create the project with a pending publisher, which does not count",
    },
    Refusal {
        words: "previously used by a file that has since been deleted",
        code: "index-name-used",
        end: End::Conflict,
        hint: "the name of a deleted file cannot be reused: release a new version",
    },
    Refusal {
        words: "older than 14 days",
        code: "index-release-old",
        end: End::Rejected,
        hint: "it can never be completed: release a new version",
    },
    Refusal {
        words: "file too large",
        code: "index-file-too-large",
        end: End::Rejected,
        hint: "make it smaller, or ask the index for a higher limit",
    },
    Refusal {
        words: "project size too large",
        code: "index-file-too-large",
        end: End::Denied,
        hint: "delete old releases, or ask the index for a higher limit of the whole project; then run the same command again",
    },
    Refusal {
        words: "only one sdist may be uploaded",
        code: "index-file-differs",
        end: End::Conflict,
        hint: "this version already has another sdist: release a new version",
    },
    Refusal {
        words: "unsupported platform tag",
        code: "index-tag-refused",
        end: End::Rejected,
        hint: "build the wheel for a platform that the index accepts",
    },
    Refusal { words: "token is not valid for project", code: "index-project-denied", end: End::Denied, hint: PROJECT },
    Refusal { words: "isn't allowed to upload", code: "index-project-denied", end: End::Denied, hint: PROJECT },
    Refusal {
        words: "is too similar to an existing project",
        code: "index-project-denied",
        end: End::Denied,
        hint: "choose another name",
    },
    Refusal { words: "isn't allowed", code: "index-project-denied", end: End::Denied, hint: "choose another name" },
];

const PROJECT: &str = "the token is for other projects, or its user may not upload to this one";

/// Texts for a file that is there already: PyPI, GitLab, Nexus, Artifactory.
const TAKEN: &[&str] =
    &["already exist", "already been taken", "updating asset", "does not allow updating", "overwrite artifact"];

/// Texts that pass.
const PAUSED: &[&str] = &["read-only mode", "uploads are temporarily disabled", "registration temporarily disabled"];

pub fn meaning(about: &About<'_>, reply: &Reply) -> Meaning {
    if reply.is_success() {
        return Meaning::Stored;
    }
    let said = said(about, reply);
    let words = said.to_lowercase().replace('’', "'");
    let text = format!("cannot upload `{}`: `{}` answered {} {said}", about.name, about.host, reply.status);
    let problem = |code| Problem::new(code, text.trim_end().to_owned());
    let again = |code, wait| {
        Meaning::Again(Failure::Retry { problem: problem(code), after: told(&reply.headers).map_or(wait, Wait::Told) })
    };
    let has = |list: &[&str]| list.iter().any(|part| words.contains(part));
    if matches!(reply.status, 400..=499) {
        if let Some(Refusal { code, end, hint, .. }) = REFUSALS.iter().find(|refusal| words.contains(refusal.words)) {
            let hinted = problem(code).hint(*hint);
            return Meaning::Over(match end {
                End::Conflict => Failure::Conflict(hinted),
                End::Denied => Failure::Denied(hinted),
                End::Later => Failure::retry(hinted),
                End::Rejected => Failure::Rejected(hinted),
            });
        }
        if has(TAKEN) || reply.status == 409 {
            let hint = "a file of an index is never replaced: release a new version";
            return Meaning::Taken(Failure::Conflict(problem("index-file-differs").hint(hint)));
        }
        if has(PAUSED) {
            return again("index-paused", Wait::Limited);
        }
        if words.contains("digest supplied does not match") {
            return again("index-damaged", Wait::Soon);
        }
    }
    match reply.status {
        401 | 403 if has(&["token is expired", "non-existent authentication"]) => Meaning::Expired(Failure::Denied(
            problem("token-refused").hint("it is unknown, expired or revoked: set a valid token of this index"),
        )),
        401 | 403 => Meaning::Over(Failure::Denied(
            problem("token-refused").hint(format!("set a token of this index that may upload to `{}`", about.project)),
        )),
        429 => again("rate-limited", Wait::Limited),
        408 | 425 | 500.. => again("server-trouble", Wait::Soon),
        300..=399 => Meaning::Over(Failure::Refused(
            problem("unexpected-answer").hint("use the full upload URL, for PyPI with the trailing slash"),
        )),
        404 | 405 => Meaning::Over(Failure::Refused(problem("unexpected-answer").hint("is this the upload URL?"))),
        _ => {
            Meaning::Over(Failure::Rejected(problem("index-refused").hint(
                "fix what the index reports; a new build needs a new version if some files of this one are public",
            )))
        }
    }
}

/// The words of an answer in one line, without what we presented.
fn said(about: &About<'_>, reply: &Reply) -> String {
    let body = String::from_utf8_lossy(&reply.body);
    let json: Value = serde_json::from_str(&body).unwrap_or_default();
    let code = json["code"].as_str().map(|code| code.trim_start_matches(|c: char| c.is_ascii_digit()).trim());
    let message = json["message"].as_str().or_else(|| json["detail"].as_str());
    let text = match (code, message) {
        (Some(code), _) if code.len() > 20 => code.to_owned(),
        (_, Some(message)) => message.to_owned(),
        (Some(code), None) => code.to_owned(),
        (None, None) => plain(&body),
    };
    about.secret.into_iter().for_each(mask::learn);
    let text = plain(&mask::hide(&text)).split_whitespace().collect::<Vec<_>>().join(" ");
    let mut text = mask::hide(&text).into_owned();
    if let Some((at, _)) = text.char_indices().nth(300) {
        text.truncate(at);
    }
    text
}

/// HTML without its tags.
fn plain(html: &str) -> String {
    let mut text = String::new();
    let html = html.split_once("</title>").map_or(html, |(_, body)| body);
    for (index, piece) in html.split('<').enumerate() {
        let piece = if index == 0 { piece } else { piece.split_once('>').map_or(piece, |(_, text)| text) };
        text.push_str(piece);
        text.push(' ');
    }
    unescape(text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Exit;
    use crate::world::http::HeaderMap;

    fn judge(status: u16, body: &str) -> Meaning {
        let secret = Secret::new("pypi-secret");
        let about = About { host: "a.example", name: "x-1.tar.gz", project: "x", secret: Some(&secret) };
        meaning(&about, &Reply { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() })
    }

    fn json(status: u16, text: &str) -> String {
        serde_json::json!({ "code": format!("{status} {text}"), "title": "Bad Request", "message": "<br/>" })
            .to_string()
    }

    fn check(status: u16, text: &str, kind: &str, code: &str, exit: Exit) {
        for body in [json(status, text), format!("<html><head><title>x</title></head><h1>{status}</h1>{text}</html>")] {
            let found = judge(status, &body);
            let (name, failure) = match &found {
                Meaning::Stored => panic!("{status} {text}"),
                Meaning::Expired(failure) => ("expired", failure),
                Meaning::Taken(failure) => ("taken", failure),
                Meaning::Again(failure) => ("again", failure),
                Meaning::Over(failure) => ("over", failure),
            };
            assert_eq!((name, failure.problem().code, failure.exit()), (kind, code, exit), "{status} {text}");
        }
    }

    #[test]
    fn every_answer_has_its_meaning() {
        assert_eq!(judge(200, ""), Meaning::Stored);
        let refused = Exit::Denied;
        check(403, "Read-only mode: Uploads are disabled.", "again", "index-paused", Exit::Unfinished);
        check(403, "New uploads are temporarily disabled. See", "again", "index-paused", Exit::Unfinished);
        check(403, "New project registration temporarily disabled.", "again", "index-paused", Exit::Unfinished);
        check(403, "Invalid or non-existent authentication information. See", "expired", "token-refused", refused);
        check(403, "Invalid API Token: token is expired", "expired", "token-refused", refused);
        check(403, "The given token isn't allowed to upload to project 'x'.", "over", "index-project-denied", refused);
        check(
            403,
            "The user &#39;u&#39; isn&#39;t allowed to upload to project",
            "over",
            "index-project-denied",
            refused,
        );
        check(400, "Non-user identities cannot create new projects.", "over", "index-project-new", refused);
        check(
            403,
            "Invalid API Token: project-scoped token is not valid for project: 'x'",
            "over",
            "index-project-denied",
            refused,
        );
        check(
            400,
            "The name 'ast' isn't allowed (conflict with Python Standard Library module name).",
            "over",
            "index-project-denied",
            refused,
        );
    }

    #[test]
    fn answers_about_files_have_their_meaning() {
        let rejected = Exit::Verification;
        check(429, "Too many new projects created", "over", "index-too-many-projects", Exit::Unfinished);
        check(429, "Slow down please, there are too many of you", "again", "rate-limited", Exit::Unfinished);
        check(
            400,
            "File already exists ('x-1.tar.gz', with blake2_256 hash '0').",
            "taken",
            "index-file-differs",
            Exit::Conflict,
        );
        check(409, "a file named x-1.tar.gz is here", "taken", "index-file-differs", Exit::Conflict);
        check(
            400,
            "This filename was previously used by a file that has since been deleted.",
            "over",
            "index-name-used",
            Exit::Conflict,
        );
        check(
            400,
            "Uploading new files to releases older than 14 days is not allowed.",
            "over",
            "index-release-old",
            rejected,
        );
        check(400, "File too large. Limit for project 'x' is 100 MB.", "over", "index-file-too-large", rejected);
        check(
            400,
            "The digest supplied does not match a digest calculated",
            "again",
            "index-damaged",
            Exit::Unfinished,
        );
        check(400, "Invalid distribution file. ZIP archive not accepted", "over", "index-refused", rejected);
        check(
            400,
            "Binary wheel has an unsupported platform tag 'linux_x86_64'.",
            "over",
            "index-tag-refused",
            rejected,
        );
        check(502, "Bad gateway, and some more words of a proxy", "again", "server-trouble", Exit::Unfinished);
        check(301, "moved", "over", "unexpected-answer", Exit::Usage);
    }

    #[test]
    fn no_answer_repeats_our_secret() {
        for body in [json(403, "The token pypi-secret is not a good one"), "pypi-secret".to_owned()] {
            let Meaning::Over(failure) = judge(403, &body) else { panic!() };
            let message = &failure.problem().message;
            assert!(message.contains("***") && !message.contains("pypi-secret"), "{message}");
        }
    }
}
