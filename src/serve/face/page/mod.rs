//! The page: builds in a list, one build with its log, and what can be done to it. It works without a script, and is live with one.

mod ansi;
mod detail;
mod list;
mod log;
mod shape;
mod window;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::Response;

use super::answer::with;
use super::api;
use super::asked::Asked;
use super::frame::{self, fragment, notice};
use super::intake::NotStored;
use super::shared::Shared;
use crate::serve::store::{Cancel, Page, Row, Submitted};
use crate::serve::task::{State, TaskId};

/// Builds on one page of the list.
const MOST: u32 = 50;

pub(super) async fn list(shared: &Shared, asked: &Asked<'_>) -> Response {
    let filter = list::Filter::read(asked.query);
    let page = match api::page(&filter.query(None)) {
        Ok(page) => page,
        Err(text) => return notice(&shared.links, StatusCode::BAD_REQUEST, &text),
    };
    let looked = async {
        let rows = shared
            .store
            .page(&Page { most: MOST + 1, app_prefix: asked.caller.apps().map(str::to_owned), ..page })
            .await?;
        anyhow::Ok((rows, shared.store.count(State::Running).await?, shared.store.count(State::Waiting).await?))
    };
    match looked.await {
        Ok((rows, running, waiting)) => {
            let most = MOST as usize;
            let next = if rows.len() > most { rows.get(most - 1).map(|row| row.sequence) } else { None };
            let rows = &rows[..rows.len().min(most)];
            let counts = list::Counts { running, waiting, obstacle: shared.workers.obstacle() };
            let body = list::body(shared.links.prefix(), &filter, rows, next, &counts);
            frame::page(&shared.links, StatusCode::OK, "Builds", &body)
        }
        Err(error) => no_database(shared, &error),
    }
}

pub(super) async fn build(shared: &Shared, asked: &Asked<'_>, id: &str) -> Response {
    let row = match named(shared, asked, id).await {
        Ok(row) => row,
        Err(response) => return response,
    };
    let Ok(part) = log::Asked::read(asked.query) else {
        return notice(&shared.links, StatusCode::BAD_REQUEST, "use `attempt=NUMBER` and `line=NUMBER`, or nothing");
    };
    let facts = match facts_of(shared, &row).await {
        Ok(facts) => facts,
        Err(error) => return no_database(shared, &error),
    };
    let log = log::section(&shared.logs, shared.links.prefix(), &row, part).await;
    let body = detail::body(shared.links.prefix(), &row, &facts, &log);
    frame::page(&shared.links, StatusCode::OK, &format!("{}:{}", row.app_name, row.image_tag), &body)
}

/// What changes on the page of a build besides its log.
pub(super) async fn facts(shared: &Shared, asked: &Asked<'_>, id: &str) -> Response {
    match named(shared, asked, id).await {
        Ok(row) => match facts_of(shared, &row).await {
            Ok(facts) => fragment(StatusCode::OK, facts),
            Err(error) => no_database(shared, &error),
        },
        Err(response) => response,
    }
}

async fn facts_of(shared: &Shared, row: &Row) -> anyhow::Result<super::html::Html> {
    let steps = shared.store.steps(&row.id).await?;
    let obstacle = if row.state == State::Waiting { shared.workers.obstacle() } else { None };
    Ok(detail::facts(shared.links.prefix(), row, &steps, obstacle.as_deref()))
}

/// The lines that come after a page was made, as markup.
pub(super) async fn lines(shared: &Shared, asked: &Asked<'_>, id: &str) -> Response {
    let row = match named(shared, asked, id).await {
        Ok(row) => row,
        Err(response) => return response,
    };
    match log::follow(shared, &row, asked.query, &asked.headers).await {
        Some(response) => response,
        None => notice(&shared.links, StatusCode::NOT_FOUND, "there is no such log"),
    }
}

pub(super) async fn cancel(shared: &Shared, asked: &Asked<'_>, id: &str) -> Response {
    let row = match named(shared, asked, id).await {
        Ok(row) => row,
        Err(response) => return response,
    };
    match shared.workers.cancel(&row.id).await {
        Ok(Cancel::Done | Cancel::Asked) => {
            shared.audit("Cancelled", &row.id, &asked.caller);
            to_build(shared, &row.id)
        }
        Ok(Cancel::TooLate) => {
            let text = "It has ended, or its tag is being written: it can no longer be cancelled.";
            notice(&shared.links, StatusCode::CONFLICT, text)
        }
        Ok(Cancel::Unknown) => unknown(shared),
        Err(error) => no_database(shared, &error),
    }
}

pub(super) async fn rebuild(shared: &Shared, asked: &Asked<'_>, id: &str) -> Response {
    let row = match named(shared, asked, id).await {
        Ok(row) => row,
        Err(response) => return response,
    };
    let text = match shared.rebuild(&asked.caller, &row).await {
        Ok(Submitted::New(id) | Submitted::Before(id)) => return to_build(shared, &id),
        Ok(Submitted::Full | Submitted::Conflict) | Err(NotStored::Full | NotStored::Conflict) => {
            let text = "Too many builds wait; try again later.";
            return notice(&shared.links, StatusCode::TOO_MANY_REQUESTS, text);
        }
        Err(NotStored::Refused(refusals)) => refusals.first().map(|one| one.fault().message).unwrap_or_default(),
        Err(NotStored::TooOften(after)) => {
            let text = format!("You have submitted too often; try again in {} seconds.", after.as_secs());
            return notice(&shared.links, StatusCode::TOO_MANY_REQUESTS, &text);
        }
        Err(NotStored::NotHis(text)) => return notice(&shared.links, StatusCode::FORBIDDEN, &text),
        Err(NotStored::Failed(error)) => return no_database(shared, &error),
    };
    notice(&shared.links, StatusCode::UNPROCESSABLE_ENTITY, &format!("It is refused: {text}"))
}

/// The build that a path names.
async fn named(shared: &Shared, asked: &Asked<'_>, id: &str) -> Result<Row, Response> {
    let id: TaskId = id.parse().map_err(|_| unknown(shared))?;
    match shared.store.get(&id).await {
        Ok(Some(row)) if asked.caller.sees(&row) => Ok(row),
        Ok(_) => Err(unknown(shared)),
        Err(error) => Err(no_database(shared, &error)),
    }
}

fn unknown(shared: &Shared) -> Response {
    notice(&shared.links, StatusCode::NOT_FOUND, "There is no build with this id.")
}

fn no_database(shared: &Shared, error: &anyhow::Error) -> Response {
    shared.warn(error);
    notice(&shared.links, StatusCode::SERVICE_UNAVAILABLE, "The database does not answer.")
}

fn to_build(shared: &Shared, id: &TaskId) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    with(response, header::LOCATION, &format!("{}/builds/{id}", shared.links.prefix()))
}
