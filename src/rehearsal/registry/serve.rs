//! The way of every request: logged, let in, held or struck by a fault if a test wants it, answered.

use std::sync::Arc;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{ConnectInfo, Request, State as Held};
use axum::http::request::Parts;
use axum::http::{Response, header};
use futures_util::StreamExt;

use crate::rehearsal::hold::Moment;
use crate::world::server::Peer;

use super::answer::{Code, RegistryAnswer};
use super::fault::Fault;
use super::receive::{self, Uploaded};
use super::route::{self, Route};
use super::shared::Shared;
use super::{auth, blob, listing, manifest, page, upload};

enum End {
    RegistryAnswer(RegistryAnswer),
    /// Nothing is sent any more.
    Cut,
}

pub(super) async fn serve(
    Held(shared): Held<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response<Body> {
    // In a task of its own: a client that goes away does not undo what its request began.
    let task = tokio::spawn(async move {
        let (parts, body) = request.into_parts();
        let number = shared.note(&parts);
        let mut body = body.into_data_stream();
        let end = held(&shared, &parts, number, &mut body).await;
        let End::RegistryAnswer(answer) = end else {
            peer.cut();
            return Response::new(Body::empty());
        };
        // A client that is still sending would not hear an answer before it is done.
        while let Some(Ok(_)) = body.next().await {}
        answer.into_response(parts.method == "HEAD").await
    });
    // A task that panicked answers nothing, which a client sees as the bug it is.
    task.await.unwrap_or_else(|_| Response::new(Body::empty()))
}

/// Answers every request to the store of blobs.
pub(super) async fn store(Held(shared): Held<Arc<Shared>>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    shared.note(&parts);
    let answer = match parts.method.as_str() {
        "GET" | "HEAD" => blob::store(&shared, &parts.headers, parts.uri.path(), parts.uri.query().unwrap_or_default()),
        _ => RegistryAnswer::not_allowed(),
    };
    answer.into_response(parts.method == "HEAD").await
}

async fn held(shared: &Shared, parts: &Parts, number: usize, body: &mut BodyDataStream) -> End {
    let line = format!("{} {}", parts.method, parts.uri);
    let Some(stop) = shared.stops.take(number, &line) else { return admitted(shared, parts, body, false).await };
    if stop.moment != Moment::Before {
        admitted(shared, parts, body, stop.moment == Moment::Midway).await;
    }
    stop.stand().await;
    End::Cut
}

async fn admitted(shared: &Shared, parts: &Parts, body: &mut BodyDataStream, midway: bool) -> End {
    let route = match route::read(parts.uri.path()) {
        Ok(route) => route,
        Err(answer) => return End::RegistryAnswer(answer),
    };
    if let Err(answer) = auth::admit(shared, parts, &route) {
        return End::RegistryAnswer(answer);
    }
    let kind = route.kind(&parts.method, parts.uri.query().unwrap_or_default());
    let strike = shared.strike(kind);
    let cut = midway.then_some(Fault::CutUpload);
    let refusal = match strike {
        Some(Fault::RateLimit) => {
            let answer = RegistryAnswer::error(429, Code::TooManyRequests, "too many requests");
            answer.header(header::RETRY_AFTER, "1")
        }
        Some(Fault::ServerError) => RegistryAnswer::error(503, Code::Unknown, "service unavailable"),
        Some(Fault::StorageFull) => RegistryAnswer::error(507, Code::Unknown, "no space left on device"),
        Some(Fault::TokenDown) => RegistryAnswer::error(500, Code::Unknown, "internal server error"),
        Some(Fault::Denied) => RegistryAnswer::error(403, Code::Denied, "requested access to the resource is denied"),
        Some(Fault::LostAnswer) => {
            carry_out(shared, parts, &route, body, cut).await;
            return End::Cut;
        }
        other => return carry_out(shared, parts, &route, body, cut.or(other)).await,
    };
    End::RegistryAnswer(refusal)
}

/// What a request asks for, without regard to who asks.
async fn carry_out(
    shared: &Shared,
    parts: &Parts,
    route: &Route,
    body: &mut BodyDataStream,
    strike: Option<Fault>,
) -> End {
    let midway = strike == Some(Fault::CutUpload);
    let uploaded = match route {
        Route::Uploads(name) if parts.method == "POST" => upload::begin(shared, parts, name, body, midway).await,
        Route::Upload(name, id) if shared.state().upload(name, id).is_some() => {
            upload::go_on(shared, parts, id, body, midway).await
        }
        Route::Upload(..) => Uploaded::Answered(receive::unknown()),
        _ => Uploaded::Answered(answer(shared, parts, route, body, strike).await),
    };
    match uploaded {
        Uploaded::Answered(answer) => End::RegistryAnswer(answer),
        Uploaded::Interrupted => End::Cut,
    }
}

async fn answer(
    shared: &Shared,
    parts: &Parts,
    route: &Route,
    body: &mut BodyDataStream,
    strike: Option<Fault>,
) -> RegistryAnswer {
    let asked = parts.uri.query().unwrap_or_default();
    let reads = matches!(parts.method.as_str(), "GET" | "HEAD");
    match route {
        Route::Token => auth::token(shared, parts, &small(body).await),
        Route::Blob(name, digest) => blob::answer(shared, parts, name, *digest, strike),
        Route::Manifest(name, named) => {
            let bytes = small(body).await;
            manifest::answer(shared, parts, name, named, bytes)
        }
        Route::Page if reads => RegistryAnswer::html(page::all(shared)),
        // "Determining Support" of the spec.
        Route::Base if reads => RegistryAnswer::json(200, &serde_json::json!({})),
        Route::Tags(name) if reads => listing::tags(shared, name, asked),
        Route::Referrers(name, digest) if reads => listing::referrers(shared, name, *digest, asked),
        _ => RegistryAnswer::not_allowed(),
    }
}

/// A body that fits in memory; of a larger one so much that it is seen to be too large.
async fn small(body: &mut BodyDataStream) -> Bytes {
    let mut bytes = Vec::new();
    while bytes.len() <= manifest::LARGEST
        && let Some(Ok(chunk)) = body.next().await
    {
        bytes.extend_from_slice(&chunk);
    }
    bytes.into()
}
