//! Every path of a release against a small scripted GitHub.

mod fake;
mod order;

use serde_json::json;

use self::fake::{Fault, File, Rel};
use self::order::{COMMIT, github, made, told};
use crate::destination::{Adopt, When};
use crate::digest::Digest;
use crate::problem::Exit;
use crate::receipt::Outcome;

const FILES: &[(&str, &[u8])] = &[("app.tar.gz", b"archive"), ("SHA256SUMS", b"sums")];

fn file(id: u64, name: &str, bytes: &[u8]) -> File {
    File { id, name: name.into(), state: "uploaded", bytes: bytes.into() }
}

fn release(id: u64, draft: bool, assets: Vec<File>) -> Rel {
    Rel { id, tag: "v1.2.0".into(), name: "One two".into(), body: "Notes\n".into(), draft, assets, ..Rel::default() }
}

fn outcomes(receipts: &crate::receipt::Receipts) -> Vec<(&str, Outcome, Option<&str>)> {
    receipts.receipts.iter().map(|r| (r.name.as_str(), r.outcome, r.confirmed_by.as_deref())).collect()
}

#[tokio::test]
async fn a_release_is_drafted_filled_published_and_confirmed() {
    let fake = github(|_| {}).await;
    let mut made = made(FILES);
    let receipts = made.publish(&fake).await.unwrap();
    let expected = [
        ("release", Outcome::Published, Some("digest")),
        ("app.tar.gz", Outcome::Published, Some("digest")),
        ("SHA256SUMS", Outcome::Published, Some("digest")),
    ];
    assert_eq!(outcomes(&receipts), expected);
    assert_eq!(made.ledger(), receipts);
    {
        let state = fake.state();
        let release = &state.releases[0];
        assert!(!release.draft);
        assert_eq!((release.name.as_str(), release.body.as_str()), ("One two", "Notes\n"));
        let names: Vec<&str> = release.assets.iter().map(|asset| asset.name.as_str()).collect();
        assert_eq!(names, ["app.tar.gz", "SHA256SUMS"]);
        assert_eq!(release.assets[0].bytes, b"archive");
        assert!(state.sent[0].get("target_commitish").is_none());
        assert_eq!(state.sent[0]["draft"], true);
        assert_eq!(state.sent[1]["make_latest"], "true");
    }
    let requests = fake.requests();
    let last = requests.last().unwrap();
    assert_eq!(last, "GET /repos/o/r/releases/latest", "the last look is anonymous");
    let tags: Vec<usize> = (0..requests.len()).filter(|at| requests[*at].contains("/git/ref/tags/v1.2.0")).collect();
    let patch = requests.iter().position(|line| line.starts_with("PATCH")).unwrap();
    let post = requests.iter().position(|line| line.starts_with("POST")).unwrap();
    assert!(tags[0] < post && tags[1] == patch - 1, "{requests:#?}");

    let receipts = made.publish(&fake).await.unwrap();
    assert!(receipts.receipts.iter().all(|receipt| receipt.outcome == Outcome::AlreadyThere));
    let again = fake.requests();
    assert_eq!(
        again,
        [
            "GET /repos/o/r/releases?per_page=100&page=1 +",
            "GET /repos/o/r/git/ref/tags/v1.2.0 +",
            "GET /repos/o/r/releases/latest"
        ]
    );
}

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
    assert!(text.contains("come back in 3600 s") && text.contains("run the same command again"), "{text}");
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
async fn other_bytes_are_never_overwritten() {
    for draft in [true, false] {
        let there = release(7, draft, vec![file(11, "app.tar.gz", b"ARCHIVE")]);
        let fake = github(|state| state.releases.push(there)).await;
        let mut made = made(FILES).github(|github| github.adopt = Adopt::Any);
        let (exit, code, text) = told(made.publish(&fake).await);
        assert_eq!((exit, code), (Exit::Conflict, "asset-differs"));
        for bytes in [b"archive", b"ARCHIVE"] {
            assert!(text.contains(&Digest::of(bytes).to_string()), "{text}");
        }
        assert!(fake.requests().iter().all(|line| line.starts_with("GET")), "nothing was written");
    }
}

