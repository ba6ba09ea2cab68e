//! Registries that would lead us elsewhere, keep us for ever, or break off before they said how they are spoken to.

use std::sync::atomic::{AtomicUsize, Ordering};

use longshore::oci::registry::Shown;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::script::{Script, say};
use super::*;

fn over(script: &Script) -> Registries {
    knowing([(HOST, reached(&script.url, Some(login(CANARY))))])
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_have_an_end() {
    let page = json!({ "tags": vec!["a"; 120_000] });
    let script = Script::new(move |_| say(200).header("link", "<?more>; rel=next").json(&page)).await;
    let text = fails(over(&script).tags(&repository("acme/app")).await, Exit::Verification, "registry-damaged");
    assert!(text.contains("more than 500000 entries"), "{text}");
    assert_eq!(script.count("GET"), 5);
    let script = Script::new(|_| say(200).header("link", "<?more>; rel=next").json(&json!({ "tags": [] }))).await;
    let text = fails(over(&script).tags(&repository("acme/app")).await, Exit::Verification, "registry-damaged");
    assert!(text.contains("more than 1000 pages"), "{text}");
    let script = Script::new(|_| say(200).body(vec![b' '; 9 << 20])).await;
    let text = fails(over(&script).tags(&repository("acme/app")).await, Exit::Unfinished, "registry-unreachable");
    assert!(text.contains("more than 8192 KiB"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_are_sent_nowhere_inside() {
    let app = repository("acme/app");
    let (blob, bytes) = some(3, 1000);
    for location in
        ["http://169.254.169.254/latest", "http://[::ffff:10.0.0.1]/x", "http://metadata/x", "ftp://127.0.0.1/x"]
    {
        let script = Script::new(move |asked| match asked.line.starts_with("POST") {
            true => say(202).header("location", location),
            false => say(404),
        })
        .await;
        let result = over(&script).push_blob(&app, &blob, Source::Bytes(&bytes)).await;
        let text = fails(result, Exit::Unfinished, "registry-refused");
        assert!(text.contains("redirects an upload"), "{location}: {text}");
    }
    // Parts of any length would be in memory.
    let script = Script::new(|asked| match asked.line.starts_with("POST") {
        true => say(202).header("location", "/x").header("oci-chunk-min-length", "4611686018427387904"),
        false => say(404),
    })
    .await;
    let result = over(&script).push_blob(&app, &blob, Source::Bytes(&bytes)).await;
    let text = fails(result, Exit::Unfinished, "registry-refused");
    assert!(text.contains("the limit is 64 MiB"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_are_sent_nowhere_else() {
    for realm in
        ["https://auth.example/token", "http://169.254.169.254/token", "http://10.0.0.1/token", "file:///token"]
    {
        let script =
            Script::new(move |_| say(401).header("www-authenticate", format!("Bearer realm=\"{realm}\""))).await;
        let result = over(&script).head(&repository("acme/app").tagged("1")).await;
        let text = fails(result, Exit::Unfinished, "registry-refused");
        assert!(text.contains("token"), "{realm}: {text}");
        assert_eq!(script.asked().len(), 1);
    }
}

/// A blob and a manifest that are kept elsewhere; asked for once.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_elsewhere_is_not_looked_for_inside() {
    let app = repository("acme/app");
    for location in
        ["http://169.254.169.254/latest", "http://[64:ff9b::a9fe:a9fe]/x", "http://metadata.google.internal./x"]
    {
        let script = Script::new(move |_| say(307).header("location", location)).await;
        let mut sink = Vec::new();
        let read = over(&script).download(&app, &some(4, 10).0, &mut sink).await;
        let text = fails(read, Exit::Unfinished, "registry-refused");
        assert!(text.contains("redirects to `") && script.asked().len() == 1, "{location}: {text}");
        let text = fails(over(&script).manifest(&app.tagged("1")).await, Exit::Unfinished, "registry-refused");
        assert!(text.contains("redirects to `"), "{location}: {text}");
    }
}

/// The first connections are cut. What comes then is plain HTTP; TLS is never spoken.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_cut_at_first_is_not_taken_for_another_kind() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let plain = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&plain);
    let task = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = vec![0; 4096];
            let read = stream.read(&mut bytes).await.unwrap_or(0);
            let is_tls = read > 0 && bytes[0] == 0x16;
            if is_tls || count.fetch_add(1, Ordering::SeqCst) < 2 {
                continue;
            }
            let answer = "HTTP/1.1 404 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let registries = knowing([]);
    let app = Repository { registry: host, path: "acme/app".into() };
    assert_eq!(registries.tags(&app).await.unwrap(), Vec::<String>::new());
    assert!(plain.load(Ordering::SeqCst) > 2);
    task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_looks_without_asking_for_bytes() {
    let world = World::with(Options { auth: bearer(), ..Options::default() });
    let (image, app) = (Image::new("1"), repository("acme/app"));
    image.push(&world.registries, &app, &["1"]).await.unwrap();
    let everybody = world.registries.anonymous();
    let before = world.count("GET /v2/acme/app/manifests");
    let (right, wrong) = (image.index.descriptor.digest, some(5, 5).0.digest);
    assert_eq!(everybody.shows(&app.tagged("1"), right).await.unwrap(), Shown::Right);
    assert_eq!(everybody.shows(&app.tagged("1"), wrong).await.unwrap(), Shown::Other(right));
    assert_eq!(everybody.shows(&app.tagged("2"), right).await.unwrap(), Shown::Nothing);
    assert_eq!(world.count("GET /v2/acme/app/manifests"), before);
    assert!(everybody.put_manifest(&app.tagged("3"), &image.index).await.is_err(), "not logged in");
    // Where nobody is let in without a login.
    let closed = World::with(Options { auth: basic(), ..Options::default() });
    image.push(&closed.registries, &app, &["1"]).await.unwrap();
    fails(closed.registries.anonymous().shows(&app.tagged("1"), right).await, Exit::Denied, "registry-denied");
    // A limit is not an answer to who may read.
    let script = Script::new(|_| say(429).header("retry-after", "3600")).await;
    fails(over(&script).anonymous().shows(&app.tagged("1"), right).await, Exit::Unfinished, "registry-limited");
}
