//! Titles and notes of releases: a changelog's section, texts of the user's, or what GitHub generates.

use super::changelog::{self, Base, Excerpt};
use super::inputs::Inputs;
use super::{Destination, DestinationKind, Origin, Release, ReleasePage};
use crate::config::{Github, Notes};
use crate::facts::{Package, is_changelog, version_file};
use crate::problem::Problem;

/// How many characters of notes GitHub takes.
const LONGEST: usize = 125_000;

/// Why GitHub would not take these notes of a tag.
pub fn too_long(tag: &str, body: &str) -> Option<Problem> {
    let length = body.chars().count();
    let text = format!("the notes of `{tag}` have {length} characters; GitHub's limit is {LONGEST}");
    (length > LONGEST).then(|| Problem::new("notes-too-long", text).hint("shorten them, and link to the rest"))
}

pub fn page(inputs: &Inputs<'_>, github: &Github, release: &Release, origin: Origin, path: &str) -> ReleasePage {
    let title = github.title.fill(|place| match place {
        "tag" => Some(release.tag.clone()),
        "version" => Some(release.version.to_string()),
        "name" => Some(inputs.name()),
        "component" => Some(release.component.clone()),
        _ => None,
    });
    let section = || section(inputs, github, release);
    let mut generated = false;
    let notes = match &github.notes {
        Notes::Off => String::new(),
        _ if origin == Origin::Snapshot => format!("Snapshot of commit {}.", inputs.facts.head.commit),
        Notes::File(file) => text(inputs, file, &format!("{path}.notes")),
        Notes::Changelog => section().unwrap_or_else(|why| {
            let text = why.unwrap_or_else(|| "there is no changelog: no CHANGELOG.md, CHANGES.md or HISTORY.md".into());
            let hint = format!("add `## [{}]` to it, or use `notes: auto`", release.version);
            inputs.refuse(Problem::new("no-notes", text).hint(hint).at_value(format!("{path}.notes")));
            String::new()
        }),
        Notes::Auto => section().unwrap_or_else(|_| {
            generated = true;
            "{generated}".into()
        }),
        Notes::Github => {
            generated = true;
            "{generated}".into()
        }
    };
    let around = |file: &Option<String>, key: &str| {
        file.as_ref().map(|file| text(inputs, file, &format!("{path}.{key}"))).unwrap_or_default()
    };
    let (header, footer) = (around(&github.header, "header"), around(&github.footer, "footer"));
    let parts: Vec<&str> =
        [header.trim(), notes.trim(), footer.trim()].into_iter().filter(|part| !part.is_empty()).collect();
    let body = parts.join("\n\n");
    if let Some(problem) = too_long(&release.tag, &body) {
        inputs.refuse(problem.at_value(path));
    }
    ReleasePage { tag: release.tag.clone(), title: title.unwrap_or_else(|_| release.tag.clone()), body, generated }
}

fn text(inputs: &Inputs<'_>, file: &str, path: &str) -> String {
    inputs.facts.texts.get(file).cloned().unwrap_or_else(|| {
        let problem = Problem::new("no-such-file", format!("`{file}` does not exist"));
        inputs.refuse(problem.hint("paths are relative to longshore.yaml").at_value(path));
        String::new()
    })
}

/// The section of a release's version in its changelog; else what is said of the changelog, if there is one.
fn section(inputs: &Inputs<'_>, github: &Github, release: &Release) -> Result<String, Option<String>> {
    let host = github.host.as_deref().unwrap_or("github.com");
    let repository = github.repository.clone().unwrap_or_else(|| inputs.repository());
    let names = names(inputs, &release.component);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut first = None;
    for path in changelogs(inputs, &release.component) {
        let Some(text) = inputs.facts.texts.get(&path) else { continue };
        let repository = format!("https://{host}/{repository}");
        let base = Base { repository, tag: release.tag.clone(), path: path.clone() };
        match changelog::section(text, &release.version, &names, &base) {
            Excerpt::Section(notes) => return Ok(notes),
            Excerpt::Nothing(line, why) => {
                let place = line.map_or_else(|| path.clone(), |line| format!("{path}:{line}"));
                first.get_or_insert(format!("`{place}`: {why}"));
            }
        }
    }
    Err(first)
}

/// What a heading may call a component, or the project if it is the root.
fn names(inputs: &Inputs<'_>, component: &str) -> Vec<String> {
    let own = if component.is_empty() { inputs.name() } else { component.to_owned() };
    let packages = packages(inputs, component).map(|package| package.name.clone());
    std::iter::once(own).chain(packages).collect()
}

