//! What GitHub allows: creating, publishing, editing and deleting releases and assets.
//!
//! From GitHub's OpenAPI description, its documentation on releases and immutable releases, and the answers people
//! quote in public issues; where those are silent, the stricter reading.

use super::answer::{GithubAnswer, custom, field};
use super::event::Effect;
use super::fields::Fields;
use super::state::{Asset, Commit, Repository, Stored, StoredRelease, Writing};

/// GitHub's limit for the text of a release.
const MAX_BODY: usize = 125_000;
/// "Each file included in a release must be under 2 GiB."
pub(super) const MAX_ASSET: u64 = 2 << 30;
/// "Up to 1000 release assets."
const MAX_ASSETS: usize = 1000;

pub(super) type Outcome<T> = Result<T, GithubAnswer>;

/// `POST /releases`.
pub(super) fn create(writing: &mut Writing<'_>, fields: &Fields, web: &str) -> Outcome<(u64, Vec<Effect>)> {
    let tag = fields.required("tag_name")?;
    let draft = fields.flag("draft")?.unwrap_or(false);
    let target = fields.text("target_commitish")?.filter(|text| !text.is_empty());
    let mut release = StoredRelease {
        id: 0,
        target: target.unwrap_or_else(|| writing.repository.default_branch.clone()),
        name: fields.text("name")?,
        body: body(fields)?,
        draft: true,
        prerelease: fields.flag("prerelease")?.unwrap_or(false),
        immutable: false,
        created: created(writing, &tag),
        updated: writing.now,
        published: None,
        assets: std::collections::BTreeMap::new(),
        hidden: writing.slow_listings,
        tag,
    };
    check_tag(&release.tag)?;
    no_discussion(fields)?;
    if fields.flag("generate_release_notes")?.unwrap_or(false) {
        release.name = release.name.or_else(|| Some(release.tag.clone()));
        let generated = super::json::generated_notes(writing.repository, &release.tag, None, web);
        release.body = Some([release.body.unwrap_or_default(), generated].join("\n").trim_start().to_owned());
    }
    let latest = make_latest(fields, draft || release.prerelease)?.or((!release.prerelease).then_some("true"));
    let mut effects = Vec::new();
    if !draft {
        publish(writing, &mut release, &mut effects)?;
    }
    release.id = writing.repository.new_id();
    let id = release.id;
    effects.insert(0, Effect::ReleaseCreated { id, tag: release.tag.clone(), draft });
    name_published(&mut effects, id);
    writing.repository.releases.insert(id, release);
    if !draft {
        set_latest(writing.repository, id, latest);
    }
    Ok((id, effects))
}

/// `PATCH /releases/{id}`.
pub(super) fn update(writing: &mut Writing<'_>, id: u64, fields: &Fields) -> Outcome<Vec<Effect>> {
    let Some(old) = writing.repository.releases.get(&id) else { return Err(GithubAnswer::not_found()) };
    let (tag, target) = (fields.text("tag_name")?, fields.text("target_commitish")?);
    let (was_draft, draft) = (old.draft, fields.flag("draft")?.unwrap_or(old.draft));
    let moves = tag.as_ref().is_some_and(|tag| *tag != old.tag) || target.as_ref().is_some_and(|t| *t != old.target);
    if old.immutable && (moves || draft) {
        return Err(GithubAnswer::error(
            422,
            "Cannot change the tag, the target or the draft state of an immutable release.",
        ));
    }
    let prerelease = fields.flag("prerelease")?.unwrap_or(old.prerelease);
    let latest = make_latest(fields, draft || prerelease)?;
    let (name, text) = (fields.text("name")?, body(fields)?);
    no_discussion(fields)?;
    if let Some(tag) = &tag {
        check_tag(tag)?;
    }
    let mut release = writing.repository.releases.remove(&id).ok_or_else(GithubAnswer::not_found)?;
    let before = (release.tag.clone(), release.target.clone());
    release.tag = tag.unwrap_or(release.tag);
    release.target = target.filter(|text| !text.is_empty()).unwrap_or(release.target);
    let mut effects = vec![Effect::ReleaseEdited { id, tag: release.tag.clone() }];
    let publishing = if was_draft && !draft { publish(writing, &mut release, &mut effects) } else { Ok(()) };
    if let Err(refusal) = publishing {
        (release.tag, release.target) = before;
        writing.repository.releases.insert(id, release);
        return Err(refusal);
    }
    release.draft = draft;
    release.prerelease = prerelease;
    release.name = name.or(release.name);
    release.body = text.or(release.body);
    release.updated = writing.now;
    writing.repository.releases.insert(id, release);
    set_latest(writing.repository, id, latest.or((was_draft && !draft && !prerelease).then_some("true")));
    Ok(effects)
}