#[tokio::test]
async fn other_bytes_that_appear_meanwhile_are_not_overwritten() {
    let fake = github(|state| {
        let taken = json!({"resource": "ReleaseAsset", "code": "already_exists", "field": "name"});
        let body = json!({"message": "Validation Failed", "errors": [taken]});
        state.faults.push(("name=app.tar.gz", Fault::Answer(422, &[], body)));
        state.faults.push(("/assets?per_page", Fault::Appear(file(99, "app.tar.gz", b"ARCHIVE"))));
    })
    .await;
    let mut made = made(FILES);
    let (exit, code, _) = told(made.publish(&fake).await);
    assert_eq!((exit, code), (Exit::Conflict, "asset-differs"));
    assert_eq!(fake.state().releases[0].assets[0].bytes, b"ARCHIVE");
    assert_eq!(outcomes(&made.ledger())[1], ("app.tar.gz", Outcome::Conflict, None));
}

#[tokio::test]
async fn two_drafts_are_an_error() {
    let fake = github(|state| state.releases = vec![release(7, true, vec![]), release(8, true, vec![])]).await;
    let (exit, code, text) = told(made(FILES).publish(&fake).await);
    assert_eq!((exit, code), (Exit::Conflict, "two-drafts"));
    assert!(text.contains("releases/7") && text.contains("releases/8"), "{text}");
}

#[tokio::test]
async fn a_draft_behind_many_releases_is_found() {
    let fake = github(|state| {
        state.releases.push(release(7, true, vec![]));
        state.releases.extend((0..250).map(|n| Rel { tag: format!("v0.{n}.0"), ..release(1000 + n, false, vec![]) }));
    })
    .await;
    made(FILES).publish(&fake).await.unwrap();
    let state = fake.state();
    assert_eq!(state.releases.len(), 251);
    assert!(!state.releases[0].draft);
}

#[tokio::test]
async fn a_release_may_show_only_some_of_its_files() {
    let there = release(7, false, FILES.iter().zip(11..).map(|((name, bytes), id)| file(id, name, bytes)).collect());
    let fake = github(|state| {
        state.embed = Some(1);
        state.releases.push(there);
    })
    .await;
    made(FILES).publish(&fake).await.unwrap();
    assert!(fake.requests().iter().all(|line| line.starts_with("GET")));
}

#[tokio::test]
async fn the_tag_must_be_there_and_be_the_commit() {
    let fake = github(|state| state.tags.clear()).await;
    let (exit, code, text) = told(made(FILES).publish(&fake).await);
    assert_eq!((exit, code), (Exit::Usage, "tag-missing"));
    assert!(text.contains("git push origin v1.2.0"), "{text}");

    let fake = github(|state| drop(state.tags.insert("v1.2.0".into(), ("e".repeat(40), None)))).await;
    let (exit, code, text) = told(made(FILES).publish(&fake).await);
    assert_eq!((exit, code), (Exit::Conflict, "tag-moved"));
    assert!(text.contains(COMMIT) && text.contains(&"e".repeat(40)), "{text}");
    assert!(fake.state().releases.is_empty());

    let annotated = ("a".repeat(40), Some(COMMIT.to_owned()));
    let fake = github(|state| drop(state.tags.insert("v1.2.0".into(), annotated))).await;
    made(FILES).publish(&fake).await.unwrap();
    fake.requests();
    made(FILES).publish(&fake).await.unwrap();
    assert_eq!(fake.requests().len(), 4, "a finished release with an annotated tag");
}

#[tokio::test]
async fn a_tag_that_moves_while_files_go_up_keeps_the_draft_a_draft() {
    let fake = github(|state| state.faults.push(("name=SHA256SUMS", Fault::MoveTag))).await;
    let (exit, code, _) = told(made(FILES).publish(&fake).await);
    assert_eq!((exit, code), (Exit::Conflict, "tag-moved"));
    assert!(fake.state().releases[0].draft);
}

