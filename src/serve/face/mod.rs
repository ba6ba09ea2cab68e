//! HTTP: which request goes where.

mod answer;
mod api;
mod build;
mod darwin;
mod document;
mod file;
mod follow;
mod form;
mod frame;
mod html;
mod intake;
mod links;
mod metrics;
mod page;
mod readiness;
mod route;
mod shared;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::Response;
use futures_util::StreamExt;

use answer::{detail, problem, with};
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

async fn answered(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let uri = parts.uri.clone();
    let route = Route::of(route::below(shared.links.prefix(), uri.path()));
    let method = METHODS.into_iter().find(|one| *one == parts.method.as_str()).unwrap_or("other");
    let response = taken(&shared, route, parts, body).await;
    let asked = crate::serve::metrics::Asked { method, path: route.pattern(), status: response.status().as_u16() };
    shared.workers.metrics().request(asked);
    response
}

async fn taken(shared: &Shared, route: Route<'_>, parts: Parts, body: Body) -> Response {
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
    let body = match read(body, &parts.method).await {
        Ok(body) => body,
        Err(status) => return unreadable(route, status),
    };
    let asked =
        Asked { method: parts.method, headers: parts.headers, query: parts.uri.query().unwrap_or_default(), body };
    dispatch(shared, route, asked).await
}

/// What comes with a request besides its path.
struct Asked<'q> {
    method: Method,
    headers: HeaderMap,
    query: &'q str,
    body: Bytes,
}

async fn dispatch(shared: &Shared, route: Route<'_>, asked: Asked<'_>) -> Response {
    let Asked { method, headers, query, body } = asked;
    match route {
        Route::Health => darwin::health(),
        Route::Submit => darwin::submit(shared, &headers, body).await,
        Route::Tasks => darwin::tasks(shared, &headers).await,
        Route::Status => darwin::status(shared, query).await,
        Route::Logs => darwin::logs(shared, &headers, query).await,
        Route::Static(name) => darwin::log(shared, name, query, &method, &headers).await,
        Route::Docs => document::page(&shared.links),
        Route::Redoc => {
            let place = format!("{}/docs", shared.links.here(&headers));
            with(redirect(), header::LOCATION, &place)
        }
        Route::OpenApi => document::openapi(&shared.links.base(&headers)),
        Route::Metrics => metrics::answer(shared).await,
        Route::List => page::list(shared, query).await,
        Route::Detail(id) => page::build(shared, id, query).await,
        Route::Facts(id) => page::facts(shared, id).await,
        Route::Lines(id) => page::lines(shared, id, query, &headers).await,
        Route::CancelForm(id) => page::cancel(shared, id).await,
        Route::RebuildForm(id) => page::rebuild(shared, id).await,
        Route::Asset(name) => frame::asset(name).unwrap_or_else(darwin::not_found),
        Route::Ready => api::ready(shared).await,
        Route::Builds if method == Method::POST => api::submit(shared, &headers, &body).await,
        Route::Builds => api::list(shared, &headers, query).await,
        Route::Build(id) => api::get(shared, &headers, id).await,
        Route::Cancel(id) => api::cancel(shared, &headers, id).await,
        Route::Rebuild(id) => api::rebuild(shared, &headers, id).await,
        Route::Log(id) => api::log(shared, id, query, &method, &headers).await,
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
