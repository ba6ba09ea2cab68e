//! What `init` writes for Dockerfiles.

use std::collections::BTreeMap;
use std::path::Path;

use super::found::{FoundImage, is_aside};
use super::scalar::scalar;
use crate::dockerfile::{
    Answer, Dockerfile, Flaw, IgnoreFile, Kind, Listing, Platform, Question, Role, ignore_file_names, inputs,
};
use crate::facts::{Facts, TreeKind};

/// Folders that are named after what they hold, not after what is released.
const GENERIC: [&str; 14] = [
    ".docker",
    "build",
    "ci",
    "container",
    "containers",
    "deploy",
    "deployment",
    "docker",
    "dockerfiles",
    "image",
    "images",
    "infra",
    "ops",
    "packaging",
];
/// Variants that are for those who work on the project.
const INTERNAL: [&str; 12] =
    ["ci", "debug", "dev", "devel", "develop", "development", "e2e", "lint", "local", "test", "testing", "tests"];
/// Ends of files that only look like a Dockerfile.
const OTHER: [&str; 10] = ["bak", "dockerignore", "erb", "in", "j2", "jinja", "jinja2", "md", "template", "tmpl"];
/// The longest line of an entry.
const WIDTH: usize = 116;

/// The images of the Dockerfiles in the commit, and the Dockerfiles that are left out, with the reason.
pub fn find(facts: &Facts, root: &Path) -> (Vec<FoundImage>, Vec<String>) {
    let repository = facts.remote.as_ref().map_or(&facts.folder, |remote| &remote.name);
    let (mut images, mut left_out): (Vec<FoundImage>, Vec<String>) = (Vec::new(), Vec::new());
    let paths = facts.files.iter().filter(|file| !matches!(file.kind, TreeKind::Symlink(_)));
    for path in paths.map(|file| file.path.as_str()).filter(|path| !is_aside(path)) {
        let Some(kind) = FileName::of(path) else { continue };
        if kind.variant().is_some_and(|variant| INTERNAL.contains(&variant.to_lowercase().as_str())) {
            left_out.push(format!("{path}, which is for development"));
            continue;
        }
        let name = free(&name(path, &kind, repository), path, &images);
        images.push(read(facts, root, path, name));
    }
    base(&mut images, facts);
    (images, left_out)
}

/// What a file's name says.
enum FileName<'p> {
    /// `Dockerfile`
    Plain,
    /// `api.Dockerfile`
    Named(&'p str),
    /// `Dockerfile.worker`
    Variant(&'p str),
}

impl<'p> FileName<'p> {
    fn of(path: &'p str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let is_other = |end: &str| OTHER.contains(&end.rsplit('.').next().unwrap_or(end));
        ["Dockerfile", "Containerfile"].into_iter().find_map(|word| {
            if name == word {
                return Some(Self::Plain);
            }
            if let Some(stem) = name.strip_suffix(word).and_then(|stem| stem.strip_suffix('.')) {
                return (!stem.is_empty()).then_some(Self::Named(stem));
            }
            let end = name.strip_prefix(word).and_then(|end| end.strip_prefix(['.', '-']))?;
            (!end.is_empty() && !is_other(end)).then_some(Self::Variant(end))
        })
    }

    fn variant(&self) -> Option<&'p str> {
        match self {
            Self::Plain => None,
            Self::Named(name) | Self::Variant(name) => Some(name),
        }
    }
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn is_generic(folder: &str) -> bool {
    GENERIC.contains(&folder.rsplit('/').next().unwrap_or(folder))
}

/// The name of the image: of its folder, or of the repository.
fn name(path: &str, kind: &FileName<'_>, repository: &str) -> String {
    let named = folder(path).rsplit('/').find(|part| !part.is_empty() && !GENERIC.contains(part));
    let place = named.unwrap_or(repository);
    let name = match kind {
        FileName::Plain => place.to_owned(),
        FileName::Named(name) => (*name).to_owned(),
        FileName::Variant(variant) if is_generic(folder(path)) => (*variant).to_owned(),
        FileName::Variant(variant) => format!("{place}-{variant}"),
    };
    let legal = |char: char| if char.is_ascii_alphanumeric() || "-_.".contains(char) { char } else { '-' };
    let name: String = name.to_lowercase().chars().map(legal).collect();
    // Between letters and digits a repository takes one sign at a time.
    let parts: Vec<&str> = name.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    let is_plain = parts.len() == name.split(['-', '_', '.']).count();
    match (is_plain, parts.is_empty()) {
        (_, true) => "image".into(),
        (true, false) => name,
        (false, false) => parts.join("-"),
    }
}

/// The name, or a longer one where another image has it.
fn free(name: &str, path: &str, images: &[FoundImage]) -> String {
    let taken = |name: &str| images.iter().any(|image| image.name == name);
    let above = folder(folder(path)).rsplit('/').next().filter(|part| !part.is_empty()).map(str::to_lowercase);
    let longer = above.map(|above| format!("{above}-{name}")).filter(|longer| longer.parse::<LegalName>().is_ok());
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(longer).chain(numbered);
    names.find(|name| !taken(name)).unwrap_or_default()
}

/// A name that needs no change.
struct LegalName;

impl std::str::FromStr for LegalName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let legal = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
        let is_legal = text.chars().all(legal) && !text.starts_with('-') && !text.contains("--");
        if is_legal { Ok(Self) } else { Err(()) }
    }
}

