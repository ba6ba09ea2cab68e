//! What engines can do, by version, as data: measured with cases of ours, or read in their documentation.

use std::fmt::Write;

use super::feature::Feature;
use super::model::Kind;
use super::version::Version;

/// From when on an engine can do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// From every version on that we start at all.
    Always,
    Version(Version),
    /// It cannot, or not the way we start it; the text says why.
    Never(&'static str),
}

/// How we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// With BuildKit 0.34.2, buildah 1.28.2, podman 4.3.1: `make test` and `make proof` do it again.
    Measured,
    /// <https://docs.docker.com/reference/dockerfile/> and buildah's CHANGELOG.md.
    Read,
}

/// A feature, and since when BuildKit and buildah have it. Docker builds with BuildKit, podman with buildah.
struct Row {
    feature: Feature,
    buildkit: (Since, Source),
    buildah: (Since, Source),
}

const NO_AGENT: &str = "no agent is handed to a build";
const NO_IGNORE: &str = "it copies what the file excludes";
const ONE_IMAGE: &str = "a name stands for one image";
const NO_NETWORKS: &str = "builds have one network";

const fn since(major: u32, minor: u32) -> (Since, Source) {
    (Since::Version(Version::new(major, minor)), Source::Read)
}

const fn never(why: &'static str) -> (Since, Source) {
    (Since::Never(why), Source::Measured)
}

const ALWAYS: (Since, Source) = (Since::Always, Source::Measured);

/// The version of the Dockerfile language that BuildKit 0.N reads itself is 1.(N-6).
const ROWS: [Row; 20] = [
    Row { feature: Feature::Heredoc, buildkit: since(0, 10), buildah: since(1, 33) },
    Row { feature: Feature::HeredocCopy, buildkit: since(0, 10), buildah: since(1, 33) },
    Row { feature: Feature::Link, buildkit: since(0, 10), buildah: since(1, 41) },
    Row { feature: Feature::Exclude, buildkit: since(0, 25), buildah: since(1, 38) },
    Row { feature: Feature::Parents, buildkit: since(0, 26), buildah: since(1, 40) },
    Row { feature: Feature::CacheMount, buildkit: ALWAYS, buildah: ALWAYS },
    Row { feature: Feature::SecretMount, buildkit: ALWAYS, buildah: ALWAYS },
    Row { feature: Feature::SshMount, buildkit: never(NO_AGENT), buildah: never(NO_AGENT) },
    Row { feature: Feature::BindMount, buildkit: ALWAYS, buildah: ALWAYS },
    Row { feature: Feature::TmpfsMount, buildkit: ALWAYS, buildah: ALWAYS },
    Row { feature: Feature::Healthcheck, buildkit: ALWAYS, buildah: ALWAYS },
    Row { feature: Feature::Shell, buildkit: ALWAYS, buildah: ALWAYS },
    Row { feature: Feature::Onbuild, buildkit: ALWAYS, buildah: ALWAYS },
    Row { feature: Feature::Chmod, buildkit: ALWAYS, buildah: ALWAYS },
    Row { feature: Feature::RunNetwork, buildkit: since(0, 9), buildah: never(NO_NETWORKS) },
    Row { feature: Feature::NamedFolderIgnore, buildkit: ALWAYS, buildah: never(NO_IGNORE) },
    Row { feature: Feature::BindMountIgnore, buildkit: ALWAYS, buildah: never(NO_IGNORE) },
    Row { feature: Feature::AddChecksum, buildkit: since(0, 12), buildah: since(1, 33) },
    Row { feature: Feature::AddGit, buildkit: since(0, 12), buildah: since(1, 44) },
    Row { feature: Feature::TwoPlatforms, buildkit: ALWAYS, buildah: never(ONE_IMAGE) },
];

/// The oldest that we start at all: older ones have no named contexts, which bases are given as.
pub const OLDEST_BUILDKIT: Version = Version::new(0, 11);
pub const OLDEST_BUILDAH: Version = Version::new(1, 28);

pub fn known(kind: Kind, feature: Feature) -> (Since, Source) {
    let row = ROWS.iter().find(|row| row.feature == feature);
    let cell = row.map(|row| match kind {
        Kind::Buildkit | Kind::Docker => row.buildkit,
        Kind::Buildah | Kind::Podman => row.buildah,
    });
    cell.unwrap_or((Since::Never("it was never tried"), Source::Read))
}

/// Why a version cannot do something; nothing if it can. A builder that does not tell its version is taken for a new one.
pub fn lack(kind: Kind, version: Option<Version>, feature: Feature) -> Option<String> {
    match known(kind, feature).0 {
        Since::Always => None,
        Since::Never(why) => Some(why.to_owned()),
        Since::Version(first) => version
            .filter(|version| *version < first)
            .map(|version| format!("needs {} {first}, and this is {version}", kind.builder())),
    }
}

/// The table of docs/images.md.
pub fn markdown() -> String {
    let mut text = String::from("| | `buildctl`, `docker buildx` | `buildah`, `podman` |\n| --- | --- | --- |\n");
    for Row { feature, .. } in &ROWS {
        let (one, other) = (cell(Kind::Buildkit, *feature), cell(Kind::Buildah, *feature));
        // Writing to a text cannot fail.
        let _ = writeln!(text, "| {feature} | {one} | {other} |");
    }
    text
}

fn cell(kind: Kind, feature: Feature) -> String {
    let (since, source) = known(kind, feature);
    let text = match since {
        Since::Always => "yes".to_owned(),
        Since::Version(version) => format!("{} {version}", kind.builder()),
        Since::Never(why) => format!("no: {why}"),
    };
    if source == Source::Measured { format!("{text} *") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_has_its_row() {
        let rows: Vec<Feature> = ROWS.iter().map(|row| row.feature).collect();
        assert_eq!(rows, Feature::ALL);
    }

    #[test]
    fn versions_decide() {
        #[track_caller]
        fn check(kind: Kind, version: &str, feature: Feature, expected: Option<&str>) {
            assert_eq!(lack(kind, version.parse().ok(), feature).as_deref(), expected);
        }
        check(Kind::Buildah, "1.28.2", Feature::Heredoc, Some("needs buildah 1.33, and this is 1.28"));
        check(Kind::Podman, "1.33.0", Feature::Heredoc, None);
        check(Kind::Buildkit, "v0.34.2", Feature::Parents, None);
        check(Kind::Docker, "v0.12.4", Feature::Parents, Some("needs BuildKit 0.26, and this is 0.12"));
        check(Kind::Docker, "unknown", Feature::Parents, None);
        check(Kind::Buildah, "1.44.0", Feature::SshMount, Some(NO_AGENT));
    }

    #[test]
    fn the_page_has_the_table() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/images.md")).unwrap();
        let (_, rest) = page.split_once("<!-- engines: made from src/build/engine/table.rs -->\n").unwrap();
        let (block, _) = rest.split_once("<!-- /engines -->").unwrap();
        assert_eq!(block.trim(), markdown().trim());
    }
}
