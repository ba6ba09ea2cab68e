//! buildah and podman, which build alike: <https://github.com/containers/buildah>. They get a store of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

use super::bases::Base;
use super::contain::Contain;
use super::convert;
use super::failure::Failed;
use super::model::Kind;
use super::place::{Ended, Place, text};
use super::printed::Printed;
use super::recipe::{Named, Network, Recipe, full};
use super::version::Version;
use crate::dockerfile::familiar;
use crate::problem::{Exit, Failure, Problem};
use crate::world::files;
use crate::world::process::{Cmd, Runner, described};

/// How long it may take to import or export an image.
const LIMIT: Duration = Duration::from_secs(1800);
const LONGEST_OUTPUT: usize = 1 << 20;
/// From here on only times after the epoch are changed, as BuildKit does; before it, all are set to it.
const REWRITES: Version = Version::new(1, 41);

/// Images come from folders of ours, and from nowhere else.
const POLICY: &str = r#"{"default":[{"type":"reject"}],"transports":{"dir":{"":[{"type":"insecureAcceptAnything"}]},"oci":{"":[{"type":"insecureAcceptAnything"}]},"containers-storage":{"":[{"type":"insecureAcceptAnything"}]}}}"#;
/// Short names mean what they mean to Docker. Nothing is fetched by them: pulls are off.
const REGISTRIES: &str = "unqualified-search-registries = [\"docker.io\"]\nshort-name-mode = \"disabled\"\n";
/// Locks in files of the store: the default ones stay in shared memory.
const SETTINGS: &str = "[engine]\nlock_type = \"file\"\nevents_logger = \"none\"\ncgroup_manager = \"cgroupfs\"\n";

/// Images and containers of one place.
pub struct Store {
    kind: Kind,
    folder: PathBuf,
    contain: Contain,
    driver: &'static str,
    /// Its state while something runs: podman takes no path of more than 50 characters for that.
    state: tempfile::TempDir,
    /// What was not there before, and is made by the program for all users.
    shared: bool,
}

/// Where containers/image keeps what it knows of blobs, for all users.
const SHARED: &str = "/var/lib/containers";

impl Store {
    /// An empty one.
    ///
    /// # Errors
    /// If it cannot be written, or the program cannot use it.
    pub fn create(runner: &Runner, kind: Kind, folder: &Path, contain: Contain) -> anyhow::Result<Self> {
        files::fresh_folder(folder)?;
        fs::create_dir_all(folder.join("tmp"))?;
        let shared = !Path::new(SHARED).exists();
        let state = tempfile::Builder::new().prefix("ls-").tempdir()?;
        let mut store = Self { kind, folder: folder.to_owned(), contain, driver: "overlay", state, shared };
        for (name, content) in [
            ("policy.json", POLICY),
            ("registries.conf", REGISTRIES),
            ("containers.conf", SETTINGS),
            ("auth.json", "{}"),
        ] {
            files::write_atomic(&folder.join(name), content.as_bytes())?;
        }
        let mut said = String::new();
        for driver in ["overlay", "vfs"] {
            store.driver = driver;
            store.configure()?;
            let done = runner.output_within(&store.cmd(&["info"])?.timeout(LIMIT), LONGEST_OUTPUT)?;
            if done.status.success() {
                return Ok(store);
            }
            said = done.stderr.trim().chars().take(500).collect();
            files::fresh_folder(&folder.join("root"))?;
        }
        let text = format!("`{kind}` cannot use a store in `{}`: {said}", folder.display());
        let hint =
            "put the output folder on a disk that containers can use (not on a network share), or use another engine";
        Err(Failure::new(Exit::Build, Problem::new("engine-not-running", text).hint(hint)).into())
    }

    fn configure(&self) -> anyhow::Result<()> {
        let quoted = |name: &str| anyhow::Ok(serde_json::to_string(text(&self.folder.join(name))?)?);
        let (root, run) = (quoted("root")?, serde_json::to_string(text(self.state.path())?)?);
        let config = format!("[storage]\ndriver = \"{}\"\ngraphroot = {root}\nrunroot = {run}\n", self.driver);
        files::write_atomic(&self.folder.join("storage.conf"), config.as_bytes())
    }

    fn place(&self, name: &str) -> anyhow::Result<String> {
        Ok(text(&self.folder.join(name))?.to_owned())
    }

