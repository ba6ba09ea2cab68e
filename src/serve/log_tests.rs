//! Logs: what reaches the file, and who reads it.

use std::fs;

use super::*;

fn id() -> TaskId {
    TaskId::of([7; 16])
}

async fn all(mut follower: Follower) -> String {
    let mut text = Vec::new();
    while let Some(piece) = follower.next().await.unwrap() {
        text.extend_from_slice(&piece);
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn secrets_never_reach_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::limited(folder.path(), LARGEST, vec![Secret::new("service-token")]);
    let log = logs.open(&id(), 1).unwrap();
    log.hide(&Secret::new("caller-password"));
    log.write(b"one service-to").unwrap();
    assert_eq!(fs::read_to_string(logs.path(&id(), 1)).unwrap(), "one ");
    log.write(b"ken, caller-pass").unwrap();
    log.write(b"word\nservice-").unwrap();
    drop(log);
    assert_eq!(fs::read_to_string(logs.path(&id(), 1)).unwrap(), "one ***, ***\nservice-");
}

#[test]
fn head_and_tail_of_a_large_log_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::limited(folder.path(), 1000, Vec::new());
    let log = logs.open(&id(), 1).unwrap();
    for number in 0..200_000 {
        log.write(format!("line {number}\n").as_bytes()).unwrap();
    }
    log.line("it failed").unwrap();
    drop(log);
    let text = fs::read_to_string(logs.path(&id(), 1)).unwrap();
    assert!(text.len() < 1000 + TAIL + 200, "{}", text.len());
    assert!(
        text.starts_with("line 0\nline 1\n")
            && text.contains("bytes are left out here: the limit is 1000 bytes]\nline 1")
    );
    assert!(
        text.ends_with("line 199999\nit failed\n[this log is not whole: the limit is 1000 bytes]\n"),
        "{}",
        &text[text.len() - 200..]
    );
}

#[test]
fn a_log_that_is_a_little_too_large_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::limited(folder.path(), 10, Vec::new());
    let log = logs.open(&id(), 1).unwrap();
    log.write(b"0123456789abc\n").unwrap();
    drop(log);
    assert_eq!(fs::read_to_string(logs.path(&id(), 1)).unwrap(), "0123456789abc\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_get_everything_from_their_offset_on() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::new(folder.path());
    assert!(logs.follow(&id(), 1, 0).await.is_err());
    let log = logs.open(&id(), 1).unwrap();
    log.write(b"begin\n").unwrap();
    let mut readers = Vec::new();
    for offset in [0, 3, 6] {
        readers.push(tokio::spawn(all(logs.follow(&id(), 1, offset).await.unwrap())));
    }
    let writer = tokio::task::spawn_blocking(move || {
        for number in 0..5000 {
            log.write(format!("{number}\n").as_bytes()).unwrap();
        }
    });
    writer.await.unwrap();
    let whole = fs::read_to_string(logs.path(&id(), 1)).unwrap();
    for (reader, offset) in readers.into_iter().zip([0, 3, 6]) {
        assert_eq!(reader.await.unwrap(), whole[offset..]);
    }
    // Of a closed one as well.
    assert_eq!(all(logs.follow(&id(), 1, 6).await.unwrap()).await, whole[6..]);
    // Written on by another process of ours after a restart: appended, never begun anew.
    logs.open(&id(), 1).unwrap().line("more").unwrap();
    assert_eq!(all(logs.follow(&id(), 1, whole.len() as u64).await.unwrap()).await, "more\n");
}
