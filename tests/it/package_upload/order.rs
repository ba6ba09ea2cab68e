//! What is sent when: wheels before sdists, one file at a time per project, and nothing after a conflict.

use std::time::{Duration, Instant};

use longshore::problem::Exit;
use longshore::receipt::Outcome;
use longshore::rehearsal::pypi::{Moment, Seed};

use super::{NAMES, World, all, existing};
use crate::package::Package;

/// Requests of a run before its first upload: the JSON and the simple API of both projects.
const LOOKS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_sends_everything_and_the_next_one_nothing() {
    let mut world = World::new();
    assert!(all(&world.succeeds().await, Outcome::Published));
    assert_eq!((world.sent(), world.stored().len()), (6, 6));
    // What is finished needs no credentials.
    world.credentials.clear();
    assert!(all(&world.succeeds().await, Outcome::AlreadyThere));
    assert_eq!(world.sent(), 6);
    // The metadata of the form is the file's.
    let url = format!("{}/pypi/harbor-client/json", world.server.url());
    let text = reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap();
    let json: serde_json::Value = serde_json::from_str(&text.text().await.unwrap()).unwrap();
    let info = &json["info"];
    assert_eq!((&info["summary"], &info["requires_python"]), (&"A package for tests".into(), &">=3.8".into()));
    assert_eq!(info["classifiers"][0], "Programming Language :: Python :: 3");
    assert_eq!(
        (&info["project_urls"]["Home"], &info["description_content_type"]),
        (&"https://example.com/".into(), &"text/markdown".into())
    );
    assert_eq!(info["description"], "# harbor-client\n\nSmall.\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_file_at_a_time_and_no_sdist_before_the_last_wheel() {
    let world = World::new();
    // Whichever project comes first stands still at its first wheel.
    let hold = world.server.hold_at(LOOKS + 1, Moment::Before);
    let wait = move || (hold.wait(Duration::from_secs(20)), hold);
    let watch = async {
        let (reached, hold) = tokio::task::spawn_blocking(wait).await.unwrap();
        assert!(reached);
        let start = Instant::now();
        while world.stored().len() < 2 && start.elapsed() < Duration::from_secs(20) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let stored = world.stored();
        assert!(stored.len() == 2 && stored.iter().all(|name| name.ends_with(".whl")), "{stored:?}");
        assert_eq!(world.sent(), 3, "the other wheel of the project that stands still is not sent beside it");
        drop(hold);
    };
    tokio::join!(world.succeeds(), watch);
    assert_eq!(world.sent(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_follows_a_conflict() {
    let world = World::with(|options| options.projects = NAMES.map(existing).into()).only("harbor");
    let other = Package::new("harbor", "1.0").saying("other").wheel(super::TAGS[0]);
    let seed =
        || world.server.seed_file("harbor", "1.0", Seed { filename: &other.name, bytes: &other.bytes, age_days: 0 });
    let failures = world.run_between(seed).await.unwrap_err();
    let [(code, exit, text)] = &failures[..] else { panic!("{failures:?}") };
    assert_eq!((*code, *exit), ("index-file-differs", Exit::Conflict));
    for digest in [other.sha256(), world.files[1].sha256] {
        assert!(text.contains(&digest.to_string()), "{text}");
    }
    assert_eq!((world.sent(), world.stored().len()), (1, 1));
    // The next run sees it before it sends anything.
    assert_eq!(world.run().await.unwrap_err()[0].0, "index-file-differs");
    assert_eq!(world.sent(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_in_one_project_keeps_the_sdists_of_all() {
    let mut world = World::with(|options| options.projects = NAMES.map(existing).into());
    // Enough of them that the conflict comes before their end.
    for minor in 0..40 {
        world.add(NAMES[1], Package::new(NAMES[1], "1.0").wheel(&format!("cp310-abi3-manylinux_2_{minor}_aarch64")));
    }
    let other = Package::new("harbor", "1.0").saying("other").wheel(super::TAGS[0]);
    let seed =
        || world.server.seed_file("harbor", "1.0", Seed { filename: &other.name, bytes: &other.bytes, age_days: 0 });
    assert!(world.run_between(seed).await.is_err());
    assert!(world.stored().iter().all(|name| name.ends_with(".whl")), "{:?}", world.stored());
    // The other project ends after the file it is at.
    assert!(world.sent() < 40, "{}", world.sent());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_finished_meanwhile_is_fine() {
    let world = World::with(|options| options.projects = NAMES.map(existing).into());
    let seed = || {
        for file in &world.files {
            let bytes = std::fs::read(&file.path).unwrap();
            world.server.seed_file(
                file.distribution.as_str(),
                "1.0",
                Seed { filename: &file.name, bytes: &bytes, age_days: 0 },
            );
        }
    };
    assert_eq!(world.run_between(seed).await.unwrap().len(), 6);
    assert_eq!(world.server.shown().len(), NAMES.len());
}
