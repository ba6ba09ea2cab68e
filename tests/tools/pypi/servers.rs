//! Our uploader with pypiserver, which knows files and HTML, and with devpi, which knows users and JSON.

mod devpi;
mod pypiserver;

use longshore::digest::Digest;
use longshore::problem::Exit;
use longshore::publish::pypi::{Credential, Index};
use longshore::receipt::Outcome;
use longshore::rehearsal::pypi::Seed;
use longshore::secret::Secret;
use longshore::world::http::{Auth, Client, Request};

use super::Place;
use crate::delivery::{CANARY, Delivery, NAMES};
use crate::package::{ANY, Package};
use devpi::Devpi;
use pypiserver::Pypiserver;

const USER: &str = "ada";

/// What is the same with every index: all is sent once, read back by digest, and nothing of it is replaced.
async fn everything(mut delivery: Delivery, confirmed_by: &str, sent: impl Fn() -> usize) {
    let package = Package::new("harbor", "1.0");
    delivery.add("harbor", package.wheel(ANY));
    for (outcome, expected) in [(Outcome::Published, 7), (Outcome::AlreadyThere, 7)] {
        let receipts = delivery.run().await.unwrap();
        assert_eq!(receipts.len(), 7);
        for receipt in &receipts {
            assert_eq!(
                (receipt.outcome, receipt.confirmed_by.as_deref()),
                (outcome, Some(confirmed_by)),
                "{receipt:?}"
            );
        }
        assert_eq!(sent(), expected);
        read_back(&delivery, receipts.iter().map(|receipt| (receipt.url.clone(), receipt.sha256))).await;
    }
    // pip takes it from there.
    let (place, simple) = (Place::with(&[]), delivery.index.simple.to_string());
    let words = ["install", "--no-cache-dir", "--target", "here", "--index-url", &simple, "harbor"];
    place.succeeds("pip", &words).await;
    assert!(place.folder().join("here/harbor.py").exists());
    // Another file of that name, and one that is new: neither is sent.
    let last = delivery.files.pop().unwrap();
    delivery.add("harbor", package.saying("other").wheel(ANY));
    let other = delivery.files.last().unwrap().sha256;
    delivery.add("harbor-client", Package::new("harbor-client", "1.0").wheel("cp310-abi3-win_amd64"));
    let text = delivery.fails("index-file-differs", Exit::Conflict).await;
    assert!(text.contains(&last.sha256.to_string()) && text.contains(&other.to_string()), "{text}");
    assert_eq!(sent(), 7);
}

async fn read_back(delivery: &Delivery, files: impl Iterator<Item = (Option<String>, Option<Digest>)>) {
    for (url, sha256) in files {
        let url: url::Url = url.unwrap().parse().unwrap();
        let password = Secret::new(CANARY);
        let auth = delivery.credentials.values().next().map(|_| Auth::Basic(USER, &password));
        let mut bytes = Vec::new();
        let client = Client::new(&url).unwrap();
        let reply = client.download(Request { auth, accept: "*/*", ..Request::get(url) }, &mut bytes).await.unwrap();
        assert_eq!((reply.status, Some(Digest::of(&bytes))), (200, sha256));
    }
}

/// A conflict that shows up only while files are sent: somebody was faster.
async fn overtaken(delivery: &Delivery, other: &Delivery, sent: impl Fn() -> usize) {
    let before = sent();
    let faster = || tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(other.run()).unwrap());
    let failures = delivery.run_between(faster).await.unwrap_err();
    assert!(failures.iter().any(|failure| failure.0 == "index-file-differs"), "{failures:?}");
    // One file of ours met theirs, and no other followed.
    assert_eq!(sent() - before, other.files.len() + 1);
}

fn login(password: &str) -> Credential {
    Credential::Login { username: USER.into(), password: Secret::new(password) }
}

