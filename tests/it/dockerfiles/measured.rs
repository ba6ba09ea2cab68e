//! Runs the cases of a folder: README of the measured cases says what their files mean.
#![allow(dead_code, clippy::unwrap_used)] // Two test programs share it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use longshore::dockerfile::{
    Dockerfile, Flaw, IgnoreFile, Inputs, Kind, Listing, NamedContext, Platform, Question, ignore_file_names, inputs,
};

/// Entries of the folder that holds context/ and the named folders.
type Disk = BTreeMap<String, Kind>;

#[derive(Default)]
struct Spec {
    dockerfile: String,
    root: String,
    stage: Option<String>,
    platform: String,
    fails: bool,
    args: Vec<String>,
    contexts: Vec<String>,
    bases: Vec<String>,
    triggers: Vec<String>,
}

pub fn check_all(folder: &Path) -> Vec<String> {
    let mut cases: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
    cases.sort();
    let mut failures = Vec::new();
    let mut count = 0;
    for case in cases {
        for variant in variants(&case) {
            count += 1;
            check(&case, &variant, &mut failures);
        }
    }
    assert!(count > 0, "{} holds no case", folder.display());
    failures
}

/// The files that one build of a case takes.
pub fn files(case: &Path) -> BTreeSet<String> {
    let spec = spec(&case.join("build.txt"));
    let mut disk = Disk::new();
    walk(case, "", &mut disk);
    let inputs = answer(case, &disk, &spec).unwrap();
    inputs.list.into_iter().filter(|i| i.kind != Kind::Folder).map(|i| i.path).collect()
}

fn variants(case: &Path) -> Vec<String> {
    let mut variants: Vec<String> = fs::read_dir(case)
        .unwrap()
        .filter_map(|e| e.unwrap().file_name().into_string().ok())
        .filter_map(|n| Some(n.strip_prefix("build-")?.strip_suffix(".txt")?.to_owned()))
        .collect();
    variants.sort();
    if variants.is_empty() || case.join("build.txt").exists() {
        variants.insert(0, String::new());
    }
    variants
}

fn named(case: &Path, stem: &str, variant: &str) -> PathBuf {
    let dash = if variant.is_empty() { "" } else { "-" };
    case.join(format!("{stem}{dash}{variant}.txt"))
}

fn check(case: &Path, variant: &str, failures: &mut Vec<String>) {
    let label = format!("{} ({variant})", case.file_name().unwrap().to_string_lossy());
    let spec = spec(&named(case, "build", variant));
    let scratch = setup(case);
    let home = scratch.as_deref().unwrap_or(case);
    let mut disk = Disk::new();
    walk(home, "", &mut disk);
    let base = answer(home, &disk, &spec);
    let base = match base {
        Err(flaws) if spec.fails => {
            if flaws.iter().any(|f| f.message.is_empty()) {
                failures.push(format!("{label}: a flaw without words"));
            }
            return;
        }
        Ok(_) if spec.fails => return failures.push(format!("{label}: expected a flaw")),
        Err(flaws) => return failures.push(format!("{label}: {flaws:?}")),
        Ok(base) => base,
    };
    let lines = |stem: &str| -> BTreeSet<String> {
        let text = fs::read_to_string(named(case, stem, variant)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    let (reads, never, wide) = (lines("reads"), lines("never"), lines("wide"));
    let listed: BTreeSet<String> = base
        .list
        .iter()
        .filter(|i| i.kind != Kind::Folder)
        .map(|i| shown(&spec, i.context.as_deref(), &i.path))
        .collect();
    for path in reads.difference(&listed) {
        failures.push(format!("{label}: {path} is not listed"));
    }
    for path in listed.iter().filter(|p| never.contains(*p) && !wide.contains(*p)) {
        failures.push(format!("{label}: {path} is listed"));
    }
    let probes = fs::read_to_string(named(case, "probe", variant)).unwrap_or_default();
    for line in probes.lines() {
        let mut parts = line.split('\t');
        let (Some(kind), Some(path), Some(want)) = (parts.next(), parts.next(), parts.next()) else { continue };
        // Times are the business of the staged copy.
        if kind == "older" || kind == "newer" {
            continue;
        }
        let mut changed = disk.clone();
        probe(kind, path, &mut changed);
        let same = answer(home, &changed, &spec).is_ok_and(|other| set(&other) == set(&base));
        if same != (want == "same") {
            failures.push(format!("{label}: probe {line}: same is {same}"));
        }
    }
    if let Some(scratch) = scratch {
        fs::remove_dir_all(scratch).unwrap();
    }
}

fn set(inputs: &Inputs) -> BTreeSet<String> {
    inputs
        .list
        .iter()
        .map(|i| {
            let kind = match &i.kind {
                Kind::File { executable } => format!("file {}", i.mode && *executable),
                Kind::Link { target } => format!("link {target}"),
                Kind::Folder => "folder".to_owned(),
            };
            format!("{:?} {} {kind}", i.context, i.path)
        })
        .collect()
}

fn shown(spec: &Spec, context: Option<&str>, path: &str) -> String {
    match context {
        None if spec.root == "." => path.to_owned(),
        None => format!("{}/{path}", spec.root),
        Some(name) => {
            let folder = spec.contexts.iter().find_map(|c| c.strip_prefix(&format!("{name}="))).unwrap_or(name);
            format!("{folder}/{path}")
        }
    }
}

fn probe(kind: &str, path: &str, disk: &mut Disk) {
    let path = if path.starts_with("named-") { path.to_owned() } else { format!("context/{path}") };
    match kind {
        "add" => {
            disk.insert(path, Kind::File { executable: false });
        }
        "folder" => {
            disk.insert(path, Kind::Folder);
        }
        "remove" => disk.retain(|p, _| *p != path && !p.starts_with(&format!("{path}/"))),
        "mode" => {
            if let Some(Kind::File { executable }) = disk.get_mut(&path) {
                *executable = !*executable;
            }
        }
        other => panic!("unknown probe {other}"),
    }
}

fn answer(home: &Path, disk: &Disk, spec: &Spec) -> Result<Inputs, Vec<Flaw>> {
    let read = |path: &str| fs::read(home.join(path)).ok();
    let file = Dockerfile::parse(&read(&format!("context/{}", spec.dockerfile)).unwrap())?;
    let own = Platform::new("linux", "amd64", "");
    let mut question = Question::new(&spec.dockerfile, Platform::parse(&spec.platform, &own).unwrap());
    question.build_platform = own;
    question.stage.clone_from(&spec.stage);
    let pair = |text: &String| text.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())).unwrap();
    question.args = spec.args.iter().map(pair).collect();
    question.args.insert("SOURCE_DATE_EPOCH".to_owned(), "1700000000".to_owned());
    for (name, layout) in spec.bases.iter().map(pair) {
        question.base_env.insert(name.clone(), vec!["PATH=/usr/local/bin:/usr/bin:/bin".to_owned()]);
        if layout == "onbuild" {
            let triggers = ["COPY settings/ /app/settings/", "RUN cat /app/settings/* > /app/all"];
            question.onbuild.insert(name, triggers.map(str::to_owned).to_vec());
        }
    }
    for (name, trigger) in spec.triggers.iter().map(pair) {
        question.onbuild.entry(name).or_default().push(trigger);
    }
    let mut folders = BTreeMap::new();
    for (name, folder) in spec.contexts.iter().map(pair) {
        question.contexts.insert(name.clone(), NamedContext::Folder);
        let listing = below(disk, &folder);
        let ignore = read(&format!("{folder}/.dockerignore"));
        folders.insert(name, seen(&listing, ignore.as_deref(), ".dockerignore")?);
    }
    let root = if spec.root == "." { "context".to_owned() } else { format!("context/{}", spec.root) };
    let [beside, _] = ignore_file_names(&spec.dockerfile);
    let (bytes, name) = match read(&format!("context/{beside}")) {
        Some(bytes) => (Some(bytes), beside),
        None => (read(&format!("{root}/.dockerignore")), ".dockerignore".to_owned()),
    };
    let main = seen(&below(disk, &root), bytes.as_deref(), &name)?;
    // Bases that the case does not describe have an empty configuration.
    for image in file.answer(&question)?.images {
        question.base_env.entry(image.reference).or_default();
    }
    inputs(&file.answer(&question)?, &main, &folders)
}

