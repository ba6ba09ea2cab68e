//! The section `publish`: where things go, or what must be written first.

use super::found::Found;
use super::scalar::scalar;
use super::wheel;
use crate::facts::{Facts, Package, is_changelog};
use crate::plan::destination;

/// The longest line of a comment.
const WIDTH: usize = 116;
/// Why an index of packages must be named.
const NAMED: &str = "It must be named, because nothing there can be taken back: the name of a file that was once \
                     uploaded is used up for ever, even if the file or the project is deleted.";

/// The keys, and what is said above them.
pub fn section(facts: &Facts, found: &Found, packages: &[&Package]) -> String {
    let has_wheels = wheel::released(facts).next().is_some();
    if found.images.iter().any(|image| image.problem.is_none()) {
        return with_images(facts, packages, has_wheels);
    }
    if has_wheels && packages.is_empty() {
        return comment(&format!("Where it goes: PyPI. {NAMED}")) + "publish:\n  pypi: {}";
    }
    let (mut text, keys) = match asked(facts, packages) {
        Some(asked) => (comment(&format!("Where it goes: {asked}.")), "repository: owner/name"),
        None => (usual(facts), "notes: auto, draft: false"),
    };
    if has_wheels {
        text.push_str(&comment(&format!("Wheels and sdists go to PyPI. {NAMED}")));
        return format!("{text}publish:\n#  github: {{ {keys} }}\n  pypi: {{}}");
    }
    format!("{text}#publish:\n#  github: {{ {keys} }}")
}

/// The same with a registry.
fn with_images(facts: &Facts, packages: &[&Package], has_wheels: bool) -> String {
    let github = "github: { notes: auto, draft: false }";
    let remote = facts.remote.as_ref();
    let (prefix, is_assumed) = match remote {
        Some(remote) if remote.host == "gitlab.com" => {
            (format!("registry.gitlab.com/{}/{}", remote.owner, remote.name).to_lowercase(), true)
        }
        Some(remote) if destination::is_github(remote) => (format!("ghcr.io/{}", remote.owner).to_lowercase(), false),
        Some(_) => ("registry.example.com/owner".into(), true),
        None => ("ghcr.io/owner".into(), false),
    };
    let mut text = comment(&match remote {
        None => "Where it goes: images to ghcr.io, below the owner that the git remote `origin` will name.".to_owned(),
        Some(_) if prefix.starts_with("registry.example") => "Where it goes: write the registry of your images.".into(),
        Some(_) => format!("Where it goes: images to {prefix}."),
    });
    let mut keys: Vec<String> = Vec::new();
    keys.push(format!("{}  registry: {}", if is_assumed { "" } else { "#" }, scalar(&prefix)));
    if !packages.is_empty() {
        match asked(facts, packages) {
            Some(asked) => {
                text.push_str(&comment(&format!("Archives: {asked}.")));
                keys.push("#  github: { repository: owner/name }".into());
            }
            None => {
                text.push_str(&usual(facts).replacen("# Where it goes: ", "# Archives go to ", 1));
                keys.push(format!("#  {github}"));
            }
        }
    }
    if has_wheels {
        text.push_str(&comment(&format!("Wheels and sdists go to PyPI. {NAMED}")));
        keys.push("  pypi: {}".into());
    }
    let start = if keys.iter().all(|key| key.starts_with('#')) { "#" } else { "" };
    format!("{text}{start}publish:\n{}", keys.join("\n"))
}

/// What `plan` would ask first.
pub fn asked(facts: &Facts, packages: &[&Package]) -> Option<String> {
    let problem = destination::ask_for_place(facts, "github", None).filter(|_| !packages.is_empty())?;
    Some(format!("{}: {}", problem.message, problem.hint.unwrap_or_default()))
}

fn usual(facts: &Facts) -> String {
    let place = match &facts.remote {
        Some(remote) => format!("a release of {}/{} on {}", remote.owner, remote.name, remote.host),
        None => "a release on GitHub, in the repository that the git remote `origin` will name".into(),
    };
    let notes = if facts.texts.keys().any(|path| is_changelog(path).is_some()) {
        "# Its notes are the version's section of CHANGELOG.md, else those that GitHub generates."
    } else {
        "# Its notes are those that GitHub generates; with a CHANGELOG.md, the version's section of it."
    };
    format!("# Where it goes: {place}, with SHA256SUMS.\n{notes}\n")
}

/// A text in lines of a comment.
fn comment(text: &str) -> String {
    let mut comment = String::from("#");
    let mut width = 1;
    for word in text.split(' ') {
        if width + 1 + word.len() > WIDTH && width > 1 {
            comment.push_str("\n#");
            width = 1;
        }
        comment.push_str(&format!(" {word}"));
        width += 1 + word.len();
    }
    comment + "\n"
}