#[tokio::test]
async fn tags_are_encoded() {
    let fake = github(|state| drop(state.tags.insert("app/v1.2.0+5".into(), (COMMIT.into(), None)))).await;
    let mut made = made(FILES)
        .plan(|plan| plan.releases[0].tag = "app/v1.2.0+5".into())
        .github(|github| github.pages[0].tag = "app/v1.2.0+5".into())
        .plan(|plan| plan.releases[0].latest = false);
    made.publish(&fake).await.unwrap();
    let requests = fake.requests();
    assert!(requests.iter().any(|line| line.contains("git/ref/tags/app%2Fv1.2.0%2B5")), "{requests:#?}");
    assert_eq!(requests.last().unwrap(), "GET /repos/o/r/releases/tags/app%2Fv1.2.0%2B5");
    assert_eq!(fake.state().sent[1]["make_latest"], "false");
}

#[tokio::test]
async fn without_digests_files_are_downloaded_and_hashed() {
    let fake = github(|state| state.no_digests = true).await;
    let mut made = made(FILES);
    let receipts = made.publish(&fake).await.unwrap();
    assert_eq!(outcomes(&receipts)[1], ("app.tar.gz", Outcome::Published, Some("download")));
    let requests = fake.requests();
    let heads = requests.iter().filter(|line| line.starts_with("HEAD /download/")).count();
    assert_eq!(heads, 2, "what was hashed is only asked for: {requests:#?}");
    let receipts = made.publish(&fake).await.unwrap();
    assert_eq!(outcomes(&receipts)[0], ("app.tar.gz", Outcome::AlreadyThere, Some("download")));
}

#[tokio::test]
async fn without_digests_wrong_bytes_are_found() {
    let there = release(7, true, vec![file(11, "app.tar.gz", b"ARCHIVE")]);
    let fake = github(|state| {
        state.no_digests = true;
        state.releases.push(there);
    })
    .await;
    let (exit, code, text) = told(made(FILES).publish(&fake).await);
    assert_eq!((exit, code), (Exit::Conflict, "asset-differs"));
    assert!(text.contains(&Digest::of(b"ARCHIVE").to_string()), "{text}");
    assert!(fake.state().releases[0].draft);
}

#[tokio::test]
async fn what_nobody_can_show_is_unconfirmed_and_stays_a_draft() {
    let fake = github(|state| {
        state.no_digests = true;
        state.no_downloads = true;
    })
    .await;
    let mut made = made(FILES);
    let (exit, code, _) = told(made.publish(&fake).await);
    assert_eq!((exit, code), (Exit::Unfinished, "asset-unconfirmed"));
    assert_eq!(outcomes(&made.ledger())[1], ("app.tar.gz", Outcome::Unconfirmed, None));
    assert!(fake.state().releases[0].draft);
}

#[tokio::test]
async fn renamed_files_are_noticed() {
    let fake = github(|state| state.rename = Some(("app.tar.gz".into(), "app.tgz".into()))).await;
    let mut made = made(FILES);
    for _ in 0..2 {
        let (exit, code, text) = told(made.publish(&fake).await);
        assert_eq!(exit, Exit::Conflict);
        assert!(matches!(code, "asset-renamed" | "foreign-asset") && text.contains("app.tgz"), "{code}: {text}");
    }
    assert!(fake.state().releases[0].draft);
}

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
async fn foreign_files_stop_a_draft_of_ours_and_stay_in_an_adopted_one() {
    let ours = release(7, true, vec![file(11, "old.zip", b"old")]);
    let fake = github(|state| state.releases.push(ours)).await;
    let (exit, code, text) = told(made(FILES).publish(&fake).await);
    assert_eq!((exit, code), (Exit::Conflict, "foreign-asset"));
    assert!(text.contains("old.zip"), "{text}");

    let theirs = Rel { name: "By hand".into(), ..release(7, true, vec![file(11, "old.zip", b"old")]) };
    let fake = github(|state| state.releases.push(theirs)).await;
    made(FILES).publish(&fake).await.unwrap();
    let state = fake.state();
    assert_eq!(state.releases[0].assets.len(), 3);
    assert_eq!(state.releases[0].name, "One two");
}