    /// A command on this store.
    fn cmd(&self, args: &[&str]) -> anyhow::Result<Cmd> {
        self.with_network(args, true)
    }

    fn with_network(&self, args: &[&str], network: bool) -> anyhow::Result<Cmd> {
        let mut cmd = Cmd::new(self.kind.program(), &self.folder).args([
            "--root",
            &self.place("root")?,
            "--runroot",
            text(self.state.path())?,
            "--storage-driver",
            self.driver,
        ]);
        if self.kind == Kind::Podman {
            cmd = cmd.args(["--tmpdir", &self.place("tmp")?]);
        }
        let cmd = cmd.args(args.iter().copied());
        let mut cmd = self.contain.apart(cmd, network).env("TMPDIR", self.place("tmp")?);
        for (name, file) in [
            ("CONTAINERS_CONF", "containers.conf"),
            ("CONTAINERS_STORAGE_CONF", "storage.conf"),
            ("CONTAINERS_REGISTRIES_CONF", "registries.conf"),
            ("REGISTRY_AUTH_FILE", "auth.json"),
        ] {
            cmd = cmd.env(name, self.place(file)?);
        }
        Ok(cmd)
    }

    /// What a command answers that has no reason to fail.
    fn must(&self, runner: &Runner, args: &[&str]) -> anyhow::Result<String> {
        let done = runner.output_within(&self.cmd(args)?.timeout(LIMIT), LONGEST_OUTPUT)?;
        if done.timed_out || !done.status.success() {
            let said: String = done.stderr.trim().chars().take(2000).collect();
            bail!("`{} {}` failed ({}): {said}", self.kind, args.first().unwrap_or(&""), described(done.status));
        }
        Ok(done.stdout)
    }

    /// Puts an image into the store; returns its id.
    fn import(&self, runner: &Runner, base: &Base) -> anyhow::Result<String> {
        let folder = self.folder.join("import");
        base.write_dir(&folder)?;
        let platform = super::platform::platform_text(&base.config);
        let from = format!("dir:{}", text(&folder)?);
        let policy = self.place("policy.json")?;
        let pull = ["pull", "--quiet", "--signature-policy", &policy, "--platform", &platform, &from];
        let id = self.must(runner, &pull)?;
        files::fresh_folder(&folder)?;
        let id = id.lines().last().unwrap_or_default().trim();
        if id.len() != 64 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            bail!("`{} pull` does not say which image it made: `{id}`", self.kind);
        }
        Ok(id.to_owned())
    }

    /// Removes what files alone do not show: mounts and processes that another way of starting it would leave.
    pub fn remove(&self, runner: &Runner) {
        if !self.contain.is_apart() {
            for args in [&["rm", "--all"][..], &["rmi", "--all", "--force"]] {
                if let Ok(cmd) = self.cmd(args) {
                    let _ = runner.tidy(&cmd.timeout(LIMIT), LONGEST_OUTPUT);
                }
            }
        }
        // Files of other users, as an image may have them, are removed in the user namespace that made them.
        if fs::remove_dir_all(&self.folder).is_err()
            && self.folder.exists()
            && let Ok(folder) = text(&self.folder)
        {
            let cmd = Cmd::new(self.kind.program(), Path::new("/")).args(["unshare", "rm", "-rf", folder]);
            let _ = runner.tidy(&cmd.timeout(LIMIT), LONGEST_OUTPUT);
        }
        if self.shared {
            // Only if nothing is in it.
            let _ = fs::remove_dir(SHARED);
        }
    }
}

