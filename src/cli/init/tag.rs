//! The keys `tag` and `components`: as the repository's tags are already, else as is usual.

use super::component;
use super::found::{Found, OF_COMPONENT};
use super::scalar::scalar;
use crate::facts::{Facts, Package};
use crate::tag::{Guess, loosely, newest};

/// One version: one tag. Several: a component for each package.
pub fn section(facts: &Facts, found: &Found, packages: &[&Package]) -> String {
    let Some(first) = packages.first() else { return without_packages(facts, found) };
    if packages.iter().any(|package| package.version != first.version) {
        return components(facts, packages);
    }
    let (tag, rest) = key(facts, packages, &first.version.to_string());
    format!(
        "# A release is made from a tag, and the tag's version must be that of the packages.\n\
         # {} says {}: its tag is {tag}{rest}\n",
        first.manifest, first.version
    )
}

/// No manifest of what is released says a version; another file may.
fn without_packages(facts: &Facts, found: &Found) -> String {
    if !found.components.is_empty() {
        return component::section(&found.components);
    }
    let Some((file, version)) = &found.version_file else {
        return format!("# A release is made from a tag{}\n", key(facts, &[], "").1);
    };
    let (tag, rest) = key(facts, &[], version);
    let template = rest.rsplit_once("tag: ").map_or("\"v{version}\"", |(_, template)| template);
    let name = facts.remote.as_ref().map_or(facts.folder.as_str(), |remote| remote.name.as_str());
    format!(
        "# A release is made from a tag, and the tag's version must be that of {file}.\n\
         # {file} says {version}: its tag is {tag}.\n\
         components:\n  {}: {{ tag: {template}, version-files: {} }}\n",
        scalar(name),
        scalar(file)
    )
}

/// The tag of a version, and the end of the sentence with the key.
fn key(facts: &Facts, packages: &[&Package], version: &str) -> (String, String) {
    let mut names: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    names.extend(facts.remote.as_ref().map(|remote| remote.name.as_str()));
    names.extend(["release", facts.folder.as_str()]);
    // Tags that are no versions of SemVer still show what stands before one, if they are the newest.
    let known = newest(tags(facts), &names);
    let loose = tags(facts).filter_map(|tag| loosely(tag).map(|(before, version)| (version, before, tag)));
    if let Some((newer, "", tag)) = loose.max()
        && known.as_ref().is_none_or(|known| known.version < newer)
    {
        return (version.to_owned(), format!(", as the repository's tags are (`{tag}`).\ntag: \"{{version}}\""));
    }
    match known {
        Some(guess) if guess.before != "v" => {
            let template = serde_json::Value::from(guess.template());
            let rest = format!(", as the repository's tags are (`{}`).\ntag: {template}", guess.tag);
            (format!("{}{version}", guess.before), rest)
        }
        _ => (format!("v{version}"), ".\n#tag: \"v{version}\"".into()),
    }
}

fn tags(facts: &Facts) -> impl Iterator<Item = &str> {
    facts.tags.iter().map(|tag| tag.name.as_str())
}

fn components(facts: &Facts, packages: &[&Package]) -> String {
    let own: Vec<Option<Guess<'_>>> = packages.iter().map(|package| of_package(facts, packages, package)).collect();
    let template = |package: &Package, guess: &Guess<'_>| {
        let rest = guess.before.strip_prefix(package.name.as_str()).filter(|_| !guess.before.is_empty());
        rest.map_or_else(|| guess.template(), |rest| format!("{{component}}{rest}{{version}}"))
    };
    let of = |(package, guess): (&&Package, &Option<Guess<'_>>)| guess.as_ref().map(|guess| template(package, guess));
    let mut known = packages.iter().zip(&own).map(of);
    // A package without tags is tagged as the others.
    let usual = known.clone().flatten().find(|form| form.starts_with("{component}"));
    let forms: Vec<String> =
        known.by_ref().map(|form| form.or_else(|| usual.clone()).unwrap_or_else(|| OF_COMPONENT.into())).collect();
    let mut text = "# The packages have versions of their own, so each is released by a tag of its own:\n".to_owned();
    for (package, form) in packages.iter().zip(&forms) {
        let tag = form.replace("{component}", &package.name).replace("{version}", &package.version.to_string());
        text.push_str(&format!("# {tag}\n"));
    }
    text.push_str("components:\n");
    let is_usual = forms.iter().all(|form| form == OF_COMPONENT);
    for (package, form) in packages.iter().zip(&forms) {
        let name = scalar(&package.name);
        text.push_str(&match (is_usual, form == OF_COMPONENT) {
            (true, _) => format!("  - {name}\n"),
            (false, true) => format!("  {name}: {{}}\n"),
            (false, false) => format!("  {name}: {{ tag: {} }}\n", serde_json::Value::from(form.as_str())),
        });
    }
    text
}

/// The newest tag with the package's name, else one without a name of the version that only this package has.
fn of_package<'f>(facts: &'f Facts, packages: &[&Package], package: &Package) -> Option<Guess<'f>> {
    let guesses = || tags(facts).filter_map(Guess::of);
    let named = guesses().filter(|guess| guess.name() == Some(&package.name));
    let is_only = packages.iter().filter(|other| other.version == package.version).count() == 1;
    let bare = || guesses().filter(|guess| guess.name() == Some("") && guess.version == package.version);
    named.max().or_else(|| bare().max().filter(|_| is_only))
}