/// `DELETE /releases/{id}`. The tag stays; an immutable release's can never be used again.
pub(super) fn delete(repository: &mut Repository, id: u64) -> Outcome<Vec<Effect>> {
    let release = repository.releases.remove(&id).ok_or_else(GithubAnswer::not_found)?;
    if release.immutable {
        repository.burned.insert(release.tag.clone());
    }
    Ok(vec![Effect::ReleaseDeleted { id, tag: release.tag, published: !release.draft }])
}

/// Makes a draft public, and its tag if that is missing.
fn publish(writing: &mut Writing<'_>, release: &mut StoredRelease, effects: &mut Vec<Effect>) -> Outcome<()> {
    let repository = &mut *writing.repository;
    if repository.published(&release.tag).is_some() {
        return Err(GithubAnswer::invalid(&[field("Release", "already_exists", "tag_name")]));
    }
    if repository.burned.contains(&release.tag) {
        return Err(GithubAnswer::invalid(&[
            custom("Release", Some("tag_name"), "tag_name was used by an immutable release"),
            custom("Release", None, "Published releases must have a valid tag"),
        ]));
    }
    if !repository.tags.contains_key(&release.tag) {
        if repository.tags_restricted {
            let rule = "pre_receive Repository rule violations found\n\nCannot create ref due to creations being \
                        restricted.\n\n";
            return Err(GithubAnswer::invalid(&[
                custom("Release", Some("pre_receive"), rule),
                custom("Release", None, "Published releases must have a valid tag"),
            ]));
        }
        let Some(sha) = repository.resolve(&release.target) else {
            return Err(GithubAnswer::invalid(&[field("Release", "invalid", "target_commitish")]));
        };
        effects.push(Effect::TagCreated { tag: release.tag.clone(), commit: sha.clone() });
        repository.tags.insert(release.tag.clone(), Commit { sha, annotated: false, date: writing.now });
    }
    release.draft = false;
    release.published = Some(writing.now);
    release.created = created(writing, &release.tag);
    release.immutable = writing.repository.immutable_releases;
    let unfinished = release.assets.values().filter(|asset| asset.stored.is_none()).count();
    let (id, tag, assets) = (release.id, release.tag.clone(), release.assets.len());
    effects.push(Effect::ReleasePublished { id, tag, assets, unfinished });
    Ok(())
}

/// Begins an upload: the asset is there at once, in state `starter`.
pub(super) fn begin_asset(writing: &mut Writing<'_>, release: u64, asset: NewAsset) -> Outcome<u64> {
    let id = writing.repository.new_id();
    let now = writing.now;
    let release = writing.repository.releases.get_mut(&release).ok_or_else(GithubAnswer::not_found)?;
    if release.immutable {
        return Err(GithubAnswer::error(422, "Cannot upload assets to an immutable release."));
    }
    let name = stored_name(&asset.name);
    if name.is_empty() {
        return Err(GithubAnswer::invalid(&[field("ReleaseAsset", "missing_field", "name")]));
    }
    if release.assets.values().any(|other| other.name == name) {
        return Err(GithubAnswer::invalid(&[field("ReleaseAsset", "already_exists", "name")]));
    }
    if release.assets.len() >= MAX_ASSETS {
        let text = "too many assets: at most 1000 in one release";
        return Err(GithubAnswer::invalid(&[custom("ReleaseAsset", None, text)]));
    }
    let (label, content_type) = (asset.label, asset.content_type);
    let asset = Asset { id, name, label, content_type, stored: None, created: now, updated: now, downloads: 0 };
    release.assets.insert(id, asset);
    Ok(id)
}

