//! Engines that are there, that are not, and what is said of them.

use super::*;
use crate::build::engine::model::How;
use crate::build::engine::probe::Builder;
use crate::build::engine::version::Version;

const ASK: Ask<'static> =
    Ask { wanted: None, platform: "linux/amd64", runs: true, needs: &[], frontend: false, builder_image: None };

fn found(version: &str) -> Found {
    let platforms = vec!["linux/amd64".into(), "linux/386".into()];
    Found { version: version.parse().ok(), platforms, how: How::Plain, native: "linux/amd64".into() }
}

#[track_caller]
fn check(kind: Kind, version: &str, ask: Ask<'_>, expected: Result<bool, &str>) {
    let got = fit(kind, found(version), &ask);
    let got = got.map(|engine| engine.emulated).map_err(|unfit| format!("{}: {}", unfit.code, unfit.text));
    assert_eq!(got, expected.map_err(ToOwned::to_owned));
}

#[test]
fn what_cannot_be_done_is_said_before_the_start() {
    check(Kind::Buildkit, "v0.34.2", ASK, Ok(false));
    check(
        Kind::Buildkit,
        "v0.9.0",
        ASK,
        Err("engine-feature: its BuildKit is 0.9, and 0.11 is the oldest that takes named contexts"),
    );
    let heredoc = Ask { needs: &[Feature::Heredoc, Feature::Chmod], ..ASK };
    check(
        Kind::Buildah,
        "1.28.2",
        heredoc,
        Err("engine-feature: it cannot do `RUN <<EOF` (needs buildah 1.33, and this is 1.28)"),
    );
    let arm = Ask { platform: "linux/arm64", ..ASK };
    check(
        Kind::Buildah,
        "1.40.0",
        arm,
        Err("engine-platform: it cannot run programs of `linux/arm64`, only of linux/amd64, linux/386"),
    );
    check(Kind::Buildah, "1.40.0", Ask { runs: false, ..arm }, Ok(false));
    check(Kind::Buildkit, "v0.34.2", Ask { platform: "linux/386", ..ASK }, Ok(true));
    let new = Ask { needs: &[Feature::Parents], frontend: true, ..ASK };
    check(Kind::Docker, "v0.12.0", new, Ok(false));
}

#[test]
fn the_best_reason_is_told() {
    let unfit = |code, text: &str| Unfit::cannot(code, text);
    let problem = none(
        vec![
            (Kind::Buildkit, unfit("engine-missing", "`BUILDKIT_HOST` is not set")),
            (
                Kind::Docker,
                Unfit { hint: Some("start it".into()), ..unfit("engine-not-running", "it does not answer") },
            ),
        ],
        &ASK,
    );
    assert_eq!((problem.code, problem.hint.as_deref()), ("engine-not-running", Some("start it")));
    assert_eq!(
        problem.message,
        "no engine of this machine can build it: buildkit: `BUILDKIT_HOST` is not set; docker: it does not answer"
    );
    let problem = none(vec![(Kind::Buildah, unfit("engine-missing", "`buildah` is not installed"))], &ASK);
    assert!(problem.message.starts_with("no engine that builds Dockerfiles"), "{}", problem.message);
}

#[test]
fn a_builder_is_read_from_what_buildx_says() {
    let text = "Name:          remote\nDriver:        remote\nLast Activity: 2026-11-30 13:00:00 +0000 UTC\n\nNodes:\nName:                  remote0\nEndpoint:              unix:///run/x\nStatus:                running\nBuildKit version:      v0.34.2\nPlatforms:             linux/amd64*, linux/amd64/v2, linux/386\nLabels:\n org.mobyproject.buildkit.worker.executor:         oci\n";
    let builder = Builder::of_text(text);
    assert_eq!(builder.driver, "remote");
    assert_eq!((builder.status.as_str(), builder.version), ("running", Some(Version::new(0, 34))));
    assert_eq!(builder.platforms, ["linux/amd64", "linux/amd64/v2", "linux/386"]);
    let dead = Builder::of_text(
        "Name: default\nDriver: docker\n\nNodes:\nName: default\nError: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?\n",
    );
    assert!(dead.error.is_some_and(|error| error.starts_with("Cannot connect to the Docker daemon at unix:///")));
}
