//! The command itself: what it prints, whom it lets in, and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::suite::fake::client;
use crate::project::{LONGSHORE, program};

/// A registry that is not there, on a port that nobody has.
fn longshore(folder: &Path, args: &[&str]) -> Command {
    let mut command = program(LONGSHORE);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LOCAL_REGISTRY", "localhost:9").current_dir(folder);
    command.arg("serve").args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn end(mut child: Child, signal: &str) -> (Option<i32>, String) {
    assert!(program("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said)
}

#[tokio::test]
async fn it_serves_until_it_is_told_to_end() {
    for signal in ["-TERM", "-INT"] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = longshore(folder.path(), &["--listen", "127.0.0.1:0", "--data", "data"]).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let url = url.trim();
        let health = client().get(format!("{url}/healthcheck")).send().await.unwrap().text().await.unwrap();
        assert_eq!(health, r#"{"status":"SUCCESS","message":"OK"}"#);
        assert_eq!(client().get(format!("{url}/readyz")).send().await.unwrap().status(), 503);
        let second = longshore(folder.path(), &["--listen", "127.0.0.1:0", "--data", "data"]).output().unwrap();
        let refused = String::from_utf8_lossy(&second.stderr).into_owned();
        assert!(second.status.code() == Some(2) && refused.contains("error[service-running]"), "{refused}");
        private(folder.path());
        let (code, said) = end(child, signal);
        assert_eq!(code, Some(0), "{signal}: {said}");
        assert!(
            said.contains(&format!("Listening on {url}")) && said.contains("Pushing to localhost:9/serve-app"),
            "{said}"
        );
    }
}

/// Logs, clones and logins are for nobody else on the machine.
#[cfg(unix)]
fn private(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = |name: &str| std::fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("data"), mode("data/tasks.sqlite")), (0o700, 0o600));
}

/// At once, and with what is wrong with it.
#[test]
fn a_file_that_is_no_queue_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data/tasks.sqlite");
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::write(&file, "what somebody else has here").unwrap();
    let done = longshore(folder.path(), &["--listen", "127.0.0.1:0", "--data", "data"]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("error[database-unusable]") && said.matches("file is not a database").count() == 1, "{said}");
    assert!(said.contains("move it away"), "{said}");
    assert_eq!(std::fs::read(&file).unwrap(), b"what somebody else has here");
}

#[test]
fn check_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let done = longshore(folder.path(), &["--check"]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.code() == Some(1) && said.contains("error[not-ready]: builds are not possible: "), "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_token_is_made_and_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let done = longshore(folder.path(), &["--tokens", "tokens.yaml", "--new-token", "ci"]).output().unwrap();
    let token = String::from_utf8(done.stdout).unwrap().trim().to_owned();
    assert!(done.status.success() && token.starts_with("longshore_") && token.len() == 74, "{token}");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(said.contains("`ci` in `tokens.yaml`") && !said.contains(&token), "{said}");
    let args = ["--listen", "0.0.0.0:0", "--data", "data", "--tokens", "tokens.yaml"];
    let mut child = longshore(folder.path(), &args).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let url = url.trim().replace("0.0.0.0", "127.0.0.1");
    let get = |url: &str| {
        let done =
            program("curl").args(["-s", "-o", "/dev/null", "-w", "%{http_code}", &format!("{url}/task")]).output();
        String::from_utf8(done.unwrap().stdout).unwrap()
    };
    assert_eq!((get(&url), get(&url.replace("://", &format!("://x:{token}@")))), ("401".into(), "200".into()));
    let form = ["-F", "app_name=a", "-F", "image_tag=t", "-F", "git_repo=file:///x"];
    let url = format!("{}/build_with_dockerfile", url.replace("://", &format!("://x:{token}@")));
    assert!(program("curl").args(["-s"]).args(form).arg(&url).output().unwrap().status.success());
    let (code, said) = end(child, "-TERM");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(" Refused id-") && said.contains(" by `ci` at 127.0.0.1"), "{said}");
    assert!(!said.contains(&token), "{said}");
}

#[test]
fn settings_are_drawn_where_they_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("s.yaml"),
        "limits:\n  bild-time: 2h\nfetch: { allow: 10.0.0.0/99 }\nwebhooks: []\n",
    )
    .unwrap();
    let done = longshore(folder.path(), &["--settings", "s.yaml", "--check"]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(2), "{said}");
    for text in ["--> s.yaml:2:3", "did you mean `build-time`?", "it is a flag: `longshore serve --webhook`"] {
        assert!(said.contains(text), "{text}: {said}");
    }
}

/// The old service's rule; and programs see no credentials of clouds.
#[cfg(unix)]
#[test]
fn the_port_of_kinds_registry_is_asked_of_docker() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let docker = folder.path().join("docker");
    let script = "#!/bin/sh\nenv >> \"${0%/*}/seen\"\n[ \"$*\" = 'port kind-registry 5000/tcp' ] && echo 0.0.0.0:9 && exit 0\nexit 1\n";
    std::fs::write(&docker, script).unwrap();
    std::fs::set_permissions(&docker, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let start = |variables: &[(&str, &str)]| {
        let mut command = longshore(folder.path(), &["--listen", "127.0.0.1:0", "--data", "data"]);
        command
            .env("PATH", &path)
            .env("AWS_SECRET_ACCESS_KEY", "aws-canary-0123456789")
            .envs(variables.iter().copied());
        let mut child = command.spawn().unwrap();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
        end(child, "-TERM").1
    };
    let said = start(&[("LOCAL_REGISTRY", "localhost:5000")]);
    assert!(said.contains("Pushing to 127.0.0.1:9/serve-app"), "{said}");
    assert!(
        said.contains("images go to `127.0.0.1:9`, the port of `kind-registry`, not to `localhost:5000`"),
        "{said}"
    );
    let said = start(&[("ENV", "prod")]);
    assert!(said.contains("Pushing to localhost:9/darwin"), "{said}");
    let seen = std::fs::read_to_string(folder.path().join("seen")).unwrap();
    assert!(seen.contains("PATH=") && !seen.contains("canary"), "{seen}");
}
