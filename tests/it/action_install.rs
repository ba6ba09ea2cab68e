//! dist/install.sh, started as action.yml starts it: nothing is run that has not the digest in dist/checksums.txt.
#![cfg(unix)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use longshore::digest::Digest;

use crate::action::run_of;
use crate::project::{program, variable};
use crate::source;

/// What stands in for the binary: it says how it was started, and by which process.
const BINARY: &str = "#!/bin/sh\necho \"ran $* as $$\"\ntest -z \"${SHELLOPTS-}\" || echo \"options $SHELLOPTS\"\n";

/// What a server says to one path.
#[derive(Clone)]
enum Said {
    File(Vec<u8>),
    /// It promises all and sends half.
    Half(Vec<u8>),
    NotFound,
}

/// A job's machine: folders with blanks in their names, and a `dist` whose table the test writes.
struct Machine {
    root: tempfile::TempDir,
    env: BTreeMap<String, String>,
}

/// How it ended: exit code, what it printed, and the process it was.
struct Ended {
    code: i32,
    said: String,
    id: u32,
}

impl Machine {
    fn new(table: &str) -> Self {
        let root = tempfile::Builder::new().prefix("a machine ").tempdir().unwrap();
        for folder in ["the action/dist", "the temp", "tools"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let machine = Self { root, env: BTreeMap::new() };
        let dist = machine.path("the action/dist");
        fs::copy(source::root().join("dist/install.sh"), dist.join("install.sh")).unwrap();
        fs::write(dist.join("checksums.txt"), format!("# version target sha256\n{table}")).unwrap();
        fs::write(machine.path("the action/Cargo.toml"), "[package]\nversion = \"1.2.3\"\n").unwrap();
        let path = format!("{}:{}", machine.path("tools").display(), variable("PATH").unwrap());
        let (action, temp) = (machine.path("the action"), machine.path("the temp"));
        machine
            .with("PATH", path)
            .with("GITHUB_ACTION_PATH", action.display())
            .with("RUNNER_TEMP", temp.display())
            .tool("uname", "case $1 in -s) echo Linux ;; *) echo x86_64 ;; esac")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.env.insert(name.to_owned(), value.to_string());
        self
    }

    /// A program that comes before all others.
    fn tool(self, name: &str, script: &str) -> Self {
        executable(&self.path("tools").join(name), &format!("#!/bin/sh\n{script}\n"));
        self
    }

    /// Starts it with the very words of action.yml.
    fn run(&self) -> Ended {
        let script = self.path("step.sh");
        fs::write(&script, run_of("unix")).unwrap();
        let mut command = program("sh");
        command.arg("-e").arg(&script).current_dir(self.root.path()).env_clear().envs(&self.env);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let child = command.spawn().unwrap();
        let id = child.id();
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
        Ended { code: done.status.code().unwrap(), said, id }
    }

    /// It ends with exit code 2, one annotation with these words, and nothing was run.
    fn fails(&self, words: &str) {
        let ended = self.run();
        assert_eq!(ended.code, 2, "{}", ended.said);
        let annotation = ended.said.lines().last().unwrap_or_default();
        assert!(annotation.starts_with("::error title=longshore::") && annotation.contains(words), "{}", ended.said);
        assert!(!ended.said.contains("ran "), "{}", ended.said);
    }

    /// It became the binary: same process, the one word, no options of a shell around it.
    fn succeeds(&self) {
        let ended = self.run();
        assert_eq!((ended.code, ended.said), (0, format!("ran action as {}\n", ended.id)));
    }
}

fn executable(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The archive of a release, with a file beside the binary.
fn archive() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    executable(&folder.path().join("longshore"), BINARY);
    fs::write(folder.path().join("README.md"), "text").unwrap();
    let done =
        program("tar").args(["-czf", "-", "longshore", "README.md"]).current_dir(folder.path()).output().unwrap();
    assert!(done.status.success());
    done.stdout
}

/// Serves one answer to `v1.2.3`'s archive for Linux, and 404 to everything else; ends with the test's process.
fn server(said: Said) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = answer(stream.unwrap(), &said);
        }
    });
    url
}

fn answer(mut stream: TcpStream, said: &Said) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().unwrap()?;
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let wanted = first.starts_with("GET /v1.2.3/longshore-x86_64-unknown-linux-musl.tar.gz ");
    let (status, length, bytes): (_, _, &[u8]) = match said {
        Said::File(bytes) if wanted => ("200 OK", bytes.len(), bytes),
        Said::Half(bytes) if wanted => ("200 OK", bytes.len(), &bytes[..bytes.len() / 2]),
        _ => ("404 Not Found", 0, &[]),
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
    stream.write_all(bytes)
}