fn seen(listing: &Listing, ignore: Option<&[u8]>, name: &str) -> Result<Listing, Vec<Flaw>> {
    let Some(bytes) = ignore else { return Ok(listing.clone()) };
    match IgnoreFile::parse(bytes) {
        Ok(file) => Ok(listing.apply(&file.named(name))),
        Err(bad) => Err(vec![Flaw::new(0..0, "ignore-file", format!("{name} line {}: {}", bad.line, bad.message))]),
    }
}

fn below(disk: &Disk, folder: &str) -> Listing {
    let prefix = format!("{folder}/");
    let inside = disk.iter().filter_map(|(path, kind)| Some((path.strip_prefix(&prefix)?.to_owned(), kind.clone())));
    Listing::new(inside)
}

fn walk(home: &Path, folder: &str, disk: &mut Disk) {
    for entry in fs::read_dir(home.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        let meta = entry.path().symlink_metadata().unwrap();
        if meta.is_dir() {
            disk.insert(path.clone(), Kind::Folder);
            walk(home, &path, disk);
        } else if meta.is_symlink() {
            let target = fs::read_link(entry.path()).unwrap().to_string_lossy().into_owned();
            disk.insert(path, Kind::Link { target });
        } else {
            disk.insert(path, Kind::File { executable: meta.permissions().mode() & 0o111 != 0 });
        }
    }
}

/// A copy in which setup.sh ran, if the case has one.
#[expect(clippy::disallowed_methods, reason = "tests start programs themselves")]
pub fn setup(case: &Path) -> Option<PathBuf> {
    if !case.join("setup.sh").exists() {
        return None;
    }
    let name = case.file_name().unwrap().to_string_lossy().into_owned();
    let scratch = std::env::temp_dir().join(format!("reads-{}-{name}", std::process::id()));
    assert!(Command::new("cp").arg("-a").arg(case).arg(&scratch).status().unwrap().success());
    assert!(Command::new("sh").arg("setup.sh").current_dir(&scratch).status().unwrap().success());
    Some(scratch)
}

fn spec(path: &Path) -> Spec {
    let mut spec = Spec {
        dockerfile: "Dockerfile".to_owned(),
        root: ".".to_owned(),
        platform: "linux/amd64".to_owned(),
        ..Spec::default()
    };
    for line in fs::read_to_string(path).unwrap_or_default().lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim().to_owned();
        match key {
            "dockerfile" => spec.dockerfile = value,
            "root" => spec.root = value,
            "stage" => spec.stage = Some(value),
            "platform" => spec.platform = value,
            "expect" => spec.fails = value == "fails",
            "arg" => spec.args.push(value),
            "context" => spec.contexts.push(value),
            "base" => spec.bases.push(value),
            "onbuild" => spec.triggers.push(value),
            "secret" => {}
            other => panic!("unknown key {other}"),
        }
    }
    spec
}
