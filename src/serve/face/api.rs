//! The new face: builds as resources, real status codes, problems with a code.

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::answer::{self, Bad, json, problem, with};
use super::asked::Asked;
use super::build::Build;
use super::file;
use super::follow;
use super::imported;
use super::intake::NotStored;
use super::shared::Shared;
use crate::digest::Digest;
use crate::serve::check;
use crate::serve::queue::COME_BACK;
use crate::serve::store::{Cancel, Once, Page, Row, Submitted};
use crate::serve::task::{Face, Reason, State, Submission, TaskId};

/// Builds of one page of the list.
const PAGE: u32 = 50;
const MOST: u32 = 500;

const LONGEST_KEY: usize = 255;

/// What a caller sends.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Order {
    app_name: String,
    image_tag: String,
    git_repo: String,
    branch: Option<String>,
    app_dir: Option<String>,
    /// A Dockerfile, instead of the repository's.
    dockerfile: Option<String>,
}

impl Order {
    /// # Errors
    /// The answer that says what is wrong with the request.
    fn read(headers: &HeaderMap, body: &Bytes) -> Result<Self, Bad> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case(answer::JSON) {
            let text = "send JSON, with `content-type: application/json`";
            return Err(Bad::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type_unsupported", text));
        }
        serde_json::from_slice(body).map_err(|error| {
            let text = error.to_string();
            let code = match text.split('`').next().unwrap_or_default().trim() {
                "unknown field" => "field_unknown",
                "missing field" => "field_missing",
                "duplicate field" => "field_duplicated",
                _ => "json_invalid",
            };
            Bad::new(StatusCode::BAD_REQUEST, code, text)
        })
    }

    fn submission(self) -> Submission {
        let (git_repo, login) = check::without_login(&self.git_repo);
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        Submission {
            face: Face::New,
            app_name: self.app_name,
            image_tag: self.image_tag,
            git_repo,
            login,
            branch: given(self.branch),
            app_dir: given(self.app_dir),
            dockerfile: given(self.dockerfile).map(String::into_bytes),
        }
    }
}

pub(super) async fn submit(shared: &Shared, asked: &Asked<'_>) -> Response {
    let order = match Order::read(&asked.headers, &asked.body) {
        Ok(order) => order,
        Err(bad) => return bad.answer(),
    };
    let key = match key(&asked.headers) {
        Ok(key) => key.map(|key| asked.caller.own_key(key)),
        Err(bad) => return bad.answer(),
    };
    let request = Digest::of(&serde_json::to_vec(&order).unwrap_or_default());
    let once = key.as_ref().map(|key| Once { key, request });
    match shared.submit(&asked.caller, &order.submission(), once).await {
        Ok(submitted) => stored(shared, &asked.headers, submitted).await,
        Err(not_stored) => refused(shared, not_stored),
    }
}

/// `Idempotency-Key`
fn key(headers: &HeaderMap) -> Result<Option<&str>, Bad> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY);
    key.map(Some).ok_or_else(|| {
        let text = format!("`Idempotency-Key` must be 1 to {LONGEST_KEY} visible ASCII characters");
        Bad::new(StatusCode::BAD_REQUEST, "idempotency_key_invalid", text)
    })
}

async fn stored(shared: &Shared, headers: &HeaderMap, submitted: Submitted) -> Response {
    let (status, id) = match submitted {
        Submitted::New(id) => (StatusCode::CREATED, id),
        Submitted::Before(id) => (StatusCode::OK, id),
        Submitted::Conflict => return refused(shared, NotStored::Conflict),
        Submitted::Full => return refused(shared, NotStored::Full),
    };
    match shared.store.get(&id).await {
        Ok(Some(row)) => {
            let build = Build::of(&row, &shared.links.base(headers));
            with(json(status, &build), header::LOCATION, &build.url)
        }
        Ok(None) => unknown(),
        Err(error) => no_database(shared, &error),
    }
}

