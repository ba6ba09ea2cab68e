//! The rehearsal's GitHub, seen by clients we did not write: octocrab with its models, and reqwest.

mod faults;

use std::time::Duration;

use longshore::digest::Digest;
use longshore::rehearsal::github::{Asset, Effect, Options, Repository, SeedRelease, Server, Tag};
use longshore::secret::Secret;
use octocrab::models::repos;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

const COMMIT: &str = "3f786850e387550fdab836ed7e6dc881de23001b";
const TOKEN: &str = "rehearsal-token";

/// A server with `acme/harbor`, which has the tags `v1.0.0` and (annotated) `v1.1.0`.
struct World {
    server: Server,
    client: Client,
    _spool: tempfile::TempDir,
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
        Self { server: Server::start(options).unwrap(), client, _spool: folder }
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

fn published(tag: &str, assets: &[(&str, &str)]) -> SeedRelease {
    let asset = |(name, text): &(&str, &str)| Asset { name: (*name).into(), bytes: Some(text.as_bytes().into()) };
    SeedRelease { tag: tag.into(), assets: assets.iter().map(asset).collect(), ..SeedRelease::default() }
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
        let crab = crab.build_with_reqwest(world.client.clone()).unwrap();
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
async fn visitors_see_pages() {
    let world = World::with(|options| {
        let mut release = published("cli/v1.0.0", &[("a.tar.gz", "a"), ("<b>.zip", "b")]);
        release.name = Some("One <i>".into());
        release.body = Some("### Fixed\n- <script>alert(1)</script>".into());
        options.repositories[0].tags.push(Tag { name: "cli/v1.0.0".into(), commit: COMMIT.into(), ..Tag::default() });
        options.repositories[0].releases = vec![release, SeedRelease { draft: true, ..published("v3", &[]) }];
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
