//! The way of every request: logged, held or struck by a fault if a test wants it, let in, answered.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State as Held};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, header, request::Parts};

use crate::rehearsal::hold::Moment;
use crate::world::server::Peer;

use super::answer::{Content, GithubAnswer};
use super::api;
use super::asked::Asked;
use super::event::Effect;
use super::fault::Strike;
use super::json::Addresses;
use super::route::{self, RequestKind, Route, Target};
use super::shared::Shared;
use super::site;
use super::state::Who;
use super::upload::{self, Upload};

/// GitHub's own limit for JSON bodies is larger; nothing sensible comes near.
const MAX_JSON: usize = 1 << 20;

struct Call {
    number: usize,
    parts: Parts,
    target: Target,
    route: Route,
    to: Addresses,
}

enum End {
    GithubAnswer(GithubAnswer),
    /// Nothing is sent any more.
    Cut {
        received: u64,
        effects: Vec<Effect>,
    },
}

pub(super) async fn serve(
    Held(shared): Held<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response<Body> {
    // In a task of its own: a client that goes away does not undo what its request began.
    let task = tokio::spawn(async move {
        let (parts, body) = request.into_parts();
        let call = read(&shared, parts);
        let end = carry_out(&shared, &call, body).await;
        conclude(&shared, &call, end, &peer).await
    });
    // A task that panicked answers nothing, which a client sees as the bug it is.
    task.await.unwrap_or_else(|_| Response::new(Body::empty()))
}

fn read(shared: &Shared, parts: Parts) -> Call {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let token = parts.headers.contains_key(header::AUTHORIZATION);
    let number = shared.log.begin(parts.method.as_str(), path, token);
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (style, target, route) =
        route::read(&parts.method, parts.uri.path(), text(header::ACCEPT).contains("text/html"));
    let host = text(header::HOST).to_owned();
    let to = Addresses { host, style, digests: shared.state().digests };
    Call { number, parts, target, route, to }
}

async fn carry_out(shared: &Shared, call: &Call, body: Body) -> End {
    let stop = shared.stops.take(call.number, &format!("{} {}", call.parts.method, call.parts.uri));
    let moment = stop.as_ref().map(|stop| stop.moment);
    let nothing = End::Cut { received: 0, effects: Vec::new() };
    let end = match moment {
        Some(Moment::Before) => nothing,
        _ => {
            let strike = shared.strike(call.route.kind());
            struck(shared, call, body, strike, moment == Some(Moment::Midway)).await
        }
    };
    let Some(stop) = stop else { return end };
    let (received, effects) = match end {
        End::GithubAnswer(answer) => (answer.received, answer.effects),
        End::Cut { received, effects } => (received, effects),
    };
    // Noted before the test hears of it, so that it finds the effect in the log.
    shared.log.end(call.number, None, received, effects.clone());
    stop.stand().await;
    End::Cut { received, effects }
}

async fn struck(shared: &Shared, call: &Call, body: Body, strike: Option<Strike>, midway: bool) -> End {
    let refusal = match strike {
        Some(Strike::RateLimit) => {
            let answer = GithubAnswer::error(429, "API rate limit exceeded for installation ID 1.");
            answer.header(header::RETRY_AFTER, "1").header(REMAINING, "0")
        }
        Some(Strike::SecondaryLimit) => {
            let text = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
            GithubAnswer::error(403, text).header(header::RETRY_AFTER, "1")
        }
        Some(Strike::Unauthorized) => GithubAnswer::error(401, "Bad credentials"),
        Some(Strike::LoseAnswer) => {
            let End::GithubAnswer(answer) = admitted(shared, call, body, None, midway).await else {
                return End::Cut { received: 0, effects: Vec::new() };
            };
            return End::Cut { received: answer.received, effects: answer.effects };
        }
        Some(Strike::CutBody) => return admitted(shared, call, body, None, true).await,
        Some(Strike::BadGateway) | None => return admitted(shared, call, body, strike, midway).await,
    };
    let received = upload::drain(body).await;
    End::GithubAnswer(GithubAnswer { received, ..refusal })
}

/// What comes before every endpoint: who asks, and with what manners.
async fn admitted(shared: &Shared, call: &Call, body: Body, strike: Option<Strike>, midway: bool) -> End {
    let headers = &call.parts.headers;
    if call.route.kind() == RequestKind::Page {
        let asked = asked(call, Who::Anonymous, &[]);
        return End::GithubAnswer(site::answer(shared, &asked, &call.route));
    }
    if !headers.contains_key(header::USER_AGENT) {
        let text = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header";
        return End::GithubAnswer(GithubAnswer::html(403, text.to_owned()));
    }
    let Some(who) = shared.who(headers) else {
        let received = upload::drain(body).await;
        return End::GithubAnswer(GithubAnswer { received, ..GithubAnswer::error(401, "Bad credentials") });
    };
    if let Route::Upload(release) = call.route {
        let asked = asked(call, who, &[]);
        if strike == Some(Strike::BadGateway) {
            return End::GithubAnswer(upload::bad_gateway(shared, &asked, release, body).await);
        }
        return match upload::upload(shared, &asked, release, body, midway).await {
            Upload::Answered(answer) => End::GithubAnswer(answer),
            Upload::Interrupted { received, effects } => End::Cut { received, effects },
        };
    }
    let Ok(bytes) = to_bytes(body, MAX_JSON).await else {
        return End::GithubAnswer(GithubAnswer::error(413, "Payload too large"));
    };
    let asked = asked(call, who, &bytes);
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut state = shared.state();
    let answer = match call.route {
        Route::Asset(id) if accept.contains("application/octet-stream") => {
            api::asset_bytes(&state, &asked, id, &shared.signature(id))
        }
        _ => api::answer(&mut state, &asked, &call.route),
    };
    End::GithubAnswer(GithubAnswer { received: bytes.len() as u64, ..answer })
}

fn asked<'a>(call: &'a Call, who: Who, body: &'a [u8]) -> Asked<'a> {
    let (query, path) = (call.parts.uri.query().unwrap_or_default(), call.parts.uri.path());
    Asked { target: &call.target, who, to: &call.to, query, path, headers: &call.parts.headers, body }
}

/// Completes the log and makes the response, or cuts the connection.
async fn conclude(shared: &Shared, call: &Call, end: End, peer: &Peer) -> Response<Body> {
    match end {
        End::Cut { received, effects } => {
            shared.log.end(call.number, None, received, effects);
            peer.cut();
            Response::new(Body::empty())
        }
        End::GithubAnswer(mut answer) => {
            shared.log.end(call.number, Some(answer.status), answer.received, std::mem::take(&mut answer.effects));
            let who = shared.who(&call.parts.headers).unwrap_or(Who::Anonymous);
            let api = call.route.kind() != RequestKind::Page && !matches!(answer.content, Content::Html(_));
            let mut response = answer.into_response().await;
            let headers = response.headers_mut();
            headers.insert(header::SERVER, HeaderValue::from_static("longshore-rehearsal"));
            headers.insert(HeaderName::from_static("x-github-request-id"), request_id(call.number));
            if api {
                limits(headers, who, call.number);
            }
            response
        }
    }
}

const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");

/// The headers clients pace themselves by.
fn limits(headers: &mut HeaderMap, who: Who, used: usize) {
    let limit = api::limit(who);
    let remaining = limit.saturating_sub(used).max(1);
    headers.entry(REMAINING).or_insert(remaining.into());
    headers.insert("x-ratelimit-limit", limit.into());
    headers.insert("x-ratelimit-used", used.into());
    headers.insert("x-ratelimit-reset", api::reset().into());
    headers.insert("x-ratelimit-resource", HeaderValue::from_static("core"));
    headers.insert("x-github-media-type", HeaderValue::from_static("github.v3; format=json"));
    headers.insert("x-github-api-version-selected", HeaderValue::from_static("2022-11-28"));
}

fn request_id(number: usize) -> HeaderValue {
    let id = format!("0400:{number:06X}:{:06X}:{number:08X}", number * 7 + 1);
    HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("0400"))
}
