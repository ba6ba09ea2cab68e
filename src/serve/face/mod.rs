//! HTTP: which request goes where.

mod answer;
mod api;
mod asked;
mod build;
mod caller;
mod darwin;
mod document;
mod file;
mod follow;
mod form;
mod frame;
mod html;
mod imported;
mod intake;
mod links;
mod metrics;
mod page;
mod readiness;
mod route;
mod shared;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::Response;
use futures_util::StreamExt;

use answer::{detail, problem, with};
use asked::Asked;
use caller::Caller;
use route::Route;

pub use build::Build;
pub use links::Links;
pub use readiness::Readiness;
pub use shared::Shared;

/// Those that are counted by their name.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// The longest body.
const LARGEST_BODY: usize = 4 << 20;

/// How much is read of a longer one, to be thrown away.
const LONGEST_BODY: usize = 64 << 20;

/// How long a body may take to arrive.
const SLOWEST_BODY: Duration = Duration::from_secs(60);

/// Every address of the service.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(answered).with_state(shared)
}

async fn answered(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let uri = parts.uri.clone();
    let route = Route::of(route::below(shared.links.prefix(), uri.path()));
    let method = METHODS.into_iter().find(|one| *one == parts.method.as_str()).unwrap_or("other");
    let response = taken(&shared, route, parts, body, peer).await;
    let asked = crate::serve::metrics::Asked { method, path: route.pattern(), status: response.status().as_u16() };
    shared.workers.metrics().request(asked);
    response
}

async fn taken(shared: &Shared, route: Route<'_>, parts: Parts, body: Body, peer: SocketAddr) -> Response {
    let path = route::below(shared.links.prefix(), parts.uri.path());
    if let Some(response) = stranger(shared, &parts.headers, &parts.method, route) {
        return response;
    }
    if let Some(bare) = Route::without_slash(path) {
        return moved(shared, &parts.headers, bare, &parts.uri);
    }
    let is_known = !matches!(route, Route::Unknown | Route::UnknownApi);
    if is_known && !route.methods().contains(&parts.method.as_str()) {
        return not_allowed(route);
    }
    let wanted = route.scope(&parts.method);
    let caller = match Caller::of(shared.tokens.as_ref(), &parts.headers, wanted, peer.ip()) {
        Ok(caller) => caller,
        Err(denied) => return denied.answer(route),
    };
    let body = match read(body, &parts.method).await {
        Ok(body) => body,
        Err(status) => return unreadable(route, status),
    };
    let query = parts.uri.query().unwrap_or_default();
    let asked = Asked { caller, method: parts.method, headers: parts.headers, query, body };
    dispatch(shared, route, asked).await
}

async fn dispatch(shared: &Shared, route: Route<'_>, asked: Asked<'_>) -> Response {
    let headers = &asked.headers;
    match route {
        Route::Health => darwin::health(),
        Route::Submit => darwin::submit(shared, &asked).await,
        Route::Tasks => darwin::tasks(shared, &asked).await,
        Route::Status => darwin::status(shared, &asked).await,
        Route::Logs => darwin::logs(shared, &asked).await,
        Route::Static(name) => darwin::log(shared, name, &asked).await,
        Route::Docs => document::page(&shared.links),
        Route::Redoc => {
            let place = format!("{}/docs", shared.links.here(headers));
            with(redirect(), header::LOCATION, &place)
        }
        Route::OpenApi => document::openapi(&shared.links.base(headers)),
        Route::Metrics => metrics::answer(shared).await,
        Route::List => page::list(shared, &asked).await,
        Route::Detail(id) => page::build(shared, &asked, id).await,
        Route::Facts(id) => page::facts(shared, &asked, id).await,
        Route::Lines(id) => page::lines(shared, &asked, id).await,
        Route::CancelForm(id) => page::cancel(shared, &asked, id).await,
        Route::RebuildForm(id) => page::rebuild(shared, &asked, id).await,
        Route::Asset(name) => frame::asset(name).unwrap_or_else(darwin::not_found),
        Route::Ready => api::ready(shared).await,
        Route::Builds if asked.method == Method::POST => api::submit(shared, &asked).await,
        Route::Builds => api::list(shared, &asked).await,
        Route::Build(id) => api::get(shared, &asked, id).await,
        Route::Cancel(id) => api::cancel(shared, &asked, id).await,
        Route::Rebuild(id) => api::rebuild(shared, &asked, id).await,
        Route::Log(id) => api::log(shared, &asked, id).await,
        Route::UnknownApi => problem(StatusCode::NOT_FOUND, "path_unknown", "there is nothing at this path"),
        Route::Unknown => darwin::not_found(),
    }
}

/// What a page of another site makes a browser on this machine send: nobody here has asked for it.
fn stranger(shared: &Shared, headers: &HeaderMap, method: &Method, route: Route<'_>) -> Option<Response> {
    let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    let is_ours = shared.is_host(host);
    let origin = text(header::ORIGIN).map(|origin| origin.split_once("://").map_or(origin, |(_, host)| host));
    let is_same = origin.is_none_or(|origin| origin == host || shared.links.host() == Some(origin));
    if is_ours && (is_same || matches!(*method, Method::GET | Method::HEAD)) {
        return None;
    }
    let why =
        if is_ours { "requests from pages of other sites are not taken" } else { "this is not a name of this service" };
    Some(match route.is_of_api() {
        true => problem(StatusCode::FORBIDDEN, "site_forbidden", why),
        false => detail(StatusCode::FORBIDDEN, why),
    })
}

fn redirect() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    response
}

fn moved(shared: &Shared, headers: &HeaderMap, path: &str, uri: &Uri) -> Response {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    with(redirect(), header::LOCATION, &format!("{}{path}{query}", shared.links.here(headers)))
}

fn not_allowed(route: Route<'_>) -> Response {
    let response = match route.is_of_api() {
        true => problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path does not take this method"),
        false => detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"),
    };
    match route {
        // As the old service's files.
        Route::Static(_) => response,
        _ => with(response, header::ALLOW, &route.methods().join(", ")),
    }
}

/// The whole body of a request that may have one.
async fn read(body: Body, method: &Method) -> Result<Bytes, StatusCode> {
    if *method != Method::POST {
        return Ok(Bytes::new());
    }
    let read = tokio::time::timeout(SLOWEST_BODY, whole(body)).await;
    read.unwrap_or(Err(StatusCode::REQUEST_TIMEOUT))
}

async fn whole(body: Body) -> Result<Bytes, StatusCode> {
    let mut chunks = body.into_data_stream();
    let (mut whole, mut length) = (Vec::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| StatusCode::BAD_REQUEST)?;
        length += chunk.len();
        // Who sends too much hears of it only when all is read: a connection that is closed before loses the answer.
        if length > LONGEST_BODY {
            break;
        } else if length > LARGEST_BODY {
            whole.clear();
        } else {
            whole.extend_from_slice(&chunk);
        }
    }
    if length > LARGEST_BODY { Err(StatusCode::PAYLOAD_TOO_LARGE) } else { Ok(whole.into()) }
}

fn unreadable(route: Route<'_>, status: StatusCode) -> Response {
    let (code, text) = match status {
        StatusCode::PAYLOAD_TOO_LARGE => ("payload_too_large", format!("the limit is {} MiB", LARGEST_BODY >> 20)),
        StatusCode::REQUEST_TIMEOUT => ("body_slow", "the body took too long".to_owned()),
        _ => ("body_unreadable", "the body could not be read".to_owned()),
    };
    if route.is_of_api() { problem(status, code, &text) } else { detail(status, text) }
}
