//! What a new user sees between `init` and a rehearsed release: what is there is named, and what is missing comes with a command.

use std::fs;
use std::net::TcpListener;
use std::process::Output;

use crate::project::Project;

const CARGO: &str = "[package]\nname = \"skiff\"\nversion = \"0.4.0\"\nedition = \"2024\"\nlicense = \"MIT\"\n";
const MAIN: &str = "fn main() { println!(\"skiff 0.4.0\") }\n";
const LOCK: &str = "version = 4\n\n[[package]]\nname = \"skiff\"\nversion = \"0.4.0\"\n";

fn skiff(more: &[(&str, &str)]) -> Project {
    let files = [("Cargo.toml", CARGO), ("Cargo.lock", LOCK), ("src/main.rs", MAIN), (".gitignore", "/target\n")];
    project(&[&files, more].concat())
}

fn project(files: &[(&str, &str)]) -> Project {
    let project = Project::of("skiff", files).commit();
    assert!(project.sh("git remote add origin https://github.com/acme/skiff.git").status.success());
    project
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a command prints on both streams, and its exit code.
fn said(project: &Project, line: &str) -> (String, Option<i32>) {
    let Output { stdout, stderr, status } = project.sh(line);
    (text(&stderr) + &text(&stdout), status.code())
}

#[test]
fn a_file_of_another_name_is_not_passed_over() {
    let project = skiff(&[]);
    fs::write(project.folder().join("longshore.yml"), "longshore: 1\n").unwrap();
    for command in ["init", "check", "plan"] {
        let (said, code) = said(&project, &format!("longshore {command}"));
        assert!(code == Some(2) && said.contains("rename it to `longshore.yaml`"), "{command}: {said}");
    }
    assert!(!project.folder().join("longshore.yaml").exists());
}

#[test]
fn init_says_where_it_wrote() {
    let project = skiff(&[("deep/er/x", "")]);
    let (below, code) = said(&project, "cd deep/er && longshore init");
    assert!(code == Some(0) && below.contains("wrote ../../longshore.yaml\n"), "{below}");
    let (again, code) = said(&project, "cd deep/er && longshore init");
    assert!(code == Some(2) && again.contains("exists already"), "{again}");
}

/// `next` never leads to an error that `init` could have named.
#[test]
fn init_names_what_is_in_the_way() {
    let project = skiff(&[]);
    let line = "git init -q ../sub && git -C ../sub commit -q --allow-empty -m x && \
                git -c protocol.file.allow=always submodule --quiet add \"$PWD/../sub\" part && \
                git commit -q -m sub && git submodule --quiet deinit -f part && longshore init";
    let (output, code) = said(&project, line);
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("not ready: ") && output.contains("next: `git submodule update"), "{output}");
}

#[test]
fn init_names_workflows_that_publish_already() {
    let old = "on: { push: { tags: ['v*'] } }\njobs: { a: { steps: [{ uses: softprops/action-gh-release@v2 }] } }\n";
    let project = skiff(&[(".github/workflows/old.yml", old)]);
    let (output, _) = said(&project, "longshore init");
    let expected =
        "`.github/workflows/old.yml` runs for tags like `v1.2.3` and publishes with `softprops/action-gh-release`";
    assert!(output.contains(expected), "{output}");
}

/// A library at the top, and a program in a workspace of its own beside it.
#[test]
fn a_program_that_is_not_at_the_root() {
    let own = format!("{}\n[workspace]\n", CARGO.replace("skiff", "skiff-cli"));
    let files = [
        ("Cargo.toml", CARGO),
        ("src/lib.rs", ""),
        ("cli/Cargo.toml", own.as_str()),
        ("cli/src/main.rs", MAIN),
        ("cli/Cargo.lock", &LOCK.replace("skiff", "skiff-cli")),
    ];
    let project = project(&files);
    let (output, code) = said(&project, "longshore init && longshore plan");
    assert!(code == Some(0) && output.contains("package skiff-cli 0.4.0: skiff-cli"), "{output}");
    assert!(output.contains("binary.skiff-cli.x86_64-unknown-linux-gnu"), "{output}");
}

