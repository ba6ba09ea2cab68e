//! BuildKit by `docker buildx`: <https://docs.docker.com/reference/cli/docker/buildx/build/>.

use std::time::Duration;

use anyhow::bail;

use super::buildkit;
use super::client::Client;
use super::place::{Ended, Place, text};
use super::recipe::{Named, Network, Recipe};
use crate::digest::Digest;
use crate::problem::{Exit, Failure, Problem};
use crate::world::path;
use crate::world::process::{Cmd, Runner};

/// How long a builder may take to start, which may mean to fetch its image.
const START: Duration = Duration::from_secs(600);
/// How long it may take to go.
const END: Duration = Duration::from_secs(60);
const LONGEST_OUTPUT: usize = 1 << 20;

/// A builder of our own, in a container; it goes with the place.
pub struct OwnBuilder {
    name: String,
    client: Client,
}

impl OwnBuilder {
    /// Starts one from an image.
    ///
    /// # Errors
    /// If Docker cannot.
    pub fn create(runner: &Runner, client: Client, image: &str) -> anyhow::Result<Self> {
        // One process may have several, and another one that was killed may have left its own.
        let place = Digest::of(client.folder().as_os_str().as_encoded_bytes()).hex();
        let own = Self { name: format!("longshore-{}-{}", std::process::id(), &place[..8]), client };
        let option = format!("image={image}");
        let create = ["buildx", "create", "--name", &own.name, "--driver", "docker-container", "--driver-opt", &option];
        let bootstrap = ["buildx", "inspect", "--bootstrap", &own.name];
        for args in [&create[..], &bootstrap] {
            let cmd = own.client.seen_by(docker(args)).timeout(START);
            let done = runner.output_within(&cmd, LONGEST_OUTPUT)?;
            if !done.status.success() {
                own.remove(runner);
                let said = done.stderr.trim().chars().take(2000).collect::<String>();
                let text = format!("a builder cannot be started from the image `{image}`: {said}");
                let hint =
                    "check that Docker can fetch that image, or make a builder yourself: `docker buildx create --use`";
                return Err(Failure::new(Exit::Build, Problem::new("engine-not-running", text).hint(hint)).into());
            }
        }
        Ok(own)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Removes container, volume and name.
    pub fn remove(&self, runner: &Runner) {
        let cmd = self.client.seen_by(docker(&["buildx", "rm", "--force", &self.name])).timeout(END);
        let _ = runner.tidy(&cmd, LONGEST_OUTPUT);
    }
}

/// Stops the user's builder, which did not run before.
pub fn stop(runner: &Runner, client: &Client) {
    let cmd = client.seen_by(docker(&["buildx", "stop"])).timeout(END);
    let _ = runner.tidy(&cmd, LONGEST_OUTPUT);
}

fn docker(args: &[&str]) -> Cmd {
    Cmd::new("docker", std::path::Path::new("/")).args(args.iter().copied())
}

/// Makes the image with a builder: that of the name, or the user's.
pub fn build(
    place: &Place<'_>,
    client: &Client,
    builder: Option<&str>,
    recipe: &Recipe,
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<Ended> {
    let policy = buildkit::policy(place)?;
    let cmd = client.seen_by(command(place, builder, recipe)?);
    // There is no flag for it: <https://docs.docker.com/build/building/variables/>.
    let cmd = cmd.env("EXPERIMENTAL_BUILDKIT_SOURCE_POLICY", text(&policy)?);
    buildkit::run(place, cmd, recipe, tell)
}

fn command(place: &Place<'_>, builder: Option<&str>, recipe: &Recipe) -> anyhow::Result<Cmd> {
    let mut cmd = Cmd::new("docker", &place.folder).args(["buildx", "build"]);
    if let Some(builder) = builder {
        cmd = cmd.args(["--builder", builder]);
    }
    cmd = cmd
        .args(["--progress=rawjson", "--provenance=false", "--sbom=false", "--platform", &recipe.platform])
        .args(["--file", text(&recipe.dockerfile)?, "--output", &buildkit::output(recipe)?])
        .args(["--build-arg", &format!("SOURCE_DATE_EPOCH={}", recipe.epoch)]);
    if let Some(stage) = &recipe.stage {
        cmd = cmd.args(["--target", stage]);
    }
    for (name, value) in &recipe.args {
        cmd = cmd.args(["--build-arg", &format!("{name}={value}")]);
    }
    if recipe.network == Network::None {
        cmd = cmd.args(["--network", "none"]);
    }
    for (name, named) in &recipe.contexts {
        let value = match named {
            Named::Folder(folder) => text(folder)?.to_owned(),
            Named::Layout { folder, digest } => format!("oci-layout://{}@{digest}", path::relative(folder)),
        };
        if name.contains('=') {
            bail!("the name `{name}` of a context contains `=`");
        }
        cmd = cmd.args(["--build-context", &format!("{name}={value}")]);
    }
    for secret in buildkit::secrets(recipe)? {
        cmd = cmd.args(["--secret", &secret]);
    }
    let (import, export) = buildkit::caches(recipe)?;
    for (flag, values) in [("--cache-from", import), ("--cache-to", export)] {
        cmd.args.extend(values.into_iter().flat_map(|value| [flag.to_owned(), value]));
    }
    if recipe.cache.none {
        cmd = cmd.arg("--no-cache");
    }
    Ok(cmd.arg(text(&recipe.context)?))
}
