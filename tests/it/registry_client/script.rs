//! A server that says what a test tells it to say.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;

/// A request; its body was read to its end.
pub struct Asked {
    /// `METHOD /path?query`.
    pub line: String,
    /// `Authorization`, or nothing.
    pub auth: String,
}

/// What is said.
#[derive(Default)]
pub struct Said {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    after: Duration,
}

/// An answer without a body.
pub fn say(status: u16) -> Said {
    Said { status, ..Said::default() }
}

impl Said {
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub fn json(self, value: &serde_json::Value) -> Self {
        self.header("content-type", "application/json").body(value.to_string())
    }

    pub fn after(mut self, time: Duration) -> Self {
        self.after = time;
        self
    }
}

type Answer = dyn Fn(&Asked) -> Said + Send + Sync;

struct Shared {
    answer: Box<Answer>,
    asked: Mutex<Vec<String>>,
    now: AtomicUsize,
    most: AtomicUsize,
}

/// The server; it ends when it is dropped.
pub struct Script {
    pub url: String,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl Script {
    pub async fn new(answer: impl Fn(&Asked) -> Said + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            asked: Mutex::default(),
            now: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        });
        let router = Router::new().fallback(serve).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, shared, task }
    }

    /// Every request so far.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// How many requests begin so.
    pub fn count(&self, start: &str) -> usize {
        self.asked().iter().filter(|line| line.starts_with(start)).count()
    }

    /// How many were under way at once since this was last asked.
    pub fn most(&self) -> usize {
        self.shared.most.swap(0, Ordering::SeqCst)
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let line = format!("{} {}", parts.method, parts.uri);
    let now = shared.now.fetch_add(1, Ordering::SeqCst) + 1;
    shared.most.fetch_max(now, Ordering::SeqCst);
    shared.asked.lock().unwrap().push(line.clone());
    let auth = parts.headers.get("authorization").map_or("", |value| value.to_str().unwrap()).to_owned();
    axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let said = (shared.answer)(&Asked { line, auth });
    tokio::time::sleep(said.after).await;
    shared.now.fetch_sub(1, Ordering::SeqCst);
    let mut response = Response::builder().status(said.status);
    for (name, value) in said.headers {
        response = response.header(name, value);
    }
    response.body(said.body.into()).unwrap()
}
