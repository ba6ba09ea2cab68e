//! A release that is told to stop: what cargo and its build scripts started ends with it, and the same command goes on.

use std::fs;
use std::process::Stdio;

use crate::project::Project;
use crate::secrets::app;

/// Starts a process of its own, says the numbers of both, and never ends while `hold` is there.
const BUILD_RS: &str = r#"fn main() {
    if !std::path::Path::new("hold").exists() { return; }
    let child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    std::fs::write("target/part", format!("{} {}", std::process::id(), child.id())).unwrap();
    std::fs::rename("target/part", "target/pids").unwrap();
    std::thread::sleep(std::time::Duration::from_secs(600));
}
"#;

fn project() -> Project {
    let yaml = "longshore: 1\ntargets: x86_64-unknown-linux-gnu\narchives: false\npublish: { github: { repository: o/app } }\n";
    let project = app(BUILD_RS, yaml);
    fs::create_dir(project.folder().join("target")).unwrap();
    project
}

#[test]
fn a_build_script_ends_with_the_release() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let project = project();
        fs::write(project.folder().join("hold"), "").unwrap();
        let mut running = project.shell("CARGO_NET_OFFLINE=true exec longshore build");
        let running = running.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let wait = "for n in $(seq 600); do [ -e target/pids ] && exit 0; sleep 0.1; done; exit 1";
        assert!(project.sh(wait).status.success(), "{signal}: the build script was not started");
        // To longshore alone, as a job that is cancelled gets it.
        assert!(project.sh(&format!("kill -{signal} {}", running.id())).status.success());
        let done = running.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(code), "{signal}: {said}");
        assert!(said.contains("interrupted; run the same command again to continue"), "{signal}: {said}");
        let pids = fs::read_to_string(project.folder().join("target/pids")).unwrap();
        // What ends may take a moment to be gone; a process that is dead and not yet collected is a `Z`.
        let gone = format!(
            "for n in $(seq 100); do ps -o stat= -p {} | grep -qv '^Z' || exit 0; sleep 0.1; done; exit 1",
            pids.replace(' ', ",")
        );
        assert!(project.sh(&gone).status.success(), "{signal}: {pids} still run");
        fs::remove_file(project.folder().join("hold")).unwrap();
        let again = project.sh("CARGO_NET_OFFLINE=true longshore build && longshore verify");
        assert!(again.status.success(), "{signal}: {}", String::from_utf8_lossy(&again.stderr));
    }
}
