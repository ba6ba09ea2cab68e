//! Tokens that expire under way, are too wide, or are not what they should be.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use longshore::oci::registry::Action;
use serde_json::json;

use super::script::{Asked, Said, Script, say};
use super::*;

/// A registry whose tokens are `t1`, `t2`, …; those up to `revoked` are no longer valid.
#[derive(Default)]
struct Tokens {
    given: AtomicUsize,
    revoked: AtomicUsize,
    scopes: Mutex<Vec<String>>,
}

impl Tokens {
    fn answer(&self, asked: &Asked, otherwise: impl Fn(&Asked) -> Said) -> Said {
        if asked.line.starts_with("GET /token") {
            let number = self.given.fetch_add(1, Ordering::SeqCst) + 1;
            self.scopes.lock().unwrap().push(asked.line.clone());
            return say(200).json(&json!({ "access_token": format!("t{number}") }));
        }
        let number = asked.auth.strip_prefix("Bearer t").and_then(|text| text.parse().ok()).unwrap_or(0);
        if number <= self.revoked.load(Ordering::SeqCst) {
            // The realm may be a path.
            return say(401).header("www-authenticate", "Bearer realm=\"/token\",service=\"s\"");
        }
        otherwise(asked)
    }
}

fn over(script: &Script) -> Registries {
    knowing([(HOST, reached(&script.url, Some(login(CANARY))))])
}

fn takes(asked: &Asked) -> Said {
    match asked.line.split(' ').next().unwrap() {
        "POST" => say(202).header("location", "/session?x=1"),
        "PUT" => say(201),
        _ => say(404),
    }
}

async fn heads(registries: &Registries, count: usize) {
    let app = repository("acme/app");
    let tags: Vec<_> = (0..count).map(|number| app.tagged(format!("t{number}"))).collect();
    for head in join_all(tags.iter().map(|tag| registries.head(tag))).await {
        assert_eq!(head.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expires_for_many_is_replaced_once() {
    let tokens = Arc::new(Tokens::default());
    let held = Arc::clone(&tokens);
    let script = Script::new(move |asked| held.answer(asked, |_| say(404)).after(Duration::from_millis(20))).await;
    let registries = over(&script);
    heads(&registries, 100).await;
    assert_eq!(tokens.given.load(Ordering::SeqCst), 1);
    // One request was told to say who we are; the others waited for it.
    assert_eq!(script.count("HEAD"), 101);
    tokens.revoked.store(1, Ordering::SeqCst);
    heads(&registries, 100).await;
    assert_eq!(tokens.given.load(Ordering::SeqCst), 2, "{:?}", tokens.scopes.lock().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expires_in_the_middle_of_an_upload_is_replaced() {
    let upstream = Server::start(Options::default()).unwrap();
    let base = some(1, 200_000);
    upstream.seed_blob("base", &base.1);
    let tokens = Arc::new(Tokens::default());
    let held = Arc::clone(&tokens);
    let script = Script::new(move |asked| {
        // Good to begin the first upload, and then no more.
        if asked.line.starts_with("PUT") {
            held.revoked.fetch_max(1, Ordering::SeqCst);
        }
        held.answer(asked, takes)
    })
    .await;
    let registries =
        knowing([(HOST, reached(&script.url, Some(login(CANARY)))), ("upstream.test", reached(&upstream.url(), None))]);
    let from = Repository { registry: "upstream.test".into(), path: "base".into() };
    let pushed = registries.push_blob(&repository("acme/app"), &base.0, Source::Elsewhere(&from)).await;
    assert_eq!(pushed.unwrap(), Pushed::Sent);
    assert_eq!(tokens.given.load(Ordering::SeqCst), 2);
}

/// Some give no token for several repositories, or one that is good for none.
#[tokio::test(flavor = "multi_thread")]
async fn where_no_token_is_for_several_repositories_each_has_its_own() {
    for refusal in [401, 403] {
        let tokens = Arc::new(Tokens::default());
        let held = Arc::clone(&tokens);
        let script = Script::new(move |asked| {
            let number: Option<usize> = asked.auth.strip_prefix("Bearer t").and_then(|text| text.parse().ok());
            let wide =
                number.is_some_and(|number| held.scopes.lock().unwrap()[number - 1].matches("scope=").count() > 1);
            if wide {
                return say(refusal).header("www-authenticate", "Bearer realm=\"/token\"");
            }
            held.answer(asked, takes)
        })
        .await;
        let (registries, paths) = (over(&script), ["acme/one", "acme/two"].map(repository));
        registries.grant(paths.iter().map(|path| (path, Action::Push)));
        for path in &paths {
            for number in 0..10 {
                let (blob, bytes) = some(number, 1000);
                let pushed = registries.push_blob(path, &blob, Source::Bytes(&bytes)).await;
                assert_eq!(pushed.unwrap(), Pushed::Sent);
            }
        }
        // Two of their own; and it is not tried with every request whether a wide one is good by now.
        assert!(tokens.given.load(Ordering::SeqCst) <= 4, "{:?}", tokens.scopes.lock().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_a_token_is_asked_again_and_then_left_alone() {
    for body in [json!({}), json!({ "token": "" }), json!(["canary"])] {
        let script = Script::new(move |asked| match asked.line.starts_with("GET /token") {
            true => say(200).json(&body),
            false => say(401).header("www-authenticate", "Bearer realm=\"/token\""),
        })
        .await;
        let text = fails(over(&script).tags(&repository("a/b")).await, Exit::Unfinished, "registry-unreachable");
        assert!(text.contains("without a token"), "{text}");
        assert_eq!(script.count("GET /token"), 6);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_is_not_known_or_not_safe_is_refused() {
    for (challenge, part) in [
        ("Negotiate", "unknown authentication scheme"),
        ("Bearer service=\"x\"", "unknown authentication scheme"),
        ("Bearer realm=\"file:///etc/passwd\"", "from http to file"),
    ] {
        let script = Script::new(move |_| say(401).header("www-authenticate", challenge)).await;
        let text = fails(over(&script).tags(&repository("a/b")).await, Exit::Unfinished, "registry-refused");
        assert!(text.contains(part), "{challenge}: {text}");
    }
}