pub(super) struct NewAsset {
    pub(super) name: String,
    pub(super) label: Option<String>,
    pub(super) content_type: String,
}

/// Ends an upload. Gone if somebody deleted the asset or made the release immutable meanwhile.
pub(super) fn finish_asset(writing: &mut Writing<'_>, release: u64, id: u64, stored: Stored) -> Outcome<Effect> {
    let now = writing.now;
    let release = writing.repository.releases.get_mut(&release).ok_or_else(GithubAnswer::not_found)?;
    let (holder, published, immutable) = (release.id, !release.draft, release.immutable);
    let asset = release.assets.get_mut(&id).ok_or_else(GithubAnswer::not_found)?;
    if immutable {
        return Err(GithubAnswer::error(422, "Cannot upload assets to an immutable release."));
    }
    asset.stored = Some(stored);
    asset.updated = now;
    let (name, Stored { size, sha256 }) = (asset.name.clone(), stored);
    Ok(Effect::AssetUploaded { release: holder, id, name, size, sha256, published })
}

/// `PATCH /releases/assets/{id}`.
pub(super) fn update_asset(writing: &mut Writing<'_>, id: u64, fields: &Fields) -> Outcome<Effect> {
    let now = writing.now;
    let release = holder(writing.repository, id)?;
    if release.immutable {
        return Err(GithubAnswer::error(422, "Cannot update assets of an immutable release."));
    }
    let name = fields.text("name")?.map(|name| stored_name(&name)).filter(|name| !name.is_empty());
    let label = fields.text("label")?;
    if name.as_ref().is_some_and(|name| release.assets.values().any(|other| other.id != id && other.name == *name)) {
        return Err(GithubAnswer::invalid(&[field("ReleaseAsset", "already_exists", "name")]));
    }
    let (holder, published) = (release.id, !release.draft);
    let asset = release.assets.get_mut(&id).ok_or_else(GithubAnswer::not_found)?;
    asset.name = name.unwrap_or_else(|| asset.name.clone());
    asset.label = label.or_else(|| asset.label.take());
    asset.updated = now;
    Ok(Effect::AssetEdited { release: holder, id, name: asset.name.clone(), published })
}

/// `DELETE /releases/assets/{id}`.
pub(super) fn delete_asset(repository: &mut Repository, id: u64) -> Outcome<Effect> {
    let release = holder(repository, id)?;
    if release.immutable {
        return Err(GithubAnswer::error(422, "Cannot delete asset from an immutable release."));
    }
    let (holder, published) = (release.id, !release.draft);
    let asset = release.assets.remove(&id).ok_or_else(GithubAnswer::not_found)?;
    let (name, uploaded) = (asset.name, asset.stored.is_some());
    Ok(Effect::AssetDeleted { release: holder, id, name, uploaded, published })
}

fn holder(repository: &mut Repository, asset: u64) -> Outcome<&mut StoredRelease> {
    let mut releases = repository.releases.values_mut();
    releases.find(|release| release.assets.contains_key(&asset)).ok_or_else(GithubAnswer::not_found)
}