#[tokio::test]
async fn a_published_release_is_filled_only_if_that_is_wanted() {
    let published = || release(7, false, vec![]);
    let fake = github(|state| state.releases.push(published())).await;
    let (exit, code, text) = told(made(FILES).publish(&fake).await);
    assert_eq!((exit, code), (Exit::Conflict, "release-published"));
    assert!(text.contains("adopt: any"), "{text}");

    let fake = github(|state| state.releases.push(published())).await;
    made(FILES).github(|github| github.adopt = Adopt::Any).publish(&fake).await.unwrap();
    assert_eq!(fake.state().releases[0].assets.len(), 2);
    assert!(fake.requests().iter().all(|line| !line.starts_with("PATCH")));

    let immutable = Rel { immutable: true, ..published() };
    let fake = github(|state| state.releases.push(immutable)).await;
    let (exit, code, text) = told(made(FILES).github(|github| github.adopt = Adopt::Any).publish(&fake).await);
    assert_eq!((exit, code), (Exit::Conflict, "release-immutable"));
    assert!(text.contains("git_release_draft = true"), "{text}");
}

#[tokio::test]
async fn a_finished_immutable_release_is_done() {
    let fake = github(|state| state.immutable = true).await;
    let mut made = made(FILES);
    made.publish(&fake).await.unwrap();
    fake.requests();
    made.publish(&fake).await.unwrap();
    let requests = fake.requests();
    assert!(requests.len() <= 4 && requests.iter().all(|line| line.starts_with("GET")), "{requests:#?}");
}

#[tokio::test]
async fn a_draft_destination_stops_before_the_public() {
    let fake = github(|_| {}).await;
    let mut made = made(FILES).github(|github| github.draft = true);
    let receipts = made.publish(&fake).await.unwrap();
    assert!(receipts.receipts.iter().all(|receipt| receipt.confirmed_by.is_some()));
    assert!(fake.state().releases[0].draft);
    fake.state().releases[0].body = "edited by hand".into();
    fake.requests();
    made.publish(&fake).await.unwrap();
    assert!(fake.requests().iter().all(|line| line.starts_with("GET")));
    assert_eq!(fake.state().releases[0].body, "edited by hand");
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
    check("GET /repos/o/r/releases?", 404, json!({}), "not-found", "may `GITHUB_TOKEN` see it").await;
    let forbidden = json!({"message": "Resource not accessible by integration"});
    check("POST /repos/o/r/releases", 403, forbidden, "permission-missing", "contents: write").await;
    check("POST /repos/o/r/releases", 404, json!({}), "not-found", ".github/workflows").await;
    let rules = json!({"message": "Validation Failed", "errors": [{"field": "pre_receive", "code": "custom"}]});
    check("PATCH ", 422, rules, "rules-refuse", "rule").await;
    let restricted = json!({"message": "Cannot create ref due to creations being restricted."});
    check("PATCH ", 422, restricted, "rules-refuse", "rule").await;
}

