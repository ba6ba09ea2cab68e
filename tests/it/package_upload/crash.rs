//! A run that ends at any request, before, in the middle of or after its effect, and the next one that finishes it.

use std::time::Duration;

use longshore::rehearsal::pypi::Moment;

use super::World;

/// Ends a run at its request of that number and runs again: what the request was, or nothing if a run has
/// fewer requests.
async fn ended_at(world: &World, number: usize, moment: Moment) -> Option<String> {
    let hold = world.server.hold_at(number, moment);
    let wait = move || (hold.wait(Duration::from_secs(20)), hold);
    let stopped = tokio::select! {
        done = world.run() => {
            assert!(world.server.requests().len() < number, "{done:?}");
            return None;
        }
        stopped = tokio::task::spawn_blocking(wait) => stopped.unwrap(),
    };
    assert!(stopped.0, "neither at request {number} nor at its end");
    drop(stopped);
    let request = world.server.requests().swap_remove(number - 1);
    world.succeeds().await;
    Some(request)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_project_ended_anywhere_sends_nothing_in_vain() {
    for moment in [Moment::Before, Moment::Midway, Moment::After] {
        let mut number = 0;
        loop {
            number += 1;
            let world = World::new().only("harbor");
            let Some(request) = ended_at(&world, number, moment).await else { break };
            // Only what had no effect is sent again.
            let lost = request.starts_with("POST /legacy/") && moment != Moment::After;
            let times = world.sent();
            assert_eq!(times, 3 + usize::from(lost), "{moment:?} request {number}, {request}");
        }
        assert!(number > 7, "{moment:?}: {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_projects_ended_anywhere_converge() {
    for moment in [Moment::Before, Moment::After] {
        let mut number = 0;
        loop {
            number += 1;
            let world = World::new();
            let Some(request) = ended_at(&world, number, moment).await else { break };
            // At most one file of each project was on its way.
            assert!((6..=8).contains(&world.sent()), "{moment:?} request {number}, {request}: {}", world.sent());
            assert_eq!(world.stored().len(), 6);
        }
        assert!(number > 12, "{moment:?}: {number}");
    }
}
