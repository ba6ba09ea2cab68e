//! Engines that we did not write build an image with everything that a recipe can have, fail as they should, and leave nothing.

mod daemon;
mod project;
mod table;

use std::path::Path;
use std::time::{Duration, Instant};

use longshore::build::engine::{Ask, Cache, Kind, Network, Recipe, choose};
use longshore::world::env::Env;
use serde_json::json;

use daemon::Daemon;
use project::{DOCKERFILE, Project, TOKEN, ask, config, digest, files, json, runner};

#[test]
fn buildkit_builds() {
    let daemon = Daemon::start();
    let project = Project::new(Kind::Buildkit, &[("BUILDKIT_HOST", &daemon.host())]);
    table::holds(&project);
    everything(&project);
    failures(&project);
    caches(&daemon);
    killed(Kind::Buildkit, &[("BUILDKIT_HOST", &daemon.host())]);
    assert!(!daemon.log().contains(TOKEN) && daemon.folder().exists());
}

#[test]
fn buildkit_that_is_not_there_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let host = format!("unix://{}/nothing", folder.path().display());
    let problem = choose(&runner(folder.path(), &[("BUILDKIT_HOST", &host)]), &ask(Kind::Buildkit)).unwrap_err();
    assert_eq!(problem.code, "engine-not-running");
    assert!(problem.hint.is_some_and(|hint| hint.contains(&host)));
}

#[test]
#[ignore = "run by `make proof`: needs buildah"]
fn buildah_builds() {
    killed(Kind::Buildah, &[]);
    let project = Project::new(Kind::Buildah, &[]);
    table::holds(&project);
    everything(&project);
    long_log(&project);
    failures(&project);
}

#[test]
#[ignore = "run by `make proof`: needs podman"]
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
    std::os::unix::fs::symlink(crate::tools().join("bin/docker-buildx"), plugins.join("docker-buildx")).unwrap();
    home
}

#[test]
#[ignore = "run by `make proof`: needs docker and its plugin buildx"]
fn docker_builds_what_buildkit_builds() {
    let daemon = Daemon::start();
    let home = home_with_buildx();
    let login = r#"{"auths":{"docker.io":{"auth":"bm9ib2R5Om5vdGhpbmc="}}}"#;
    std::fs::write(home.path().join(".docker/config.json"), login).unwrap();
    let mut create = crate::program(Path::new("/usr/bin/env"));
    create.args(["docker", "buildx", "create", "--name", "far", "--driver", "remote", "--use", &daemon.host()]);
    create.env("HOME", home.path());
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
#[ignore = "run by `make proof`: needs a Docker daemon"]
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
        let mut docker = crate::program(Path::new("/usr/bin/env"));
        let left = docker.arg("docker").args(list).env("DOCKER_HOST", host).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&left.stdout), "");
    }
    assert!(!project.path(".docker/buildx").exists(), "the builder is known in the user's folder");
}

/// The same twice; what is in it; what is told of it.
fn everything(project: &Project) {
    let recipe = project.recipe(DOCKERFILE, "one");
    let (built, told) = project.told(&recipe);
    let built = built.unwrap_or_else(|problem| panic!("{problem:?}\n{}", told.join("\n")));
    assert!(
        built.steps.iter().any(|step| step.name.ends_with("RUN cat /word && ls /sys/class/net > /networks")),
        "{built:?}"
    );
    assert_eq!(built.resolved, Vec::<String>::new());
    assert!(told.iter().any(|line| line == "tide"), "{told:?}");
    assert!(!told.join("\n").contains(TOKEN));

    let layout = project.path("one");
    let files = files(&layout);
    let text = |path: &str| files.get(path).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert_eq!(text("word").as_deref(), Some("tide\n"));
    assert_eq!(text("named.txt").as_deref(), Some("of the named folder\n"));
    assert_eq!(text("settings.txt").as_deref(), Some("of the context\n"));
    assert_eq!(text("networks").as_deref(), Some("lo\n"));
    assert_eq!(text("on-build").as_deref(), Some("on-build\n"), "ONBUILD of the base was not carried out");
    let config = config(&layout);
    assert_eq!(config["created"], "2023-11-14T22:13:20Z");
    assert_eq!(config["config"]["Healthcheck"]["Test"], json!(["CMD", "true"]));
    assert_eq!(config["config"]["Shell"], json!(["/bin/sh", "-ec"]));
    assert_eq!(config["config"]["OnBuild"], json!(null));
    assert!(config["config"]["Env"].as_array().unwrap().contains(&json!("MARK=of-the-base")));

    // Layers of the base are what they were.
    let layers = |name: &str| {
        let layout = project.path(name);
        let manifest = json(&layout, &digest(&layout));
        manifest["layers"].as_array().unwrap().iter().map(|layer| layer["digest"].clone()).collect::<Vec<_>>()
    };
    let base = layers("layout");
    assert_eq!(layers("one")[..base.len()], base[..]);

    let other = Recipe { args: [("WORD".to_owned(), "ebb".to_owned())].into(), ..project.recipe(DOCKERFILE, "other") };
    project.build(&other).unwrap();
    assert_ne!(digest(&project.path("other")), digest(&layout));
    project.build(&project.recipe(DOCKERFILE, "two")).unwrap();
    assert_eq!(digest(&project.path("two")), digest(&layout), "two builds differ");
    let anew = Recipe { cache: Cache { none: true, folder: None }, ..project.recipe(DOCKERFILE, "anew") };
    project.build(&anew).unwrap();
    assert_eq!(digest(&project.path("anew")), digest(&layout), "a build without cache differs");

    let stage = Recipe { stage: Some("build".into()), ..project.recipe(DOCKERFILE, "stage") };
    project.build(&stage).unwrap();
    assert!(project::files(&project.path("stage")).contains_key("made"));
    inherited(project);
}

