//! The table of Darwin's Artifact Builder is copied once and left as it is.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::Arc;

use longshore::serve::log::Logs;
use longshore::serve::service::{Data, Service};
use longshore::serve::store::{Address, Store};
use longshore::world::terminal::Printer;

use super::mariadb::suite::fake::{Fake, client, setup};
use super::server;
use crate::project::{LONGSHORE, program};

const TABLE: &str = "CREATE TABLE darwin_image_builder (task_id VARCHAR(255) PRIMARY KEY, app_name VARCHAR(255) NOT NULL, \
    image_tag VARCHAR(255) NOT NULL, logs_url TEXT NULL, build_params JSON NULL, \
    status ENUM('waiting', 'running', 'completed', 'failed') NOT NULL DEFAULT 'waiting', \
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, \
    INDEX (status), INDEX (created_at));";

fn id(digit: char) -> String {
    format!("id-{}", digit.to_string().repeat(32))
}

/// Ages are in seconds; ids are in another order than their times.
fn rows() -> String {
    let repo = r#"{"git_repo": "https://canary-token@git.test/a.git", "branch": "main", "app_dir": "", "docker_file_path": ""}"#;
    let file = r#"{"git_repo": "https://git.test/a.git", "branch": "", "app_dir": "", "docker_file_path": "serve/dockerfiles/a/b/Dockerfile"}"#;
    let row = |id: &str, tag: &str, status: &str, params: &str, age: u32| {
        format!(
            "INSERT INTO darwin_image_builder VALUES ('{id}', 'app', '{tag}', 'http://old/static/{id}.log', '{params}', '{status}', \
             NOW() - INTERVAL {age} SECOND, NOW() - INTERVAL {age} SECOND);"
        )
    };
    [
        row(&id('c'), "v1", "completed", repo, 5000),
        row(&id('f'), "v2", "failed", repo, 4000),
        row(&id('9'), "v3", "waiting", repo, 3000),
        row(&id('1'), "v4", "waiting", repo, 2000),
        row(&id('2'), "v5", "running", repo, 1000),
        row(&id('3'), "v6", "waiting", file, 900),
        row("id-old", "v7", "completed", repo, 800),
    ]
    .concat()
}

fn place() -> (tempfile::TempDir, String, Address) {
    let folder = tempfile::tempdir().unwrap();
    let address = super::mariadb::database(folder.path());
    let url = fs::read_to_string(folder.path().join("database")).unwrap();
    server::execute(&url, &format!("{TABLE}{}", rows()));
    (folder, url, address)
}

