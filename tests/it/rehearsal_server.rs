//! The rehearsal's GitHub, seen by clients we did not write: octocrab's models, reqwest, `gh`, `curl` and `sha256sum`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use longshore::digest::Digest;
use longshore::rehearsal::github::{Asset, Effect, Fault, Moment, Options, Release, Repository, Server, Tag};
use longshore::secret::Secret;
use longshore::world::process::{Cmd, Finished, Runner};
use octocrab::models::repos;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

const COMMIT: &str = "3f786850e387550fdab836ed7e6dc881de23001b";
const TOKEN: &str = "rehearsal-token";

/// A server with `acme/harbor`, which has the tags `v1.0.0` and (annotated) `v1.1.0`.
struct World {
    server: Server,
    client: Client,
    folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tag = |name: &str, annotated, date: &str| Tag {
            name: name.into(),
            commit: COMMIT.into(),
            annotated,
            date: date.into(),
        };
        let mut options = Options {
            port: 0,
            repositories: vec![Repository {
                owner: "acme".into(),
                name: "harbor".into(),
                head: COMMIT.into(),
                tags: vec![tag("v1.0.0", false, "2026-01-01T00:00:00Z"), tag("v1.1.0", true, "2026-02-01T00:00:00Z")],
                ..Repository::default()
            }],
            token: Secret::new(TOKEN),
            reader: Some(Secret::new("reader")),
            faults: Vec::new(),
            spool: folder.path().into(),
            clock: "2026-03-01T12:00:00Z".into(),
        };
        change(&mut options);
        // The test talks plain http; without a provider reqwest does not even start.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent("longshore-tests")
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { server: Server::start(options).await.unwrap(), client, folder }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{}", self.server.url().trim_end_matches('/'), path)
    }

    /// A request without a token.
    fn visitor(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// A request with the token, to a path or a whole address.
    fn owner(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { self.url(path) };
        self.client.request(method, url).bearer_auth(TOKEN)
    }

    async fn draft(&self, tag: &str) -> repos::Release {
        let body = json!({ "tag_name": tag, "draft": true }).to_string();
        let sent = self.owner(Method::POST, "/repos/acme/harbor/releases").body(body).send().await.unwrap();
        assert_eq!(sent.status(), 201);
        read(sent).await
    }

    fn uploading(&self, release: &repos::Release, name: &str) -> RequestBuilder {
        let base = release.upload_url.split('{').next().unwrap();
        let request = self.owner(Method::POST, &format!("{base}?name={name}"));
        request.header("content-type", "application/octet-stream")
    }

    async fn upload(&self, release: &repos::Release, name: &str, bytes: &[u8]) -> Response {
        self.uploading(release, name).body(bytes.to_vec()).send().await.unwrap()
    }

    async fn patch(&self, id: u64, body: Value) -> Response {
        let path = format!("/repos/acme/harbor/releases/{id}");
        self.owner(Method::PATCH, &path).body(body.to_string()).send().await.unwrap()
    }

    async fn publish(&self, release: &repos::Release) -> Response {
        self.patch(release.id.0, json!({ "draft": false })).await
    }

    async fn list(&self, token: bool) -> Vec<repos::Release> {
        let path = "/repos/acme/harbor/releases";
        let request = if token { self.owner(Method::GET, path) } else { self.visitor(Method::GET, path) };
        read(request.send().await.unwrap()).await
    }

    fn effects(&self) -> Vec<Effect> {
        self.server.events().into_iter().flat_map(|event| event.effects).collect()
    }
}

