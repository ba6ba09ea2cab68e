//! A process that builds is killed, and its engine goes with it.

use std::time::{Duration, Instant};

use longshore::build::engine::Kind;
use longshore::world::env::Env;

use super::checks::{gone, left};
use super::project::{Project, ask};

/// Builds until it is killed, where [`killed`] starts it; otherwise there is nothing to do.
#[test]
fn builds_until_it_is_killed() {
    let env = Env::read();
    let Some(kind) = env.get("KILLED_KIND") else { return };
    let host = env.get("BUILDKIT_HOST").unwrap_or_default();
    let folder = tempfile::tempdir_in(env.get("KILLED_FOLDER").unwrap()).unwrap();
    let project = Project::within(folder, &ask(kind.parse().unwrap()), &[("BUILDKIT_HOST", host)]);
    let _ = project.told(&project.recipe("FROM acme/base:1\nRUN touch /begun; sleep 4711\n", "killed"));
}

/// A process that builds is killed without a choice, which ends its engine, too.
pub fn killed(kind: Kind, vars: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = crate::installed::program(&std::env::current_exe().unwrap());
    let name = module_path!().split_once("::").map_or("", |(_, module)| module);
    command.args(["--exact", &format!("{name}::builds_until_it_is_killed")]).envs(vars.iter().copied());
    command.env("KILLED_KIND", kind.to_string()).env("KILLED_FOLDER", folder.path());
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut process = command.spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    while left("4711").is_empty() {
        assert!(Instant::now() < end, "the build does not begin");
        std::thread::sleep(Duration::from_millis(50));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    gone("4711");
}
