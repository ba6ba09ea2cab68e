//! Asks the engines of this machine whether they answer, which version they are, and for which platforms they run programs.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::ask::Ask;
use super::client::Client;
use super::model::{How, Kind};
use super::version::Version;
use crate::world::process::{Cmd, Finished, Runner};

/// How long an engine may take to answer.
const LIMIT: Duration = Duration::from_secs(30);
const LONGEST_OUTPUT: usize = 1 << 20;
/// The first buildx that prints its progress as JSON.
const OLDEST_BUILDX: Version = Version::new(0, 13);

/// An engine that answers.
pub struct Found {
    pub version: Option<Version>,
    /// For which it runs programs, natively or not.
    pub platforms: Vec<String>,
    pub how: How,
    /// The platform of its machine.
    pub native: String,
}

/// Why an engine is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    pub code: &'static str,
    pub text: String,
    pub hint: Option<String>,
}

impl Unfit {
    pub fn cannot(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), hint: None }
    }

    fn missing(text: impl Into<String>) -> Self {
        Self::cannot("engine-missing", text)
    }

    fn dead(text: &str, hint: &str) -> Self {
        let text =
            if text.is_empty() { "it does not answer".to_owned() } else { format!("it does not answer: {text}") };
        Self { hint: Some(hint.to_owned()), ..Self::cannot("engine-not-running", text) }
    }
}

/// Asks one.
pub fn probe(runner: &Runner, kind: Kind, ask: &Ask<'_>) -> Result<Found, Unfit> {
    if runner.find(kind.program()).is_none() {
        return Err(Unfit::missing(format!("`{}` is not installed", kind.program())));
    }
    match kind {
        Kind::Buildkit => buildctl(runner, ask),
        Kind::Docker => docker(runner, ask),
        Kind::Buildah | Kind::Podman => daemonless(runner, kind),
    }
}

/// What a program answers, or the last line of what it says instead.
fn asked(runner: &Runner, cmd: Cmd) -> Result<Finished, String> {
    let done = runner.output_within(&cmd.timeout(LIMIT), LONGEST_OUTPUT).map_err(|error| format!("{error:#}"))?;
    if done.timed_out {
        return Err(format!("no answer within {} s", LIMIT.as_secs()));
    }
    if done.status.success() {
        return Ok(done);
    }
    let last = done.stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Err(last.trim().chars().take(300).collect())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Worker {
    #[serde(default)]
    platforms: Vec<WorkerPlatform>,
    buildkit_version: Option<WorkerVersion>,
}

#[derive(Deserialize)]
struct WorkerPlatform {
    os: String,
    architecture: String,
    #[serde(default)]
    variant: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WorkerVersion {
    #[serde(default)]
    version: String,
    #[serde(default)]
    dockerfile_version: String,
}

fn buildctl(runner: &Runner, ask: &Ask<'_>) -> Result<Found, Unfit> {
    let host = runner.var("BUILDKIT_HOST").filter(|host| !host.is_empty());
    if host.is_none() && ask.wanted.is_none() {
        return Err(Unfit::missing("`BUILDKIT_HOST` is not set"));
    }
    let cmd = Cmd::new("buildctl", Path::new("/")).args(["debug", "workers", "--format", "{{json .}}"]);
    let hint = match host {
        Some(host) => format!(
            "start `buildkitd` (it wants root, or rootlesskit) so that it listens at `{host}`, or correct `BUILDKIT_HOST`"
        ),
        None => {
            "start `buildkitd` (it wants root, or rootlesskit), and set `BUILDKIT_HOST` to where it listens".to_owned()
        }
    };
    let done = asked(runner, cmd).map_err(|said| Unfit::dead(&said, &hint))?;
    let workers: Vec<Worker> = serde_json::from_str(&done.stdout).unwrap_or_default();
    let Some(worker) = workers.into_iter().next() else { return Err(Unfit::dead("it has no worker", &hint)) };
    let platforms: Vec<String> = worker.platforms.iter().map(WorkerPlatform::text).collect();
    let version = worker.buildkit_version.and_then(|said| {
        let language = || said.dockerfile_version.parse().ok().and_then(Version::of_language);
        said.version.parse().ok().or_else(language)
    });
    let native = platforms.first().cloned().unwrap_or_default();
    Ok(Found { version, platforms, how: How::Plain, native })
}

impl WorkerPlatform {
    fn text(&self) -> String {
        let variant = if self.variant.is_empty() { String::new() } else { format!("/{}", self.variant) };
        format!("{}/{}{variant}", self.os, self.architecture)
    }
}

fn docker(runner: &Runner, ask: &Ask<'_>) -> Result<Found, Unfit> {
    let failed = |error: &dyn std::fmt::Display| Unfit::missing(format!("its configuration cannot be copied: {error}"));
    let folder = tempfile::tempdir().map_err(|error| failed(&error))?;
    let client = Client::of_user(runner, &folder.path().join("docker")).map_err(|error| failed(&error))?;
    let docker =
        |args: &[&str]| asked(runner, client.seen_by(Cmd::new("docker", Path::new("/")).args(args.iter().copied())));
    let buildx =
        docker(&["buildx", "version"]).map_err(|_| Unfit::missing("docker's plugin `buildx` is not installed"))?;
    if let Some(version) = Version::first_in(&buildx.stdout).filter(|version| *version < OLDEST_BUILDX) {
        return Err(Unfit::cannot(
            "engine-feature",
            format!("buildx is {version}, and {OLDEST_BUILDX} is the oldest that we can read"),
        ));
    }
    let hint = "start Docker (`systemctl start docker`, or Docker Desktop), or see `docker buildx ls` for a builder that answers";
    let builder = docker(&["buildx", "inspect"]).map_err(|said| Unfit::dead(&said, hint))?;
    let builder = Builder::of_text(&builder.stdout);
    if let Some(error) = &builder.error {
        return Err(Unfit::dead(error, hint));
    }
    let how = match builder.driver.as_str() {
        "docker" => how_with_daemon(docker(&["info", "--format", "{{json .}}"]), ask, hint)?,
        _ => How::Builder { stop: builder.status == "inactive" },
    };
    let native = builder.platforms.first().cloned().unwrap_or_default();
    // A builder of our own is as new as its image, whatever is in the daemon.
    let version = builder.version.filter(|_| !matches!(how, How::OwnBuilder { .. }));
    Ok(Found { version, platforms: builder.platforms, how, native })
}

/// The builder in the daemon itself writes OCI layouts only where images are kept by containerd.
fn how_with_daemon(info: Result<Finished, String>, ask: &Ask<'_>, hint: &str) -> Result<How, Unfit> {
    let info = info.map_err(|said| Unfit::dead(&said, hint))?;
    if info.stdout.contains("io.containerd.snapshotter.v1") {
        return Ok(How::Builder { stop: false });
    }
    match ask.builder_image {
        Some(image) => Ok(How::OwnBuilder { image: image.to_owned() }),
        None => Err(Unfit {
            hint: Some("switch on Docker's containerd image store, or make a builder: `docker buildx create --driver docker-container --use`; or lock a `moby/buildkit` image, from which we make one for the build".into()),
            ..Unfit::cannot("engine-feature", "its builder cannot write OCI layouts (driver `docker` with the classic image store)")
        }),
    }
}

/// What `docker buildx inspect` says of a builder's first node.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Builder {
    pub driver: String,
    pub status: String,
    pub version: Option<Version>,
    pub platforms: Vec<String>,
    pub error: Option<String>,
}

impl Builder {
    pub fn of_text(text: &str) -> Self {
        let mut builder = Self::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            match key.trim() {
                "Driver" => value.clone_into(&mut builder.driver),
                "Status" if builder.status.is_empty() => value.clone_into(&mut builder.status),
                "BuildKit version" | "Buildkit" if builder.version.is_none() => builder.version = value.parse().ok(),
                "Error" if builder.error.is_none() => builder.error = Some(value.to_owned()),
                // Those with a star were set by the user.
                "Platforms" if builder.platforms.is_empty() => {
                    let each = value.split(',').map(|platform| platform.trim().trim_end_matches('*').to_owned());
                    builder.platforms = each.filter(|platform| !platform.is_empty()).collect();
                }
                _ => {}
            }
        }
        builder
    }
}

