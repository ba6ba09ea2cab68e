//! Something else is there already, or nobody can say what.

use serde_json::json;

use super::fake::{Fault, Rel};
use super::order::{COMMIT, github, made, told};
use super::{FILES, file, outcomes, release};
use crate::destination::Existing;
use crate::digest::Digest;
use crate::problem::Exit;
use crate::receipt::Outcome;

#[tokio::test]
async fn other_bytes_are_never_overwritten() {
    for draft in [true, false] {
        let there = release(7, draft, vec![file(11, "app.tar.gz", b"ARCHIVE")]);
        let fake = github(|state| state.releases.push(there)).await;
        let mut made = made(FILES).github(|github| github.existing = Existing::Any);
        let (exit, code, text) = told(made.publish(&fake).await);
        assert_eq!((exit, code), (Exit::Conflict, "asset-differs"));
        for bytes in [b"archive", b"ARCHIVE"] {
            assert!(text.contains(&Digest::of(bytes).to_string()), "{text}");
        }
        assert_eq!(text.contains("`gh release delete-asset v1.2.0 app.tar.gz --repo o/r`"), draft, "{text}");
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

/// A release that moves to the next page while the list is read is on both.
#[tokio::test]
async fn a_draft_that_is_listed_twice_is_one() {
    let there = release(7, true, vec![file(11, "app.tar.gz", b"archive")]);
    let fake = github(|state| {
        state.twice = true;
        state.releases.push(there);
    })
    .await;
    made(FILES).publish(&fake).await.unwrap();
    let state = fake.state();
    assert!(state.releases.len() == 1 && !state.releases[0].draft);
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

/// Where the size is known, what goes on after it is other bytes, and nobody waits for its end.
#[tokio::test]
async fn downloads_end_where_the_file_does() {
    for draft in [true, false] {
        let files = FILES.iter().zip(11..).map(|((name, bytes), id)| file(id, name, bytes)).collect();
        let fake = github(|state| {
            (state.no_digests, state.endless) = (true, true);
            state.releases.push(release(7, draft, files));
        })
        .await;
        let (exit, code, text) = told(made(FILES).publish(&fake).await);
        assert_eq!((exit, code), (Exit::Conflict, "asset-differs"), "{text}");
        assert!(text.contains("more than the 7 bytes of ours"), "{text}");
        let downloads = fake.requests().iter().filter(|line| line.contains("/storage/11")).count();
        assert_eq!(downloads, 1, "it is not tried again");
    }
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
async fn foreign_files_stop_a_draft_of_ours_and_stay_in_an_existing_one() {
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
    assert!(text.contains("existing: any"), "{text}");

    let fake = github(|state| state.releases.push(published())).await;
    made(FILES).github(|github| github.existing = Existing::Any).publish(&fake).await.unwrap();
    assert_eq!(fake.state().releases[0].assets.len(), 2);
    assert!(fake.requests().iter().all(|line| !line.starts_with("PATCH")));

    let immutable = Rel { immutable: true, ..published() };
    let fake = github(|state| state.releases.push(immutable)).await;
    let (exit, code, text) = told(made(FILES).github(|github| github.existing = Existing::Any).publish(&fake).await);
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
async fn what_came_damaged_is_taken_away_and_sent_again() {
    let fake = github(|state| state.faults.push(("name=app.tar.gz", Fault::Damage))).await;
    let mut made = made(FILES);
    made.publish(&fake).await.unwrap();
    assert_eq!(fake.state().releases[0].assets.len(), 2);
    assert!(fake.state().releases[0].assets.iter().any(|asset| asset.bytes == b"archive"));
    assert!(fake.requests().iter().any(|line| line.starts_with("DELETE")));
}

#[tokio::test]
async fn a_file_that_changes_after_it_was_looked_at_is_not_sent() {
    let mut made = made(FILES);
    let path = made.store.file("asset.app-tar-gz", "app.tar.gz");
    let fake =
        github(|state| state.faults.push(("POST /repos/o/r/releases", Fault::Change(path.clone(), b"ARCHIVE")))).await;
    let (exit, code, text) = told(made.publish(&fake).await);
    assert_eq!((exit, code), (Exit::Usage, "file-changed"));
    assert!(text.contains("longshore verify"), "{text}");
    assert!(fake.state().releases[0].draft && fake.state().releases[0].assets.is_empty());
    // The way out: the right bytes are there again, by another look or another build.
    std::fs::write(path, b"archive").unwrap();
    made.publish(&fake).await.unwrap();
    assert!(!fake.state().releases[0].draft);
}

#[tokio::test]
async fn a_manifest_without_a_planned_file_publishes_nothing() {
    let fake = github(|_| {}).await;
    let mut made = made(FILES);
    made.manifest.artifacts[1].files.clear();
    let (exit, code, text) = told(made.publish(&fake).await);
    assert_eq!((exit, code), (Exit::Usage, "manifest-differs"));
    assert!(text.contains("SHA256SUMS"), "{text}");
    assert!(fake.requests().is_empty());
}
