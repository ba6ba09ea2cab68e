//! A folder per case: `tests/cases/<name>/` holds a project, commands, and what they must print and make.
//!
//! ```text
//! in/       the project; copied to a fresh folder and committed there (always the same commit id)
//! command   `$ LINE` runs a line of shell, `# exit 2` at its end says how it ends (0 if unsaid);
//!           a first line `# no repository` leaves out git, other lines starting with `#` are remarks
//! stdout    what the commands printed, each under its own line
//! stderr    the same of standard error
//! out/      files they must have left behind, byte for byte (optional)
//! ```
//!
//! `UPDATE=1 cargo test --test it cases` writes `stdout`, `stderr` and the files that are in `out/` anew.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::project::{Project, program, variable};

/// One test per folder, so that they run side by side and fail by name.
macro_rules! cases {
    ($($name:ident)*) => {
        $(#[test] fn $name() { run(&folder_name(stringify!($name))); })*
        const CASES: &[&str] = &[$(stringify!($name)),*];
    };
}

cases! {
    asset_places
    collision
    changelog_links
    config_aside
    deployment_flaws
    dirty_release
    dockerfile_context
    dockerfile_first
    dockerfile_flaws
    dockerfile_keys
    dockerfile_lock
    dockerfile_meaning
    dockerfile_secrets
    dockerfile_warnings
    empty_matrix
    folder_flag
    macos_minimum
    matrix_actions
    no_lock_file
    no_repository
    no_tag
    ollyscale
    opsml
    opsml_charts
    other_tags
    overlay
    override_per_target
    plain
    plain_file
    program_as_wheel
    remote_hosts
    serve_files
    serve_refused
    snapshot
    stable_abi
    three_tools
    tinyolly
    two_tags
    typos_and_types
    unlocked_bases
    unread_flags
    version_keys
    version_mismatch
}

#[test]
fn every_folder_is_a_case() {
    let folders: BTreeSet<String> =
        fs::read_dir(home()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let listed: BTreeSet<String> = CASES.iter().map(|name| folder_name(name)).collect();
    assert_eq!(folders, listed, "tests/cases (left) and the list in tests/it/cases.rs (right) differ");
}

/// The project of a case, committed.
pub fn project(case: &str) -> Project {
    let copy = Project::copy(&home().join(case).join("in"), case);
    if commands(case).starts_with("# no repository") { copy } else { copy.commit() }
}

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

fn folder_name(test: &str) -> String {
    test.replace('_', "-")
}

fn commands(case: &str) -> String {
    fs::read_to_string(home().join(case).join("command")).unwrap()
}

fn run(case: &str) {
    let project = project(case);
    let (mut stdout, mut stderr, mut problems) = (String::new(), String::new(), String::new());
    for line in commands(case).lines().filter_map(|line| line.strip_prefix("$ ")) {
        let (command, exit) = match line.rsplit_once(" # exit ") {
            Some((command, exit)) => (command.trim_end(), exit.parse().unwrap()),
            None => (line, 0),
        };
        let done = project.sh(command);
        if done.status.code() != Some(exit) {
            let said = String::from_utf8_lossy(&done.stderr);
            writeln!(problems, "`{command}` ended with {}, not {exit}:\n{said}", done.status).unwrap();
        }
        for (stream, bytes) in [(&mut stdout, &done.stdout), (&mut stderr, &done.stderr)] {
            if !bytes.is_empty() {
                let text = normal(&String::from_utf8_lossy(bytes), &project.folder());
                let end = if text.ends_with('\n') { "" } else { "\n" };
                write!(stream, "$ {line}\n{text}{end}").unwrap();
            }
        }
    }
    let folder = home().join(case);
    problems += &compare(&folder.join("stdout"), stdout.as_bytes());
    problems += &compare(&folder.join("stderr"), stderr.as_bytes());
    for path in files_below(&folder.join("out")) {
        let relative = path.strip_prefix(folder.join("out")).unwrap();
        match fs::read(project.folder().join(relative)) {
            Ok(bytes) => problems += &compare(&path, &bytes),
            Err(error) => writeln!(problems, "`{}` was not made: {error}", relative.display()).unwrap(),
        }
    }
    assert!(
        problems.is_empty(),
        "case `{case}`\n{problems}\nif the new words are right: UPDATE=1 cargo test --test it cases"
    );
}

/// What differs, as a diff; with `UPDATE` the expected file is written anew and nothing differs.
fn compare(expected: &Path, actual: &[u8]) -> String {
    if variable("UPDATE").is_some() {
        fs::write(expected, actual).unwrap();
        return String::new();
    }
    if fs::read(expected).unwrap_or_default() == actual {
        return String::new();
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, actual).unwrap();
    let old = if expected.exists() { expected } else { Path::new("/dev/null") };
    let mut diff = program("git");
    diff.args(["diff", "--no-index", "--no-color", "--no-ext-diff"]).arg(old).arg(file.path());
    let text = String::from_utf8_lossy(&diff.output().unwrap().stdout).into_owned();
    // The first lines name the temporary file.
    let body: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("@@")).collect();
    format!("{} (-) and what was seen (+) differ:\n{}\n", expected.display(), body.join("\n"))
}

/// Replaces what changes from run to run: the folder, our own version, durations.
fn normal(text: &str, folder: &Path) -> String {
    let text = text
        .replace(&folder.display().to_string(), "[DIR]")
        .replace(concat!("longshore ", env!("CARGO_PKG_VERSION")), "longshore [VERSION]");
    let mut normal = String::new();
    for piece in text.split_inclusive(|c: char| c.is_whitespace() || "(),;".contains(c)) {
        let word = piece.trim_end_matches(|c: char| c.is_whitespace() || "(),;".contains(c));
        normal += if is_duration(word) { "[TIME]" } else { word };
        normal += &piece[word.len()..];
    }
    normal
}

/// `12ms`, `1.4s`, `2m`
fn is_duration(word: &str) -> bool {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let unit = &word[digits.len()..];
    matches!(unit, "ns" | "us" | "ms" | "s" | "m") && digits.parse::<f64>().is_ok()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn replaces_only_what_changes() {
    let check = |text: &str, expected: &str| assert_eq!(normal(text, Path::new("/tmp/x/plain")), expected);
    check("made /tmp/x/plain/target in 1.25s (30ms)\n", "made [DIR]/target in [TIME] ([TIME])\n");
    check("1.2.3 0755 s 3m x10s sha256:00s", "1.2.3 0755 s [TIME] x10s sha256:00s");
    check(concat!("longshore ", env!("CARGO_PKG_VERSION"), "\n"), "longshore [VERSION]\n");
}
