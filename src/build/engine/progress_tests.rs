//! What BuildKit prints, and what is taken from it.

use super::*;

const LOG: &str = concat!(
    r#"time="2026-11-30T13:19:18Z" level=warning msg="failed check""#,
    "\n",
    r#"{"vertexes":[{"digest":"sha256:1","name":"[internal] load metadata for docker.io/acme/base:1","started":"2026-11-30T13:19:18.000000000Z"}]}"#,
    "\n",
    r#"{"vertexes":[{"digest":"sha256:2","name":"[context base] load metadata for docker.io/acme/given:1@sha256:bb"},{"digest":"sha256:6","name":"resolve image config for docker-image://docker.io/docker/dockerfile:1"}]}"#,
    "\n",
    r#"{"statuses":[{"id":"resolve docker.io/acme/given:1@sha256:bb","vertex":"sha256:2","current":0},{"id":"extracting x","vertex":"sha256:2"}]}"#,
    "\n",
    r#"{"vertexes":[{"digest":"sha256:3","name":"[build 1/2] FROM quay.io/x/y:3@sha256:aa"},{"digest":"sha256:4","name":"[build 2/2] RUN make","started":"2026-11-30T13:19:18Z","completed":"2026-11-30T13:19:20.5Z"}]}"#,
    "\n",
    r#"{"vertexes":[{"digest":"sha256:4","name":"[build 2/2] RUN make","started":"2026-11-30T13:19:18Z","completed":"2026-11-30T13:19:20.5Z"},{"digest":"sha256:5","name":"[2/2] COPY a b","started":"2026-11-30T13:19:18Z","cached":true}]}"#,
    "\n",
    r#"{"logs":[{"vertex":"sha256:4","stream":1,"data":"aGVsbG8K"},{"vertex":"sha256:4","stream":2,"data":"ZXI="}]}"#,
    "\n",
    r#"{"warnings":[{"vertex":"sha256:1","level":1,"short":"aGVsbG8="},{"vertex":"sha256:1","level":1,"short":"aGVsbG8="}]}"#,
    "\n",
    r#"{"vertexes":[{"digest":"sha256:5","name":"x","error":"context canceled"},{"digest":"sha256:4","name":"[build 2/2] RUN make","error":"process \"/bin/sh -c make\" did not complete successfully: exit code: 2"}]}"#,
    "\n",
    "{not json\nDockerfile:3\n   3 | >>> RUN make\nerror: failed to solve: process \"/bin/sh -c make\" did not complete successfully: exit code: 2\n",
);

fn taken(log: &str) -> (Progress, Vec<String>) {
    let (mut progress, mut told) = (Progress::default(), Vec::new());
    log.lines().for_each(|line| progress.take(line, &mut |line| told.push(line.to_owned())));
    (progress, told)
}

#[test]
fn steps_have_their_time_and_output() {
    let (progress, told) = taken(LOG);
    assert!(told.iter().any(|line| line == "hello"), "{told:?}");
    assert!(told.iter().any(|line| line == "CACHED [2/2] COPY a b"), "{told:?}");
    let built = progress.built();
    let steps: Vec<(&str, f64, bool)> =
        built.steps.iter().map(|step| (step.name.as_str(), step.seconds, step.cached)).collect();
    assert_eq!(
        steps,
        [
            ("[internal] load metadata for docker.io/acme/base:1", 0.0, false),
            ("[build 2/2] RUN make", 2.5, false),
            ("[2/2] COPY a b", 0.0, true)
        ]
    );
    assert_eq!(built.warnings, ["hello"]);
}

#[test]
fn images_that_it_looked_for_are_known_and_those_that_it_was_given_are_not_among_them() {
    let built = taken(LOG).0.built();
    assert_eq!(built.resolved, ["docker.io/acme/base:1", "docker.io/docker/dockerfile:1", "quay.io/x/y:3@sha256:aa"]);
}

#[test]
fn the_step_that_broke_is_blamed() {
    let failed = taken(LOG).0.failed();
    assert_eq!((failed.line, failed.status()), (Some(3), Some(2)));
    assert_eq!(failed.step.as_deref(), Some("[build 2/2] RUN make"));
    assert_eq!(failed.last, ["hello", "er"]);
}

#[test]
fn damage_is_no_end() {
    for line in ["{}", "{\"vertexes\":null}", "{\"vertexes\":[{}]}", "{\"logs\":[{\"data\":\"%%\"}]}", "\u{feff}", "[]"]
    {
        taken(line);
    }
}