fn daemonless(runner: &Runner, kind: Kind) -> Result<Found, Unfit> {
    if !cfg!(target_os = "linux") {
        return Err(Unfit::missing(format!("`{kind}` builds on Linux only")));
    }
    let said = |args: &[&str]| asked(runner, Cmd::new(kind.program(), Path::new("/")).args(args.iter().copied()));
    let dead = |said: String| Unfit::dead(&said, "see what `buildah info` or `podman info` says");
    let own = Version::first_in(&said(&["--version"]).map_err(dead)?.stdout);
    let version = match kind {
        Kind::Podman => own.map(buildah_of_podman),
        _ => own,
    };
    let native = format!("linux/{}", goarch());
    let platforms = std::iter::once(native.clone()).chain(emulated()).collect();
    Ok(Found { version, platforms, how: How::Plain, native })
}

/// Which buildah a podman has in it, from the go.mod of its releases; asking itself would touch the user's store.
fn buildah_of_podman(podman: Version) -> Version {
    const RELEASES: [(Version, Version); 13] = [
        (Version::new(6, 0), Version::new(1, 44)),
        (Version::new(5, 8), Version::new(1, 43)),
        (Version::new(5, 7), Version::new(1, 42)),
        (Version::new(5, 6), Version::new(1, 41)),
        (Version::new(5, 5), Version::new(1, 40)),
        (Version::new(5, 4), Version::new(1, 39)),
        (Version::new(5, 3), Version::new(1, 38)),
        (Version::new(5, 2), Version::new(1, 37)),
        (Version::new(5, 1), Version::new(1, 36)),
        (Version::new(5, 0), Version::new(1, 35)),
        (Version::new(4, 8), Version::new(1, 33)),
        (Version::new(4, 7), Version::new(1, 32)),
        (Version::new(4, 3), Version::new(1, 28)),
    ];
    let of = RELEASES.iter().find(|(first, _)| podman >= *first);
    of.map_or(Version::new(1, 0), |(_, buildah)| *buildah)
}

/// The processor of this machine in Go's words.
fn goarch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64le",
        other => other,
    }
}

/// What the kernel starts with the help of an emulator: <https://docs.kernel.org/admin-guide/binfmt-misc.html>.
fn emulated() -> Vec<String> {
    const NAMES: [(&str, &str); 7] = [
        ("qemu-x86_64", "linux/amd64"),
        ("qemu-aarch64", "linux/arm64"),
        ("qemu-arm", "linux/arm/v7"),
        ("qemu-riscv64", "linux/riscv64"),
        ("qemu-ppc64le", "linux/ppc64le"),
        ("qemu-s390x", "linux/s390x"),
        ("qemu-i386", "linux/386"),
    ];
    let is_on = |name: &str| {
        let path = Path::new("/proc/sys/fs/binfmt_misc").join(name);
        std::fs::read_to_string(path).is_ok_and(|text| text.starts_with("enabled"))
    };
    let mut found: Vec<String> =
        NAMES.iter().filter(|(name, _)| is_on(name)).map(|(_, platform)| (*platform).to_owned()).collect();
    // These processors run their 32-bit programs themselves.
    if goarch() == "amd64" {
        found.push("linux/386".into());
    }
    found
}
