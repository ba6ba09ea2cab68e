//! Engines that `make proof` installs build what BuildKit builds: buildah, podman, docker with a builder elsewhere and its own.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../tools/engines/checks.rs"]
mod checks;
#[path = "../tools/engines/daemon.rs"]
mod daemon;
#[path = "../tools/installed.rs"]
mod installed;
#[path = "../tools/engines/killed.rs"]
mod killed;
#[path = "../tools/engines/project.rs"]
mod project;
#[path = "../tools/engines/table.rs"]
mod table;

use std::path::Path;

use longshore::build::engine::{Ask, Kind, choose};
use longshore::world::env::Env;

use checks::{everything, failures};
use daemon::Daemon;
use installed::{program, tools};
use killed::killed;
use project::{DOCKERFILE, Project, ask, digest, runner};

#[test]
fn buildah_builds() {
    killed(Kind::Buildah, &[]);
    let project = Project::new(Kind::Buildah, &[]);
    table::holds(&project);
    everything(&project);
    long_log(&project);
    failures(&project);
}

#[test]
fn podman_builds() {
    killed(Kind::Podman, &[]);
    let project = Project::new(Kind::Podman, &[]);
    table::holds(&project);
    everything(&project);
    long_log(&project);
    failures(&project);
}

/// A home in which Docker finds its plugin.
fn home_with_buildx() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let plugins = home.path().join(".docker/cli-plugins");
    std::fs::create_dir_all(&plugins).unwrap();
    std::os::unix::fs::symlink(tools().join("bin/docker-buildx"), plugins.join("docker-buildx")).unwrap();
    home
}

#[test]
fn docker_builds_what_buildkit_builds() {
    let daemon = Daemon::start();
    let home = home_with_buildx();
    let login = r#"{"auths":{"docker.io":{"auth":"bm9ib2R5Om5vdGhpbmc="}}}"#;
    std::fs::write(home.path().join(".docker/config.json"), login).unwrap();
    let mut create = program(Path::new("/usr/bin/env"));
    create.args(["docker", "buildx", "create", "--name", "far", "--driver", "remote", "--use", &daemon.host()]);
    // Buildx keeps which builder is used by the address of the daemon.
    create.env("HOME", home.path()).env_remove("DOCKER_HOST");
    assert!(create.status().unwrap().success());
    let project = Project::within(home, &ask(Kind::Docker), &[]);
    everything(&project);
    assert!(!project.path(".docker/buildx/refs").exists(), "builds are remembered in the user's folder");

    let other = Project::new(Kind::Buildkit, &[("BUILDKIT_HOST", &daemon.host())]);
    other.build(&project.recipe(DOCKERFILE, "by-buildctl")).unwrap();
    assert_eq!(digest(&project.path("by-buildctl")), digest(&project.path("one")), "buildctl and buildx differ");
    failures(&project);
}

/// The daemon's own builder writes no layouts: one is made for the session. Needs a daemon (`DOCKER_HOST`) that has an image
/// of BuildKit (`BUILDER_IMAGE`).
#[test]
fn docker_gets_a_builder_for_the_length_of_a_session() {
    let env = Env::read();
    let (host, image) = (env.get("DOCKER_HOST").unwrap(), env.get("BUILDER_IMAGE").unwrap());
    let refused = choose(&runner(home_with_buildx().path(), &[("DOCKER_HOST", host)]), &ask(Kind::Docker)).unwrap_err();
    assert_eq!(refused.code, "engine-feature");
    let home = home_with_buildx();
    let ask = Ask { builder_image: Some(image), ..ask(Kind::Docker) };
    let project = Project::within(home, &ask, &[("DOCKER_HOST", host)]);
    everything(&project);
    failures(&project);
    for list in [["ps", "--all", "--quiet"], ["volume", "ls", "--quiet"]] {
        let mut docker = program(Path::new("/usr/bin/env"));
        let left = docker.arg("docker").args(list).env("DOCKER_HOST", host).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&left.stdout), "");
    }
    assert!(!project.path(".docker/buildx").exists(), "the builder is known in the user's folder");
}

/// What a program prints endlessly does not fill the disk.
fn long_log(project: &Project) {
    let dockerfile = format!("FROM acme/base:1\nRUN yes {} | head -c 100000000\n", "y".repeat(2000));
    let (built, told) = project.told(&project.recipe(&dockerfile, "long"));
    built.unwrap();
    assert!(told.iter().map(|line| line.len() + 1).sum::<usize>() < 65 << 20);
    assert!(told.last().is_some_and(|line| line.starts_with("the log ends here")), "{:?}", told.last());
}
