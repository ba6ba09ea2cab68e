//! From one registry to another without a disk between, and past a proxy that takes no long requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use futures_util::future::join_all;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_base_streams_from_registry_to_registry() {
    let tokens = Distribution::start(Kind::Tokens).await;
    let password = Distribution::start(Kind::Password).await;
    let (server, here) = ours(bearer());
    let places = [Place::of(&tokens), Place::of(&password), here];
    let hosts = places.iter().flat_map(|place| place.access(Some(PASSWORD)).hosts).collect();
    let registries = with(longshore::oci::registry::Access { hosts, ..Default::default() });
    let image = Image::new("base");
    image.push(&registries, &places[0].repository("library/base"), &["1"]).await.unwrap();
    let base = blob(media::LAYER_TAR, (0..5_000_000u32).flat_map(u32::to_le_bytes).collect());
    let first = places[0].repository("library/base");
    registries.push_blob(&first, &base.0, Source::Bytes(&base.1)).await.unwrap();
    // Around: tokens to password, password to ours, ours to tokens again.
    let mut from = first;
    for to in [&places[1], &places[2], &places[0]].map(|place| place.repository("acme/around")) {
        let mut others = image.blobs.iter().map(|(blob, _)| blob).chain([&base.0]).collect::<Vec<_>>();
        others.sort_by_key(|blob| blob.size);
        let work = others.iter().map(|blob| registries.push_blob(&to, blob, Source::Elsewhere(&from)));
        for pushed in join_all(work).await {
            assert_eq!(pushed.unwrap(), Pushed::Sent, "{to}");
        }
        let mut read = Vec::new();
        registries.download(&to, &base.0, &mut read).await.unwrap();
        assert!(read == base.1, "{to}");
        from = to;
    }
    image.push(&registries, &from, &["1"]).await.unwrap();
    image.check(&registries, &from, "1").await;
    places[0].crane(&["validate", "--remote", &format!("{from}:1")]).await;
    drop(server);
}

/// As nginx has it: 1 MiB without a setting, here a little more than a part of ours.
const LONGEST: u64 = 4 << 20;

struct Proxy {
    to: String,
    client: reqwest::Client,
    refused: AtomicUsize,
}

/// Registries behind a proxy that limits requests: the blob goes in parts, and Distribution puts them together.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_finds_too_long_goes_in_parts() {
    let registry = Distribution::start(Kind::Plain).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    // Without a provider reqwest does not even start.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let proxy = Arc::new(Proxy { to: format!("http://{}", registry.host), client, refused: AtomicUsize::new(0) });
    let router = Router::new().fallback(pass).with_state(Arc::clone(&proxy));
    let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });

    let place = Place::new(&host, None);
    let (registries, app) = (place.registries(None), place.repository("acme/app"));
    let (upstream, far) = ours(Auth::None);
    let blobs = [1u8, 2, 3].map(|number| blob(media::LAYER_TAR, vec![number; (11 << 20) + 5]));
    upstream.seed_blob("library/base", &blobs[2].1);
    let path = place.folder().join("blob");
    std::fs::write(&path, &blobs[1].1).unwrap();
    let from: Repository = far.repository("library/base");
    let sources = [Source::Bytes(&blobs[0].1), Source::File(&path, None), Source::Elsewhere(&from)];
    let direct = Place::of(&registry).registries(None);
    for ((blob, bytes), source) in blobs.iter().zip(sources) {
        assert_eq!(registries.push_blob(&app, blob, source).await.unwrap(), Pushed::Sent);
        let mut read = Vec::new();
        direct.download(&Place::of(&registry).repository("acme/app"), blob, &mut read).await.unwrap();
        assert!(read == *bytes);
    }
    assert_eq!(proxy.refused.load(Ordering::SeqCst), 3);
    task.abort();
}

async fn pass(State(proxy): State<Arc<Proxy>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let length: u64 = parts.headers.get("content-length").map_or(0, |value| value.to_str().unwrap().parse().unwrap());
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    if length > LONGEST {
        proxy.refused.fetch_add(1, Ordering::SeqCst);
        let page = Body::from("<html><h1>413 Request Entity Too Large</h1></html>");
        return Response::builder().status(StatusCode::PAYLOAD_TOO_LARGE).body(page).unwrap();
    }
    let url = format!("{}{}", proxy.to, parts.uri.path_and_query().unwrap());
    // With `Host`, so that locations lead back here.
    let request = proxy.client.request(parts.method, url).headers(parts.headers).body(body);
    let answer = request.send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    *response.headers_mut().unwrap() = answer.headers().clone();
    response.body(answer.bytes().await.unwrap().into()).unwrap()
}
