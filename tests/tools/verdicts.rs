//! What is said of images that BuildKit makes: the cases of `tests/dockerfiles/verdicts`, each against its `verdict.txt`.
//!
//! Needs `buildctl`, a daemon (of `BUILDKIT_HOST`, else one of its own), gcc, Debian's busybox-static, and its packages musl
//! and musl-dev: installed, or unpacked in the folder `MUSL`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use longshore::digest::Digest;
use longshore::oci::filesystem::FileSystem;
use longshore::oci::image::Image;
use longshore::oci::layout::Layout;
use longshore::oci::registry::Document;
use longshore::oci::secrets::{self, Sought};
use longshore::platform::Platform;
use longshore::secret::Secret;
use longshore::verify::start;

use crate::engines::daemon::Daemon;

/// The time of everything in a context.
const EPOCH: u64 = 1_700_000_000;

/// A case's `build.txt`: `key: value`, some keys several times.
struct Build(Vec<(String, String)>);

impl Build {
    fn read(case: &Path) -> Self {
        let text = fs::read_to_string(case.join("build.txt")).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split_once(": "));
        Self(lines.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn platform(&self) -> &str {
        self.all("platform").next().unwrap_or("linux/amd64")
    }
}

/// What the cases are made with.
struct Workshop {
    host: String,
    bases: PathBuf,
    programs: PathBuf,
}

#[expect(clippy::disallowed_methods, reason = "tests start programs themselves")]
fn command(name: &str) -> Command {
    Command::new(name)
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {text}");
    text
}

impl Workshop {
    fn open(folder: &Path, host: String) -> Self {
        let tools = super::root().join("tests/dockerfiles/tools");
        let workshop = Self { host, bases: folder.join("bases"), programs: folder.join("programs") };
        let buildctl = super::tools().join("bin/buildctl");
        let mut bases = command("sh");
        bases.arg(tools.join("bases.sh")).arg(&workshop.bases);
        run(bases.env("BUILDCTL", buildctl).env("BUILDKIT_HOST", &workshop.host));
        #[expect(clippy::disallowed_methods, reason = "tests read the environment themselves")]
        let musl = std::env::var_os("MUSL").unwrap_or_else(|| "/".into());
        run(command("sh").arg(tools.join("programs.sh")).arg(&workshop.programs).env("MUSL", musl));
        workshop
    }

    /// The context of a case with its programs, in a folder of its own.
    fn stage(&self, case: &Path, folder: &Path) {
        run(command("cp").arg("-a").arg(case.join("context")).arg(folder));
        let context = folder.join("context");
        for line in fs::read_to_string(case.join("programs.txt")).unwrap_or_default().lines() {
            let (to, name) = line.split_once(' ').unwrap();
            let to = context.join(to);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(self.programs.join(name), &to).unwrap();
        }
        settle(&context);
    }

    fn build(&self, case: &Path, folder: &Path) -> PathBuf {
        self.stage(case, folder);
        let build = Build::read(case);
        let (context, image) = (folder.join("context"), folder.join("image"));
        let mut command = super::tool("buildctl");
        command.args(["--addr", &self.host]);
        command.args(["build", "--progress=plain", "--frontend=dockerfile.v0"]);
        command.arg("--local").arg(format!("context={}", context.display()));
        command.arg("--local").arg(format!("dockerfile={}", context.display()));
        command.arg("--opt").arg(format!("platform={}", build.platform()));
        command.arg("--opt").arg(format!("build-arg:SOURCE_DATE_EPOCH={EPOCH}"));
        command.arg("--output").arg(format!("type=oci,dest={},tar=false", image.display()));
        for arg in build.all("arg") {
            command.arg("--opt").arg(format!("build-arg:{arg}"));
        }
        for base in build.all("base") {
            let (name, layout) = base.split_once('=').unwrap();
            let folder = self.bases.join(layout);
            let digest = Layout::at(&folder).entries().unwrap()[0].descriptor.digest;
            command.arg("--oci-layout").arg(format!("store-{layout}={}", folder.display()));
            command.arg("--opt").arg(format!("context:{name}=oci-layout://store-{layout}@{digest}"));
        }
        for secret in build.all("secret") {
            let (id, value) = secret.split_once('=').unwrap();
            let file = folder.join(format!("secret-{id}"));
            fs::write(&file, value).unwrap();
            command.arg("--secret").arg(format!("id={id},src={}", file.display()));
        }
        run(&mut command);
        image
    }
}

/// Gives each file a time that follows from its content: BuildKit takes one of equal size and time for the one it was sent
/// before, from whatever folder.
fn settle(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            settle(&path);
            continue;
        }
        let hex = Digest::of(&fs::read(&path).unwrap()).hex();
        let extra = u64::from_str_radix(&hex[..8], 16).unwrap() % 999_999_999;
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(EPOCH) + Duration::from_nanos(extra);
        fs::File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
    }
}

