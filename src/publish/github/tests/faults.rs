//! Lost answers, cut connections, limits, kills: the release comes out whole.

use serde_json::json;

use super::fake::{self, Fault, File};
use super::order::{github, made, told};
use super::{FILES, file, outcomes, release};
use crate::problem::Exit;
use crate::receipt::Outcome;

/// One fault at one request; the release comes out whole, with each file stored once.
async fn survives(request: &'static str, fault: Fault) {
    let fake = github(|state| state.faults.push((request, fault))).await;
    let mut made = made(FILES);
    let receipts = made.publish(&fake).await.unwrap();
    assert!(receipts.receipts.iter().all(|receipt| receipt.outcome == Outcome::Published), "{receipts:#?}");
    let state = fake.state();
    assert!(state.faults.is_empty(), "the fault at `{request}` happened");
    assert_eq!(state.releases.len(), 1, "after a fault at `{request}`");
    let assets: Vec<_> = state.releases[0].assets.iter().map(|a| (a.name.as_str(), a.bytes.as_slice())).collect();
    assert_eq!(assets, FILES, "after a fault at `{request}`");
    assert!(!state.releases[0].draft);
}

const WRITES: [&str; 4] = ["POST /repos/o/r/releases", "assets?name=app.tar.gz", "assets?name=SHA256SUMS", "PATCH "];

#[tokio::test]
async fn a_502_that_leaves_a_starter_behind() {
    survives("name=app.tar.gz", Fault::Starter).await;
    survives("name=SHA256SUMS", Fault::Starter).await;
}

#[tokio::test]
async fn answers_lost_after_the_effect() {
    for request in WRITES {
        survives(request, Fault::Lost(502)).await;
        survives(request, Fault::CutAfter).await;
    }
}

#[tokio::test]
async fn connections_cut_in_the_middle() {
    for request in WRITES {
        survives(request, Fault::Cut).await;
    }
    for read in ["GET /repos/o/r/releases?", "git/ref/tags", "/assets?per_page", "releases/latest"] {
        survives(read, Fault::Cut).await;
        survives(read, Fault::Lost(503)).await;
    }
}

#[tokio::test]
async fn limits_are_waited_for() {
    let after = Fault::Answer(429, &[("retry-after", "1")], json!({"message": "slow down"}));
    survives("name=app.tar.gz", after).await;
    let soon = Fault::Answer(429, &[("retry-after", "12.5ms")], json!({"message": "slow down"}));
    survives("PATCH ", soon).await;
    let secondary = json!({"message": "You have exceeded a secondary rate limit. Please wait a few minutes."});
    survives("POST /repos/o/r/releases", Fault::Answer(403, &[], secondary)).await;
    let reset = &[
        ("date", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "1445412480"),
    ];
    survives("name=SHA256SUMS", Fault::Answer(403, reset, json!({"message": "API rate limit exceeded"}))).await;
}

#[tokio::test]
async fn a_limit_of_an_hour_is_not_waited_for() {
    let hour = Fault::Answer(403, &[("retry-after", "3600")], json!({"message": "secondary rate limit"}));
    let fake = github(|state| state.faults.push(("PATCH ", hour))).await;
    let mut made = made(FILES);
    let (exit, code, text) = told(made.publish(&fake).await);
    assert_eq!((exit, code), (Exit::Unfinished, "rate-limited"));
    assert!(text.contains("retry in 3600 s") && text.contains("run the same command again"), "{text}");
    made.publish(&fake).await.unwrap();
    assert!(!fake.state().releases[0].draft);
}

#[tokio::test]
async fn killed_after_any_request_it_finishes() {
    let requests = {
        let fake = github(|_| {}).await;
        made(FILES).publish(&fake).await.unwrap();
        fake.requests().len()
    };
    assert!(requests <= 12, "{requests} requests for two files");
    for last in 1..=requests {
        for carried_out in [true, false] {
            let fake = github(|_| {}).await;
            let mut made = made(FILES);
            made.endpoint(fake.api().as_str(), Some(fake::TOKEN));
            {
                // Dropping the future in the middle of a request is what a kill leaves behind.
                let run = made.publish_as_is();
                let mut run = std::pin::pin!(run);
                fake.state().hang = Some((last, carried_out));
                tokio::select! {
                    _ = &mut run => panic!("request {last} hangs"),
                    () = fake.hanging() => {}
                }
            }
            fake.state().hang = None;
            let receipts = made.publish(&fake).await.unwrap();
            let confirmed = receipts.receipts.iter().all(|receipt| receipt.confirmed_by.is_some());
            assert!(confirmed, "killed at {last}: {receipts:#?}");
            let state = fake.state();
            assert_eq!(state.releases.len(), 1, "killed at {last}, {carried_out}");
            let assets: Vec<_> =
                state.releases[0].assets.iter().map(|a| (a.name.as_str(), a.bytes.as_slice())).collect();
            assert_eq!(assets, FILES);
            assert!(!state.releases[0].draft);
        }
    }
}