#[tokio::test]
async fn burned_tags_and_strange_answers_are_not_repeated() {
    let check = async |status, body, expected| {
        let fake = github(|state| state.faults.push(("PATCH ", Fault::Answer(status, &[], body)))).await;
        let (exit, code, _) = told(made(FILES).publish(&fake).await);
        assert_eq!((exit, code), expected);
        assert_eq!(fake.requests().iter().filter(|line| line.starts_with("PATCH")).count(), 1);
    };
    let burned = json!({"message": "Validation Failed", "errors": ["tag_name was used by an immutable release"]});
    check(422, burned, (Exit::Conflict, "release-immutable")).await;
    check(422, json!({"message": "body is odd"}), (Exit::Unexpected, "unexpected-answer")).await;
    check(301, json!({"message": "Moved Permanently"}), (Exit::Unexpected, "repository-moved")).await;
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
async fn generated_notes_take_their_place() {
    let fake = github(|_| {}).await;
    let mut made = made(FILES).github(|github| {
        github.pages[0].body = "Hello\n\n{generated}\n".into();
        github.pages[0].generated = true;
    });
    made.publish(&fake).await.unwrap();
    assert_eq!(fake.state().releases[0].body, "Hello\n\n* generated");
    fake.requests();
    made.publish(&fake).await.unwrap();
    assert_eq!(fake.requests().len(), 3);
}

#[tokio::test]
async fn enterprise_servers_take_uploads_elsewhere() {
    let fake = github(|state| {
        state.prefix = "/api/v3";
        state.uploads = "/api/uploads";
    })
    .await;
    made(FILES).publish(&fake).await.unwrap();
    let requests = fake.requests();
    let uploads = requests.iter().filter(|line| line.starts_with("POST /api/uploads/repos/o/r/releases/")).count();
    assert_eq!(uploads, 2, "{requests:#?}");
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
async fn private_repositories_are_confirmed_with_the_token() {
    let fake = github(|state| state.private = true).await;
    let mut made = made(FILES);
    made.publish(&fake).await.unwrap();
    assert_eq!(fake.requests().last().unwrap(), "GET /repos/o/r/releases/latest +");
    let fake = github(|state| state.anonymous_limit = true).await;
    made.publish(&fake).await.unwrap();
    assert_eq!(fake.requests().last().unwrap(), "GET /repos/o/r/releases/latest +");
}

#[tokio::test]
async fn latest_is_the_highest_stable_version_of_its_component() {
    let check = async |tag: &str, prerelease: bool, latest: bool, expected: &str| {
        let tag = tag.to_owned();
        let fake = github(|state| {
            state.latest = Some(tag.clone());
            state.releases.push(Rel { tag, prerelease, ..release(7, false, vec![]) });
        })
        .await;
        made(FILES).plan(|plan| plan.releases[0].latest = latest).publish(&fake).await.unwrap();
        assert_eq!(fake.state().sent[1]["make_latest"], expected);
    };
    check("v1.1.9", false, true, "true").await;
    check("v1.3.0", false, true, "false").await;
    check("v1.3.0", true, true, "true").await;
    check("v1.3.0-rc.1", false, true, "true").await;
    check("other-v9.0.0", false, true, "true").await;
    check("v1.1.9", false, false, "false").await;
}

#[tokio::test]
async fn prereleases_go_only_where_they_are_wanted() {
    let fake = github(|_| {}).await;
    let mut made = made(FILES).plan(|plan| {
        plan.releases[0].prerelease = true;
        plan.destinations[0].when = When::Stable;
    });
    made.publish(&fake).await.unwrap();
    assert!(fake.requests().is_empty());
    let mut made = made.plan(|plan| plan.destinations[0].when = When::Prerelease);
    made.publish(&fake).await.unwrap();
    assert_eq!(fake.state().sent[0]["prerelease"], true);
    assert_eq!(fake.state().sent[1]["make_latest"], "false");
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

#[tokio::test]
async fn latest_that_does_not_show_is_said() {
    let fake = github(|state| state.no_latest = true).await;
    let mut made = made(FILES);
    let (exit, code, _) = told(made.publish(&fake).await);
    assert_eq!((exit, code), (Exit::Unfinished, "latest-unseen"));
    made.publish(&fake).await.unwrap();
}

#[tokio::test]
async fn several_components_are_several_releases() {
    let fake = github(|state| drop(state.tags.insert("cli-v0.3.0".into(), (COMMIT.into(), None)))).await;
    let mut made = made(FILES)
        .plan(|plan| {
            let cli = crate::plan::Release {
                component: "cli".into(),
                version: "0.3.0".parse().unwrap(),
                tag: "cli-v0.3.0".into(),
                latest: false,
                tags: "cli-v{version}".into(),
                ..plan.releases[0].clone()
            };
            plan.releases.push(cli);
            plan.steps[1].component = "cli".into();
        })
        .github(|github| {
            let page = crate::plan::ReleasePage { tag: "cli-v0.3.0".into(), ..github.pages[0].clone() };
            github.pages.push(page);
        });
    // A conflict at one release keeps all of them back: nothing is written before everything was looked at.
    let blocked = Rel { tag: "cli-v0.3.0".into(), ..release(7, true, vec![file(11, "SHA256SUMS", b"SUMS")]) };
    fake.state().releases.push(blocked);
    assert_eq!(told(made.publish(&fake).await).1, "asset-differs");
    assert_eq!(fake.state().releases.len(), 1);
    fake.state().releases.clear();
    made.publish(&fake).await.unwrap();
    let state = fake.state();
    let seen: Vec<_> =
        state.releases.iter().map(|r| (r.tag.as_str(), r.draft, r.assets.len(), r.assets[0].name.as_str())).collect();
    assert_eq!(seen, [("v1.2.0", false, 1, "app.tar.gz"), ("cli-v0.3.0", false, 1, "SHA256SUMS")]);
    assert_eq!(state.latest.as_deref(), Some("v1.2.0"));
}