fn row(bytes: &[u8]) -> String {
    format!("1.2.3 x86_64-unknown-linux-musl {}\n", Digest::of(bytes).hex())
}

#[test]
fn runs_what_has_the_pinned_digest() {
    let bytes = archive();
    let url = server(Said::File(bytes.clone()));
    let older = format!("1.2.2 x86_64-unknown-linux-musl {}\n", "0".repeat(64));
    let newest = Machine::new(&format!("{older}{}", row(&bytes))).with("LONGSHORE_RELEASES", &url);
    newest.succeeds();
    newest.with("LONGSHORE_ACTION_VERSION", "v1.2.3").succeeds();
    // A file without its last newline.
    Machine::new(row(&bytes).trim_end()).with("LONGSHORE_RELEASES", &url).succeeds();
}

#[test]
fn runs_nothing_else() {
    let bytes = archive();
    let check = |said: Said, table: &str, words: &str| {
        Machine::new(table).with("LONGSHORE_RELEASES", server(said)).fails(words);
    };
    check(Said::File(bytes.clone()), &row(b"other bytes"), "which this action pins: nothing was run");
    check(Said::Half(bytes.clone()), &row(&bytes), "cannot download");
    check(Said::File(bytes[..bytes.len() / 2].to_vec()), &row(&bytes), "nothing was run");
    check(Said::NotFound, &row(&bytes), "cannot download");
    check(Said::File(bytes.clone()), "", "this commit of the action pins no binary");
    check(Said::File(bytes.clone()), "1.2.3 x86_64-unknown-linux-musl\n", "no checksum of longshore 1.2.3");
    check(Said::File(bytes.clone()), &row(&bytes).replace("musl", "gnu"), "no checksum of longshore 1.2.3");
    check(Said::File(b"no archive".to_vec()), &row(b"no archive"), "holds no `longshore`");
}

#[test]
fn refuses_what_it_cannot_know() {
    let bytes = archive();
    let machine = || Machine::new(&row(&bytes)).with("LONGSHORE_RELEASES", server(Said::File(bytes.clone())));
    machine().with("LONGSHORE_ACTION_VERSION", "9.9.9").fails("no checksum of longshore 9.9.9");
    machine().with("LONGSHORE_ACTION_VERSION", "1.2.3 ../x").fails("`version` is not a version");
    machine().with("LONGSHORE_ACTION_FALLBACK", "yes").fails("`fallback` is 'cargo' or empty");
    machine().tool("uname", "echo plan9").fails("no longshore binary for plan9");
    machine().with("LONGSHORE_RELEASES", "http://example.com").fails("cannot download http://example.com");
    machine().with("LONGSHORE_RELEASES", "http://127.0.0.1.example.com").fails("cannot download");
    machine().with("RUNNER_TEMP", "").fails("`RUNNER_TEMP` is not set");
}

#[test]
fn takes_a_local_binary() {
    for name in ["LONGSHORE_ACTION_BINARY", "LONGSHORE_BINARY"] {
        for place in ["a folder/longshore", "longshore"] {
            let machine = Machine::new("").with(name, place);
            fs::create_dir_all(machine.path("a folder")).unwrap();
            executable(&machine.path(place), BINARY);
            machine.succeeds();
        }
        Machine::new("").with(name, "nowhere").fails("`./nowhere` is not there");
    }
    let machine = Machine::new("").with("LONGSHORE_ACTION_BINARY", "first").with("LONGSHORE_BINARY", "second");
    executable(&machine.path("first"), BINARY);
    machine.succeeds();
}

#[test]
fn start_up_files_and_options_are_not_obeyed() {
    let machine = Machine::new("");
    executable(&machine.path("longshore"), BINARY);
    fs::write(machine.path("hijack.sh"), "echo hijacked; exit 9\n").unwrap();
    let hijack = machine.path("hijack.sh");
    let machine = machine.with("BASH_ENV", hijack.display()).with("ENV", hijack.display());
    machine.with("SHELLOPTS", "braceexpand:noexec").with("LONGSHORE_BINARY", "./longshore").succeeds();
}