fn delivery(upload: &str, simple: &str, credential: Option<&Credential>) -> Delivery {
    let (upload, simple) = (upload.parse().unwrap(), simple.parse().unwrap());
    let mut delivery = Delivery::new(Index { name: "ours".into(), upload, json: None, simple });
    delivery.credentials.clear();
    credential.into_iter().for_each(|credential| delivery.present(credential));
    delivery
}

/// Only `harbor`, with wheels that say something else.
fn other(mut delivery: Delivery) -> Delivery {
    delivery.files.clear();
    delivery.add(NAMES[0], Package::new(NAMES[0], "1.0").saying("other").wheel(crate::delivery::TAGS[0]));
    delivery
}

#[tokio::test(flavor = "multi_thread")]
async fn pypiserver_where_anybody_may() {
    let server = Pypiserver::start(&["-P", ".", "-a", ".", "--hash-algo", "sha256", "--disable-fallback"]).await;
    let ours = || delivery(&server.url("/"), &server.url("/simple/"), None);
    everything(ours(), "digest", || server.sent()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pypiserver_with_a_password_and_its_old_digests() {
    let server = Pypiserver::start(&["-a", "update,download,list", "--hash-algo", "md5", "--disable-fallback"]).await;
    let ours = |password| delivery(&server.url("/"), &server.url("/simple/"), Some(&login(password)));
    for credential in [Some(login("not-it")), None] {
        let refused = delivery(&server.url("/"), &server.url("/simple/"), credential.as_ref());
        refused.fails("token-refused", Exit::Denied).await;
    }
    assert_eq!(server.sent(), 0);
    // It shows MD5, which is not a proof: what is there is read.
    let delivery = ours(CANARY);
    assert!(delivery.run().await.unwrap().iter().all(|receipt| receipt.confirmed_by.as_deref() == Some("download")));
    assert!(delivery.run().await.unwrap().iter().all(|receipt| receipt.outcome == Outcome::AlreadyThere));
    assert_eq!(server.sent(), 6);
}

/// Whoever asks it for a project it does not have is sent elsewhere: what is there is no here.
#[tokio::test(flavor = "multi_thread")]
async fn pypiserver_that_points_to_another_index() {
    let pypi = super::index(|_| {});
    let wheel = Package::new("harbor", "1.0").saying("elsewhere").wheel(crate::delivery::TAGS[0]);
    pypi.seed_file("harbor", "1.0", Seed { filename: &wheel.name, bytes: &wheel.bytes, age_days: 1 });
    let fallback = format!("{}/simple/", pypi.url());
    let words = ["-P", ".", "-a", ".", "--hash-algo", "sha256", "--fallback-url", &fallback];
    let server = Pypiserver::start(&words).await;
    let delivery = delivery(&server.url("/"), &server.url("/simple/"), None);
    // Whoever stands there instead of PyPI says nothing about this index.
    delivery.fails("answer-unreadable", Exit::Unfinished).await;
    assert_eq!(server.sent(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pypiserver_when_somebody_is_faster() {
    let server = Pypiserver::start(&["-P", ".", "-a", ".", "--hash-algo", "sha256", "--disable-fallback"]).await;
    let mut ours = delivery(&server.url("/"), &server.url("/simple/"), None);
    ours.files.retain(|file| file.distribution.as_str() == NAMES[0]);
    let theirs = other(delivery(&server.url("/"), &server.url("/simple/"), None));
    overtaken(&ours, &theirs, || server.sent()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn devpi_with_a_user_and_an_index() {
    let server = Devpi::start().await;
    let of = async |name: &str, password: &str| {
        let url = server.index(name).await;
        delivery(&format!("{url}/"), &format!("{url}/+simple/"), Some(&login(password)))
    };
    everything(of("dev", CANARY).await, "digest", || server.sent("dev")).await;
    let mut ours = of("next", CANARY).await;
    ours.files.retain(|file| file.distribution.as_str() == NAMES[0]);
    overtaken(&ours, &other(of("next", CANARY).await), || server.sent("next")).await;
    of("third", "not-it").await.fails("token-refused", Exit::Denied).await;
    assert_eq!(server.shown("third").await, 0);
}