/// Everything that can be told from the Dockerfile and the commit.
fn read(facts: &Facts, root: &Path, path: &str, name: String) -> FoundImage {
    let context = folder(path).to_owned();
    let mut image = FoundImage { name, dockerfile: path.to_owned(), context, ..FoundImage::default() };
    let Ok(text) = std::fs::read_to_string(root.join(path)) else {
        image.problem = Some("it is not text".into());
        return image;
    };
    let first = |flaws: Vec<Flaw>| {
        let flaw = flaws.into_iter().next();
        flaw.map(|flaw| format!("line {}: {}", crate::dockerfile::line_of(&text, flaw.span.start), flaw.message))
    };
    let ask = |file: &Dockerfile, goarch: &str| file.answer(&Question::new(path, Platform::new("linux", goarch, "")));
    let answer = match Dockerfile::parse(text.as_bytes()).and_then(|file| Ok((ask(&file, "arm64")?, file))) {
        Ok((answer, _)) => answer,
        Err(flaws) => {
            image.problem = first(flaws);
            return image;
        }
    };
    image.secrets = answer.secrets.iter().filter(|one| one.required).map(|one| one.id.clone()).collect();
    let pulled = answer.images.iter().filter(|used| !used.reference.contains('@'));
    image.pulled = pulled.map(|used| used.reference.clone()).collect();
    let mut bases = answer.images.iter().filter(|used| used.role == Role::From).peekable();
    image.is_amd64 = bases.peek().is_some() && bases.all(|used| used.platform.arch == "amd64");
    match place(facts, root, path, &answer) {
        Ok(context) => image.context = context,
        Err(flaws) => image.problem = first(flaws),
    }
    image
}

/// The nearest folder in which all is there that the Dockerfile copies.
fn place(facts: &Facts, root: &Path, path: &str, answer: &Answer) -> Result<String, Vec<Flaw>> {
    let own = folder(path);
    let mut folders: Vec<&str> = vec![own];
    while let Some(last) = folders.last().copied().filter(|last| !last.is_empty()) {
        folders.push(folder(last));
    }
    if is_generic(own) {
        // `docker/Dockerfile` with `COPY . .` does not mean its own folder.
        folders.rotate_left(1);
    }
    let mut flaws = Vec::new();
    for folder in folders {
        match inputs(answer, &listing(facts, root, path, folder), &BTreeMap::new()) {
            Ok(_) => return Ok(folder.to_owned()),
            Err(found) if flaws.is_empty() => flaws = found,
            Err(_) => {}
        }
    }
    Err(flaws)
}

