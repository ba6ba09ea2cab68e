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

#[test]
fn check_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let done = longshore(folder.path(), &["--check"]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.code() == Some(1) && said.contains("error[not-ready]: builds are not possible: "), "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
