//! Tags that look like those of a release, but are not of the form that `tag:` says.

use super::Release;
use crate::facts::Facts;
use crate::tag::{Guess, TagGrammar, loosely, newest};
use crate::version::Version;

/// What to write so that such tags are release tags, in backticks; nothing if no component of these names has them.
pub fn key(guess: &Guess<'_>, components: &[&str]) -> Option<String> {
    let tag = format!("tag: {}", serde_json::Value::from(guess.template()));
    let named = components.iter().find(|name| !name.is_empty() && guess.name() == Some(name));
    match (named, components) {
        (Some(name), _) | (None, [name]) if !name.is_empty() => {
            Some(format!("`components: {{ {name}: {{ {tag} }} }}`"))
        }
        _ if components.contains(&"") => Some(format!("`{tag}`")),
        _ => None,
    }
}

/// A tag at HEAD with the version of a component, but of another form than `form`.
pub fn at_head(facts: &Facts, component: &str, version: &Version, form: &str, components: &[&str]) -> Option<String> {
    let here = facts.tags.iter().filter(|tag| tag.commit == facts.head.commit);
    let mut same = here.filter_map(|tag| Guess::of(&tag.name)).filter(|guess| guess.version == *version);
    let guess = same.find(|guess| {
        let of_another = components.iter().any(|name| *name != component && guess.name() == Some(name));
        !of_another && (component.is_empty() || components.len() == 1 || guess.name() == Some(component))
    })?;
    let own = key(&guess, &[component])?;
    Some(format!("tag `{}` at this commit does not match `{form}`: for such tags write {own}", guess.tag))
}

/// A tag that means the version of a release and does not write it as SemVer does: it was released already.
pub fn released_as(facts: &Facts, release: &Release) -> Option<String> {
    let before = release.tags.split('{').next().unwrap_or_default().trim_end_matches('v');
    let is_same = |tag: &str| {
        loosely(tag).is_some_and(|(found, version)| version == release.version && found.trim_end_matches('v') == before)
    };
    let tag = facts.tags.iter().find(|tag| is_same(&tag.name))?;
    let version = &release.version;
    Some(format!("the tag `{}` looks like {version}: if that was released, bump the version before tagging", tag.name))
}

/// What a plan says of tags that it does not take.
pub fn notes(facts: &Facts, releases: &[Release]) -> Vec<String> {
    let components: Vec<&str> = releases.iter().map(|release| release.component.as_str()).collect();
    let mut notes: Vec<String> = releases
        .iter()
        .filter_map(|release| at_head(facts, &release.component, &release.version, &release.tags, &components))
        .chain(releases.iter().filter_map(|release| released_as(facts, release)))
        .collect();
    if let ([release], true) = (releases, notes.is_empty())
        && release.component.is_empty()
        && let Ok(grammar) = release.tags.parse::<TagGrammar>()
        && facts.tags.iter().all(|tag| grammar.version(&tag.name).is_none())
        && let Some(guess) = newest(facts.tags.iter().map(|tag| tag.name.as_str()), &[])
        && let Some(key) = key(&guess, &components)
    {
        let form = &release.tags;
        notes.push(format!("no tag matches `{form}` (the newest is `{}`): for tags like it write {key}", guess.tag));
    }
    notes
}
