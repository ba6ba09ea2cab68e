//! Every misfortune of the index ends in a finished release or in a failure that is documented.

use longshore::problem::Exit;
use longshore::receipt::Outcome;
use longshore::rehearsal::pypi::{Fault, Quirks};

use super::{World, all, existing};

fn faulty(fault: Fault, times: usize) -> World {
    World::with(|options| {
        options.faults = vec![(fault, times)];
        if fault != Fault::RateLimit {
            options.projects = super::NAMES.map(existing).into();
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_waited_for() {
    for (fault, times, sent) in [
        // Stored: looked at, not sent again.
        (Fault::StoredThen502, 1, 6),
        (Fault::StoredThen502, 6, 6),
        (Fault::LostAnswer, 1, 6),
        (Fault::LostAnswer, 6, 6),
        // Not stored: sent again.
        (Fault::CutBody, 1, 7),
        (Fault::CutBody, 2, 8),
        (Fault::ServerError, 2, 8),
        (Fault::ReadOnly, 2, 8),
        // The JSON API is the better witness.
        (Fault::StaleIndex, 5, 6),
        (Fault::StaleIndex, 1000, 6),
    ] {
        let world = faulty(fault, times);
        assert!(all(&world.succeeds().await, Outcome::Published), "{fault} {times}");
        assert_eq!(world.sent(), sent, "{fault} {times}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_pass_ends_it_and_the_next_run_goes_on() {
    for (fault, times, code, exit, sent) in [
        (Fault::ServerError, 8, "server-trouble", Exit::Unfinished, 8),
        (Fault::CutBody, 8, "unreachable", Exit::Unfinished, 8),
        (Fault::ReadOnly, 8, "index-paused", Exit::Unfinished, 8),
    ] {
        let world = faulty(fault, times);
        world.fails(code, exit).await;
        assert_eq!((world.sent(), world.stored().len()), (sent, 0), "{fault}");
        world.succeeds().await;
        assert_eq!(world.sent(), sent + 6, "{fault}");
    }
}

/// What is not an accident is not asked again and again. Two files are under way at a time: whether the second is sent before
/// the answer to the first is here, nobody knows.
#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_said_again_is_asked_once() {
    for (fault, code, exit) in [
        (Fault::TokenExpired, "token-refused", Exit::Denied),
        (Fault::RateLimit, "index-too-many-projects", Exit::Unfinished),
    ] {
        let world = faulty(fault, 2);
        let mut sent = 0;
        while sent < 2 {
            world.fails(code, exit).await;
            assert!(world.stored().is_empty() && world.sent() > sent && world.sent() <= 2, "{fault}: {}", world.sent());
            sent = world.sent();
        }
        world.succeeds().await;
        assert_eq!(world.sent(), sent + 6, "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_however_often_is_documented() {
    let documented = std::fs::read_to_string(crate::source::root().join("docs/problems.md")).unwrap();
    for fault in Fault::all() {
        for times in [1, 3, 10_000] {
            let world = faulty(fault, times);
            let Err(failures) = world.run().await else { continue };
            for (code, exit, text) in failures {
                assert!(documented.contains(&format!("\n## {code}\n")), "{fault} {times}: {code} {text}");
                assert!([Exit::Unfinished, Exit::Denied].contains(&exit), "{fault} {times}: {code} {exit:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_index_is_looked_at_until_it_shows_everything() {
    let world = faulty(Fault::StaleIndex, 5);
    world.succeeds().await;
    // Once each before, three times in vain, once each at last.
    assert_eq!(world.count("GET /simple/"), 2 + 3 + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_cache_is_waited_for() {
    let world = World::quirky(Quirks { index_lag: 1, ..Quirks::default() });
    assert!(all(&world.succeeds().await, Outcome::Published));
    let json = world.index.json.clone();
    // Without the JSON API the simple one is all there is: late is unconfirmed, not wrong.
    let mut world = World::quirky(Quirks { index_lag: 1000, ..Quirks::default() });
    world.index.json = None;
    world.fails("index-unconfirmed", Exit::Unfinished).await;
    world.index.json = json.map(|_| format!("{}/pypi/", world.server.url()).parse().unwrap());
    world.succeeds().await;
    assert_eq!(world.sent(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn days_without_uploads() {
    for (quirks, code, exit) in [
        (Quirks { read_only: true, ..Quirks::default() }, "index-paused", Exit::Unfinished),
        (Quirks { no_uploads: true, ..Quirks::default() }, "index-paused", Exit::Unfinished),
        (Quirks { no_new_projects: true, ..Quirks::default() }, "index-paused", Exit::Unfinished),
        (Quirks { new_projects: Some(0), ..Quirks::default() }, "index-too-many-projects", Exit::Unfinished),
    ] {
        let world = World::quirky(quirks);
        world.fails(code, exit).await;
        assert!(world.stored().is_empty(), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_new_project_of_two() {
    let world = World::quirky(Quirks { new_projects: Some(1), ..Quirks::default() });
    world.fails("index-too-many-projects", Exit::Unfinished).await;
    let stored = world.stored();
    assert!(!stored.is_empty() && stored.iter().all(|name| name.ends_with(".whl")), "{stored:?}");
}
