//! The release as it should come out, in all its shapes.

use super::fake::Rel;
use super::order::{COMMIT, github, made, told};
use super::{FILES, file, outcomes, release};
use crate::destination::When;
use crate::problem::Exit;
use crate::receipt::Outcome;

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
async fn generated_notes_take_their_place() {
    let fake = github(|state| {
        for (id, tag) in (1..).zip(["v1.2.0-rc.1", "v1.1.0", "v1.0.9", "v2.0.0", "cli-v1.1.5"]) {
            state.releases.push(Rel { tag: tag.into(), ..release(id, false, vec![]) });
        }
    })
    .await;
    let mut made = made(FILES).github(|github| {
        github.pages[0].body = "Hello\n\n{generated}\n".into();
        github.pages[0].generated = true;
    });
    made.publish(&fake).await.unwrap();
    assert_eq!(fake.state().releases[5].body, "Hello\n\n* since v1.1.0");
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
