//! What the tests build: a base in an OCI layout, a context, a named folder, a secret; and the runner that builds it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use longshore::build::engine::{Ask, Built, Cache, Engine, Kind, Named, Network, Recipe, Session, choose};
use longshore::oci::layout::Layout;
use longshore::problem::{Failure, Problem};
use longshore::world::env::Env;
use longshore::world::process::Runner;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub const EPOCH: i64 = 1_700_000_000;
pub const TOKEN: &str = "not-a-real-token-4711";
pub const BASE: &str = "docker.io/acme/base:1";

/// Nothing in it is worth more than one use: stages, arguments, a folder by name, a base by reference, a secret.
pub const DOCKERFILE: &str = r#"ARG BASE=acme/base:1
FROM $BASE AS build
ARG WORD
RUN --mount=type=secret,id=token test "$(wc -c < /run/secrets/token)" = 21 && echo "$WORD" > /word
RUN touch /made; mkdir /many; for n in 1 2 3; do echo $n > /many/$n; done
FROM docker.io/acme/base:1
COPY --from=build /word /word
COPY --from=build /many /many
COPY --from=extra named.txt /named.txt
COPY settings.txt /settings.txt
RUN cat /word && ls /sys/class/net > /networks
HEALTHCHECK CMD ["true"]
SHELL ["/bin/sh", "-ec"]
CMD ["/bin/sh"]
"#;

const MAKE_BASE: &str = r#"FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN ["/bin/busybox", "mkdir", "-p", "/tmp", "/etc"]
ENV PATH=/bin MARK=of-the-base
HEALTHCHECK CMD ["of-the-base"]
ONBUILD RUN echo on-build > /on-build
"#;

/// Folders of one test.
pub struct Project {
    folder: tempfile::TempDir,
    pub runner: Runner,
    pub engine: Engine,
    pub stop: CancellationToken,
}

/// A runner with the tools of `make tools`, a home that is not the user's, and these variables.
pub fn runner(home: &Path, vars: &[(&str, &str)]) -> Runner {
    let path = Env::read().get("PATH").unwrap_or_default().to_owned();
    let path = format!("{}:{path}", crate::installed::tools().join("bin").display());
    let mut env = Env::of([("PATH", path), ("HOME", home.display().to_string())]);
    vars.iter().for_each(|(name, value)| env.set(*name, *value));
    Runner::new(env)
}

pub fn ask(kind: Kind) -> Ask<'static> {
    Ask { wanted: Some(kind), platform: "linux/amd64", runs: true, needs: &[], frontend: false, builder_image: None }
}

impl Project {
    /// One whose base is made by the engine itself.
    pub fn new(kind: Kind, vars: &[(&str, &str)]) -> Self {
        Self::within(tempfile::tempdir().unwrap(), &ask(kind), vars)
    }

    /// The same in a home that has something in it.
    pub fn within(folder: tempfile::TempDir, ask: &Ask<'_>, vars: &[(&str, &str)]) -> Self {
        let stop = CancellationToken::new();
        let runner = runner(folder.path(), vars).until(stop.clone());
        let engine = choose(&runner, ask).unwrap_or_else(|problem| panic!("{problem:?}"));
        let project = Self { folder, runner, engine, stop };
        project.prepare();
        project
    }

    fn prepare(&self) {
        let make = |name: &str, text: &str| {
            let path = self.path(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        make("context/settings.txt", "of the context\n");
        make("extra/named.txt", "of the named folder\n");
        make("token", TOKEN);
        make("base/Dockerfile", MAKE_BASE);
        std::fs::copy("/bin/busybox", self.path("base/busybox")).expect("busybox-static is installed");
        let recipe = Recipe {
            context: self.path("base"),
            dockerfile: self.path("base/Dockerfile"),
            contexts: BTreeMap::new(),
            secrets: BTreeMap::new(),
            args: BTreeMap::new(),
            network: Network::None,
            ..self.recipe("", "layout")
        };
        self.build(&recipe).unwrap_or_else(|problem| panic!("the base: {problem:?}"));
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the base is given as.
    pub fn base(&self) -> Named {
        let digest = digest(&self.path("layout"));
        Named::Layout { folder: self.path("layout"), digest: digest.parse().unwrap() }
    }

    /// Everything there is, with this Dockerfile, to a layout of this name.
    pub fn recipe(&self, dockerfile: &str, output: &str) -> Recipe {
        let path = self.path("Dockerfile");
        std::fs::write(&path, dockerfile).unwrap();
        let mut contexts = BTreeMap::from([("extra".to_owned(), Named::Folder(self.path("extra")))]);
        if self.path("layout/index.json").exists() {
            contexts.insert(BASE.to_owned(), self.base());
        }
        Recipe {
            context: self.path("context"),
            dockerfile: path,
            stage: None,
            args: BTreeMap::from([("WORD".to_owned(), "tide".to_owned())]),
            contexts,
            written: BTreeMap::from([("$BASE".to_owned(), BASE.to_owned())]),
            secrets: BTreeMap::from([("token".to_owned(), self.path("token"))]),
            platform: "linux/amd64".into(),
            epoch: EPOCH,
            network: Network::None,
            cache: Cache::default(),
            timeout: Duration::from_secs(120),
            output: self.path(output),
        }
    }

    /// Builds, with all that was told.
    pub fn told(&self, recipe: &Recipe) -> (Result<Built, Problem>, Vec<String>) {
        let mut told = Vec::new();
        let session = Session::start(&self.runner, &self.engine, &self.path("session")).unwrap();
        let built = session.build(recipe, &mut |line| told.push(line.to_owned()));
        drop(session);
        assert!(!self.path("session").exists(), "the session left its folder");
        let built = built.map_err(|error| match error.downcast::<Failure>() {
            Ok(failure) => failure.problems.into_iter().next().unwrap(),
            Err(error) => Problem::new("other", format!("{error:#}")),
        });
        (built, told)
    }

    pub fn build(&self, recipe: &Recipe) -> Result<Built, Problem> {
        let (built, told) = self.told(recipe);
        // What the engine said is the best that a failed test can show.
        built.map_err(|problem| problem.hint(told.join("\n")))
    }
}

/// The one manifest of a layout.
pub fn digest(layout: &Path) -> String {
    let entries = Layout::at(layout).entries().unwrap();
    assert_eq!(entries.len(), 1);
    entries[0].descriptor.digest.to_string()
}

/// A blob of a layout that is JSON.
pub fn json(layout: &Path, digest: &str) -> Value {
    serde_json::from_slice(&Layout::at(layout).read(digest.parse().unwrap()).unwrap()).unwrap()
}

/// The config of the one image of a layout.
pub fn config(layout: &Path) -> Value {
    let manifest = json(layout, &digest(layout));
    json(layout, manifest["config"]["digest"].as_str().unwrap())
}

/// Paths in all layers with the bytes of files, later layers over earlier ones.
pub fn files(layout: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let manifest = json(layout, &digest(layout));
    for layer in manifest["layers"].as_array().unwrap() {
        let path = Layout::at(layout).path(layer["digest"].as_str().unwrap().parse().unwrap());
        let reader = longshore::oci::layer::open(std::fs::File::open(path).unwrap()).unwrap();
        let mut tar = tar::Archive::new(reader);
        for entry in tar.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
            let path = entry.path().unwrap().display().to_string();
            assert!(entry.header().mtime().unwrap() <= EPOCH.cast_unsigned(), "{path} is younger than the commit");
            files.insert(path.trim_end_matches('/').to_owned(), bytes);
        }
    }
    files
}
