//! Credentials that configuration and environment name: no program that is started has them, not even by looking at us,
//! and nothing that is shown holds them.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::project::{LONGSHORE, Project, program, variable};

const PASSWORD: &str = "canary/pass+2&x";

/// Dumps what a build script can know: its own environment, and that of every longshore above it.
const BUILD_RS: &str = r#"fn main() {
    let mut seen: String = std::env::vars().map(|(name, value)| format!("{name}={value}\n")).collect();
    let mut pid = std::process::id();
    while pid > 1 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        if stat.contains("(longshore)") {
            let bytes = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            seen += &format!("ABOVE {}", String::from_utf8_lossy(&bytes));
        }
        pid = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1).unwrap().parse().unwrap();
    }
    std::fs::create_dir_all("target/seen").unwrap();
    std::fs::write("target/seen/build", seen).unwrap();
}
"#;

/// Another git before the real one that keeps what it sees.
const GIT: &str =
    "#!/bin/sh\nenv >> \"$SEEN\"\ntr '\\0' '\\n' < /proc/$PPID/environ >> \"$SEEN\"\nexec /usr/bin/git \"$@\"\n";

/// A committed program with a build script.
pub fn app(build_rs: &str, yaml: &str) -> Project {
    let cargo = "[package]\nname = \"app\"\nversion = \"1.2.3\"\nedition = \"2021\"\nlicense = \"MIT\"\n[workspace]\n";
    let files = [
        ("Cargo.toml", cargo),
        ("Cargo.lock", "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"1.2.3\"\n"),
        ("src/main.rs", "fn main() { println!(\"app 1.2.3\"); }\n"),
        ("build.rs", build_rs),
        (".gitignore", "target\nhold\n"),
        ("longshore.yaml", yaml),
    ];
    Project::of("app", &files).commit()
}

fn said(done: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

fn executable(at: &Path, text: &str) {
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    fs::write(at, text).unwrap();
    fs::set_permissions(at, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn no_child_sees_a_credential_that_is_named() {
    let yaml = "longshore: 1\ntargets: x86_64-unknown-linux-gnu\narchives: false\n\
        assets: { notes: { run: { run: 'env > target/seen/asset; echo x > target/notes', shell: bash }, files: [target/notes], publish: false } }\n\
        binaries: { app: { before: { run: 'env > target/seen/before; tr \"\\0\" \"\\n\" < /proc/$PPID/environ >> target/seen/before', shell: bash } } }\n\
        publish:\n  github: false\n  pypi: { token-env: INDEX_TOKEN, username-env: INDEX_USER }\n  \
        registry: { prefix: registry.test/me, hosts: { registry.test: { username-env: REG_USER, password-env: REG_PASSWORD } } }\n";
    let project = app(BUILD_RS, yaml);
    let seen = project.folder().join("target/seen");
    fs::create_dir_all(&seen).unwrap();
    let bin = project.folder().join("target/bin");
    executable(&bin.join("git"), GIT);
    let canaries = format!(
        "export SEEN={} PATH={}:$PATH REG_USER=canary-user-1 REG_PASSWORD='{PASSWORD}' INDEX_TOKEN=pypi-canary-3 \
         INDEX_USER=canary-user-4 COPY='{PASSWORD}' GITHUB_TOKEN=ghs_canary_5_long \
         URL=https://x:ghs_canary_5_long@y/ DOCKER_AUTH_CONFIG='{{\"auths\":{{\"r\":{{\"auth\":\"Y2FuYXJ5OjY=\"}}}}}}'; ",
        seen.join("git").display(),
        bin.display(),
    );
    let done = project.sh(&format!("{canaries} CARGO_NET_OFFLINE=true longshore build"));
    assert!(done.status.success(), "{}", said(&done));
    for name in ["git", "build", "before", "asset"] {
        let text = fs::read_to_string(seen.join(name)).unwrap();
        assert!(text.contains("PATH="), "{name}: {text}");
        assert!(!text.contains("canary") && !text.contains("Y2FuYXJ5"), "{name}: {text}");
    }
    assert!(fs::read_to_string(seen.join("build")).unwrap().contains("ABOVE "), "nobody looked at us");
    let again = project.sh(&format!("{canaries} longshore plan --out target/p.json -q && longshore plan --json && longshore build --plan target/p.json"));
    assert!(!said(&again).contains("canary"), "{}", said(&again));
}

#[test]
fn a_child_of_a_usual_user_cannot_look_at_us() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::copy(LONGSHORE, at("longshore")).unwrap();
    executable(
        &at("git"),
        &format!("#!/bin/sh\ncat /proc/$PPID/environ > {0}/seen 2>&1\nexit 1\n", folder.path().display()),
    );
    let is_root = fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0);
    let mut command = if is_root { program("setpriv") } else { program(at("longshore").to_str().unwrap()) };
    if is_root {
        let done = program("chown").args(["-R", "65534:65534"]).arg(folder.path()).status().unwrap();
        assert!(done.success());
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(at("longshore"));
    }
    let path = format!("{}:{}", folder.path().display(), variable("PATH").unwrap());
    command.arg("plan").current_dir(folder.path()).env("PATH", path).env("GITHUB_TOKEN", "ghs_canary_1");
    let done = command.output().unwrap();
    let seen = fs::read_to_string(at("seen")).unwrap_or_else(|error| panic!("{error}: {}", said(&done)));
    assert!(seen.contains("Permission denied"), "{seen}");
}

/// Refuses everybody, and repeats what it was sent in every form.
fn parrot() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let sent = head.iter().find_map(|line| line.split_once("asic ")).map(|(_, pair)| pair.to_owned());
            let (status, body) = match sent {
                None => ("401 Unauthorized", String::new()),
                Some(pair) => {
                    let plain = String::from_utf8(STANDARD.decode(&pair).unwrap()).unwrap();
                    let form: String = url::form_urlencoded::byte_serialize(plain.as_bytes()).collect();
                    let text = format!("no, {plain} ({pair}, {form})\n::error::boo\u{1b}[2J");
                    (
                        "403 Forbidden",
                        serde_json::json!({ "errors": [{ "code": "DENIED", "message": text }] }).to_string(),
                    )
                }
            };
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nWWW-Authenticate: Basic realm=\"r\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    port
}

