//! Runner labels: the data file `runners.toml`, read once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;

use super::{Job, PlannedBuilder};
use crate::config::{BinarySettings, Builder};
use crate::platform::Platform;
use crate::problem::Problem;
use crate::target::{Os, Target};

#[derive(Deserialize)]
struct Runners {
    default: String,
    targets: BTreeMap<Target, String>,
    images: BTreeMap<Platform, String>,
    labels: BTreeMap<String, Label>,
    install: Install,
}

#[derive(Deserialize)]
struct Label {
    os: String,
    arch: String,
    glibc: Option<String>,
}

#[derive(Deserialize)]
struct Install {
    zigbuild: Vec<String>,
    cross: Vec<String>,
    maturin: Vec<String>,
    #[serde(rename = "maturin-zig")]
    maturin_zig: Vec<String>,
    patchelf: Vec<String>,
    readme: Vec<String>,
}

static RUNNERS: LazyLock<Runners> =
    LazyLock::new(|| toml::from_str(include_str!("runners.toml")).expect("the data file is tested"));

/// The label of work without a target.
pub fn any() -> &'static str {
    &RUNNERS.default
}

/// The label on which a target is native.
pub fn native(target: Target) -> &'static str {
    RUNNERS.targets.get(&target).map_or(any(), String::as_str)
}

/// The label on which images for a platform are built: nothing of the machine gets into them, so the newest.
pub fn of_images(platform: Platform) -> Option<&'static str> {
    RUNNERS.images.get(&platform).map(String::as_str)
}

/// Whether a machine with this label runs the target's executables; labels that say nothing are the user's own choice.
pub fn runs(label: &str, target: Target) -> bool {
    of(label).is_none_or(|(os, arch)| os == target.os().name() && arch == target.arch().name())
}

/// System and processor of a label's machine.
fn of(label: &str) -> Option<(&str, &str)> {
    let known = RUNNERS.labels.get(label).map(|row| (row.os.as_str(), row.arch.as_str()));
    known.or_else(|| assumed(label))
}

/// The same of a label that the data file does not have, by the form of GitHub's.
pub fn assumed(label: &str) -> Option<(&'static str, &'static str)> {
    if RUNNERS.labels.contains_key(label) {
        return None;
    }
    let (name, rest) = label.split_once('-')?;
    let arm = ["arm", "arm64"].iter().any(|end| rest.split('-').any(|part| part == *end));
    if !rest.starts_with(|char: char| char.is_ascii_digit()) {
        return None;
    }
    match name {
        "ubuntu" => Some(("linux", if arm { "aarch64" } else { "x86_64" })),
        "windows" => Some(("windows", if arm { "aarch64" } else { "x86_64" })),
        "macos" => {
            Some(("darwin", if rest.ends_with("-intel") || rest.ends_with("-large") { "x86_64" } else { "aarch64" }))
        }
        _ => None,
    }
}

/// Labels that are taken for what their names say, for people.
pub fn notes(jobs: &[Job]) -> Vec<String> {
    let labels: BTreeSet<&str> = jobs.iter().map(|job| job.runner.as_str()).collect();
    let note = |label: &str| {
        let (os, arch) = assumed(label)?;
        Some(format!("the runner `{label}` is not known: {os} on {arch}, as its name says"))
    };
    labels.into_iter().filter_map(note).collect()
}

/// glibc of the label's image, as far as the data file knows.
pub fn glibc(label: &str) -> Option<&'static str> {
    RUNNERS.labels.get(label)?.glibc.as_deref()
}

/// What a machine with this label needs before it can build a target.
pub fn install(label: &str, container: bool, target: Target, builder: PlannedBuilder) -> Vec<String> {
    let mut list = Vec::new();
    let host = RUNNERS.targets.iter().find(|(_, native)| native.as_str() == label).map(|(target, _)| *target);
    let same = target.libc() != crate::target::Libc::Musl && (container || host.is_none() || runs(label, target));
    if !same && builder != PlannedBuilder::Prebuilt && builder != PlannedBuilder::Cross {
        list.push(format!("rustup target add {target}"));
    }
    match builder {
        PlannedBuilder::Zigbuild => list.extend(RUNNERS.install.zigbuild.iter().cloned()),
        PlannedBuilder::Cross => list.extend(RUNNERS.install.cross.iter().cloned()),
        PlannedBuilder::Cargo | PlannedBuilder::Prebuilt => {}
    }
    list
}