fn inside(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// What an engine would be sent of a folder.
fn listing(facts: &Facts, root: &Path, dockerfile: &str, folder: &str) -> Listing {
    let prefix = inside(folder, "");
    let entries = facts.files.iter().filter_map(|file| {
        let kind = match &file.kind {
            TreeKind::File => Kind::File { executable: false },
            TreeKind::Executable => Kind::File { executable: true },
            TreeKind::Symlink(target) => Kind::Link { target: target.clone() },
        };
        Some((file.path.strip_prefix(&prefix)?.to_owned(), kind))
    });
    let all = Listing::new(entries);
    let [own, general] = ignore_file_names(dockerfile);
    let is_there = |path: &String| facts.files.iter().any(|file| file.path == *path);
    let name = [own, inside(folder, &general)].into_iter().find(is_there);
    let ignore = name.and_then(|name| IgnoreFile::parse(&std::fs::read(root.join(name)).ok()?).ok());
    ignore.map_or_else(|| all.clone(), |ignore| all.apply(&ignore))
}

/// Finds the images that are based on others of this repository.
fn base(images: &mut [FoundImage], facts: &Facts) {
    let all: Vec<(String, String)> =
        images.iter().map(|image| (image.name.clone(), image.dockerfile.clone())).collect();
    let owner = facts.remote.as_ref().map(|remote| remote.owner.to_lowercase());
    for image in images {
        for reference in std::mem::take(&mut image.pulled) {
            let named = reference.rsplit('/').next().unwrap_or_default();
            let (last, tag) = named.split_once(':').unwrap_or((named, "latest"));
            let Some((base, path)) = all.iter().find(|(name, _)| *name == last && *name != image.name) else {
                image.pulled.insert(reference);
                continue;
            };
            let above = reference.rsplit('/').nth(1).map(str::to_owned);
            // `FROM python:3` beside a folder `python` most likely means the public image.
            let is_ours = match &above {
                Some(above) => Some(above) == owner.as_ref(),
                None => tag == "latest" && !named.contains(':'),
            };
            if is_ours {
                let key = reference.strip_prefix("docker.io/").unwrap_or(&reference);
                image.contexts.insert(key.strip_suffix(":latest").unwrap_or(key).to_owned(), base.clone());
            } else {
                let name = scalar(&reference);
                image
                    .notes
                    .push(format!("if `{reference}` is the image of {path}: contexts: {{ {name}: image.{base} }}"));
                image.pulled.insert(reference);
            }
        }
    }
}

/// Whether `longshore lock` has something to pin.
pub fn are_open(images: &[FoundImage]) -> bool {
    images.iter().any(|image| image.problem.is_none() && !image.pulled.is_empty())
}

/// The section `images`, or nothing.
pub fn section(images: &[FoundImage], left_out: &[String]) -> String {
    if images.is_empty() && left_out.is_empty() {
        return String::new();
    }
    let mut text =
        "# Container images from Dockerfiles. Each is built for linux/amd64 and linux/arm64, on a machine of that\n\
                    # processor, by BuildKit, Docker, buildah or podman.\n"
            .to_owned();
    let start = if images.iter().all(|image| image.problem.is_some()) { "#" } else { "" };
    if !images.is_empty() {
        text.push_str(&format!("{start}images:\n"));
    }
    images.iter().for_each(|image| text.push_str(&entry(image)));
    left_out.iter().for_each(|line| text.push_str(&format!("# Left out: {line}.\n")));
    text.push('\n');
    text
}

fn entry(image: &FoundImage) -> String {
    let mut keys = vec![format!("dockerfile: {}", scalar(&image.dockerfile))];
    let mut text = String::new();
    let mut note = |note: &str| text.push_str(&format!("# {}: {note}\n", image.name));
    if image.context != folder(&image.dockerfile) {
        let context = if image.context.is_empty() { ".".to_owned() } else { scalar(&image.context) };
        note(&format!("the context is `{}`: there is what it copies", context.trim_matches('"')));
        keys.push(format!("context: {context}"));
    }
    if image.is_amd64 {
        note("its `FROM` is for linux/amd64 only");
        keys.push("platforms: \"linux/amd64\"".into());
    }
    if !image.contexts.is_empty() {
        let pairs = image.contexts.iter().map(|(name, base)| format!("{}: image.{base}", scalar(name)));
        let pairs: Vec<String> = pairs.collect();
        note("it is based on another image of this file, which is taken from the same build");
        keys.push(format!("contexts: {{ {} }}", pairs.join(", ")));
    }
    if !image.secrets.is_empty() {
        let pairs = image.secrets.iter().map(|id| format!("{}: {}", scalar(id), variable(id)));
        let pairs: Vec<String> = pairs.collect();
        note("its build needs secrets, each read from the environment variable of this name (assumed)");
        keys.push(format!("secrets: {{ {} }}", pairs.join(", ")));
    }
    image.notes.iter().for_each(|text| note(text));
    let start = match &image.problem {
        Some(problem) => {
            note(&format!("cannot be built as it is: {problem}"));
            "#"
        }
        None => "",
    };
    let name = scalar(&image.name);
    let line = format!("{start}  {name}: {{ {} }}\n", keys.join(", "));
    if line.len() <= WIDTH {
        return text + &line;
    }
    let lines: String = keys.iter().map(|key| format!("{start}    {key}\n")).collect();
    format!("{text}{start}  {name}:\n{lines}")
}

/// The environment variable that a secret is most likely in.
fn variable(id: &str) -> String {
    let legal = |char: char| if char.is_ascii_alphanumeric() { char.to_ascii_uppercase() } else { '_' };
    let name: String = id.chars().map(legal).collect();
    if name.starts_with(|char: char| char.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// What is said of them on the terminal.
pub fn lines(images: &[FoundImage], left_out: &[String]) -> String {
    let mut text = String::new();
    for image in images {
        let (name, path) = (&image.name, &image.dockerfile);
        text.push_str(&match &image.problem {
            None => format!("  image {name}, from {path}\n"),
            Some(problem) => format!("  image {name}, from {path}, is commented out: {problem}\n"),
        });
    }
    left_out.iter().for_each(|line| text.push_str(&format!("  left out: {line}\n")));
    text
}
