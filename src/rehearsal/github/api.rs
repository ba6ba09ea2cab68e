//! The JSON calls: what each endpoint answers to whom.

use serde_json::{Value, json};

use super::answer::{Content, GithubAnswer};
use super::asked::Asked;
use super::fields::Fields;
use super::json::{self as shape, Addresses};
use super::route::Route;
use super::rules::{self, Outcome};
use super::state::{GithubState, Repository, StoredRelease, Who};
use super::{event::Effect, graphql, paging};

pub(super) fn answer(state: &mut GithubState, asked: &Asked<'_>, route: &Route) -> GithubAnswer {
    let outcome = match route {
        Route::Root => Ok(GithubAnswer::json(200, root(asked.to))),
        Route::RateLimit => Ok(GithubAnswer::json(200, rate_limit(asked.who))),
        Route::User if asked.who == Who::Anonymous => Err(GithubAnswer::error(401, "Requires authentication")),
        Route::User => Ok(GithubAnswer::json(200, shape::user(asked.to, shape::AUTHOR))),
        Route::GraphQl => graphql::answer(state, asked),
        _ if route.kind().writes() => write(state, asked, route),
        Route::Releases => list(state, asked),
        _ => read(state, asked, route),
    };
    outcome.unwrap_or_else(|refusal| refusal)
}

fn read(state: &GithubState, asked: &Asked<'_>, route: &Route) -> Outcome<GithubAnswer> {
    let repository = state.repository(asked.target).ok_or_else(GithubAnswer::not_found)?;
    let (to, who) = (asked.to, asked.who);
    let release = |found: Option<&StoredRelease>| found.map(|release| shape::release(to, repository, release));
    let value = match route {
        Route::Repository => Some(shape::repository(to, repository, who == Who::Writer)),
        Route::LatestRelease => release(repository.latest()),
        Route::ReleaseByTag(tag) => release(repository.published(tag)),
        Route::Release(id) => release(repository.visible(*id, who)),
        Route::Assets(id) => return assets(repository, asked, *id),
        Route::Asset(id) => {
            let holder = repository.holder(*id, who);
            holder.map(|release| shape::asset(to, repository, release, &release.assets[id]))
        }
        Route::Ref(name) => shape::reference(to, repository, name),
        Route::MatchingRefs(prefix) => Some(matching_refs(to, repository, prefix)),
        Route::TagObject(sha) => shape::tag_object(to, repository, sha),
        Route::Tags => {
            let tags = repository.tags.iter().rev().map(|(name, commit)| shape::tag(to, repository, name, commit));
            return Ok(paging::page(asked, repository.id, tags.collect()));
        }
        Route::ImmutableReleases => {
            let enabled = json!({ "enabled": true, "enforced_by_owner": false });
            repository.immutable_releases.then_some(enabled)
        }
        Route::GenerateNotes => Some(generate_notes(repository, asked)?),
        _ => None,
    };
    value.map(|value| GithubAnswer::json(200, value)).ok_or_else(GithubAnswer::not_found)
}

fn list(state: &mut GithubState, asked: &Asked<'_>) -> Outcome<GithubAnswer> {
    let repository = state.repository_mut(asked.target).ok_or_else(GithubAnswer::not_found)?;
    let shown = repository.listed(asked.who).into_iter().filter(|release| release.hidden == 0);
    let releases = shown.map(|release| shape::release(asked.to, repository, release)).collect();
    let answer = paging::page(asked, repository.id, releases);
    for release in repository.releases.values_mut() {
        release.hidden = release.hidden.saturating_sub(1);
    }
    Ok(answer)
}

fn assets(repository: &Repository, asked: &Asked<'_>, id: u64) -> Outcome<GithubAnswer> {
    let release = repository.visible(id, asked.who).ok_or_else(GithubAnswer::not_found)?;
    let assets = release.assets.values().map(|asset| shape::asset(asked.to, repository, release, asset));
    Ok(paging::page(asked, repository.id, assets.collect()))
}

