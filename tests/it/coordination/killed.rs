//! One of three is killed at each of its requests, in the middle of uploads too, and started again.

use std::time::Duration;

use longshore::rehearsal::github::{Hold, Moment};

use super::world::{ALL, ASSETS, CLIENT, Ended, Run, World, run};

/// Runs all three; one of them is killed when a server stops at one of its requests, and run again. Nothing if it came to
/// its end before.
async fn killed(world: &World, victim: &str, hold: Hold) -> Option<Ended> {
    let reached = tokio::task::spawn_blocking(move || (hold.wait(Duration::from_secs(60)), hold));
    let marked = Run { marked: true, ..run(victim) };
    let dies = async {
        tokio::select! {
            ended = world.run(marked) => {
                ended.unwrap();
                None
            }
            reached = reached => {
                let (reached, hold) = reached.unwrap();
                assert!(reached, "neither there nor at its end");
                drop(hold);
                Some(())
            }
        }?;
        Some(world.run(run(victim)).await)
    };
    let others = ALL.into_iter().filter(|workflow| *workflow != victim).map(|workflow| world.run(run(workflow)));
    let (again, others) = tokio::join!(dies, futures_util::future::join_all(others));
    for ended in others {
        ended.unwrap();
    }
    again
}

async fn at_each_request(victim: &str, moment: Moment, least: usize, stop: impl Fn(&World, usize) -> Hold) {
    for number in 1.. {
        let world = World::new().await;
        let hold = stop(&world, number);
        let Some(again) = killed(&world, victim, hold).await else {
            assert!(number > least, "{victim} {moment:?}: only {number} requests");
            return;
        };
        assert!(again.is_ok(), "{victim} {moment:?} {number}: {again:?}");
        world.is_published(["first"; 3]);
    }
}

/// Before a request is after the one before it.
#[tokio::test(flavor = "multi_thread")]
async fn the_one_that_leads_at_github() {
    at_each_request(ASSETS, Moment::After, 20, |world, at| world.github.hold_for(" /api/", at, Moment::After)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_in_the_middle_of_an_upload() {
    for (workflow, least) in [(ASSETS, 4), (CLIENT, 2)] {
        let stop = |world: &World, at| world.github.hold_for(" /api/uploads/", at, Moment::Midway);
        at_each_request(workflow, Moment::Midway, least, stop).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_one_that_leads_at_its_registry() {
    at_each_request(ASSETS, Moment::After, 15, |world, at| world.registry.hold_at(at, Moment::After)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_follows_at_github() {
    at_each_request(CLIENT, Moment::After, 8, |world, at| world.github.hold_for(" /api/", at, Moment::After)).await;
}