/// The name GitHub keeps: runs of anything but letters, digits, `_`, `+`, `@` and `-` become one dot, none stands at
/// either end, and a leading one gets `default` before it. The rule `gh release upload --clobber` copies; that `+` stays
/// is seen in the assets of public projects.
pub(super) fn stored_name(name: &str) -> String {
    let name = if name.starts_with('.') { format!("default{name}") } else { name.to_owned() };
    let mut kept = String::with_capacity(name.len());
    for char in name.chars() {
        let char = if char.is_ascii_alphanumeric() || "_+@-".contains(char) { char } else { '.' };
        if char != '.' || !kept.ends_with('.') {
            kept.push(char);
        }
    }
    kept.trim_matches('.').to_owned()
}

/// GitHub counts a release from the date of its commit.
fn created(writing: &Writing<'_>, tag: &str) -> chrono::DateTime<chrono::Utc> {
    writing.repository.tags.get(tag).map_or(writing.now, |commit| commit.date)
}

fn body(fields: &Fields) -> Outcome<Option<String>> {
    match fields.text("body")? {
        Some(text) if text.chars().count() > MAX_BODY => {
            let message = format!("body is too long (maximum is {MAX_BODY} characters)");
            Err(GithubAnswer::invalid(&[custom("Release", Some("body"), &message)]))
        }
        text => Ok(text),
    }
}

/// No repository here has discussions; GitHub answers 404 then.
fn no_discussion(fields: &Fields) -> Outcome<()> {
    fields.text("discussion_category_name")?.map_or(Ok(()), |_| Err(GithubAnswer::not_found()))
}

fn make_latest(fields: &Fields, impossible: bool) -> Outcome<Option<&'static str>> {
    let latest = fields.word("make_latest", &["true", "false", "legacy"])?;
    if impossible && latest == Some("true") {
        let error = custom("Release", None, "Latest release cannot be draft or prerelease.");
        return Err(GithubAnswer::invalid(&[error]));
    }
    Ok(latest)
}

fn set_latest(repository: &mut Repository, id: u64, choice: Option<&str>) {
    match choice {
        Some("true") => repository.latest = Some(id),
        // Whatever else was latest stays it, also when this release is the youngest.
        Some("false") if repository.latest().is_some_and(|latest| latest.id == id) => {
            let others =
                repository.releases.values().filter(|other| other.id != id && !other.draft && !other.prerelease);
            repository.latest =
                others.max_by_key(|other| (other.created, other.published, other.id)).map(|other| other.id);
        }
        Some("legacy") => repository.latest = None,
        _ => {}
    }
}

/// What `git check-ref-format` would refuse.
fn check_tag(tag: &str) -> Outcome<()> {
    let bad = tag.is_empty()
        || tag.chars().any(|char| char.is_control() || " ~^:?*[\\".contains(char))
        || tag.contains("..")
        || tag.contains("@{")
        || tag.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.ends_with(".lock"))
        || tag.ends_with('.');
    if bad {
        return Err(GithubAnswer::invalid(&[custom("Release", Some("tag_name"), "tag_name is not well-formed")]));
    }
    Ok(())
}

/// The release's number is known only after it could be published.
fn name_published(effects: &mut [Effect], release: u64) {
    for effect in effects {
        if let Effect::ReleasePublished { id, .. } = effect {
            *id = release;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_github_keeps_them() {
        for (sent, kept) in [
            ("app-1.0_x.tar.gz", "app-1.0_x.tar.gz"),
            ("a b.txt", "a.b.txt"),
            ("a+b@c", "a+b@c"),
            (".env", "default.env"),
            ("a..b~1.", "a.b.1"),
            ("\u{e4}", ""),
        ] {
            assert_eq!(stored_name(sent), kept, "{sent}");
        }
    }

    #[test]
    fn tags_as_git_allows_them() {
        for tag in ["v1.0.0", "cli/v1.0.0", "v1+2"] {
            assert!(check_tag(tag).is_ok(), "{tag}");
        }
        for tag in ["", "a b", "a..b", "a/", "/a", "a//b", ".a", "a.lock", "a~1", "a^", "a:b", "a.", "a@{1}", "a\n"] {
            assert!(check_tag(tag).is_err(), "{tag}");
        }
    }
}
