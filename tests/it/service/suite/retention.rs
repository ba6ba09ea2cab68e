//! What is kept no longer is removed; what has not ended never is.

use std::fs;
use std::time::{Duration, Instant};

use longshore::serve::store::Keep;

use super::fake::World;

/// Waits until so many logs are there.
async fn logs(world: &World, many: usize) -> Vec<String> {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let entries = fs::read_dir(world.folder.path().join("logs")).unwrap();
        let names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        if names.len() == many {
            return names;
        }
        assert!(Instant::now() < end, "{names:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A service with tasks that have ended, one that runs and one that waits.
async fn busy(keep: Keep) -> (World, Vec<String>) {
    let world = World::with(|setup| setup.keep = keep);
    let mut ids = Vec::new();
    for number in 0..4 {
        let id = world.submit("app", &format!("v{number}")).await;
        world.seen(&format!("tagged 1 v{number}")).await;
        ids.push(id);
    }
    world.hold("building");
    ids.push(world.submit("app", "running").await);
    world.seen("held-building 1 running").await;
    ids.push(world.submit("app", "waiting").await);
    (world, ids)
}

async fn known(world: &World, ids: &[String]) -> Vec<bool> {
    let mut known = Vec::new();
    for id in ids {
        known.push(world.get(&format!("/api/v1/builds/{id}")).await.0 == 200);
    }
    known
}

#[tokio::test]
async fn so_many_builds_are_kept() {
    let (world, ids) = busy(Keep { builds: Some(2), ..Keep::default() }).await;
    let left = logs(&world, 3).await;
    assert_eq!(known(&world, &ids).await, [false, false, true, true, true, true]);
    assert!(ids[2..5].iter().all(|id| left.contains(&format!("{id}.1.log"))), "{left:?}");
    assert_eq!(world.get(&format!("/task/status?task_id={}", ids[0])).await.1["message"], "Task does not exist");
}

#[tokio::test]
async fn old_tasks_go_and_those_that_have_not_ended_stay() {
    let (world, ids) = busy(Keep { age: Some(Duration::ZERO), ..Keep::default() }).await;
    let left = logs(&world, 1).await;
    assert_eq!(known(&world, &ids).await, [false, false, false, false, true, true]);
    assert_eq!(left, [format!("{}.1.log", ids[4])]);
    world.release("building");
}

/// The oldest logs go first; their tasks are still known.
#[tokio::test]
async fn so_many_bytes_of_logs_are_kept() {
    let (world, ids) = busy(Keep { log_bytes: Some(1), ..Keep::default() }).await;
    let left = logs(&world, 1).await;
    assert_eq!(left, [format!("{}.1.log", ids[4])]);
    assert_eq!(known(&world, &ids).await, [true; 6]);
    let (status, answer) = world.get(&format!("/task/status?task_id={}", ids[0])).await;
    assert_eq!((status, &answer["build_status"]), (200, &"completed".into()));
    assert_eq!(world.get(&format!("/static/{}.log", ids[0])).await.0, 404);
}