/// What is said of an image: the verdict, and all words.
fn judge(layout: &Path, build: &Build) -> (&'static str, String) {
    let layout = Layout::at(layout);
    let descriptor = layout.entries().unwrap().remove(0).descriptor;
    let manifest = Document::new(&descriptor.media_type, layout.read(descriptor.digest).unwrap());
    let image: Image = layout.image(manifest).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&fs::read(image.config.file().unwrap()).unwrap()).unwrap();
    let files = FileSystem::read(&image.layers).unwrap();
    let ids: Vec<String> = files.diff_ids().iter().map(Digest::to_string).collect();
    assert_eq!(config["rootfs"]["diff_ids"], serde_json::json!(ids));
    let platform: Platform = build.platform().parse().unwrap();
    let verdict = start::examine(&config, &files, platform, false);
    let secret = |pair: &str| {
        let (id, value) = pair.split_once('=').unwrap();
        Sought { id: id.to_owned(), value: Secret::new(value) }
    };
    let sought: Vec<Sought> = build.all("secret").map(secret).collect();
    let leaks = secrets::find(&sought, &image).unwrap().leaks;
    let said =
        |all: &[start::Finding]| all.iter().map(|one| format!("{}\n{}\n", one.text, one.hint)).collect::<String>();
    let leaked: String = leaks.iter().map(|leak| format!("{leak}\n")).collect();
    match () {
        () if !verdict.refusals.is_empty() || !leaks.is_empty() => ("refuse", said(&verdict.refusals) + &leaked),
        () if !verdict.warnings.is_empty() => ("warn", said(&verdict.warnings)),
        () => ("pass", String::new()),
    }
}

/// How a case's image is judged in another way than its `verdict.txt` says.
fn flaws(case: &Path, workshop: &Workshop) -> Vec<String> {
    let scratch = tempfile::tempdir().unwrap();
    let image = workshop.build(case, scratch.path());
    let build = Build::read(case);
    let (verdict, said) = judge(&image, &build);
    let text = fs::read_to_string(case.join("verdict.txt")).unwrap();
    let line = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().trim();
    let mut flaws = Vec::new();
    if line("verdict:") != verdict {
        flaws.push(format!("{verdict} instead of {}: {said}", line("verdict:")));
    }
    let lower = said.to_lowercase();
    let missing = line("says:").split(';').map(str::trim).filter(|word| !lower.contains(&word.to_lowercase()));
    flaws.extend(missing.map(|word| format!("`{word}` is not said: {said}")));
    for pair in build.all("secret").chain(build.all("arg")) {
        let value = pair.split_once('=').unwrap().1;
        flaws.extend(said.contains(value).then(|| "the value of a secret is said".to_owned()));
    }
    flaws
}

#[test]
#[expect(clippy::disallowed_methods, reason = "tests read the environment themselves")]
fn images_are_judged_as_they_start() {
    let scratch = tempfile::tempdir().unwrap();
    let given = std::env::var("BUILDKIT_HOST").ok();
    let daemon = given.is_none().then(Daemon::start);
    let host = given.unwrap_or_else(|| daemon.as_ref().map(Daemon::host).unwrap_or_default());
    let workshop = Workshop::open(scratch.path(), host);
    let mut cases: Vec<PathBuf> = fs::read_dir(super::root().join("tests/dockerfiles/verdicts"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    assert!(cases.len() > 70, "{}", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .flat_map(|case| {
            let name = case.file_name().unwrap().to_string_lossy().into_owned();
            flaws(case, &workshop).into_iter().map(move |flaw| format!("{name}: {flaw}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