/// Makes the image.
pub fn build(place: &Place<'_>, store: &Store, recipe: &Recipe, tell: &mut dyn FnMut(&str)) -> anyhow::Result<Ended> {
    let network = recipe.network == Network::Default;
    if !network && !store.contain.can_cut_network() {
        let text = format!("`{}` cannot build without a network here: that needs root and `unshare`", store.kind);
        let hint = "run as root, use BuildKit, or remove `network: none`";
        return Err(Failure::new(Exit::Build, Problem::new("engine-feature", text).hint(hint)).into());
    }
    let given = import(place, store, recipe, tell)?;
    let (id, out) = (place.folder.join("id"), place.folder.join("image"));
    let mut args = args(place, store, recipe)?;
    args.extend(given.args);
    args.extend(["--iidfile".into(), text(&id)?.into(), text(&recipe.context)?.into()]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let cmd = store.with_network(&args, network)?.timeout(recipe.timeout);
    tell(&format!("$ {cmd}"));
    let mut said = Printed::of(given.names);
    let (status, timed_out) =
        place.runner.stream(&cmd, &mut |_, line| said.take(&String::from_utf8_lossy(line), tell))?;
    if timed_out || !status.success() {
        let failed = said.failed(&recipe.dockerfile);
        return Ok(Ended::Failed(Failed { timed_out, ..failed }));
    }
    let id = fs::read_to_string(&id).context("the engine names no image")?;
    let to = format!("dir:{}", text(&out)?);
    let policy = store.place("policy.json")?;
    store.must(place.runner, &["push", "--quiet", "--signature-policy", &policy, id.trim(), &to])?;
    convert::convert(&out, &given.bases, &recipe.output)?;
    fs::remove_dir_all(&out).context("cannot remove what the engine wrote")?;
    Ok(Ended::Built(said.built()))
}

/// What the engine is given.
#[derive(Default)]
struct Given {
    bases: Vec<Base>,
    /// They make names stand for images and folders.
    args: Vec<String>,
    /// Of images, by their id.
    names: BTreeMap<String, String>,
}

/// Puts the bases into the store. They are given by id: of one that has a name, an older engine takes the platform of
/// the build to be that of every `FROM`, or that of the `FROM` before it.
fn import(place: &Place<'_>, store: &Store, recipe: &Recipe, tell: &mut dyn FnMut(&str)) -> anyhow::Result<Given> {
    let mut given = Given::default();
    for (name, named) in &recipe.contexts {
        let value = match named {
            Named::Folder(folder) => text(folder)?.to_owned(),
            Named::Layout { folder, digest } => {
                let base = Base::read(folder, *digest, &recipe.platform)
                    .with_context(|| format!("cannot use the image given for `{name}`"))?;
                tell(&format!("importing {name}"));
                let id = store.import(place.runner, &base)?;
                given.bases.push(base);
                given.names.entry(id.clone()).or_insert_with(|| name.clone());
                format!("docker-image://{id}")
            }
        };
        if name.contains('=') {
            bail!("the name `{name}` of a context contains `=`");
        }
        for name in spellings(name, recipe) {
            given.args.extend(["--build-context".to_owned(), format!("{name}={value}")]);
        }
    }
    Ok(given)
}

/// Every way in which the Dockerfile may write a name. An older engine looks for it before it puts in variables.
fn spellings(name: &str, recipe: &Recipe) -> BTreeSet<String> {
    let is_it = |(written, stands_for): &(&String, &String)| full(stands_for) == full(name) && !written.contains('=');
    let written = recipe.written.iter().filter(is_it).map(|(written, _)| written.clone());
    [name.to_owned(), familiar(name), full(name)].into_iter().chain(written).collect()
}

fn args(place: &Place<'_>, store: &Store, recipe: &Recipe) -> anyhow::Result<Vec<String>> {
    let mut args: Vec<String> = Vec::new();
    let mut add = |words: &[&str]| args.extend(words.iter().map(|word| (*word).to_owned()));
    add(&["build", "--signature-policy", &store.place("policy.json")?, "--isolation", "chroot"]);
    // OCI has no word for HEALTHCHECK and SHELL; the types are changed afterwards.
    add(&["--format", "docker", "--identity-label=false", "--http-proxy=false", "--layers=false"]);
    add(&["--pull=never", "--platform", &recipe.platform, "--file", text(&recipe.dockerfile)?]);
    let epoch = recipe.epoch.to_string();
    if place.engine.version.is_some_and(|version| version >= REWRITES) {
        add(&["--source-date-epoch", &epoch, "--rewrite-timestamp"]);
    } else {
        add(&["--timestamp", &epoch]);
    }
    if let Some(stage) = &recipe.stage {
        add(&["--target", stage]);
    }
    for (name, value) in &recipe.args {
        add(&["--build-arg", &format!("{name}={value}")]);
    }
    for (id, file) in &recipe.secrets {
        let file = text(file)?;
        if file.contains(',') {
            bail!("the file of the secret `{id}` has a comma in its path");
        }
        add(&["--secret", &format!("id={id},src={file}")]);
    }
    Ok(args)
}
