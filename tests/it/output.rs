//! The output folder: nothing of others in it is touched, one run works there at a time, and a full disk is called so.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};

use crate::project::Project;

const ASSET: &str = "assets: { notes: { run: { run: 'cp text target/notes', shell: bash }, files: [target/notes], \
    file: notes.zip } }\n";

fn project(output: &str, asset: &str) -> Project {
    let yaml = format!(
        "longshore: 1\noutput: {output}\ncomponents: {{ notes: {{ tag: \"v{{version}}\", version-files: VERSION }} }}\narchives: false\nbinaries: false\n{asset}publish: {{ github: {{ repository: o/app }} }}\n"
    );
    let project = Project::of(
        "app",
        &[
            ("VERSION", "1.2.3\n"),
            ("docs/index.md", "# app\n"),
            ("text", "notes\n"),
            (".gitignore", "target\nbuilt\n"),
            ("longshore.yaml", &yaml),
        ],
    )
    .commit();
    fs::create_dir(project.folder().join("target")).unwrap();
    project
}

fn said(done: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

#[test]
fn a_folder_that_is_not_ours_is_refused() {
    let check = |output: &str, before: &str, expected: &str| {
        let project = project(output, ASSET);
        let tree =
            |project: &Project| project.sh("find . -path ./.git/index -prune -o -print | sort; cat built/x").stdout;
        assert!(project.sh(before).status.success());
        let known = tree(&project);
        let done = project.sh("longshore build");
        assert!(said(&done).contains(expected), "{output}: {}", said(&done));
        assert_eq!(done.status.code(), Some(2), "{output}");
        assert_eq!(known, tree(&project), "{output}");
    };
    check(".git", "true", "`.git` is part of `.git`");
    check("x/.GIT/y", "true", "`x/.GIT/y` is part of `.git`");
    check("docs", "true", "the output folder `docs` contains files of the repository: `docs/index.md`");
    check("Docs", "true", "the output folder `Docs` contains files of the repository: `docs/index.md`");
    check("text/out", "true", "`text` is not a folder");
    let foreign = "`built` contains files that longshore did not create: `x`, `y`";
    check("built", "mkdir built && echo mine > built/x && touch built/y", foreign);
    // Python's virtual environments ignore themselves, too.
    let ignored = "mkdir built && echo mine > built/x && touch built/y && echo '*' > built/.gitignore";
    check("built", ignored, "did not create: `.gitignore`, `x`, `y`");
    check("built", "touch built", "the output folder `built` is a file");
    // A FIFO would be waited for, and results would land where a link points.
    check("built", "mkdir built && mkfifo built/.lock", "`built/.lock` is a link or a special file");
    for place in ["steps", "images", "cache", "steps/archive.x", "images/blobs/sha256"] {
        let before = format!("p=built/{place}; mkdir -p docs/elsewhere $(dirname $p) && ln -s $PWD/docs/elsewhere $p");
        check("built", &before, &format!("`built/{place}` is a link or a special file"));
    }
    check(
        "built",
        "mkdir -p built/artifacts && mkfifo built/artifacts/asset.notes.json",
        "is a link or a special file",
    );
}

#[test]
fn a_folder_that_is_ours_or_empty_is_taken() {
    let check = |before: &str| {
        let project = project("built", ASSET);
        let done = project.sh(&format!("{before} && longshore build && longshore build && longshore verify"));
        assert!(done.status.success(), "{before}: {}", said(&done));
    };
    check("mkdir built");
    check("mkdir built && longshore plan --out built/plan.json");
    check("mkdir -p ../disk && ln -s ../disk built");
}

/// Waits until a file is there.
fn wait_for(line: &str, project: &Project) {
    let done = project.sh(&format!("for n in $(seq 600); do {line} && exit 0; sleep 0.1; done; exit 1"));
    assert!(done.status.success(), "{line}: {}", said(&done));
}

fn start(mut command: Command) -> std::process::Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_second_run_waits_and_says_so() {
    let asset = "assets: { notes: { run: { run: 'echo x >> target/runs; while [ ! -e target/go ]; do sleep 0.05; done; \
        cp text target/notes', shell: bash }, files: [target/notes], file: notes.zip } }\n";
    let project = project("built", asset);
    let first = start(project.shell("longshore build"));
    wait_for("[ -e target/runs ]", &project);
    let second = start(project.shell("longshore build 2> target/second"));
    wait_for("grep -q 'Waiting for another longshore that uses `built`' target/second", &project);
    assert_eq!(fs::read_to_string(project.folder().join("target/runs")).unwrap(), "x\n");
    fs::write(project.folder().join("target/go"), "").unwrap();
    for run in [first, second] {
        let done = run.wait_with_output().unwrap();
        assert!(done.status.success(), "{}", said(&done));
    }
    assert_eq!(fs::read_to_string(project.folder().join("target/runs")).unwrap(), "x\nx\n");
}

/// The body of an answer over HTTP/1.0.
fn get(url: &str, path: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://").trim_end_matches('/')).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let body = answer.split_off(head + 4);
    let head = String::from_utf8(answer).unwrap();
    assert!(head.starts_with("HTTP/1.0 200"), "{path}: {head}");
    body
}

#[test]
fn what_is_served_stays_as_it_was_shown() {
    let project = project("built", ASSET);
    let mut serving = start(project.shell("exec longshore rehearse --serve --tag v1.2.3"));
    let mut lines = BufReader::new(serving.stderr.take().unwrap()).lines().map_while(Result::ok);
    let line = lines.find(|line| line.contains("Serving")).unwrap();
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    let reader = std::thread::spawn(move || lines.count());
    let asset = "/o/app/releases/download/v1.2.3/notes.zip";
    let shown = get(&url, asset);
    let again = "echo other > text && git commit -qam other && longshore rehearse --tag v1.2.3 -q";
    let done = project.sh(again);
    assert!(done.status.success(), "{}", said(&done));
    assert!(get(&url, asset) == shown, "other bytes than before");
    // `timeout` and a supervisor say TERM.
    assert!(project.sh(&format!("kill -TERM {}", serving.id())).status.success());
    assert!(serving.wait().unwrap().success());
    reader.join().unwrap();
}

#[test]
fn a_disk_that_is_full_is_called_so() {
    let project = project("built", &ASSET.replace("cp text", "ln -f target/large"));
    let done =
        project.sh("head -c 3000000 /dev/urandom > target/large && longshore build --all --pack target/all.tar -q");
    assert!(done.status.success(), "{}", said(&done));
    // The limit for files stands for a full disk: in blocks of 512 bytes, and without the signal.
    let full = "rm -rf built; trap '' XFSZ; ulimit -f 2000;";
    for command in ["longshore verify --from target/all.tar --plan target/plan.json", "longshore build"] {
        let plan = "longshore plan --out target/plan.json -q --snapshot;";
        let done = project.sh(&format!("{plan} {full} {command}"));
        assert!(said(&done).contains("error[disk-full]") && said(&done).contains("File too large"), "{}", said(&done));
        assert_eq!(done.status.code(), Some(1), "{command}");
    }
}