/// Why no machine makes a target as it is written, and the key that says so.
pub fn unbuildable(settings: &BinarySettings, target: Target) -> Option<(&'static str, Problem)> {
    let refuse =
        |key, text: String, hint: &str| Some((key, Problem::new("unbuildable-target", text).hint(hint.to_owned())));
    match settings.builder {
        // <https://github.com/rust-cross/cargo-zigbuild#limitations>
        Builder::Zigbuild if target.os() == Os::Windows => {
            return refuse(
                "builder",
                format!("zig cannot link {target}"),
                "`builder: cargo` on a Windows runner, by `override`",
            );
        }
        // <https://github.com/cross-rs/cross#supported-targets>
        Builder::Cross if target.os() != Os::Linux => {
            return refuse(
                "builder",
                format!("cross has no image for {target}"),
                "`builder: cargo` on a native runner, by `override`",
            );
        }
        _ => {}
    }
    let label = settings.runner.as_deref().unwrap_or_else(|| native(target));
    let is_linux = of(label).is_none_or(|(os, _)| os == Os::Linux.name());
    // <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idcontainer>
    if let Some(container) = settings.container.as_ref().filter(|_| !is_linux) {
        let text = format!("`{label}`, which builds {target}, cannot run the container `{container}`");
        return refuse("container", text, "only Linux runners can: set it for those, with `override`");
    }
    None
}

/// What a machine needs before it can build wheels.
pub fn install_python(zig: bool) -> Vec<String> {
    let install = &RUNNERS.install;
    if zig { install.maturin_zig.clone() } else { install.maturin.clone() }
}

/// What a machine needs before maturin can copy its libraries into wheels.
pub fn install_patchelf() -> Vec<String> {
    RUNNERS.install.patchelf.clone()
}

/// What a machine needs to render a README as PyPI does.
pub fn install_readme() -> Vec<String> {
    RUNNERS.install.readme.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_a_native_label() {
        for target in Target::all() {
            assert!(RUNNERS.targets.contains_key(&target), "{target}");
            assert!(runs(native(target), target), "{target}");
        }
        assert_eq!(glibc("ubuntu-22.04"), Some("2.35"));
    }

    #[test]
    fn labels_that_are_not_known_are_taken_for_what_they_say() {
        for (label, expected) in [
            ("ubuntu-28.04", Some(("linux", "x86_64"))),
            ("ubuntu-28.04-arm", Some(("linux", "aarch64"))),
            ("windows-2028-vs2027", Some(("windows", "x86_64"))),
            ("windows-12-arm", Some(("windows", "aarch64"))),
            ("macos-27", Some(("darwin", "aarch64"))),
            ("macos-27-intel", Some(("darwin", "x86_64"))),
            ("ubuntu-26.04", None),
            ("ubuntu-huge", None),
            ("self-hosted", None),
            ("big", None),
        ] {
            assert_eq!(assumed(label), expected, "{label}");
        }
        let runs = |label, triple: &str| runs(label, triple.parse().unwrap());
        assert!(!runs("ubuntu-28.04-arm", "x86_64-unknown-linux-gnu") && runs("big", "x86_64-unknown-linux-gnu"));
    }

    #[test]
    fn retired_labels_are_gone() {
        for label in ["macos-13", "macos-14", "ubuntu-20.04"] {
            assert!(!RUNNERS.labels.contains_key(label), "{label} queues for ever");
        }
    }

    #[test]
    fn installs_what_a_cross_build_needs() {
        let check = |label: &str, triple: &str, builder, expected: &[&str]| {
            assert_eq!(install(label, false, triple.parse().unwrap(), builder), expected, "{label} {triple}");
        };
        check("ubuntu-22.04", "x86_64-unknown-linux-gnu", PlannedBuilder::Cargo, &[]);
        check("macos-15", "x86_64-apple-darwin", PlannedBuilder::Cargo, &["rustup target add x86_64-apple-darwin"]);
        check(
            "ubuntu-22.04",
            "x86_64-unknown-linux-musl",
            PlannedBuilder::Zigbuild,
            &["rustup target add x86_64-unknown-linux-musl", RUNNERS.install.zigbuild[0].as_str()],
        );
    }
}
