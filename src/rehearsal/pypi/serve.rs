//! The way of every request: logged, held or struck by a fault if a test wants it, answered.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State as Held};
use axum::http::request::Parts;
use axum::http::{Response, header};
use futures_util::StreamExt;

use crate::rehearsal::hold::Moment;
use crate::world::server::Peer;

use super::answer::{End, IndexAnswer};
use super::route::{self, Route};
use super::shared::Shared;
use super::{github, json, oidc, page, simple, upload};

/// The largest body that is not an upload.
const LARGEST: usize = 1 << 20;

pub(super) async fn serve(
    Held(shared): Held<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response<Body> {
    // In a task of its own: a client that goes away does not undo what its request began.
    let task = tokio::spawn(async move {
        let (parts, body) = request.into_parts();
        let number = shared.note(&parts);
        let End::IndexAnswer(answer) = held(&shared, &parts, number, body).await else {
            peer.cut();
            return Response::new(Body::empty());
        };
        answer.into_response(&parts.headers, parts.method == "HEAD").await
    });
    // A task that panicked answers nothing, which a client sees as the bug it is.
    task.await.unwrap_or_else(|_| Response::new(Body::empty()))
}

async fn held(shared: &Shared, parts: &Parts, number: usize, body: Body) -> End {
    let Some(stop) = shared.stops.take(number, &format!("{} {}", parts.method, parts.uri)) else {
        return carry_out(shared, parts, body, false).await;
    };
    if stop.moment != Moment::Before {
        carry_out(shared, parts, body, stop.moment == Moment::Midway).await;
    }
    stop.stand().await;
    End::Cut
}

/// What a request asks for. `midway` ends an upload in the middle of its body.
async fn carry_out(shared: &Shared, parts: &Parts, body: Body, midway: bool) -> End {
    let answer = match (parts.method.as_str(), route::read(parts.uri.path())) {
        ("POST", Route::Legacy) => return upload::answer(shared, parts, body, midway).await,
        ("POST", Route::Bare) => {
            drain(body).await;
            upload::redirect()
        }
        ("POST", Route::Mint) => oidc::mint(shared, &small(body).await),
        ("GET" | "HEAD", route) => read(shared, parts, &route),
        (_, Route::Unknown) => IndexAnswer::error(404, "Not Found"),
        _ => IndexAnswer::error(405, "Method Not Allowed"),
    };
    End::IndexAnswer(answer)
}

/// What a request asks for that changes nothing.
fn read(shared: &Shared, parts: &Parts, route: &Route) -> IndexAnswer {
    let (headers, asked) = (&parts.headers, parts.uri.query().unwrap_or_default());
    match route {
        Route::Page => IndexAnswer::html(page::all(shared)),
        Route::Simple => simple::all(shared, headers),
        Route::Project(name) => simple::project(shared, headers, name),
        Route::Json(name, version) => json::answer(shared, name, version.as_deref()),
        Route::File(path) => json::file(shared, path),
        Route::Provenance(name, version, file) => json::provenance(shared, name, version, file),
        Route::Audience => oidc::audience(shared),
        Route::GitHub => github::answer(shared, headers, asked),
        Route::Slash => IndexAnswer::empty(301).header(header::LOCATION, format!("{}/", parts.uri.path())),
        Route::Legacy | Route::Bare | Route::Mint => IndexAnswer::error(405, "Method Not Allowed"),
        Route::Unknown => IndexAnswer::error(404, "Not Found"),
    }
}

/// A body that fits in memory; of a larger one so much that it is seen to be too large.
async fn small(body: Body) -> Bytes {
    let mut body = body.into_data_stream();
    let mut bytes = Vec::new();
    while bytes.len() <= LARGEST
        && let Some(Ok(chunk)) = body.next().await
    {
        bytes.extend_from_slice(&chunk);
    }
    bytes.into()
}

/// A client that is still sending would not hear an answer before it is done.
async fn drain(body: Body) {
    let mut body = body.into_data_stream();
    while let Some(Ok(_)) = body.next().await {}
}
