//! The registry beside a Kubernetes cluster of kind, as the old service found it.

use std::path::Path;
use std::time::Duration;

use super::targets::looks_for_kind;
use crate::build::engine::Kind;
use crate::world::env::Env;
use crate::world::process::{Cmd, Runner};

/// Docker that does not answer is not waited for.
const LONGEST: Duration = Duration::from_secs(5);

/// The port of this machine that leads to it, where Docker is the engine and images are named as on a developer's machine;
/// nothing where there is none.
pub fn port(runner: &Runner, env: &Env, engine: Option<Kind>) -> Option<u16> {
    let by_docker = match engine {
        Some(kind) => kind == Kind::Docker,
        // Tried before Docker.
        None => env.get("BUILDKIT_HOST").is_none(),
    };
    if !by_docker || !looks_for_kind(env) {
        return None;
    }
    runner.find("docker")?;
    let cmd = Cmd::new("docker", Path::new("/")).args(["port", "kind-registry", "5000/tcp"]).timeout(LONGEST);
    let done = runner.output(&cmd).ok().filter(|done| done.status.success())?;
    of_lines(&done.stdout)
}

/// `0.0.0.0:55000`, a line for each address.
fn of_lines(text: &str) -> Option<u16> {
    text.lines().next()?.trim().rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_docker_says() {
        assert_eq!(of_lines("0.0.0.0:55000\n[::]:55000\n"), Some(55000));
        assert_eq!(of_lines("127.0.0.1:5001\n"), Some(5001));
        assert_eq!(of_lines("Error: No public port\n"), None);
        assert_eq!(of_lines(""), None);
    }
}