/// A service in Python: its version counts, and what maturin does not build is said.
#[test]
fn a_repository_without_rust() {
    let pyproject = "[project]\nname = \"svc\"\nversion = \"0.3.0\"\n[build-system]\nrequires = [\"hatchling\"]\n\
                     build-backend = \"hatchling.build\"\n";
    let files = [
        ("Dockerfile", "FROM scratch\nCOPY svc /svc\nCMD [\"/svc\"]\n"),
        ("svc/main.py", ""),
        ("pyproject.toml", pyproject),
    ];
    let project = project(&files);
    let (output, code) = said(&project, "longshore init && longshore plan");
    assert_eq!(code, Some(0), "{output}");
    for expected in ["image skiff, from Dockerfile", "hatchling builds it", "skiff 0.3.0 (tag v0.3.0"] {
        assert!(output.contains(expected), "{expected}: {output}");
    }
}

#[test]
fn nothing_to_release_leads_nowhere_wrong() {
    let project = project(&[("README.md", "hello\n")]);
    let (output, code) = said(&project, "longshore init");
    assert!(code == Some(0) && output.contains("not ready: ") && !output.contains("next: longshore plan"), "{output}");
    assert!(output.contains("next: list what is released in longshore.yaml"), "{output}");
}

#[test]
fn what_a_real_release_still_needs() {
    let project = skiff(&[]);
    let table = |line: &str| {
        let (output, code) = said(&project, line);
        assert_eq!(code, Some(0), "{output}");
        let rest = output.split_once("BEFORE A REAL RELEASE").map(|(_, rest)| rest.to_owned()).unwrap_or_default();
        let commands = rest.lines().skip(1).take_while(|line| !line.starts_with("next: "));
        commands.map(|line| line.split("  ").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let commit = "git add longshore.yaml .github/workflows && git commit -m \"release workflow\"";
    let tag = "git tag v0.4.0 && git push origin v0.4.0";
    assert_eq!(table("longshore init && longshore check"), ["longshore generate", commit, tag]);
    assert_eq!(table("longshore generate --action-ref ./ && longshore plan"), [commit, tag]);
    assert_eq!(table(&format!("{commit} -q && longshore plan")), [tag]);
    assert_eq!(table("git tag v0.4.0 && longshore plan"), ["git push origin v0.4.0"]);
    let raise = "bump the version and commit that";
    let push = "git tag vVERSION && git push origin vVERSION";
    assert_eq!(table("git commit -q --allow-empty -m more && longshore plan"), [raise, push]);
    let json: serde_json::Value = serde_json::from_slice(&project.sh("longshore check --json").stdout).unwrap();
    assert_eq!((&json["missing"][0]["what"], &json["missing"][1]["what"]), (&raise.into(), &push.into()), "{json}");
    // A job is told nothing of what is typed at home.
    assert_eq!(table("CI=true longshore check"), [""; 0]);
}

#[test]
fn a_rehearsal_says_what_it_leaves_out() {
    let project = skiff(&[]);
    let (output, code) = said(&project, "longshore rehearse");
    assert_eq!(code, Some(0), "{output}");
    for expected in [
        "aarch64-apple-darwin       1 archive  it is built on macOS",
        "x86_64-pc-windows-msvc     1 archive  it is built on Windows",
        "Made 4 of 16 steps",
        "Finished 2 files in target/longshore/dist",
    ] {
        assert!(output.contains(expected), "{expected}: {output}");
    }
    let other = if cfg!(target_arch = "x86_64") { "aarch64" } else { "x86_64" };
    assert!(output.contains(&format!("`--also {other}-unknown-linux-gnu` makes")), "{output}");
    // The servers are gone, and so are their addresses.
    let after = output.split_once("WHAT ").unwrap().1;
    assert!(!after.contains("http://127.0.0.1"), "{output}");
    let finished = project.folder().join("target/longshore/dist");
    let mut names: Vec<_> = fs::read_dir(finished).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(names[0], "SHA256SUMS");
}

#[test]
fn a_port_in_use_is_no_bug() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let project = skiff(&[]);
    let (output, code) = said(&project, &format!("longshore rehearse --serve --port {port}"));
    assert!(code == Some(1) && output.contains("error[port-in-use]") && output.contains(&port.to_string()), "{output}");
    assert!(!output.contains("bug") && !output.contains("Compiling"), "{output}");
}

#[test]
fn targets_of_rustc_that_are_not_supported() {
    let project = skiff(&[]);
    let check = |target: &str, expected: &str| {
        fs::write(project.folder().join("longshore.yaml"), format!("longshore: 1\ntargets: [{target}]\n")).unwrap();
        let (output, code) = said(&project, "longshore check");
        assert!(code == Some(2) && output.contains(expected), "{target}: {output}");
    };
    for target in ["riscv64gc-unknown-linux-gnu", "armv7-unknown-linux-gnueabihf", "i686-pc-windows-msvc"] {
        check(target, &format!("error[unsupported-target]: the target `{target}` is not supported in this version"));
        check(target, "help: supported targets: x86_64-unknown-linux-gnu");
    }
    check("aarch64-unknown-linux-gn", "did you mean `aarch64-unknown-linux-gnu`?");
    check("riscv64-unknown-linux-gnu", "help: supported targets: ");
}

#[test]
fn labels_of_runners_are_taken_for_what_they_say() {
    let yaml =
        "longshore: 1\nbinaries: { skiff: { override: { x86_64-unknown-linux-gnu: { runner: ubuntu-28.04 } } } }\n";
    let project = skiff(&[("longshore.yaml", yaml)]);
    let (output, code) = said(&project, "longshore plan");
    assert!(code == Some(0), "{output}");
    assert!(output.contains("assumed: the runner `ubuntu-28.04` is not known: linux on x86_64"), "{output}");
}

#[test]
fn later_keys_are_refused_by_name() {
    let project = skiff(&[("longshore.yaml", "longshore: 1\npublish: { github: { attestations: true } }\n")]);
    let (output, code) = said(&project, "longshore check");
    assert!(code == Some(2) && output.contains("signatures and attestations come in a later version"), "{output}");
}

/// `to/` is a folder for a file, as it is for `cp`.
#[test]
fn a_slash_makes_a_folder() {
    let yaml = "longshore: 1\narchives: { skiff: { include: [{ from: README.md, to: doc/ }, { from: NOTES.md, to: doc/notes }] } }\n";
    let project = skiff(&[("longshore.yaml", yaml), ("README.md", "x\n"), ("NOTES.md", "x\n")]);
    let (output, code) = said(&project, "longshore plan --json");
    assert!(code == Some(0) && output.contains("\"doc/README.md\"") && output.contains("\"doc/notes\""), "{output}");
}

#[test]
fn what_the_workflows_would_not_read_is_not_generated_from() {
    let project = skiff(&[
        ("rel.yaml", "longshore: 1\nname: special\n"),
        ("longshore.yaml", "longshore: 1\noverlays: { t: { snapshot: true } }\n"),
    ]);
    for (flags, expected) in [
        ("--config rel.yaml", "would not read `rel.yaml`"),
        ("--overlay t", "does not accept `--overlay`: the workflows plan without it"),
    ] {
        let (output, code) = said(&project, &format!("longshore generate {flags}"));
        assert!(code == Some(2) && output.contains(expected), "{flags}: {output}");
    }
}

#[test]
fn a_version_that_was_tagged_in_another_form() {
    for (version, tag, form) in [("0.13.0", "v0.13", ""), ("25.7.1", "25.07.1", "tag: \"{version}\"")] {
        let manifest = CARGO.replace("0.4.0", version);
        let project = project(&[("Cargo.toml", &manifest), ("src/main.rs", MAIN), (".gitignore", "/target\n")]);
        let (output, code) = said(
            &project,
            &format!(
                "git tag v0.0.9 && git commit -q --allow-empty -m x && git tag {tag} && longshore init && cat longshore.yaml && longshore check"
            ),
        );
        assert_eq!(code, Some(0), "{output}");
        for expected in [form, &format!("the tag `{tag}` looks like {version}"), "bump the version and commit that"] {
            assert!(output.contains(expected), "{expected}: {output}");
        }
    }
}

/// What is written and does nothing is said.
#[test]
fn green_and_of_no_use() {
    let check = |yaml: &str, code: i32, expected: &str| {
        let project = skiff(&[("longshore.yaml", yaml), ("docs/a", "x"), ("docs/b", "x")]);
        let (output, found) = said(&project, "longshore plan");
        assert!(found == Some(code) && output.contains(expected), "{yaml}: {output}");
        output
    };
    check("longshore: 1\npublish: { pypi: {} }\n", 0, "`publish.pypi` gets nothing: there are no `wheels:`");
    check("longshore: 1\npublish: { registry: ghcr.io/x }\n", 0, "`publish.registry` gets nothing");
    check(
        "longshore: 1\nassets: { a: { files: docs/none } }\n",
        2,
        "`docs/none` is not committed, and this asset has no `run:`",
    );
    check("longshore: 1\nassets: { a: { files: docs } }\n", 2, "`docs` is a folder");
    let output =
        check("longshore: 1\narchives: { skif: { file: \"s-{target}\" } }\n", 0, "s-x86_64-unknown-linux-gnu.tar.gz");
    assert!(!output.contains("archive.skiff."), "{output}");
    check("longshore: 1\npublish: { pypi: true }\n", 2, "write `{}` for the defaults");
    check(
        "longshore: 1\nimages: { a: { binaries: skiff, platforms: linux/x86_64 } }\n",
        2,
        "did you mean `linux/amd64`?",
    );
    check("longshore: 1\ncomponents: [skif]\n", 2, "did you mean `skiff`?");
}

#[test]
fn a_selection_that_publishes_nothing() {
    let project = skiff(&[]);
    let (output, code) = said(&project, "longshore rehearse --only binary");
    assert!(
        code == Some(0) && output.contains("nothing was published: nothing of it goes to a destination\n"),
        "{output}"
    );
}

#[test]
fn a_selection_is_no_other_machine() {
    let (output, code) = said(&skiff(&[]), "longshore rehearse --only archive");
    assert!(code == Some(0) && output.contains("Made 4 of 16 steps (`--only` chose them)"), "{output}");
}

/// What rustup says of a toolchain that is not there goes on for a page.
#[test]
fn a_toolchain_that_is_not_installed() {
    let rustc = "#!/bin/sh\necho \"error: toolchain '1.0.0-x86_64-unknown-linux-gnu' is not installed\" >&2\n\
                 echo 'Stack backtrace:' >&2\nexit 1\n";
    let project = skiff(&[("rustc", rustc)]);
    let (output, code) = said(&project, "chmod +x rustc && RUSTC=$PWD/rustc longshore rehearse");
    let expected = "help: run `rustup toolchain install 1.0.0-x86_64-unknown-linux-gnu`";
    assert!(code == Some(2) && output.contains(expected) && !output.contains("backtrace"), "{output}");
}

/// Executables of a workspace that nobody releases.
#[test]
fn default_members_are_what_is_released() {
    let member = |name: &str| CARGO.replace("skiff", name);
    let files = [
        ("Cargo.toml", "[workspace]\nmembers = [\"app\", \"xtask\"]\ndefault-members = [\"app\"]\nresolver = \"3\"\n"),
        ("app/Cargo.toml", &member("app")),
        ("app/src/main.rs", MAIN),
        ("xtask/Cargo.toml", &member("xtask")),
        ("xtask/src/main.rs", MAIN),
    ];
    let project = project(&files);
    let (output, code) = said(&project, "longshore init && longshore plan");
    assert!(code == Some(0) && output.contains("package app 0.4.0: app") && !output.contains("xtask"), "{output}");
}

/// Two files of one name lie apart, and neither is written into the other.
#[test]
fn finished_files_of_one_name() {
    let entry = |text: &str| format!("{{ files: {text}/notes.txt, publish: false }}");
    let yaml = format!("longshore: 1\nassets: {{ a: {}, b: {} }}\n", entry("a"), entry("b"));
    let project = skiff(&[("longshore.yaml", yaml.as_str()), ("a/notes.txt", "first\n"), ("b/notes.txt", "second\n")]);
    let (output, code) = said(&project, "longshore build && longshore verify");
    assert_eq!(code, Some(0), "{output}");
    let read = |path: &str| fs::read_to_string(project.folder().join("target/longshore").join(path)).unwrap();
    assert_eq!((read("dist/notes.txt"), read("dist/asset.b/notes.txt")), ("first\n".into(), "second\n".into()));
    assert_eq!(read("steps/asset.a/notes.txt"), "first\n");
}

/// A file with a mistake of its own, and others that only the repository shows: all in one run.
#[test]
fn every_mistake_of_a_file_at_once() {
    let yaml = "longshore: 1\nname: { x: y }\nbinaries: { skif: {} }\narchives: { a: { formt: zip } }\n\
                images: { i: { dockerfile: Nope } }\ncharts: { c: {} }\n";
    let project = skiff(&[("longshore.yaml", yaml)]);
    let (output, code) = said(&project, "longshore check");
    assert_eq!(code, Some(2), "{output}");
    let codes = ["wrong-type", "unknown-package", "unknown-key", "no-such-file", "no-chart"];
    let found: Vec<&str> =
        output.lines().filter_map(|line| Some(line.strip_prefix("error[")?.split_once(']')?.0)).collect();
    assert_eq!(found, codes, "{output}");
}

/// What a broken asset would have made is not missed.
#[test]
fn a_mistake_has_no_echo() {
    let yaml =
        "longshore: 1\nassets: { a: { run: make, files: out/x, fil: y } }\narchives: { skiff: { include: out/x } }\n";
    let project = skiff(&[("longshore.yaml", yaml)]);
    let (output, code) = said(&project, "longshore check");
    assert!(code == Some(2) && output.matches("error[").count() == 1, "{output}");
}

#[test]
fn another_configuration_beside_the_one_that_counts() {
    let project = skiff(&[("longshore.yaml", "longshore: 1\n"), ("longshore.yml", "longshore: 1\nname: x\n")]);
    let (output, code) = said(&project, "longshore check");
    let expected = "warning: `longshore.yml` is not used: `longshore.yaml` beside it is; remove one";
    assert!(code == Some(0) && output.contains(expected), "{output}");
}

#[test]
fn places_that_nothing_is_published_to() {
    for (publish, what) in [
        ("{ crates: {} }", "run: cargo publish --locked"),
        ("{ homebrew: { tap: acme/tap } }", "`LONGSHORE_MANIFEST`"),
        ("{ mine: { kind: crates } }", "run: cargo publish --locked"),
    ] {
        let project = skiff(&[("longshore.yaml", &format!("longshore: 1\npublish: {publish}\n"))]);
        let (output, code) = said(&project, "longshore check");
        assert!(code == Some(2) && output.contains(what) && output.matches("error[").count() == 1, "{output}");
    }
    // What the hint says is legal.
    let yaml = "longshore: 1\npublish: { crates: { kind: command, run: cargo publish --locked, accepts: archive, \
                pass-env: CARGO_REGISTRY_TOKEN } }\n";
    let (output, code) = said(&skiff(&[("longshore.yaml", yaml)]), "longshore check");
    assert_eq!(code, Some(0), "{output}");
}

#[test]
fn init_names_pages_and_completions() {
    let project = skiff(&[("doc/skiff.1", ".TH\n"), ("contrib/completion/_skiff", "x\n"), ("README.md", "x\n")]);
    let (output, code) = said(
        &project,
        "longshore init && sed -i 's/^#archives:/archives:/; s/^#  skiff: { file/  skiff: { file/' longshore.yaml && longshore plan --json",
    );
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("not in the archives: `contrib/completion/_skiff`, `doc/skiff.1`"), "{output}");
    assert!(output.contains("\"contrib/completion/_skiff\"") && output.contains("\"doc/skiff.1\""), "{output}");
}

