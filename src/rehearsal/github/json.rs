//! The JSON that stands for repositories, releases, assets and tags, with every field GitHub's schema demands.

use serde_json::{Value, json};

use super::route::Style;
use super::state::{Asset, Commit, Repository, StoredRelease, short_hash, time};
use crate::world::http::encode_path;

/// How a client addressed the server; answers speak of themselves in the same words.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    /// Host and port from the request.
    pub(super) host: String,
    pub(super) style: Style,
    /// Whether assets show their digest.
    pub(super) digests: bool,
}

impl Addresses {
    /// Base of the API, without a closing slash.
    pub(super) fn api(&self) -> String {
        match self.style {
            Style::Dotcom => format!("http://{}", self.host),
            Style::Enterprise => format!("http://{}/api/v3", self.host),
        }
    }

    /// Base of what browsers see: `api.HOST` belongs to `HOST`.
    pub(super) fn web(&self) -> String {
        format!("http://{}", self.host.strip_prefix("api.").unwrap_or(&self.host))
    }

    /// Base of the place where bytes are stored: another host by name, as on GitHub, whose API redirects to a storage
    /// service that must never see the token.
    pub(super) fn storage(&self) -> String {
        let (name, port) = self.host.rsplit_once(':').map_or((self.host.as_str(), None), |(n, p)| (n, Some(p)));
        let name = match name {
            "127.0.0.1" => "localhost",
            "localhost" => "127.0.0.1",
            name => name.strip_prefix("api.").unwrap_or(name),
        };
        format!("http://{name}{}", port.map(|port| format!(":{port}")).unwrap_or_default())
    }

    fn repository(&self, repository: &Repository) -> String {
        format!("{}/repos/{}/{}", self.api(), encode_path(&repository.owner), encode_path(&repository.name))
    }

    pub(super) fn page(&self, repository: &Repository) -> String {
        format!("{}/{}/{}", self.web(), encode_path(&repository.owner), encode_path(&repository.name))
    }

    pub(super) fn download(&self, repository: &Repository, release: &StoredRelease, asset: &Asset) -> String {
        format!(
            "{}/releases/download/{}/{}",
            self.page(repository),
            encode_path(&release.slug()),
            encode_path(&asset.name)
        )
    }
}

pub(super) fn release(to: &Addresses, repository: &Repository, release: &StoredRelease) -> Value {
    let url = format!("{}/releases/{}", to.repository(repository), release.id);
    let upload = format!(
        "http://{}/api/uploads/repos/{}/{}/releases/{}/assets{{?name,label}}",
        to.host,
        encode_path(&repository.owner),
        encode_path(&repository.name),
        release.id,
    );
    let source = |kind: &str| {
        let url = format!("{}/{kind}/{}", to.repository(repository), encode_path(&release.tag));
        (!release.draft).then_some(url)
    };
    let assets: Vec<Value> = release.assets.values().map(|item| asset(to, repository, release, item)).collect();
    json!({
        "url": url,
        "assets_url": format!("{url}/assets"),
        "upload_url": upload,
        "html_url": format!("{}/releases/tag/{}", to.page(repository), encode_path(&release.slug())),
        "id": release.id,
        "author": user(to, AUTHOR),
        "node_id": node("RE", release.id),
        "tag_name": release.tag,
        "target_commitish": release.target,
        "name": release.name,
        "draft": release.draft,
        "immutable": release.immutable,
        "prerelease": release.prerelease,
        "created_at": time(release.created),
        "updated_at": time(release.updated),
        "published_at": release.published.filter(|_| !release.draft).map(time),
        "assets": assets,
        "tarball_url": source("tarball"),
        "zipball_url": source("zipball"),
        "body": release.body,
    })
}

pub(super) fn asset(to: &Addresses, repository: &Repository, release: &StoredRelease, asset: &Asset) -> Value {
    json!({
        "url": format!("{}/releases/assets/{}", to.repository(repository), asset.id),
        "id": asset.id,
        "node_id": node("RA", asset.id),
        "name": asset.name,
        "label": asset.label,
        "uploader": user(to, AUTHOR),
        "content_type": asset.content_type,
        "state": if asset.stored.is_some() { "uploaded" } else { "starter" },
        "size": asset.stored.map_or(0, |stored| stored.size),
        "digest": asset.stored.filter(|_| to.digests).map(|stored| stored.sha256.to_string()),
        "download_count": asset.downloads,
        "created_at": time(asset.created),
        "updated_at": time(asset.updated),
        "browser_download_url": to.download(repository, release, asset),
    })
}

pub(super) const AUTHOR: &str = "rehearsal[bot]";