/// What a base has and OCI has no word for.
fn inherited(project: &Project) {
    let recipe = project.recipe("FROM acme/base:1\nRUN true\n", "inherited");
    project.build(&recipe).unwrap();
    let config = config(&project.path("inherited"));
    assert_eq!(config["config"]["Healthcheck"]["Test"], json!(["CMD", "of-the-base"]));
}

fn failures(project: &Project) {
    #[track_caller]
    fn check(project: &Project, dockerfile: &str, code: &str, message: &str) {
        let problem = project.told(&project.recipe(dockerfile, "failed")).0.unwrap_err();
        assert_eq!((problem.code, problem.message.as_str()), (code, message), "{problem:?}");
        assert!(!project.path("failed").exists(), "half an image is left");
    }
    let from = "FROM acme/base:1\n";
    check(
        project,
        &format!("{from}\nRUN echo before && \\\n  sh -c 'exit 7'\n"),
        "image-build-failed",
        "`RUN echo before && sh -c 'exit 7'` (line 3 of `Dockerfile`) failed with exit status 7",
    );
    check(
        project,
        &format!("{from}RUN exit 137\n"),
        "image-build-failed",
        "`RUN exit 137` (line 2 of `Dockerfile`) failed with exit status 137",
    );
    let problem = project.told(&project.recipe("FROM acme/other:2\n", "failed")).0.unwrap_err();
    assert_eq!(problem.code, "image-not-given", "{problem:?}");
    assert!(problem.message.contains("acme/other:2"), "{problem:?}");
    let seconds = format!("47{}", std::process::id());
    let slow = format!("{from}RUN echo waiting; sleep {seconds}\n");
    let limit = Duration::from_secs(4);
    let recipe = Recipe { timeout: limit, ..project.recipe(&slow, "failed") };
    let problem = project.told(&recipe).0.unwrap_err();
    assert_eq!(problem.code, "image-build-timeout", "{problem:?}");
    assert!(problem.message.starts_with("`RUN echo waiting; sleep"), "{problem:?}");
    gone(&seconds);

    let begun = Instant::now();
    let stop = project.stop.clone();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(3));
        stop.cancel();
    });
    let problem = project.told(&project.recipe(&slow, "failed")).0.unwrap_err();
    stopper.join().unwrap();
    assert!(problem.message.contains("interrupted"), "{problem:?}");
    assert!(begun.elapsed() < Duration::from_secs(9), "it took {:?} to stop", begun.elapsed());
    gone(&seconds);
}

/// Is killed by the test below, while it builds.
#[test]
#[ignore = "started by another test"]
fn builds_until_it_is_killed() {
    let env = Env::read();
    let Some(kind) = env.get("KILLED_KIND") else { return };
    let host = env.get("BUILDKIT_HOST").unwrap_or_default();
    let folder = tempfile::tempdir_in(env.get("KILLED_FOLDER").unwrap()).unwrap();
    let project = Project::within(folder, &ask(kind.parse().unwrap()), &[("BUILDKIT_HOST", host)]);
    let _ = project.told(&project.recipe("FROM acme/base:1\nRUN touch /begun; sleep 4711\n", "killed"));
}

/// A process that builds is killed without a choice, which ends its engine, too.
fn killed(kind: Kind, vars: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = crate::program(&std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "engines::builds_until_it_is_killed"]).envs(vars.iter().copied());
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

/// The program of a RUN ends with the build.
#[track_caller]
fn gone(wanted: &str) {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let left = left(wanted);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < end, "left running: {left:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What runs `sleep` for so long.
fn left(seconds: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap();
    let lines = processes.filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok());
    let lines = lines.map(|words| String::from_utf8_lossy(&words).trim_end_matches('\0').replace('\0', " "));
    lines.filter(|words| *words == format!("sleep {seconds}")).collect()
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

/// What a program prints endlessly does not fill the disk.
fn long_log(project: &Project) {
    let dockerfile = format!("FROM acme/base:1\nRUN yes {} | head -c 100000000\n", "y".repeat(2000));
    let (built, told) = project.told(&project.recipe(&dockerfile, "long"));
    built.unwrap();
    assert!(told.iter().map(|line| line.len() + 1).sum::<usize>() < 65 << 20);
    assert!(told.last().is_some_and(|line| line.starts_with("the log ends here")), "{:?}", told.last());
}
