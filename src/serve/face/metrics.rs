//! `/metrics`: the queue and what was counted, for Prometheus.

use axum::http::StatusCode;
use axum::response::Response;

use super::answer::typed;
use super::shared::Shared;
use crate::serve::metrics::Text;
use crate::serve::task::State;
use crate::world::clock;

pub(super) async fn answer(shared: &Shared) -> Response {
    match text(shared).await {
        Ok(text) => typed(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text),
        Err(error) => {
            shared.warn(&error);
            typed(StatusCode::SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", "the database does not answer\n")
        }
    }
}

async fn text(shared: &Shared) -> anyhow::Result<String> {
    let (counts, oldest) = (shared.store.counts().await?, shared.store.oldest_waiting().await?);
    let mut text = Text::default();
    text.family("longshore_build_info", "gauge", "The version of this service.");
    text.sample("longshore_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    text.family("longshore_builds", "gauge", "Builds in the database, by state.");
    for state in State::ALL {
        let count = counts.iter().find(|(one, _)| one == state).map_or(0, |(_, count)| *count);
        text.sample("longshore_builds", &[("state", state.word())], count);
    }
    let waited = oldest.map_or(0, |since| clock::utc().timestamp_millis().saturating_sub(since).max(0));
    text.family(
        "longshore_oldest_waiting_seconds",
        "gauge",
        "How long the oldest waiting build has waited; 0 if none waits.",
    );
    text.sample("longshore_oldest_waiting_seconds", &[], waited as f64 / 1000.0);
    if let Some(free) = shared.workers.floor().free() {
        text.family("longshore_data_free_bytes", "gauge", "Free space of the disk that has the data folder.");
        text.sample("longshore_data_free_bytes", &[], free);
    }
    shared.workers.metrics().write(&mut text);
    Ok(text.into_string())
}