pub(super) fn user(to: &Addresses, login: &str) -> Value {
    let (api, web) = (to.api(), to.web());
    let login_path = encode_path(login);
    let url = format!("{api}/users/{login_path}");
    json!({
        "login": login,
        "id": 1,
        "node_id": node("U", 1),
        "avatar_url": format!("{web}/avatar"),
        "gravatar_id": "",
        "url": url,
        "html_url": format!("{web}/{login_path}"),
        "followers_url": format!("{url}/followers"),
        "following_url": format!("{url}/following{{/other_user}}"),
        "gists_url": format!("{url}/gists{{/gist_id}}"),
        "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"),
        "subscriptions_url": format!("{url}/subscriptions"),
        "organizations_url": format!("{url}/orgs"),
        "repos_url": format!("{url}/repos"),
        "events_url": format!("{url}/events{{/privacy}}"),
        "received_events_url": format!("{url}/received_events"),
        "type": "Bot",
        "user_view_type": "public",
        "site_admin": false,
    })
}

pub(super) fn repository(to: &Addresses, repository: &Repository, push: bool) -> Value {
    let url = to.repository(repository);
    json!({
        "id": repository.id,
        "node_id": node("R", repository.id),
        "name": repository.name,
        "full_name": format!("{}/{}", repository.owner, repository.name),
        "owner": user(to, &repository.owner),
        "private": false,
        "visibility": "public",
        "html_url": to.page(repository),
        "description": null,
        "fork": false,
        "archived": false,
        "disabled": false,
        "url": url,
        "releases_url": format!("{url}/releases{{/id}}"),
        "tags_url": format!("{url}/tags"),
        "git_refs_url": format!("{url}/git/refs{{/sha}}"),
        "git_tags_url": format!("{url}/git/tags{{/sha}}"),
        "default_branch": repository.default_branch,
        "permissions": { "admin": false, "maintain": false, "push": push, "triage": push, "pull": true },
    })
}

/// A reference: `tags/…` or `heads/…` without `refs/`.
pub(super) fn reference(to: &Addresses, repository: &Repository, name: &str) -> Option<Value> {
    let (kind, sha) = match name.split_once('/')? {
        ("tags", tag) => {
            let commit = repository.tags.get(tag)?;
            if commit.annotated { ("tag", tag_sha(tag, commit)) } else { ("commit", commit.sha.clone()) }
        }
        ("heads", branch) if branch == repository.default_branch => ("commit", repository.head.clone()),
        _ => return None,
    };
    let url = to.repository(repository);
    Some(json!({
        "ref": format!("refs/{name}"),
        "node_id": node_text(&format!("REF_{name}")),
        "url": format!("{url}/git/refs/{}", encode_path(name)),
        "object": { "sha": sha, "type": kind, "url": format!("{url}/git/{kind}s/{sha}") },
    }))
}

/// An annotated tag's own object.
pub(super) fn tag_object(to: &Addresses, repository: &Repository, sha: &str) -> Option<Value> {
    let mut tags = repository.tags.iter();
    let (name, commit) = tags.find(|(name, commit)| commit.annotated && tag_sha(name, commit) == sha)?;
    let url = to.repository(repository);
    Some(json!({
        "node_id": node_text(&format!("TAG_{name}")),
        "tag": name,
        "sha": sha,
        "url": format!("{url}/git/tags/{sha}"),
        "message": format!("{name}\n"),
        "tagger": { "name": "Rehearsal", "email": "rehearsal@localhost", "date": time(commit.date) },
        "object": { "sha": commit.sha, "type": "commit", "url": format!("{url}/git/commits/{}", commit.sha) },
        "verification": { "verified": false, "reason": "unsigned", "signature": null, "payload": null, "verified_at": null },
    }))
}

/// An entry of the list of tags.
pub(super) fn tag(to: &Addresses, repository: &Repository, name: &str, commit: &Commit) -> Value {
    let url = to.repository(repository);
    json!({
        "name": name,
        "zipball_url": format!("{url}/zipball/refs/tags/{}", encode_path(name)),
        "tarball_url": format!("{url}/tarball/refs/tags/{}", encode_path(name)),
        "commit": { "sha": commit.sha, "url": format!("{url}/commits/{}", commit.sha) },
        "node_id": node_text(&format!("REF_refs/tags/{name}")),
    })
}

/// The notes GitHub writes for a repository without pull requests: a link to what changed.
pub(super) fn generated_notes(repository: &Repository, tag: &str, previous: Option<&str>, web: &str) -> String {
    let before = previous.map(str::to_owned).or_else(|| {
        let others = repository.releases.values().filter(|release| !release.draft && release.tag != tag);
        others.max_by_key(|release| (release.created, release.id)).map(|release| release.tag.clone())
    });
    let page = format!("{web}/{}/{}", encode_path(&repository.owner), encode_path(&repository.name));
    let link = match before {
        Some(before) => format!("{page}/compare/{}...{}", encode_path(&before), encode_path(tag)),
        None => format!("{page}/commits/{}", encode_path(tag)),
    };
    format!("**Full Changelog**: {link}")
}

fn tag_sha(name: &str, commit: &Commit) -> String {
    short_hash(&format!("tag {name} {}", commit.sha))
}

fn node(kind: &str, id: u64) -> String {
    format!("{kind}_{}", &short_hash(&format!("{kind} {id}"))[..16])
}

fn node_text(text: &str) -> String {
    format!("N_{}", &short_hash(text)[..24])
}
