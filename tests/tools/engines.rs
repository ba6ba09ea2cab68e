//! BuildKit, which we did not write, builds an image with everything that a recipe can have. The other engines: tests/engines.

mod checks;
pub mod daemon;
mod killed;
mod project;
mod table;

use longshore::build::engine::{Cache, Kind, Network, Recipe, choose};

use checks::{everything, failures};
use daemon::Daemon;
use killed::killed;
use project::{Project, TOKEN, ask, digest, runner};

#[test]
fn buildkit_builds() {
    let daemon = Daemon::start();
    let project = Project::new(Kind::Buildkit, &[("BUILDKIT_HOST", &daemon.host())]);
    table::holds(&project);
    everything(&project);
    failures(&project);
    caches(&daemon);
    killed(Kind::Buildkit, &[("BUILDKIT_HOST", &daemon.host())]);
    assert!(!daemon.log().contains(TOKEN));
}

#[test]
fn buildkit_that_is_not_there_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let host = format!("unix://{}/nothing", folder.path().display());
    let problem = choose(&runner(folder.path(), &[("BUILDKIT_HOST", &host)]), &ask(Kind::Buildkit)).unwrap_err();
    assert_eq!(problem.code, "engine-not-running");
    assert!(problem.hint.is_some_and(|hint| hint.contains(&host)));
}

/// A folder keeps what was done from one daemon to the next.
fn caches(daemon: &Daemon) {
    let project = Project::new(Kind::Buildkit, &[("BUILDKIT_HOST", &daemon.host())]);
    let first = Recipe {
        cache: Cache { folder: Some(project.path("cache")), none: false },
        network: Network::Default,
        ..project.recipe("FROM acme/base:1\nRUN echo once > /once\n", "first")
    };
    project.build(&first).unwrap();
    assert!(project.path("cache/index.json").exists() && !project.path("cache.next").exists());
    let daemon = Daemon::start();
    let other = Project::new(Kind::Buildkit, &[("BUILDKIT_HOST", &daemon.host())]);
    let second = Recipe { output: other.path("second"), ..first };
    let built = other.build(&second).unwrap();
    let step = built.steps.iter().find(|step| step.name.contains("RUN echo once")).unwrap();
    assert!(step.cached, "{built:?}");
    assert_eq!(digest(&project.path("first")), digest(&other.path("second")));
}