/// Images and charts with tags of their own are components, as the tags call them.
#[test]
fn components_of_tags() {
    let chart = "apiVersion: v2\nname: shop\nversion: 0.1.0\n";
    let values = "api: { image: { repository: ghcr.io/acme/api, tag: x } }\nold: { image: { repository: ghcr.io/acme/skiff/older, tag: x } }\n";
    let files = [
        ("apps/api/Dockerfile", "FROM scratch\nCOPY pyproject.toml /x\nCMD [\"/x\"]\n"),
        ("apps/api/pyproject.toml", "[project]\nname = \"api\"\nversion = \"0.2.0\"\n"),
        ("apps/web/Dockerfile", "FROM scratch\nCOPY Dockerfile /x\nCMD [\"/x\"]\n"),
        ("charts/shop/Chart.yaml", chart),
        ("charts/shop/values.yaml", values),
        ("charts/shop/templates/a.yaml", "x: {{ .Values.api.image.tag }}\n"),
    ];
    let project = project(&files);
    let line = "git tag api-v0.1.0 && git tag web-v0.3.0 && git tag chart-shop-v0.1.0 && git commit -q --allow-empty -m x && \
                longshore init && cat longshore.yaml && longshore plan";
    let (output, code) = said(&project, line);
    assert_eq!(code, Some(0), "{output}");
    for expected in [
        "  api: { version-files: \"apps/api/pyproject.toml\" }\n  web: {}\n  chart-shop: {}\n",
        "shop: { component: chart-shop,",
        "it names `ghcr.io/acme/skiff/older`, which no image here is called",
        "api 0.2.0 (tag api-v0.2.0",
    ] {
        assert!(output.contains(expected), "{expected}: {output}");
    }
}