fn refused(shared: &Shared, not_stored: NotStored) -> Response {
    match not_stored {
        NotStored::Refused(refusals) => answer::refused(&refusals),
        NotStored::Conflict => {
            let text = "this `Idempotency-Key` was used for another request";
            problem(StatusCode::CONFLICT, "idempotency_conflict", text)
        }
        NotStored::Full => {
            let response =
                problem(StatusCode::TOO_MANY_REQUESTS, "queue_full", "too many builds wait; submit it again later");
            with(response, header::RETRY_AFTER, &COME_BACK.as_secs().to_string())
        }
        NotStored::TooOften(after) => {
            let text = "too many submissions; submit it again later";
            let response = problem(StatusCode::TOO_MANY_REQUESTS, "rate_limited", text);
            with(response, header::RETRY_AFTER, &after.as_secs().to_string())
        }
        NotStored::NotHis(text) => problem(StatusCode::FORBIDDEN, "app_forbidden", &text),
        NotStored::Failed(error) => no_database(shared, &error),
    }
}

fn no_database(shared: &Shared, error: &anyhow::Error) -> Response {
    shared.warn(error);
    problem(StatusCode::SERVICE_UNAVAILABLE, Reason::DatabaseUnavailable.word(), "the database does not answer")
}

fn unknown() -> Response {
    problem(StatusCode::NOT_FOUND, "build_not_found", "there is no build with this id")
}

#[derive(Serialize)]
struct Builds {
    builds: Vec<Build>,
    /// For `cursor`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

pub(super) async fn list(shared: &Shared, asked: &Asked<'_>) -> Response {
    let page = match page(asked.query) {
        Ok(page) => Page { app_prefix: asked.caller.apps().map(str::to_owned), ..page },
        Err(text) => return problem(StatusCode::BAD_REQUEST, "query_invalid", &text),
    };
    let most = page.most as usize;
    let rows = match shared.store.page(&Page { most: page.most + 1, ..page }).await {
        Ok(rows) => rows,
        Err(error) => return no_database(shared, &error),
    };
    let base = shared.links.base(&asked.headers);
    let next = if rows.len() > most { rows.get(most - 1).map(|row| row.sequence.to_string()) } else { None };
    let builds = rows.iter().take(most).map(|row| Build::of(row, &base)).collect();
    json(StatusCode::OK, &Builds { builds, next })
}

/// Which builds a query asks for.
///
/// # Errors
/// What is wrong with it.
pub(super) fn page(query: &str) -> Result<Page, String> {
    let mut page = Page { most: PAGE, ..Page::default() };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "cursor" => page.before = Some(value.parse().map_err(|_| "`cursor` is not one of this list")?),
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                page.most = limit.ok_or_else(|| format!("`limit` must be 1 to {MOST}"))?;
            }
            "state" => page.state = Some(value.parse::<State>().map_err(|why| format!("`state`: {why}"))?),
            "app_name" => page.app_name = Some(value.into_owned()),
            other => {
                return Err(format!(
                    "`{}` is not known here: use cursor, limit, state, app_name",
                    other.escape_debug()
                ));
            }
        }
    }
    Ok(page)
}

/// The build that a path names.
async fn named(shared: &Shared, asked: &Asked<'_>, id: &str) -> Result<Row, Response> {
    let id: TaskId = id.parse().map_err(|_| unknown())?;
    match shared.store.get(&id).await {
        Ok(Some(row)) if asked.caller.sees(&row) => Ok(row),
        Ok(_) => Err(unknown()),
        Err(error) => Err(no_database(shared, &error)),
    }
}

pub(super) async fn get(shared: &Shared, asked: &Asked<'_>, id: &str) -> Response {
    match named(shared, asked, id).await {
        Ok(row) => match shared.store.steps(&row.id).await {
            Ok(steps) => json(StatusCode::OK, &Build::of(&row, &shared.links.base(&asked.headers)).with(&steps)),
            Err(error) => no_database(shared, &error),
        },
        Err(response) => response,
    }
}