#[test]
fn a_server_that_repeats_what_it_was_sent_gives_nothing_away() {
    let host = format!("127.0.0.1:{}", parrot());
    let yaml = format!(
        "longshore: 1\ntargets: x86_64-unknown-linux-gnu\narchives: false\nimages: {{ app: {{ platforms: linux/amd64, flavors: [own] }} }}\n\
         bases: {{ own: {{ from: \"{host}/base:1\" }} }}\n\
         publish: {{ github: false, registry: {{ prefix: \"{host}/me\", hosts: {{ \"{host}\": {{ username-env: REG_USER, password-env: REG_PASSWORD }} }} }} }}\n"
    );
    let project = Project::of(
        "app",
        &[
            ("Cargo.toml", "[package]\nname = \"app\"\nversion = \"1.2.3\"\nedition = \"2021\"\n[workspace]\n"),
            ("src/main.rs", "fn main() {}\n"),
            ("longshore.yaml", &yaml),
        ],
    )
    .commit();
    let summary = project.folder().join(".git/summary");
    for more in ["", "--json", "--verbose"] {
        let done = project.sh(&format!(
            "GITHUB_ACTIONS=true GITHUB_STEP_SUMMARY={} REG_USER=me REG_PASSWORD='{PASSWORD}' longshore lock {more}",
            summary.display()
        ));
        let masked = format!("::add-mask::{PASSWORD}\n");
        let shown = said(&done).replace(&masked, "") + &fs::read_to_string(&summary).unwrap();
        assert!(shown.contains("no, me:***"), "{shown}");
        for secret in [PASSWORD, "pass+2", "pass%2B2", &STANDARD.encode(format!("me:{PASSWORD}"))[4..20]] {
            assert!(!shown.contains(secret), "{more}: `{secret}` in {shown}");
        }
        assert!(!shown.contains('\u{1b}') && !shown.contains("\n::error::boo"), "{more}: {shown}");
    }
}

#[test]
fn a_result_that_finds_no_room_is_no_success() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let project = Project::of(
        "app",
        &[
            ("Cargo.toml", "[package]\nname = \"app\"\nversion = \"1.2.3\"\nedition = \"2021\"\n[workspace]\n"),
            ("src/main.rs", "fn main() {}\n"),
        ],
    )
    .commit();
    for command in ["plan --json", "plan", "matrix", "schema plan", "--version", "plan --out /dev/full"] {
        let to = if command.contains("--out") { "" } else { ">/dev/full" };
        let done = project.sh(&format!("longshore {command} {to}"));
        assert_eq!(done.status.code(), Some(1), "{command}: {}", said(&done));
    }
    let done = project.sh("longshore schema plan | head -c 1; longshore plan --out /dev/null -q && test -c /dev/null");
    assert!(done.status.success(), "{}", said(&done));
}
