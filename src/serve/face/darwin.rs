//! The old face: paths, bodies and codes of Darwin's Artifact Builder, byte for byte.

use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use super::answer::{detail, json, with};
use super::asked::Asked;
use super::file;
use super::follow;
use super::form::{Flaw, Form, Malformed};
use super::imported;
use super::intake::NotStored;
use super::links;
use super::shared::Shared;
use crate::serve::check;
use crate::serve::queue::COME_BACK;
use crate::serve::store::Row;
use crate::serve::task::{Face, State, Submission, TaskId};

const SUCCESS: &str = "SUCCESS";
const FAILED: &str = "FAILED";
const UNKNOWN_TASK: &str = "Task does not exist";

#[derive(Serialize)]
struct Health {
    status: &'static str,
    message: &'static str,
}

pub(super) fn health() -> Response {
    json(StatusCode::OK, &Health { status: SUCCESS, message: "OK" })
}

#[derive(Serialize)]
struct Queued<'a> {
    status: &'static str,
    task_id: &'a str,
    logs_url: &'a str,
    message: &'static str,
}

pub(super) async fn submit(shared: &Shared, asked: &Asked<'_>) -> Response {
    let (form, malformed) = Form::read(&asked.headers, asked.body.clone()).await;
    match malformed {
        Some(Malformed::NoBoundary) => return detail(StatusCode::BAD_REQUEST, "Missing boundary in multipart."),
        Some(Malformed::WrongBoundary) => {
            return detail(StatusCode::BAD_REQUEST, "There was an error parsing the body");
        }
        Some(Malformed::CutOff) | None => {}
    }
    let fields = match form.fields(malformed.is_some()) {
        Ok(fields) => fields,
        Err(flaws) => return detail(StatusCode::UNPROCESSABLE_ENTITY, flaws),
    };
    let (git_repo, login) = check::without_login(&fields.git_repo);
    let submission = Submission {
        face: Face::Old,
        app_name: fields.app_name,
        image_tag: fields.image_tag,
        git_repo,
        login,
        branch: fields.branch,
        app_dir: fields.app_dir,
        dockerfile: fields.dockerfile,
    };
    match shared.submit_or_fail(&asked.caller, submission).await {
        Ok(id) => {
            let logs_url = links::log(&shared.links.base(&asked.headers), &id);
            let message = "task has been added to queue";
            json(StatusCode::OK, &Queued { status: SUCCESS, task_id: id.as_str(), logs_url: &logs_url, message })
        }
        Err(not_stored) => refused(shared, not_stored),
    }
}

/// An answer of 200 with an empty id would make old callers ask for the status of nothing, for ever.
fn refused(shared: &Shared, not_stored: NotStored) -> Response {
    match not_stored {
        NotStored::Full | NotStored::Conflict | NotStored::Refused(_) => {
            let response = detail(StatusCode::TOO_MANY_REQUESTS, "too many tasks wait; submit it again later");
            with(response, header::RETRY_AFTER, &COME_BACK.as_secs().to_string())
        }
        NotStored::TooOften(after) => {
            let response = detail(StatusCode::TOO_MANY_REQUESTS, "too many submissions; submit it again later");
            with(response, header::RETRY_AFTER, &after.as_secs().to_string())
        }
        NotStored::NotHis(text) => detail(StatusCode::FORBIDDEN, text),
        NotStored::Failed(error) => no_database(shared, &error),
    }
}

/// A code that clients take for a failed request and try again; anything else would be read as a state.
fn no_database(shared: &Shared, error: &anyhow::Error) -> Response {
    shared.warn(error);
    detail(StatusCode::SERVICE_UNAVAILABLE, "the database does not answer")
}

/// The state as old callers know it: there are four.
fn word(state: State) -> &'static str {
    match state {
        State::Cancelled => State::Failed.word(),
        other => other.word(),
    }
}

#[derive(Serialize)]
struct Status {
    status: &'static str,
    build_status: &'static str,
    message: &'static str,
}

pub(super) async fn status(shared: &Shared, asked: &Asked<'_>) -> Response {
    let answer = match named(shared, asked).await {
        Ok(Some(row)) => Status { status: SUCCESS, build_status: word(row.state), message: "" },
        Ok(None) => Status { status: FAILED, build_status: "", message: UNKNOWN_TASK },
        Err(response) => return response,
    };
    json(StatusCode::OK, &answer)
}

#[derive(Serialize)]
struct Logs<'a> {
    status: &'static str,
    logs_url: &'a str,
    message: &'static str,
}

pub(super) async fn logs(shared: &Shared, asked: &Asked<'_>) -> Response {
    match named(shared, asked).await {
        Ok(Some(row)) => {
            let url = links::log(&shared.links.base(&asked.headers), &row.id);
            json(StatusCode::OK, &Logs { status: SUCCESS, logs_url: &url, message: "" })
        }
        Ok(None) => json(StatusCode::OK, &Logs { status: FAILED, logs_url: "", message: UNKNOWN_TASK }),
        Err(response) => response,
    }
}

/// The task that a query names.
async fn named(shared: &Shared, asked: &Asked<'_>) -> Result<Option<Row>, Response> {
    let ids = url::form_urlencoded::parse(asked.query.as_bytes()).filter(|(name, _)| name == "task_id");
    let Some((_, id)) = ids.last() else {
        return Err(detail(StatusCode::UNPROCESSABLE_ENTITY, [Flaw::missing("query", "task_id")]));
    };
    let Ok(id) = id.parse::<TaskId>() else { return Ok(None) };
    let found = shared.store.get(&id).await.map_err(|error| no_database(shared, &error))?;
    Ok(found.filter(|row| asked.caller.sees(row)))
}

#[derive(Serialize)]
struct Tasks {
    status: &'static str,
    data: Vec<Task>,
    message: &'static str,
}

#[derive(Serialize)]
struct Task {
    task_id: String,
    app_name: String,
    image_tag: String,
    logs_url: String,
    status: &'static str,
}

pub(super) async fn tasks(shared: &Shared, asked: &Asked<'_>) -> Response {
    let rows = match shared.store.all().await {
        Ok(rows) => rows,
        Err(error) => return no_database(shared, &error),
    };
    let base = shared.links.base(&asked.headers);
    let data = rows.into_iter().filter(|row| asked.caller.sees(row)).map(|row| Task {
        task_id: row.id.to_string(),
        logs_url: links::log(&base, &row.id),
        app_name: row.app_name,
        image_tag: row.image_tag,
        status: word(row.state),
    });
    json(StatusCode::OK, &Tasks { status: SUCCESS, data: data.collect(), message: "" })
}

/// `/static/ID.log`: the log of the last attempt, or with `follow=1` of one that is to come as well.
pub(super) async fn log(shared: &Shared, name: &str, asked: &Asked<'_>) -> Response {
    let Some(id) = name.strip_suffix(".log").and_then(|id| id.parse::<TaskId>().ok()) else { return not_found() };
    match shared.store.get(&id).await {
        Ok(Some(row)) if asked.caller.sees(&row) => {
            if let Some(response) = imported::log(shared, &row).await {
                return response;
            }
            if asked.query == "follow=1" && asked.method == Method::GET {
                return follow::pieces(shared, &row, None, 0).await.map_or_else(not_found, follow::text);
            }
            let path = shared.logs.path(&id, row.attempt);
            file::answer(&path, &asked.method, &asked.headers).await.unwrap_or_else(not_found)
        }
        Ok(_) => not_found(),
        Err(error) => no_database(shared, &error),
    }
}

pub(super) fn not_found() -> Response {
    detail(StatusCode::NOT_FOUND, "Not Found")
}
