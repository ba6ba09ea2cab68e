//! The lines that old callers have in their scripts, run by a shell with curl.

use super::fake::World;
use crate::project::program;

#[tokio::test]
async fn lines_of_old_callers_print_what_they_printed() {
    let world = World::with(|setup| setup.links.app_layer_url = Some("http://links.test".into()));
    world.hold("fetching");
    let script = std::fs::read_to_string("tests/service/lines.sh").unwrap();
    std::fs::write(world.folder.path().join("Dockerfile"), "FROM scratch\n").unwrap();
    let mut shell = program("bash");
    shell
        .arg("-c")
        .arg(script)
        .current_dir(world.folder.path())
        .env("URL", world.url(""))
        .env("REPO", "http://127.0.0.1:9/app.git");
    shell.env("no_proxy", "*");
    let done = tokio::task::spawn_blocking(move || shell.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let lines: Vec<&str> = said.lines().collect();
    let id = lines[1].strip_prefix("Task ID: ").unwrap();
    assert_eq!(id.len(), 35, "{said}");
    let waiting = |line: &str| line.replace(r#""running""#, r#""waiting""#);
    let row = format!(
        r#"{{"task_id":"{id}","app_name":"my-app","image_tag":"v1.0","logs_url":"http://links.test/static/{id}.log","status":"waiting"}}"#
    );
    let health = r#"{"status":"SUCCESS","message":"OK"}"#;
    assert_eq!(lines[0], health);
    assert_eq!(waiting(lines[2]), r#"{"status":"SUCCESS","build_status":"waiting","message":""}"#);
    assert_eq!(
        lines[3],
        format!(r#"{{"status":"SUCCESS","logs_url":"http://links.test/static/{id}.log","message":""}}"#)
    );
    assert_eq!(waiting(lines[4]), format!(r#"{{"status":"SUCCESS","data":[{row}],"message":""}}"#));
    assert_eq!(lines[5..7], ["HTTP/1.1 200 OK", "content-type: application/json"]);
    assert!(lines[7].starts_with(r#"{"status":"SUCCESS","task_id":"id-"#), "{}", lines[7]);
    assert_eq!(
        lines[8],
        r#"{"detail":[{"type":"missing","loc":["body","git_repo"],"msg":"Field required","input":null}]} 422"#
    );
    assert_eq!(lines[9], format!("307 {}", world.url("/artifact-builder/task")));
    assert_eq!(lines[10..], ["200", health, health]);
}