fn start(folder: &std::path::Path, address: &Address, setup: &longshore::serve::service::Setup) -> Service {
    let data = Data::open(folder, address).unwrap();
    let imported = data.import(false).unwrap();
    if let Some(imported) = imported {
        let ids = |ids: &[longshore::serve::task::TaskId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(ids(&imported.waiting), [id('9'), id('1')]);
        assert_eq!(ids(&imported.failed), [id('2'), id('3')]);
        assert_eq!((imported.ended, imported.left_out), (2, vec!["id-old".to_owned()]));
    }
    let logs = Logs::new(data.logs());
    Service::start(data, logs, Arc::new(Fake::new(&folder.join("fake"))), setup, &Printer::silent()).unwrap()
}

#[test]
fn what_waited_is_built_and_old_ids_answer() {
    let (folder, url, address) = place();
    let before =
        server::table(&url, "SELECT CAST(COUNT(*) AS CHAR) FROM darwin_image_builder WHERE status = 'waiting'");
    let old_logs = tempfile::tempdir().unwrap();
    fs::write(
        old_logs.path().join(format!("{}.log", id('f'))),
        "cloning https://canary-token@git.test/a.git\nbroken\n",
    )
    .unwrap();
    let mut setup = setup();
    setup.old_logs = Some(old_logs.path().to_owned());
    for _ in 0..2 {
        let service = start(folder.path(), &address, &setup);
        let base = format!("http://{}", service.address());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let get = |path: String| {
                let base = &base;
                async move { client().get(format!("{base}{path}")).send().await.unwrap().text().await.unwrap() }
            };
            for (digit, state) in [('c', "completed"), ('f', "failed"), ('2', "failed"), ('3', "failed")] {
                let text = get(format!("/task/status?task_id={}", id(digit))).await;
                assert_eq!(text, format!(r#"{{"status":"SUCCESS","build_status":"{state}","message":""}}"#), "{digit}");
            }
            for digit in ['9', '1'] {
                while !get(format!("/task/status?task_id={}", id(digit))).await.contains("completed") {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            }
            let log = |digit| get(format!("/static/{}.log", id(digit)));
            assert_eq!(log('c').await, "The log of this task stayed with the old service.\n");
            assert_eq!(log('f').await, "cloning https://***@git.test/a.git\nbroken\n");
            assert!(log('2').await.starts_with("it ran in the old service"), "{}", log('2').await);
            assert!(log('3').await.starts_with("the Dockerfile that was sent along"), "{}", log('3').await);
            assert!(log('9').await.contains("completed: "), "{}", log('9').await);
            let all = get("/api/v1/builds".to_owned()).await + &get("/task".to_owned()).await;
            assert!(!all.contains("canary"), "{all}");
        });
        drop(runtime);
        service.stop();
    }
    // In the order of their submission, and once.
    let started: Vec<String> = super::mariadb::suite::fake::events(folder.path())
        .into_iter()
        .filter(|event| event.starts_with("start"))
        .collect();
    assert_eq!(started, ["start 1 v3", "start 1 v4"]);
    let after = server::table(&url, "SELECT CAST(COUNT(*) AS CHAR) FROM darwin_image_builder WHERE status = 'waiting'");
    assert_eq!((before, after), ("3".to_owned(), "3".to_owned()));
}

#[tokio::test]
async fn a_service_that_is_at_work_is_not_robbed() {
    let (folder, url, address) = place();
    server::execute(&url, "UPDATE darwin_image_builder SET updated_at = NOW() WHERE app_name = 'app'");
    let store = Store::open(folder.path(), &address).await.unwrap();
    let refused = store.import(false).await.unwrap_err().to_string();
    assert!(refused.contains("changed within the last 30 s"), "{refused}");
    assert_eq!(store.import(true).await.unwrap().unwrap().waiting.len(), 2);
    assert_eq!(store.import(true).await.unwrap(), None);
    store.close().await;
}

/// Two processes that start at the same moment.
#[tokio::test]
async fn it_is_copied_once() {
    let (folder, _, address) = place();
    let stores =
        [Store::open(folder.path(), &address).await.unwrap(), Store::open(folder.path(), &address).await.unwrap()];
    let (one, two) = tokio::join!(stores[0].import(false), stores[1].import(false));
    assert_eq!(usize::from(one.unwrap().is_some()) + usize::from(two.unwrap().is_some()), 1);
    assert_eq!(stores[0].all().await.unwrap().len(), 6);
    for store in &stores {
        store.close().await;
    }
}

/// The program itself, told by the variables of the old service; nothing shows the password.
#[test]
fn the_old_environment_is_enough() {
    let (folder, url, _) = place();
    let (_, rest) = url.split_once('@').unwrap();
    let (host, database) = rest.split_once('/').unwrap();
    let (host, port) = host.split_once(':').unwrap();
    let grant = format!(
        "CREATE USER longshore@'127.0.0.1' IDENTIFIED BY 'canary-password'; GRANT ALL ON {database}.* TO longshore@'127.0.0.1'"
    );
    server::execute(&url, &grant);
    let start = |password: &str| {
        let mut command = program(LONGSHORE);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data", "data"]).current_dir(folder.path());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LOCAL_REGISTRY", "localhost:9").env("NO_COLOR", "1");
        command.envs([("MYSQL_HOST", host), ("MYSQL_PORT", port), ("MYSQL_DATABASE", database)]);
        command.envs([("MYSQL_USERNAME", "longshore"), ("MYSQL_PASSWORD", password)]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let refused = start("canary-of-another").wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("error[database-unusable]: the database `mysql://longshore@127.0.0.1:"), "{said}");
    assert!(said.contains("Access denied") && !said.contains("canary"), "{said}");

    let mut child = start("canary-password");
    let mut address = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let proc = fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
    let environment = fs::read(format!("/proc/{}/environ", child.id())).unwrap_or_default();
    assert!(program("kill").arg(child.id().to_string()).status().unwrap().success());
    let done = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{said}");
    assert!(said.contains("tasks of the old service: 2 wait, 2 failed, 2 had ended"), "{said}");
    assert!(said.contains(&format!("{}: it is built here", id('9'))) && said.contains("`id-old`"), "{said}");
    for bytes in [proc, environment, done.stderr] {
        assert!(!String::from_utf8_lossy(&bytes).contains("canary"), "{said}");
    }
}
