//! A registry seen through a gate: one request can be held back for as long as a test wants.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, Response};
use longshore::world::server::{Port, Server};
use tokio::sync::watch;

/// It, running; ends when it is dropped.
pub struct Gate {
    pub url: String,
    shared: Arc<Shared>,
    _server: Server,
}

struct Shared {
    to: String,
    client: reqwest::Client,
    /// The end of the path of manifests that are not written.
    held: watch::Sender<Option<String>>,
    waiting: Mutex<usize>,
    written: Mutex<Vec<String>>,
}

impl Gate {
    /// Before the registry of this host.
    pub fn before(host: &str) -> Self {
        // Without a provider reqwest does not even start.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let held = watch::channel(None).0;
        let to = format!("http://{host}");
        let shared = Arc::new(Shared { to, client, held, waiting: Mutex::default(), written: Mutex::default() });
        let port = Port::take(0).unwrap();
        let url = format!("http://{}", port.address());
        let server = port.serve(Router::new().fallback(pass).with_state(Arc::clone(&shared))).unwrap();
        Self { url, shared, _server: server }
    }

    /// Holds back whoever writes this tag or digest.
    pub fn hold(&self, identifier: &str) {
        self.shared.held.send_replace(Some(format!("/manifests/{identifier}")));
    }

    pub fn release(&self) {
        self.shared.held.send_replace(None);
    }

    /// How many requests have been held back.
    pub fn waiting(&self) -> usize {
        *self.shared.waiting.lock().unwrap()
    }

    /// The paths of manifests that were written, in order.
    pub fn written(&self) -> Vec<String> {
        self.shared.written.lock().unwrap().clone()
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let path = parts.uri.path().to_owned();
    if parts.method == Method::PUT && path.contains("/manifests/") {
        let mut held = shared.held.subscribe();
        let is_meant = |held: &Option<String>| held.as_ref().is_some_and(|end| path.ends_with(end));
        if is_meant(&held.borrow()) {
            *shared.waiting.lock().unwrap() += 1;
            held.wait_for(|held| !is_meant(held)).await.unwrap();
            // Whoever asked is not there any more.
            return Response::builder().status(503).body(Body::empty()).unwrap();
        }
        shared.written.lock().unwrap().push(path);
    }
    let url = format!("{}{}", shared.to, parts.uri.path_and_query().unwrap());
    let mut headers = parts.headers;
    headers.remove("host");
    let asked = shared.client.request(parts.method, url).headers(headers).body(body);
    let answer = asked.send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        // Addresses of uploads lead past the gate otherwise.
        let value = value.to_str().unwrap().replace(&shared.to, "");
        if name != "transfer-encoding" {
            response = response.header(name, value);
        }
    }
    response.body(Body::from_stream(answer.bytes_stream())).unwrap()
}
