//! What the server answers.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use harbor_core::{Berth, Harbor, Refused};
use serde_json::json;

type Shared = Arc<Mutex<Harbor>>;

/// All routes of a harbor.
pub fn router(harbor: Shared) -> Router {
    Router::new().route("/health", get(health)).route("/berths", get(list).post(add)).with_state(harbor)
}

async fn health() -> Response {
    Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") })).into_response()
}

async fn list(State(harbor): State<Shared>) -> Response {
    let harbor = harbor.lock().unwrap_or_else(PoisonError::into_inner);
    Json(harbor.berths()).into_response()
}

async fn add(State(harbor): State<Shared>, Json(berth): Json<Berth>) -> Response {
    let added = harbor.lock().unwrap_or_else(PoisonError::into_inner).add(berth.clone());
    match added {
        Ok(()) => (StatusCode::CREATED, Json(berth)).into_response(),
        Err(refused) => {
            let status = match refused {
                Refused::Taken(_) => StatusCode::CONFLICT,
                Refused::Name(_) | Refused::Length(_) => StatusCode::UNPROCESSABLE_ENTITY,
            };
            (status, Json(json!({ "error": refused.to_string() }))).into_response()
        }
    }
}
