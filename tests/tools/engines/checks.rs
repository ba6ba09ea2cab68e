//! What every engine must do: build, fail with the right words, leave nothing.

use std::time::{Duration, Instant};

use longshore::build::engine::{Cache, Recipe};
use serde_json::json;

use super::project::{self, DOCKERFILE, Project, TOKEN, config, digest, files, json};

/// The same twice; what is in it; what is told of it.
pub fn everything(project: &Project) {
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

pub fn failures(project: &Project) {
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
    // Enough to come to the second `RUN` where the machine is busy.
    let limit = Duration::from_secs(15);
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

/// The program of a RUN ends with the build.
#[track_caller]
pub fn gone(wanted: &str) {
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
pub fn left(seconds: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap();
    let lines = processes.filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok());
    let lines = lines.map(|words| String::from_utf8_lossy(&words).trim_end_matches('\0').replace('\0', " "));
    lines.filter(|words| *words == format!("sleep {seconds}")).collect()
}
