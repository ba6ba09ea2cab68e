//! The order of publication, with one workflow file: what nobody sees first, what cannot be taken back late.

use std::time::Duration;

use longshore::problem::Exit;
use longshore::rehearsal::github::{Effect, Hold, Moment};

use crate::coordination::world::{ONLY, PLAN_OF_ONE, READER, Run, World, run};

async fn world() -> World {
    World::of(&PLAN_OF_ONE, |_| {}).await
}

/// A package index keeps a name and a version for ever: a release that GitHub refuses must not have used them.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_github_refuses_leaves_nothing_public() {
    let world = world().await;
    let (exit, code, said) = world.run(Run { token: READER, ..run(ONLY) }).await.unwrap_err();
    assert_eq!((exit, code), (Exit::Denied, "permission-missing"), "{said}");
    assert!(world.is_hidden(), "{:?} {:?}", world.tags(), world.packages());
    world.run(run(ONLY)).await.unwrap();
    is_published(&world, "after it was refused");
}

/// The draft holds all its files before anybody sees anything, and is made public before floating tags move.
#[tokio::test(flavor = "multi_thread")]
async fn draft_then_tags_and_packages_then_release_then_floating_tags() {
    let world = world().await;
    let publication = world.github.hold_for("PATCH ", 1, Moment::Before);
    let last = world.github.hold_for("name=opsml-cli-x86_64-unknown-linux-gnu.tar.gz", 1, Moment::Before);
    let watch = async {
        let wait = |hold: Hold| tokio::task::spawn_blocking(move || hold.wait(Duration::from_secs(20)).then_some(hold));
        let held = wait(last).await.unwrap().unwrap();
        assert!(world.is_hidden(), "{:?} {:?}", world.tags(), world.packages());
        drop(held);
        let held = wait(publication).await.unwrap().unwrap();
        let tags: Vec<String> = world.tags().into_keys().collect();
        assert_eq!(tags, ["me/opsml:3.0.0", "you/opsml:3.0.0"]);
        assert_eq!(world.packages().len(), 2);
        drop(held);
    };
    let (ended, ()) = tokio::join!(world.run(run(ONLY)), watch);
    ended.unwrap();
    is_published(&world, "");
}

/// Everything is public, once.
fn is_published(world: &World, place: &str) {
    assert_eq!((world.tags().len(), world.packages().len()), (4, 2), "{place}");
    let effects = world.effects();
    let published = |effect: &&(usize, Effect)| matches!(effect.1, Effect::ReleasePublished { .. });
    assert_eq!(effects.iter().filter(published).count(), 1, "{place}");
    assert_eq!(effects.iter().filter(|(_, effect)| effect.breaks_a_promise()).count(), 0, "{place}");
}

/// Between any two requests to GitHub the run may end; the next one finishes it.
#[tokio::test(flavor = "multi_thread")]
async fn killed_after_any_request_to_github_it_finishes() {
    for number in 1.. {
        let world = world().await;
        let hold = world.github.hold_at(number, Moment::After);
        let reached = tokio::task::spawn_blocking(move || (hold.wait(Duration::from_secs(60)), hold));
        tokio::select! {
            ended = world.run(run(ONLY)) => {
                assert!(ended.is_ok() && number > 12, "only {number} requests: {ended:?}");
                return;
            }
            reached = reached => assert!(reached.unwrap().0, "neither there nor at its end"),
        }
        let again = world.run(run(ONLY)).await;
        assert!(again.is_ok(), "killed at {number}: {again:?}");
        is_published(&world, &format!("killed at {number}"));
    }
}