/// The cargo packages that a component is named after; all of them for the root.
fn packages<'i>(inputs: &'i Inputs<'_>, component: &'i str) -> impl Iterator<Item = &'i Package> {
    inputs.facts.packages.iter().filter(move |package| component.is_empty() || package.name == component)
}

/// Where the changelog of a component may be: where it says, else beside its version files, its package and its Python
/// project, then in the folders above.
fn changelogs(inputs: &Inputs<'_>, name: &str) -> Vec<String> {
    let all = std::iter::once(&inputs.config.root).chain(&inputs.config.components);
    let Some(component) = all.into_iter().find(|component| component.name == name) else { return Vec::new() };
    if let Some(written) = &component.changelog {
        return vec![written.clone()];
    }
    let versions = component.version_files.iter().flatten().map(|file| version_file::path(file).0.to_owned());
    let own = packages(inputs, name).filter(|_| !name.is_empty()).map(|package| package.manifest.clone());
    let projects = inputs.facts.python.iter().filter(|project| project.name.as_deref() == Some(name));
    let places: Vec<String> = versions.chain(own).chain(projects.map(|project| project.pyproject.clone())).collect();
    let mut folders: Vec<&str> = Vec::new();
    for place in &places {
        let mut folder = place.as_str();
        while let Some((above, _)) = folder.rsplit_once('/') {
            folder = above;
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
    }
    // The nearest first: the deepest.
    folders.sort_by_key(|folder| std::cmp::Reverse(folder.matches('/').count()));
    folders.push("");
    let mut found = Vec::new();
    for folder in folders {
        let inside = |path: &&String| path.rsplit_once('/').map_or("", |(above, _)| above) == folder;
        let here = inputs.facts.texts.keys().filter(inside);
        let mut here: Vec<(usize, &String)> = here.filter_map(|path| Some((is_changelog(path)?, path))).collect();
        here.sort();
        found.extend(here.into_iter().map(|(_, path)| path.clone()));
    }
    // Without a component's name every package's changelog may be meant, if the root has none.
    if name.is_empty() && found.is_empty() && inputs.facts.packages.len() == 1 {
        let folder = inputs.facts.packages[0].manifest.strip_suffix("Cargo.toml").unwrap_or_default();
        let texts = inputs.facts.texts.keys();
        found.extend(texts.filter(|path| path.starts_with(folder) && is_changelog(path).is_some()).cloned());
    }
    found
}

/// Changelogs that are there and whose notes are not used, for people.
pub fn unused(inputs: &Inputs<'_>, releases: &[Release], destinations: &[Destination]) -> Vec<String> {
    let mut said = Vec::new();
    for destination in destinations {
        let DestinationKind::Github(planned) = &destination.kind else { continue };
        let configured = inputs.config.destinations.iter().find(|one| one.name == destination.name);
        let Some(github) = configured.and_then(|one| one.github()).filter(|one| one.notes == Notes::Auto) else {
            continue;
        };
        for release in
            releases.iter().filter(|one| planned.pages.iter().any(|page| page.tag == one.tag && page.generated))
        {
            let why = match section(inputs, github, release) {
                Err(Some(why)) => why,
                Err(None) => match unread(inputs) {
                    Some(path) => format!(
                        "`{path}` is not read; set `changelog:` to a Markdown file, or rename it to CHANGELOG.md, CHANGES.md, HISTORY.md or RELEASES.md"
                    ),
                    None => continue,
                },
                Ok(_) => continue,
            };
            said.push(format!("GitHub generates the notes of {}: {why}", release.tag));
        }
    }
    said
}

/// A file that is a changelog by its name, at the top or among the documents, though not by one that is looked for.
fn unread<'i>(inputs: &Inputs<'i>) -> Option<&'i str> {
    const STEMS: [&str; 7] = ["changelog", "changes", "history", "news", "releases", "releasenotes", "whatsnew"];
    let is_one = |path: &&str| {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let stem = name.split('.').next().unwrap_or(name);
        let stem: String = stem.chars().filter(char::is_ascii_alphanumeric).collect();
        matches!(folder, "" | "docs" | "doc") && STEMS.iter().any(|known| stem.eq_ignore_ascii_case(known))
    };
    let texts = ["md", "markdown", "rst", "txt", "adoc", "org"];
    let is_text = |path: &&str| path.rsplit_once('.').is_none_or(|(_, end)| end.contains('/') || texts.contains(&end));
    inputs.facts.files.iter().map(|file| file.path.as_str()).filter(is_text).find(is_one)
}