pub(super) async fn cancel(shared: &Shared, asked: &Asked<'_>, id: &str) -> Response {
    let task = match named(shared, asked, id).await {
        Ok(row) => row.id,
        Err(response) => return response,
    };
    let status = match shared.workers.cancel(&task).await {
        Ok(Cancel::Done) => StatusCode::OK,
        // What runs is ended first.
        Ok(Cancel::Asked) => StatusCode::ACCEPTED,
        Ok(Cancel::TooLate) => {
            let text = "it has ended, or its tag is being written: it can no longer be cancelled";
            return problem(StatusCode::CONFLICT, "not_cancellable", text);
        }
        Ok(Cancel::Unknown) => return unknown(),
        Err(error) => return no_database(shared, &error),
    };
    shared.audit("Cancelled", &task, &asked.caller);
    match named(shared, asked, id).await {
        Ok(row) => json(status, &Build::of(&row, &shared.links.base(&asked.headers))),
        Err(response) => response,
    }
}

pub(super) async fn rebuild(shared: &Shared, asked: &Asked<'_>, id: &str) -> Response {
    let row = match named(shared, asked, id).await {
        Ok(row) => row,
        Err(response) => return response,
    };
    match shared.rebuild(&asked.caller, &row).await {
        Ok(submitted) => stored(shared, &asked.headers, submitted).await,
        Err(not_stored) => refused(shared, not_stored),
    }
}

/// The log of the last attempt, or of one: as it is, or while it is written.
pub(super) async fn log(shared: &Shared, asked: &Asked<'_>, id: &str) -> Response {
    let row = match named(shared, asked, id).await {
        Ok(row) => row,
        Err(response) => return response,
    };
    let (mut attempt, mut follows) = (None, false);
    for (name, value) in url::form_urlencoded::parse(asked.query.as_bytes()) {
        match (&*name, value.parse()) {
            ("attempt", Ok(number)) => attempt = Some(number),
            ("follow", Ok(1)) => follows = true,
            _ => {
                return problem(
                    StatusCode::BAD_REQUEST,
                    "query_invalid",
                    "use `attempt=NUMBER` and `follow=1`, or nothing",
                );
            }
        }
    }
    if let Some(response) = imported::log(shared, &row).await {
        return response;
    }
    let no_log = || problem(StatusCode::NOT_FOUND, "log_not_found", "this attempt has no log yet");
    let Asked { method, headers, .. } = asked;
    let events = follow::wants_events(headers);
    if *method == Method::HEAD || !(events || follows) {
        let path = shared.logs.path(&row.id, attempt.unwrap_or(row.attempt));
        return file::answer(&path, method, headers).await.unwrap_or_else(no_log);
    }
    let offset = if events { follow::resumed(headers) } else { 0 };
    match follow::pieces(shared, &row, attempt, offset).await {
        Some(pieces) if events => follow::events(pieces, offset),
        Some(pieces) => follow::text(pieces),
        None => no_log(),
    }
}

#[derive(Serialize)]
struct Ready {
    status: &'static str,
    waiting: i64,
    running: i64,
}

/// Whether builds are possible now.
pub(super) async fn ready(shared: &Shared) -> Response {
    let counts =
        async { anyhow::Ok((shared.store.count(State::Waiting).await?, shared.store.count(State::Running).await?)) };
    let (waiting, running) = match counts.await {
        Ok(counts) => counts,
        Err(error) => return no_database(shared, &error),
    };
    if shared.workers.is_closing() {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "service_stopping", "the service stops");
    }
    if let Some(obstacle) = shared.workers.obstacle() {
        return problem(StatusCode::SERVICE_UNAVAILABLE, Reason::DiskFull.word(), &obstacle);
    }
    match shared.readiness.ask().await {
        Ok(()) => json(StatusCode::OK, &Ready { status: "ready", waiting, running }),
        Err(text) => problem(StatusCode::SERVICE_UNAVAILABLE, "not_ready", &text),
    }
}
