//! A case of `tests/charts`: a repository with a chart, and what must come out of it. Its README says what the files mean.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::project::Project;

/// The folder of the chart in every case.
pub const CHART: &str = "charts/app";

pub struct Case {
    pub home: PathBuf,
    name: String,
}

/// A file of a package, below the chart's folder.
pub struct Member {
    pub path: String,
    pub bytes: Vec<u8>,
    pub mode: u32,
}

impl Case {
    pub fn new(name: &str) -> Self {
        Self { home: home().join(name), name: name.to_owned() }
    }

    /// A text of `expect/`, without the end of its last line.
    pub fn expected(&self, file: &str) -> Option<String> {
        let text = fs::read_to_string(self.home.join("expect").join(file)).ok()?;
        Some(text.trim_end_matches('\n').to_owned())
    }

    /// The lines of such a text; none if there is no such file.
    pub fn lines(&self, file: &str) -> Vec<String> {
        self.expected(file).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    pub fn expects(&self, file: &str) -> bool {
        self.home.join("expect").join(file).exists()
    }

    /// The files below a folder of `expect/` with their bytes, sorted.
    pub fn files(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        files_below(&self.home.join("expect").join(folder))
    }

    /// The files of the case, not committed.
    pub fn staged(&self) -> Project {
        let project = Project::copy(&self.home.join("in"), &self.name);
        let prepare = self.home.join("prepare.sh");
        if prepare.exists() {
            must(&project, &format!("sh {}", prepare.display()));
        }
        project
    }

    /// The repository of the case: two commits, with the tags of `tags`.
    pub fn project(&self) -> Project {
        let project = self.staged();
        fs::write(project.folder().join(".gitignore"), "/target\n").unwrap();
        let tags = |at: &str| {
            let tag = |line: &str| line.strip_suffix(at).map(|name| format!("git tag {name}"));
            self.tags().iter().filter_map(|line| tag(line)).collect::<Vec<_>>().join(" && ")
        };
        must(&project, "git init -q -b main && git add -A -f && git commit -q -m one");
        must(&project, &format!("true && {}", or_true(tags(" first"))));
        must(&project, &format!("git commit -q --allow-empty -m two && {}", or_true(tags(" head"))));
        project
    }

    /// The tag that is released.
    pub fn tag(&self) -> String {
        let tags = self.tags();
        let head = tags.iter().rev().find_map(|line| line.strip_suffix(" head"));
        head.unwrap().to_owned()
    }

    fn tags(&self) -> Vec<String> {
        fs::read_to_string(self.home.join("tags")).unwrap().lines().map(str::to_owned).collect()
    }
}

/// Plans the tag and makes the chart's package.
pub fn build(case: &Case, project: &Project) -> Output {
    let tag = case.tag();
    project.sh(&format!("longshore plan --tag {tag} && longshore build --tag {tag} --only chart.app"))
}

/// The package that a build left behind.
pub fn package(project: &Project) -> Option<PathBuf> {
    let steps = fs::read_dir(project.folder().join("target/longshore/steps/chart.app")).ok()?;
    let mut paths = steps.map(|entry| entry.unwrap().path());
    paths.find(|path| path.extension().is_some_and(|extension| extension == "tgz"))
}

/// What is in a package, in its order.
///
/// # Panics
/// If something in it is not a plain file below one folder.
pub fn members(package: &Path) -> Vec<Member> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(fs::File::open(package).unwrap()));
    let mut members = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        assert!(entry.header().entry_type().is_file(), "`{path}` is not a plain file");
        let mode = entry.header().mode().unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let (_, path) = path.split_once('/').unwrap();
        members.push(Member { path: path.to_owned(), bytes, mode });
    }
    members
}

/// The names of all cases, sorted.
pub fn all() -> Vec<String> {
    let is_case = |path: &PathBuf| path.join("expect.md").exists();
    let paths = fs::read_dir(home()).unwrap().map(|entry| entry.unwrap().path()).filter(is_case);
    let names: BTreeSet<String> = paths.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    names.into_iter().collect()
}

pub fn must(project: &Project, line: &str) -> Output {
    let done = project.sh(line);
    assert!(done.status.success(), "{line}\n{}", said(&done));
    done
}

/// Everything that a command printed.
pub fn said(done: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

/// The plain files below a folder with their bytes, sorted.
pub fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            let below = files_below(&entry.path());
            files.extend(below.into_iter().map(|(path, bytes)| (format!("{name}/{path}"), bytes)));
        } else {
            files.push((name, fs::read(entry.path()).unwrap()));
        }
    }
    files.sort();
    files
}

fn or_true(line: String) -> String {
    if line.is_empty() { "true".into() } else { line }
}

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/charts")
}