#[test]
fn compiles_its_own_source_only_when_asked() {
    let cargo = r#"
while [ $# -gt 0 ]; do test "$1" = --root && root=$2; words="$words $1"; shift; done
mkdir -p "$root/bin" && cp "$LONGSHORE_TEST_BINARY" "$root/bin/longshore"
{ echo "in $PWD:$words"; env; } > "$LONGSHORE_TEST_SEEN""#;
    let machine = || {
        let machine = Machine::new("").tool("cargo", cargo).with("LONGSHORE_ACTION_FALLBACK", "cargo");
        executable(&machine.path("built"), BINARY);
        let (built, seen) = (machine.path("built"), machine.path("seen"));
        let machine =
            machine.with("LONGSHORE_TEST_BINARY", built.display()).with("LONGSHORE_TEST_SEEN", seen.display());
        ["GITHUB_TOKEN", "MY_PASSWORD", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GITHUB_OUTPUT", "CARGO_REGISTRY_TOKEN"]
            .into_iter()
            .fold(machine, |machine, name| machine.with(name, format!("canary-{name}")))
    };
    let first = machine();
    first.succeeds();
    let seen = fs::read_to_string(first.path("seen")).unwrap();
    assert!(seen.starts_with(&format!("in {}: install --locked", first.path("the action").display())), "{seen}");
    let canaries: Vec<&str> = seen.lines().filter(|line| line.contains("canary")).collect();
    assert_eq!(canaries, ["CARGO_REGISTRY_TOKEN=canary-CARGO_REGISTRY_TOKEN"]);
    machine().with("LONGSHORE_ACTION_VERSION", "1.2.3").succeeds();
    machine().with("LONGSHORE_ACTION_VERSION", "1.2.4").fails("cannot make 1.2.4");
    machine().tool("cargo", "exit 101").fails("could not compile");
    // A digest that is wrong stays wrong.
    let bytes = archive();
    let pinned = machine().with("LONGSHORE_RELEASES", server(Said::File(bytes)));
    fs::write(pinned.path("the action/dist/checksums.txt"), row(b"other")).unwrap();
    pinned.fails("nothing was run");
}

#[test]
fn the_table_is_one() {
    let text = source::read("dist/checksums.txt");
    let rows: Vec<Vec<&str>> =
        text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(' ').collect()).collect();
    for row in &rows {
        let [version, target, sha256] = row.as_slice() else { panic!("not three words: {row:?}") };
        assert!(version.parse::<longshore::version::Version>().is_ok(), "{row:?}");
        assert!(target.parse::<longshore::target::Target>().is_ok(), "{row:?}");
        assert!(sha256.len() == 64 && sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{row:?}");
        assert_eq!(rows.iter().filter(|other| other[..2] == row[..2]).count(), 1, "twice: {row:?}");
    }
}

/// What is downloaded must be what our own release makes, and its digests get into the table by the line in the docs.
#[test]
fn what_it_asks_for_is_released() {
    let scripts = source::read("dist/install.sh") + &source::read("dist/install.ps1");
    let asked: BTreeSet<&str> = scripts.split(|c: char| c != '-' && c != '_' && !c.is_ascii_alphanumeric()).collect();
    let asked: Vec<&str> = asked.into_iter().filter(|word| word.parse::<longshore::target::Target>().is_ok()).collect();
    assert_eq!(asked.len(), 5, "{asked:?}");
    let config = source::read("longshore.yaml");
    for target in &asked {
        assert!(config.contains(&format!("  - {target}\n")), "longshore.yaml releases no {target}");
    }
    let digest = "a".repeat(64);
    let line = |target: &str| {
        let ending = if target.contains("windows") { "zip" } else { "tar.gz" };
        format!("{digest}  longshore-{target}.{ending}\n")
    };
    let sums: String = asked.iter().map(|target| line(target)).collect();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("SHA256SUMS"), format!("{digest}  other.json\n{sums}")).unwrap();
    fs::create_dir(folder.path().join("dist")).unwrap();
    let page = source::read("docs/action.md");
    let script: Vec<&str> =
        page.lines().filter(|line| line.starts_with("sed ") || line.starts_with("version=")).collect();
    let done = program("bash").args(["-euc", &script.join("\n")]).current_dir(folder.path()).output().unwrap();
    assert!(done.status.success(), "{script:?}: {}", String::from_utf8_lossy(&done.stderr));
    let table = fs::read_to_string(folder.path().join("dist/checksums.txt")).unwrap();
    let rows: Vec<String> = asked.iter().map(|target| format!("1.2.3 {target} {digest}\n")).collect();
    assert_eq!(table, rows.concat());
}

/// In a job container the checkout belongs to somebody else.
#[test]
fn git_is_told_whose_folder_the_workspace_is() {
    let machine = Machine::new("").with("GITHUB_WORKSPACE", "/__w/a project").with("GIT_CONFIG_GLOBAL", "/dev/null");
    let binary = machine.path("own");
    executable(&binary, "#!/bin/sh\ngit config --get-all safe.directory\n");
    let machine = machine.with("LONGSHORE_ACTION_BINARY", binary.display());
    let ended = machine.run();
    assert!(ended.said.contains("/__w/a project"), "{}", ended.said);
    let ended = machine.with("GIT_CONFIG_COUNT", "0").run();
    assert!(!ended.said.contains("/__w/a project"), "{}", ended.said);
}