#[tokio::test]
async fn what_an_earlier_run_left_is_finished() {
    let starter = File { state: "starter", ..file(11, "app.tar.gz", b"") };
    let draft = release(7, true, vec![starter, file(12, "SHA256SUMS", b"sums")]);
    let fake = github(|state| state.releases.push(draft)).await;
    let receipts = made(FILES).publish(&fake).await.unwrap();
    let expected = [
        ("release", Outcome::Published, Some("digest")),
        ("SHA256SUMS", Outcome::AlreadyThere, Some("digest")),
        ("app.tar.gz", Outcome::Published, Some("digest")),
    ];
    assert_eq!(outcomes(&receipts), expected);
    let requests = fake.requests();
    assert!(requests.contains(&"DELETE /repos/o/r/releases/assets/11 +".into()));
    assert_eq!(requests.iter().filter(|line| line.contains("?name=")).count(), 1);
}

#[tokio::test]
async fn a_tag_that_moves_while_files_go_up_keeps_the_draft_a_draft() {
    let fake = github(|state| state.faults.push(("name=SHA256SUMS", Fault::MoveTag))).await;
    let (exit, code, _) = told(made(FILES).publish(&fake).await);
    assert_eq!((exit, code), (Exit::Conflict, "tag-moved"));
    assert!(fake.state().releases[0].draft);
}

#[tokio::test]
async fn nobody_there_is_unfinished() {
    let mut made = made(FILES);
    made.endpoint("http://127.0.0.1:1/", Some(fake::TOKEN));
    let (exit, code, text) = told(made.publish_as_is().await);
    assert_eq!((exit, code), (Exit::Unfinished, "unreachable"));
    assert!(text.contains("127.0.0.1:1"), "{text}");
}

#[tokio::test]
async fn a_draft_that_the_list_shows_late_is_not_made_twice() {
    let fake = github(|state| {
        state.faults.push(("POST /repos/o/r/releases", Fault::CutAfter));
        // Neither the first look nor the one after the lost answer shows it.
        state.stale = 2;
    })
    .await;
    made(FILES).publish(&fake).await.unwrap();
    let state = fake.state();
    assert_eq!(state.releases.len(), 1);
    assert!(!state.releases[0].draft && state.releases[0].assets.len() == 2);
}

#[tokio::test]
async fn two_runs_at_once_make_one_release() {
    let fake = github(|state| state.stale = 2).await;
    let (mut one, mut two) = (made(FILES), made(FILES));
    let (one, two) = tokio::join!(one.publish(&fake), two.publish(&fake));
    assert!(one.is_ok() || two.is_ok(), "{one:?} {two:?}");
    made(FILES).publish(&fake).await.unwrap();
    let state = fake.state();
    assert_eq!(state.releases.len(), 1);
    assert_eq!(state.releases[0].assets.len(), 2);
}

#[tokio::test]
async fn a_large_upload_that_breaks_in_the_middle() {
    let bytes = vec![7; 5 << 20];
    let files: &[(&str, &[u8])] = &[("large.bin", &bytes)];
    let fake = github(|state| state.faults.push(("name=large.bin", Fault::Cut))).await;
    made(files).publish(&fake).await.unwrap();
    assert!(fake.state().releases[0].assets[0].bytes == bytes);
}

#[tokio::test]
async fn pages_of_nothing_without_an_end_are_given_up() {
    let next = &[("link", "<http://127.0.0.1/?page=2>; rel=\"next\"")];
    let fault = || ("/releases?per_page", Fault::Answer(200, next, json!([])));
    let fake = github(|state| state.faults.extend(std::iter::repeat_with(fault).take(50))).await;
    let (exit, code, text) = told(made(FILES).publish(&fake).await);
    assert_eq!((exit, code), (Exit::Unexpected, "endless-list"));
    assert!(text.contains("more than 40 pages"), "{text}");
    assert_eq!(fake.requests().len(), 40);
}

#[tokio::test]
async fn a_list_without_an_end_is_given_up() {
    let page = json!([{
        "id": 1, "tag_name": "v0", "draft": false, "upload_url": "x", "html_url": "x", "body": "x".repeat(100_000)
    }]);
    let next = &[("link", "<http://127.0.0.1/?page=2>; rel=\"next\"")];
    let fault = || ("/releases?per_page", Fault::Answer(200, next, page.clone()));
    let fake = github(|state| state.faults.extend(std::iter::repeat_with(fault).take(50))).await;
    let (exit, code, text) = told(made(FILES).publish(&fake).await);
    assert_eq!((exit, code), (Exit::Unexpected, "endless-list"));
    assert!(text.contains("has more than 1 MiB"), "{text}");
    assert_eq!(fake.requests().iter().filter(|line| line.contains("/releases?per_page")).count(), 11);
}