fn write(state: &mut GithubState, asked: &Asked<'_>, route: &Route) -> Outcome<GithubAnswer> {
    let to = asked.to;
    let web = to.web();
    let who = asked.who;
    let mut writing = state.write(asked.target).ok_or_else(GithubAnswer::not_found)?;
    may_write(writing.repository, who, route)?;
    let fields = Fields::read(asked.body)?;
    let (status, id, effects) = match route {
        Route::CreateRelease => {
            let (id, effects) = rules::create(&mut writing, &fields, &web)?;
            (201, id, effects)
        }
        Route::UpdateRelease(id) => (200, *id, rules::update(&mut writing, *id, &fields)?),
        Route::DeleteRelease(id) => return gone(rules::delete(writing.repository, *id)?),
        Route::DeleteAsset(id) => return gone(vec![rules::delete_asset(writing.repository, *id)?]),
        Route::UpdateAsset(id) => {
            let effects = vec![rules::update_asset(&mut writing, *id, &fields)?];
            let repository = &*writing.repository;
            let release = repository.holder(*id, who).ok_or_else(GithubAnswer::not_found)?;
            let value = shape::asset(to, repository, release, &release.assets[id]);
            return Ok(GithubAnswer::json(200, value).effects(effects));
        }
        Route::SetImmutableReleases(on) => {
            writing.repository.immutable_releases = *on;
            return gone(vec![Effect::SettingChanged { immutable_releases: *on }]);
        }
        _ => return Err(GithubAnswer::not_found()),
    };
    let release = writing.repository.visible(id, who).ok_or_else(GithubAnswer::not_found)?;
    Ok(GithubAnswer::json(status, shape::release(to, writing.repository, release)).effects(effects))
}

fn gone(effects: Vec<Effect>) -> Outcome<GithubAnswer> {
    Ok(GithubAnswer::empty(204).effects(effects))
}

/// What must hold before anything is written: what one may not even see is not there.
pub(super) fn may_write(repository: &Repository, who: Who, route: &Route) -> Outcome<()> {
    let seen = match route {
        Route::UpdateRelease(id) | Route::DeleteRelease(id) | Route::Upload(id) => {
            repository.visible(*id, who).is_some()
        }
        Route::UpdateAsset(id) | Route::DeleteAsset(id) => repository.holder(*id, who).is_some(),
        _ => true,
    };
    match who {
        _ if !seen => Err(GithubAnswer::not_found()),
        Who::Anonymous => Err(GithubAnswer::error(401, "Requires authentication")),
        Who::Reader => Err(GithubAnswer::error(403, "Resource not accessible by integration")),
        Who::Writer => Ok(()),
    }
}

fn matching_refs(to: &Addresses, repository: &Repository, prefix: &str) -> Value {
    let branch = format!("heads/{}", repository.default_branch);
    let names = std::iter::once(branch).chain(repository.tags.keys().map(|tag| format!("tags/{tag}")));
    names.filter(|name| name.starts_with(prefix)).filter_map(|name| shape::reference(to, repository, &name)).collect()
}

fn generate_notes(repository: &Repository, asked: &Asked<'_>) -> Outcome<Value> {
    may_write(repository, asked.who, &Route::GenerateNotes)?;
    let fields = Fields::read(asked.body)?;
    let tag = fields.required("tag_name")?;
    let previous = fields.text("previous_tag_name")?;
    if let Some(previous) = previous.as_ref().filter(|tag| !repository.tags.contains_key(*tag)) {
        return Err(GithubAnswer::error(
            422,
            &format!("previous_tag_name `{previous}` is not a tag of the repository"),
        ));
    }
    let body = shape::generated_notes(repository, &tag, previous.as_deref(), &asked.to.web());
    Ok(json!({ "name": tag, "body": body }))
}

fn root(to: &Addresses) -> Value {
    let api = to.api();
    json!({
        "current_user_url": format!("{api}/user"),
        "rate_limit_url": format!("{api}/rate_limit"),
        "repository_url": format!("{api}/repos/{{owner}}/{{repo}}"),
    })
}

fn rate_limit(who: Who) -> Value {
    let limit = limit(who);
    let core = json!({ "limit": limit, "remaining": limit, "reset": reset(), "used": 0, "resource": "core" });
    json!({ "resources": { "core": core, "graphql": core }, "rate": core })
}

/// Requests an hour.
pub(super) fn limit(who: Who) -> usize {
    if who == Who::Anonymous { 60 } else { 5000 }
}

/// When the limits are full again, in seconds since 1970: clients compare it with their own clock.
pub(super) fn reset() -> i64 {
    let now = crate::world::clock::now().parse::<chrono::DateTime<chrono::Utc>>();
    now.map_or(0, |now| now.timestamp() + 3600)
}

/// `GET /releases/assets/{id}` for `application/octet-stream`: the bytes lie at the storage service. `None` where there
/// are none to give.
pub(super) fn asset_bytes(state: &GithubState, asked: &Asked<'_>, id: u64, signature: &str) -> GithubAnswer {
    let found = state.repository(asked.target).and_then(|repository| repository.holder(id, asked.who));
    match found.and_then(|release| release.assets[&id].stored) {
        Some(_) => GithubAnswer::redirect(format!("{}/storage/{id}?sig={signature}", asked.to.storage())),
        None => GithubAnswer { content: Content::Empty, ..GithubAnswer::not_found() },
    }
}