#[test]
fn a_workflow_with_the_other_ending() {
    let project = skiff(&[(".github/workflows/release.yaml", "on: push\njobs: {}\n")]);
    let (output, code) = said(&project, "longshore init && longshore plan --json");
    assert!(code == Some(0) && output.contains("will write .github/workflows/longshore.yml"), "{output}");
}

/// A script that a workflow runs is read, too.
#[test]
fn init_reads_the_scripts_of_workflows() {
    let workflow = "on: { push: { tags: ['*'] } }\njobs: { a: { steps: [{ run: python .github/upload.py x }] } }\n";
    let script = "repo.create_git_release(tag, tag, message)\n";
    let project = skiff(&[(".github/workflows/tag.yml", workflow), (".github/upload.py", script)]);
    let (output, _) = said(&project, "longshore init");
    assert!(output.contains("publishes with `create_git_release`"), "{output}");
}

/// `git remote add` fails where there is an `origin` that leads nowhere.
#[test]
fn an_origin_that_is_a_folder() {
    let project = skiff(&[]);
    let (output, code) = said(&project, "git remote set-url origin /srv/skiff && longshore init && longshore check");
    assert!(code == Some(0) && output.contains("git remote set-url origin URL"), "{output}");
}

/// A stub is never called published.
#[test]
fn stubs_in_a_rehearsal() {
    let files = [("Dockerfile", "FROM alpine:3\nCOPY README.md /x\nCMD [\"/x\"]\n"), ("README.md", "x\n")];
    let project = project(&files);
    let (output, code) = said(&project, "longshore init && longshore rehearse");
    assert_eq!(code, Some(0), "{output}");
    let rows: Vec<&str> = output.lines().filter(|line| line.starts_with("ghcr.io/acme/skiff:")).collect();
    assert!(!rows.is_empty() && rows.iter().all(|row| row.contains("  stub  ")), "{output}");
    assert!(!output.contains("\n\n   Not built"), "{output}");
}