async fn read<T: serde::de::DeserializeOwned>(response: Response) -> T {
    let text = response.text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

async fn refused(response: Response, status: u16) -> Value {
    let found = response.status();
    let value: Value = read(response).await;
    assert_eq!(found, status, "{value}");
    value
}

fn published(tag: &str, assets: &[(&str, &str)]) -> Release {
    let asset = |(name, text): &(&str, &str)| Asset { name: (*name).into(), bytes: Some(text.as_bytes().into()) };
    Release { tag: tag.into(), assets: assets.iter().map(asset).collect(), ..Release::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_from_draft_to_download() {
    let world = World::new().await;
    let draft = world.draft("v2.0.0").await;
    assert!(draft.draft && draft.published_at.is_none() && draft.assets.is_empty());
    assert!(draft.html_url.path().contains("/releases/tag/untagged-"));
    assert!(draft.upload_url.ends_with("/assets{?name,label}"));

    let asset: repos::Asset = read(world.upload(&draft, "harbor.tar.gz", b"bytes").await).await;
    assert_eq!((asset.name.as_str(), asset.size, asset.state.as_str()), ("harbor.tar.gz", 5, "uploaded"));
    assert_eq!(asset.digest, Some(Digest::of(b"bytes").to_string()));

    // A visitor sees nothing of it, and neither the draft nor its tag is there.
    assert!(world.list(false).await.is_empty());
    for path in ["releases/tags/v2.0.0", "git/ref/tags/v2.0.0", "releases/latest"] {
        let path = format!("/repos/acme/harbor/{path}");
        assert_eq!(world.owner(Method::GET, &path).send().await.unwrap().status(), 404, "{path}");
    }
    let hidden = format!("/repos/acme/harbor/releases/{}", draft.id);
    assert_eq!(world.visitor(Method::GET, &hidden).send().await.unwrap().status(), 404);
    let hidden = world.client.get(asset.browser_download_url).send().await.unwrap();
    assert_eq!(hidden.status(), 404);

    let release: repos::Release = read(world.publish(&draft).await).await;
    assert!(!release.draft && release.published_at.is_some());
    assert_eq!(release.html_url.path(), "/acme/harbor/releases/tag/v2.0.0");
    let reference: Value =
        read(world.visitor(Method::GET, "/repos/acme/harbor/git/ref/tags/v2.0.0").send().await.unwrap()).await;
    assert_eq!(reference["object"]["sha"], COMMIT);
    let latest = world.visitor(Method::GET, "/repos/acme/harbor/releases/latest").send().await.unwrap();
    assert_eq!(read::<repos::Release>(latest).await.id, draft.id);

    let address = release.assets[0].browser_download_url.clone();
    let download = world.client.get(address).send().await.unwrap();
    assert_eq!(download.headers()["content-length"], "5");
    assert_eq!(download.headers()["content-disposition"], "attachment; filename=harbor.tar.gz");
    assert_eq!(download.bytes().await.unwrap().as_ref(), b"bytes");

    let effects = world.effects();
    assert!(matches!(&effects[0], Effect::ReleaseCreated { draft: true, .. }));
    assert!(matches!(&effects[1], Effect::AssetUploaded { published: false, .. }));
    assert!(effects.contains(&Effect::TagCreated { tag: "v2.0.0".into(), commit: COMMIT.into() }));
    assert!(effects.iter().all(|effect| !effect.breaks_a_promise()));
}

#[tokio::test(flavor = "multi_thread")]
async fn octocrab_reads_every_shape() {
    let world = World::with(|options| {
        options.repositories[0].releases = vec![published("v1.0.0", &[("a.tar.gz", "a")])];
    })
    .await;
    for base in [world.server.url(), world.url("/api/v3/")] {
        let crab = octocrab::Octocrab::builder().base_uri(&base).unwrap().personal_token(TOKEN.to_owned());
        let crab = crab.add_retry_config(octocrab::service::middleware::retry::RetryConfig::None).build().unwrap();
        let repository = crab.repos("acme", "harbor");
        assert_eq!(repository.get().await.unwrap().default_branch.as_deref(), Some("main"));
        assert_eq!(repository.list_tags().send().await.unwrap().items.len(), 2);
        let releases = repository.releases();
        let first = releases.get_by_tag("v1.0.0").await.unwrap();
        assert_eq!(first.immutable, Some(false));
        assert!(first.url.as_str().starts_with(&base), "{} does not begin with {base}", first.url);
        let draft = releases.create("v9.0.0").draft(true).name("Nine").body("text").send().await.unwrap();
        assert_eq!(releases.list().send().await.unwrap().items.len(), 2);
        let edited = releases.update(draft.id.0).body("other").prerelease(true).send().await.unwrap();
        assert_eq!((edited.body.as_deref(), edited.prerelease, edited.draft), (Some("other"), true, true));
        let notes = releases.generate_release_notes("v1.1.0").send().await.unwrap();
        assert!(notes.body.contains("**Full Changelog**") && notes.body.contains("/compare/v1.0.0...v1.1.0"));
        let asset = repository.release_assets().get(first.assets[0].id.0).await.unwrap();
        assert_eq!(asset.digest, Some(Digest::of(b"a").to_string()));
        releases.delete(draft.id.0).await.unwrap();
        let error = releases.get(draft.id.0).await.unwrap_err();
        let octocrab::Error::GitHub { source, .. } = error else { panic!("{error}") };
        assert_eq!((source.status_code, source.message.as_str()), (StatusCode::NOT_FOUND, "Not Found"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_as_git_has_them() {
    let world = World::new().await;
    let get = async |path: &str| -> Value {
        let response = world.visitor(Method::GET, &format!("/repos/acme/harbor/git/{path}")).send().await.unwrap();
        read(response).await
    };
    let light = get("ref/tags/v1.0.0").await;
    assert_eq!((&light["ref"], &light["object"]["type"]), (&json!("refs/tags/v1.0.0"), &json!("commit")));
    let annotated = get("ref/tags/v1.1.0").await;
    assert_eq!(annotated["object"]["type"], "tag");
    let sha = annotated["object"]["sha"].as_str().unwrap();
    assert_ne!(sha, COMMIT);
    assert_eq!(get(&format!("tags/{sha}")).await["object"]["sha"], COMMIT);
    assert_eq!(get("matching-refs/tags/v1").await.as_array().unwrap().len(), 2);
    assert_eq!(get("ref/tags/v1").await["status"], "404");

    let moved = Tag { name: "v1.0.0".into(), commit: "1".repeat(40), ..Tag::default() };
    world.server.set_tag("acme/harbor", &moved);
    assert_eq!(get("ref/tags/v1.0.0").await["object"]["sha"], "1".repeat(40));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_githubs() {
    let world = World::with(|options| options.repositories[0].releases = vec![published("v1.0.0", &[])]).await;
    let releases = "/repos/acme/harbor/releases";
    let create = async |body: Value| world.owner(Method::POST, releases).body(body.to_string()).send().await.unwrap();

    let missing = refused(create(json!({})).await, 422).await;
    assert_eq!(missing["message"], "Invalid request.\n\n\"tag_name\" wasn't supplied.");
    let twice = refused(create(json!({ "tag_name": "v1.0.0" })).await, 422).await;
    assert_eq!(twice["errors"], json!([{ "resource": "Release", "code": "already_exists", "field": "tag_name" }]));
    let latest = json!({ "tag_name": "v3", "prerelease": true, "make_latest": "true" });
    let latest = refused(create(latest).await, 422).await;
    assert_eq!(latest["errors"][0]["message"], "Latest release cannot be draft or prerelease.");
    refused(create(json!({ "tag_name": "v3", "make_latest": true })).await, 422).await;
    let target = refused(create(json!({ "tag_name": "v3", "target_commitish": "nowhere" })).await, 422).await;
    assert_eq!(target["errors"][0]["field"], "target_commitish");
    refused(create(json!({ "tag_name": "a b" })).await, 422).await;
    refused(world.owner(Method::POST, releases).body("{").send().await.unwrap(), 400).await;

    let body = json!({ "tag_name": "v3" }).to_string();
    let anonymous = world.visitor(Method::POST, releases).body(body.clone()).send().await.unwrap();
    refused(anonymous, 401).await;
    let wrong = world.visitor(Method::GET, releases).bearer_auth("wrong").send().await.unwrap();
    assert_eq!(refused(wrong, 401).await["message"], "Bad credentials");
    let reader = world.visitor(Method::POST, releases).bearer_auth("reader").body(body).send().await.unwrap();
    refused(reader, 403).await;
    let nobody = Client::builder().no_proxy().build().unwrap();
    assert_eq!(nobody.get(world.url(releases)).send().await.unwrap().status(), 403);

    // Two drafts of one tag are two releases; only one can be published.
    let (one, two) = (world.draft("v3").await, world.draft("v3").await);
    assert_ne!(one.id, two.id);
    assert_eq!(world.publish(&two).await.status(), 200);
    refused(world.publish(&one).await, 422).await;
    assert!(world.list(true).await.iter().any(|release| release.id == one.id && release.draft));
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_are_refused_as_github_refuses() {
    let world = World::new().await;
    let draft = world.draft("v1.0.0").await;
    assert_eq!(world.upload(&draft, "a.txt", b"a").await.status(), 201);
    let twice = refused(world.upload(&draft, "a.txt", b"other").await, 422).await;
    assert_eq!(twice["errors"], json!([{ "resource": "ReleaseAsset", "code": "already_exists", "field": "name" }]));
    // Without a body reqwest sends no length either, as some clients do for empty files.
    refused(world.upload(&draft, "empty", b"").await, 400).await;
    let empty = world.uploading(&draft, "empty").header("content-length", "0").send().await.unwrap();
    let empty = refused(empty, 422).await;
    assert_eq!(empty["errors"][0]["message"], "size must be greater than or equal to 1");

    let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>("chunked")]);
    let chunked = world.uploading(&draft, "chunked").body(reqwest::Body::wrap_stream(chunks)).send().await.unwrap();
    assert_eq!(refused(chunked, 400).await["message"], "Bad Content-Length: ");
    let huge = raw_upload(&world, &draft, 2 << 30);
    assert!(huge.contains(" 422 ") && huge.contains("size must be less than"), "{huge}");

    // Not at the API's own address: uploads go where `upload_url` says.
    let path = format!("/repos/acme/harbor/releases/{}/assets?name=x", draft.id);
    assert_eq!(world.owner(Method::POST, &path).body("x").send().await.unwrap().status(), 404);

    for (sent, kept) in [("a%20b.txt", "a.b.txt"), ("a%2Bb", "a+b"), (".x.", "default.x"), ("%C3%A4%20~1", "1")] {
        let asset: repos::Asset = read(world.upload(&draft, sent, b"x").await).await;
        assert_eq!(asset.name, kept, "{sent}");
    }
}

/// Announces a body of that size and sends none of it.
fn raw_upload(world: &World, release: &repos::Release, size: u64) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", world.server.port())).unwrap();
    write!(
        stream,
        "POST /api/uploads/repos/acme/harbor/releases/{}/assets?name=huge HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\n\
         Authorization: Bearer {TOKEN}\r\nContent-Type: a/b\r\nContent-Length: {size}\r\n\r\n",
        release.id
    )
    .unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn immutable_releases_stay_as_they_are() {
    let world = World::with(|options| options.repositories[0].immutable_releases = true).await;
    let setting = world.owner(Method::GET, "/repos/acme/harbor/immutable-releases").send().await.unwrap();
    assert_eq!(read::<Value>(setting).await["enabled"], true);
    let draft = world.draft("v1.0.0").await;
    let asset: repos::Asset = read(world.upload(&draft, "a", b"a").await).await;
    let release: repos::Release = read(world.publish(&draft).await).await;
    assert_eq!(release.immutable, Some(true));

    let late = refused(world.upload(&draft, "b", b"b").await, 422).await;
    assert_eq!(late["message"], "Cannot upload assets to an immutable release.");
    let path = format!("/repos/acme/harbor/releases/assets/{}", asset.id);
    refused(world.owner(Method::DELETE, &path).send().await.unwrap(), 422).await;
    let rename = world.owner(Method::PATCH, &path).body(json!({ "name": "c" }).to_string());
    refused(rename.send().await.unwrap(), 422).await;
    refused(world.patch(release.id.0, json!({ "tag_name": "v1.1.0" })).await, 422).await;
    refused(world.patch(release.id.0, json!({ "draft": true })).await, 422).await;
    assert_eq!(world.patch(release.id.0, json!({ "body": "better" })).await.status(), 200);

    let path = format!("/repos/acme/harbor/releases/{}", release.id);
    assert_eq!(world.owner(Method::DELETE, &path).send().await.unwrap().status(), 204);
    let again = refused(world.publish(&world.draft("v1.0.0").await).await, 422).await;
    assert_eq!(again["errors"][0]["message"], "tag_name was used by an immutable release");
}

#[tokio::test(flavor = "multi_thread")]
async fn tag_rules_stop_a_publication() {
    let world = World::with(|options| options.repositories[0].tags_restricted = true).await;
    let refusal = refused(world.publish(&world.draft("v9").await).await, 422).await;
    assert_eq!(refusal["errors"][0]["field"], "pre_receive");
    assert_eq!(world.publish(&world.draft("v1.0.0").await).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn latest_is_what_was_made_latest() {
    let world = World::new().await;
    let latest = async || -> String {
        let response = world.visitor(Method::GET, "/repos/acme/harbor/releases/latest").send().await.unwrap();
        read::<Value>(response).await["tag_name"].as_str().unwrap_or("none").to_owned()
    };
    let publish = async |tag: &str, change: Value| {
        let draft = world.draft(tag).await;
        let mut body = json!({ "draft": false });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let response = world.patch(draft.id.0, body).await;
        assert_eq!(response.status(), 200);
        draft
    };
    assert_eq!(latest().await, "none");
    publish("v1.1.0", json!({})).await;
    publish("v2.0.0-rc.1", json!({ "prerelease": true })).await;
    assert_eq!(latest().await, "v1.1.0");
    let backport = publish("v0.9.1", json!({ "make_latest": "false" })).await;
    assert_eq!(latest().await, "v1.1.0");
    world.patch(backport.id.0, json!({ "make_latest": "true" })).await;
    assert_eq!(latest().await, "v0.9.1");
    world.patch(backport.id.0, json!({ "prerelease": true })).await;
    assert_eq!(latest().await, "v1.1.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages_that_link_on() {
    let world = World::with(|options| {
        options.repositories[0].releases = (0..45).map(|n| published(&format!("v0.{n}.0"), &[])).collect();
    })
    .await;
    let mut next = Some("/repos/acme/harbor/releases?per_page=20".to_owned());
    let mut tags = Vec::new();
    while let Some(page) = next {
        let response = world.owner(Method::GET, &page).send().await.unwrap();
        let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned()).unwrap_or_default();
        next = link.split(", ").find(|part| part.ends_with("rel=\"next\"")).map(|part| {
            let address = part.split(['<', '>']).nth(1).unwrap().to_owned();
            assert!(address.contains("/repositories/1/releases?per_page=20&page="), "{address}");
            address
        });
        tags.extend(read::<Vec<repos::Release>>(response).await.into_iter().map(|release| release.tag_name));
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 45);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_by_id_come_from_another_host() {
    let world = World::with(|options| {
        options.repositories[0].releases = vec![published("v1.0.0", &[("a", "a bytes")])];
    })
    .await;
    let asset = world.list(false).await[0].assets[0].clone();
    let request = world.owner(Method::GET, asset.url.as_str()).header("accept", "application/octet-stream");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 302);
    let address = answer.headers()["location"].to_str().unwrap().to_owned();
    assert!(address.starts_with("http://localhost:"), "{address}");
    let here = address.replace("localhost", "127.0.0.1");
    assert_eq!(world.client.get(&here).send().await.unwrap().text().await.unwrap(), "a bytes");
    assert_eq!(world.client.get(&here).bearer_auth(TOKEN).send().await.unwrap().status(), 400);
    let unsigned = here.split('?').next().unwrap();
    assert_eq!(world.client.get(unsigned).send().await.unwrap().status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_strike_and_pass() {
    let check = async |fault: Fault, first: Option<u16>, starter: bool| {
        let world = World::with(|options| options.faults = vec![fault]).await;
        let draft = world.draft("v1.0.0").await;
        let sent = world.uploading(&draft, "a").body(vec![1; 300_000]).send().await;
        assert_eq!(sent.as_ref().ok().map(|answer| answer.status().as_u16()), first, "{fault}: {sent:?}");
        let assets: Vec<repos::Asset> =
            read(world.owner(Method::GET, draft.assets_url.as_str()).send().await.unwrap()).await;
        let states: Vec<_> = assets.iter().map(|asset| (asset.state.as_str(), asset.size)).collect();
        assert_eq!(states, if starter { vec![("starter", 0)] } else { vec![] }, "{fault}");
        if starter {
            refused(world.upload(&draft, "a", b"again").await, 422).await;
            assert_eq!(world.owner(Method::DELETE, assets[0].url.as_str()).send().await.unwrap().status(), 204);
        }
        assert_eq!(world.upload(&draft, "a", b"again").await.status(), 201, "{fault}");
    };
    check(Fault::BadGateway, Some(502), true).await;
    check(Fault::CutUpload, None, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_still_had_its_effect() {
    let world = World::with(|options| options.faults = vec![Fault::LostAnswer]).await;
    let body = json!({ "tag_name": "v1.0.0", "draft": true }).to_string();
    let request = world.owner(Method::POST, "/repos/acme/harbor/releases").body(body);
    assert!(request.send().await.is_err());
    let draft = world.list(true).await.remove(0);
    assert!(world.uploading(&draft, "a").body("a").send().await.is_err());
    assert_eq!(world.list(true).await[0].assets[0].state, "uploaded");
    let event = world.server.events().remove(0);
    assert_eq!((event.status, event.effects.len()), (None, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_say_when_to_come_back() {
    let world = World::with(|options| options.faults = vec![Fault::RateLimit, Fault::SecondaryLimit]).await;
    let list = async || world.owner(Method::GET, "/repos/acme/harbor/releases").send().await.unwrap();
    let limited = list().await;
    assert_eq!((limited.status().as_u16(), &limited.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    assert_eq!(limited.headers()["x-ratelimit-remaining"], "0");
    let free = list().await;
    assert_eq!((free.status().as_u16(), &free.headers()["x-ratelimit-limit"]), (200, &"5000".parse().unwrap()));
    let body = json!({ "tag_name": "v1.0.0", "draft": true }).to_string();
    let create = world.owner(Method::POST, "/repos/acme/harbor/releases").body(body).send().await.unwrap();
    assert_eq!(create.headers()["retry-after"], "1");
    assert!(refused(create, 403).await["message"].as_str().unwrap().contains("secondary rate limit"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_smaller_faults() {
    let world = World::with(|options| {
        options.faults = vec![Fault::SlowListing, Fault::NoDigest, Fault::UnauthorizedMidway];
    })
    .await;
    let draft = world.draft("v1.0.0").await;
    assert_eq!(world.list(true).await.len(), 0);
    assert_eq!(world.list(true).await.len(), 0);
    assert_eq!(world.list(true).await.len(), 1);
    let asset: repos::Asset = read(world.upload(&draft, "a", b"a").await).await;
    assert_eq!(asset.digest, None);
    assert_eq!(world.upload(&draft, "b", b"b").await.status(), 401);
    assert_eq!(world.upload(&draft, "b", b"b").await.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_stand_before_and_after_the_effect() {
    for (moment, drafts) in [(Moment::Before, 0), (Moment::After, 1)] {
        let world = World::new().await;
        let hold = world.server.hold_at(2, moment);
        assert!(world.list(true).await.is_empty());
        let body = json!({ "tag_name": "v1.0.0", "draft": true }).to_string();
        let request = world.owner(Method::POST, "/repos/acme/harbor/releases").body(body);
        let client = tokio::spawn(request.send());
        let (reached, hold) =
            tokio::task::spawn_blocking(move || (hold.wait(Duration::from_secs(20)), hold)).await.unwrap();
        assert!(reached);
        assert_eq!(world.effects().len(), drafts, "{moment:?}");
        assert!(!client.is_finished());
        drop(hold);
        assert!(client.await.unwrap().is_err());
        assert_eq!(world.list(true).await.len(), drafts, "{moment:?}");
        assert_eq!(world.server.events()[1].status, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_killed_midway_leaves_a_starter() {
    let world = World::new().await;
    let draft = world.draft("v1.0.0").await;
    let hold = world.server.hold_at(2, Moment::Midway);
    let client = tokio::spawn(world.uploading(&draft, "a").body(vec![7; 2_000_000]).send());
    let (reached, hold) =
        tokio::task::spawn_blocking(move || (hold.wait(Duration::from_secs(20)), hold)).await.unwrap();
    assert!(reached);
    client.abort();
    drop(hold);
    let left = world.list(true).await.remove(0).assets.remove(0);
    assert_eq!((left.state.as_str(), left.digest), ("starter", None));
    assert!(matches!(&world.effects()[1], Effect::AssetStarted { name, .. } if name == "a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_an_unfinished_asset_is_noticed() {
    let world = World::with(|options| options.faults = vec![Fault::BadGateway]).await;
    let draft = world.draft("v1.0.0").await;
    world.upload(&draft, "a", b"a").await;
    world.publish(&draft).await;
    assert!(world.effects().iter().any(Effect::breaks_a_promise));
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_see_pages() {
    let world = World::with(|options| {
        let mut release = published("cli/v1.0.0", &[("a.tar.gz", "a"), ("<b>.zip", "b")]);
        release.name = Some("One <i>".into());
        release.body = Some("### Fixed\n- <script>alert(1)</script>".into());
        options.repositories[0].tags.push(Tag { name: "cli/v1.0.0".into(), commit: COMMIT.into(), ..Tag::default() });
        options.repositories[0].releases = vec![release, Release { draft: true, ..published("v3", &[]) }];
    })
    .await;
    let get = async |path: &str| {
        let response = world.visitor(Method::GET, path).header("accept", "text/html").send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let digest = Digest::of(b"a").hex();
    for path in ["/", "/acme/harbor/releases", "/acme/harbor/releases/tag/cli/v1.0.0"] {
        let (status, page) = get(path).await;
        assert_eq!(status, 200);
        for part in ["One &lt;i&gt;", "<h4>Fixed</h4>", "3f78685", "Latest", &digest, "curl -LO http://127.0.0.1:"] {
            assert!(page.contains(part), "{path} lacks {part}");
        }
        assert!(!page.contains("<script>alert") && !page.contains("<b>.zip"), "{path}");
        assert!(!page.contains("{{"), "{path}");
    }
    assert!(get("/").await.1.contains("One draft is waiting"));
    assert_eq!(get("/acme/harbor/releases/tag/v3").await.0, 404);
    assert_eq!(get("/acme/harbor/releases/latest").await.0, 302);
    assert_eq!(get("/acme/harbor/releases/download/cli/v1.0.0/a.tar.gz").await, (200, "a".into()));
    assert_eq!(get("/nothing/here").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_frees_its_port() {
    let world = World::new().await;
    world.list(false).await;
    let port = world.server.port();
    world.server.stop();
    tokio::time::timeout(Duration::from_secs(10), async {
        while std::net::TcpListener::bind(("127.0.0.1", port)).is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
}

/// `curl` and `sha256sum` as the page tells a visitor to use them.
#[tokio::test(flavor = "multi_thread")]
async fn curl_and_sha256sum_agree() {
    let sums = format!("{}  a.tar.gz\n{}  b.zip\n", Digest::of(b"a bytes").hex(), Digest::of(b"b bytes").hex());
    let world = World::with(|options| {
        let files = [("a.tar.gz", "a bytes"), ("b.zip", "b bytes"), ("SHA256SUMS", &sums)];
        options.repositories[0].releases = vec![published("v1.0.0", &files)];
    })
    .await;
    let page =
        world.visitor(Method::GET, "/").header("accept", "text/html").send().await.unwrap().text().await.unwrap();
    let commands: Vec<_> = page.lines().skip_while(|line| !line.contains("<pre><code>curl")).take(3).collect();
    let commands = commands.join("\n");
    let commands = commands.split("<pre><code>").nth(1).unwrap().split("</code>").next().unwrap();
    let script = format!("set -e\nexport NO_PROXY=127.0.0.1\n{commands}\n");
    assert!(script.contains("sha256sum --check --ignore-missing SHA256SUMS"), "{script}");
    let folder = tempfile::tempdir().unwrap();
    let done = run(Cmd::new("sh", folder.path()).args(["-c", &script]), &BTreeMap::new()).await;
    assert_eq!(done.stdout.trim(), "a.tar.gz: OK");
}

/// The GitHub CLI reads, downloads, creates, uploads, edits and deletes here. It knows only `github.localhost` as a
/// host with plain http, always on port 80; a proxy setting brings its requests to this server whatever its port.
#[tokio::test(flavor = "multi_thread")]
async fn gh_works_with_it() {
    let sums = format!("{}  a.tar.gz\n", Digest::of(b"a bytes").hex());
    let world = World::with(|options| {
        let other =
            Repository { owner: "acme".into(), name: "other".into(), head: COMMIT.into(), ..Repository::default() };
        options.repositories.push(other);
        options.repositories[0].releases = vec![published("v1.0.0", &[("a.tar.gz", "a bytes"), ("SHA256SUMS", &sums)])];
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let gh = Gh::new(&world, folder.path());

    let list = gh.run("harbor", &["release", "list", "--json", "tagName,isLatest"]).await;
    assert_eq!(serde_json::from_str::<Value>(&list).unwrap(), json!([{ "tagName": "v1.0.0", "isLatest": true }]));
    let view = gh.run("harbor", &["release", "view", "v1.0.0", "--json", "assets"]).await;
    assert!(view.contains(&Digest::of(b"a bytes").to_string()), "{view}");
    gh.run("harbor", &["release", "download", "v1.0.0"]).await;
    let check = run(Cmd::new("sha256sum", folder.path()).args(["-c", "SHA256SUMS"]), &BTreeMap::new()).await;
    assert_eq!(check.stdout.trim(), "a.tar.gz: OK");

    let made =
        gh.run("other", &["release", "create", "v0.1.0", "a.tar.gz", "--title", "First", "--notes", "text"]).await;
    assert_eq!(made.trim(), "http://github.localhost/acme/other/releases/tag/v0.1.0");
    gh.run("other", &["release", "upload", "v0.1.0", "SHA256SUMS"]).await;
    gh.run("other", &["release", "upload", "v0.1.0", "SHA256SUMS", "--clobber"]).await;
    gh.run("other", &["release", "create", "v0.2.0", "a.tar.gz", "--draft", "--notes", "text"]).await;
    let draft = gh.run("other", &["release", "view", "v0.2.0", "--json", "isDraft"]).await;
    assert_eq!(draft.trim(), "{\"isDraft\":true}");
    gh.run("other", &["release", "edit", "v0.2.0", "--draft=false"]).await;
    let latest = gh.run("other", &["release", "view", "--json", "tagName"]).await;
    assert_eq!(latest.trim(), "{\"tagName\":\"v0.2.0\"}");
    gh.run("other", &["release", "delete", "v0.1.0", "--yes"]).await;
    assert!(world.effects().iter().any(|effect| matches!(effect, Effect::ReleaseDeleted { published: true, .. })));
}

struct Gh {
    program: PathBuf,
    folder: PathBuf,
    env: BTreeMap<String, String>,
}

impl Gh {
    fn new(world: &World, folder: &Path) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/gh");
        assert!(program.exists(), "`target/tools/bin/gh` is missing: `make test` installs it");
        let config = world.folder.path().join("gh");
        let env = [
            ("HTTP_PROXY", world.server.url()),
            ("GH_HOST", "github.localhost".to_owned()),
            ("GH_TOKEN", TOKEN.to_owned()),
            ("GH_CONFIG_DIR", config.display().to_string()),
            ("GH_NO_UPDATE_NOTIFIER", "1".to_owned()),
            ("HOME", folder.display().to_string()),
        ];
        Self { program, folder: folder.into(), env: env.map(|(name, value)| (name.to_owned(), value)).into() }
    }

    async fn run(&self, repository: &str, args: &[&str]) -> String {
        let program = self.program.display().to_string();
        let repository = format!("github.localhost/acme/{repository}");
        let cmd = Cmd::new(program, &self.folder).args(args.iter().copied()).args(["--repo", &repository]);
        run(cmd, &self.env).await.stdout
    }
}

async fn run(cmd: Cmd, env: &BTreeMap<String, String>) -> Finished {
    let mut env = env.clone();
    env.insert("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into());
    let shown = cmd.to_string();
    let cmd = cmd.timeout(Duration::from_secs(60));
    let finished = tokio::task::spawn_blocking(move || Runner::new(env).output(&cmd)).await.unwrap().unwrap();
    assert!(finished.status.success(), "`{shown}`: {}{}", finished.stdout, finished.stderr);
    finished
}
