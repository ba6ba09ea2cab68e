//! What is refused, and who is told what is missing.

use serde_json::json;

use super::FILES;
use super::fake::{self, Fault};
use super::order::{github, made, told};
use crate::problem::Exit;

#[tokio::test]
async fn names_and_sizes_that_github_does_not_take_are_refused_first() {
    let fake = github(|_| {}).await;
    for name in ["a+b.tgz", "a b.tgz", ".hidden", "trailing."] {
        let (exit, code, text) = told(made(&[(name, b"x")]).publish(&fake).await);
        assert_eq!((exit, code), (Exit::Usage, "asset-name"));
        assert!(text.contains(name), "{text}");
    }
    let mut large = made(FILES);
    large.manifest.artifacts[0].files[0].size = 2 << 30;
    let (exit, _, text) = told(large.publish(&fake).await);
    assert_eq!(exit, Exit::Usage);
    assert!(text.contains("2 GiB"), "{text}");
    assert!(fake.state().releases.is_empty());
}

#[tokio::test]
async fn a_file_that_changed_after_verify_is_not_sent() {
    let fake = github(|_| {}).await;
    let mut made = made(FILES);
    std::fs::write(made.store.file("asset.app-tar-gz", "app.tar.gz"), b"ARCHIVE").unwrap();
    let (exit, code, _) = told(made.publish(&fake).await);
    assert_eq!((exit, code), (Exit::Usage, "file-changed"));
    assert!(fake.state().releases.is_empty());
}

#[tokio::test]
async fn denied_says_what_is_missing() {
    let check = async |request: &'static str, status, body, code: &str, hint: &str| {
        let fake = github(|state| state.faults.push((request, Fault::Answer(status, &[], body)))).await;
        let mut made = made(FILES);
        let (exit, found, text) = told(made.publish(&fake).await);
        assert_eq!((exit, found), (Exit::Denied, code), "{text}");
        assert!(text.contains(hint), "{text}");
        made.publish(&fake).await.unwrap();
    };
    let bad = || json!({"message": "Bad credentials"});
    check("GET /repos/o/r/releases?", 401, bad(), "token-refused", "GITHUB_TOKEN").await;
    check("name=SHA256SUMS", 401, bad(), "token-refused", "GITHUB_TOKEN").await;
    check("GET /repos/o/r/releases?", 404, json!({}), "not-found", "does `GITHUB_TOKEN` have access to it").await;
    let forbidden = json!({"message": "Resource not accessible by integration"});
    check("POST /repos/o/r/releases", 403, forbidden, "permission-missing", "contents: write").await;
    check("POST /repos/o/r/releases", 404, json!({}), "not-found", ".github/workflows").await;
    let rules = json!({"message": "Validation Failed", "errors": [{"field": "pre_receive", "code": "custom"}]});
    check("PATCH ", 422, rules, "rules-refuse", "rule").await;
    let restricted = json!({"message": "Cannot create ref due to creations being restricted."});
    check("PATCH ", 422, restricted, "rules-refuse", "rule").await;
}

#[tokio::test]
async fn the_token_goes_to_no_other_host() {
    let other = github(|_| {}).await;
    let url = format!("http://localhost:{}/repos/o/r/releases/1/assets{{?name,label}}", other.port);
    let fake = github(|state| state.upload_url = Some(url)).await;
    let (exit, code, text) = told(made(FILES).publish(&fake).await);
    assert_eq!((exit, code), (Exit::Unexpected, "upload-host"));
    assert!(text.contains("localhost"), "{text}");
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn only_whole_releases_leave_this_machine() {
    let mut made = made(FILES).plan(|plan| plan.dirty = true);
    made.endpoint("https://api.github.com/", Some(fake::TOKEN));
    let (exit, code, text) = told(made.publish_as_is().await);
    assert_eq!((exit, code), (Exit::Usage, "loopback-only"));
    assert!(text.contains("api.github.com"), "{text}");
    let fake = github(|_| {}).await;
    made.publish(&fake).await.unwrap();

    let mut made = made.plan(|plan| plan.dirty = false);
    made.endpoint("http://api.github.com/", Some(fake::TOKEN));
    assert_eq!(told(made.publish_as_is().await).1, "endpoint-insecure");
    made.endpoint("https://api.github.com/", None);
    assert_eq!(told(made.publish_as_is().await).1, "token-missing");
    made.endpoint("https://api.github.com/", Some("line\nbreak"));
    assert_eq!(told(made.publish_as_is().await).1, "token-malformed");
    made.manifest.commit = "f".repeat(40);
    assert_eq!(told(made.publish_as_is().await).1, "manifest-of-another-plan");
}

#[test]
fn the_token_knows_its_upload_hosts() {
    let check = |api: &str, upload: &str, expected: Option<&str>| {
        let base = api.parse().unwrap();
        let found = crate::publish::github::api::upload_target(&base, upload, "a b.zip").ok();
        assert_eq!(found.as_ref().map(url::Url::as_str), expected, "{api} {upload}");
    };
    let github = "https://api.github.com/";
    let uploads = "https://uploads.github.com/repos/o/r/releases/1/assets";
    check(github, &format!("{uploads}{{?name,label}}"), Some(&format!("{uploads}?name=a%20b.zip")));
    check(github, "https://uploads.github.com.evil.example/repos/o/r/releases/1/assets", None);
    check(github, "https://uploads.example.com/x", None);
    check(github, "http://uploads.github.com/x", None);
    check(github, "https://uploads.github.com:8443/x", None);
    check(github, "https://me@uploads.github.com/x", None);
    check(github, "no url", None);
    let ghe = "https://uploads.octo.ghe.com/repos/o/r/releases/1/assets";
    check("https://api.octo.ghe.com/", ghe, Some(&format!("{ghe}?name=a%20b.zip")));
    let ghes = "https://ghes.example/api/uploads/repos/o/r/releases/1/assets";
    check("https://ghes.example/api/v3/", ghes, Some(&format!("{ghes}?name=a%20b.zip")));
    check("https://ghes.example/api/v3/", uploads, None);
}
