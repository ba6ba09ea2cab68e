//! Our client with a registry that we did not write, and both our client and our registry with clients that we did not
//! write: <https://github.com/distribution/distribution>, crane and regctl.

pub mod clients;
pub mod distribution;
mod through;
mod tokens;

use longshore::oci::media;
use longshore::oci::registry::{Action, ErrorKind as Meaning, Pushed, Registries, Shown, Source};
use longshore::problem::Exit;
use longshore::reference::Repository;
use longshore::rehearsal::registry::{Auth, Options, Server};
use longshore::secret::Secret;
use serde_json::Value;

use crate::image::{Image, blob, gzip, tar};
use clients::Place;
use distribution::{Distribution, Kind, PASSWORD, USER};

const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];

/// The rehearsal's registry, with the login of the tests.
fn ours(auth: Auth) -> (Server, Place) {
    let server = Server::start(Options { auth, ..Options::default() }).unwrap();
    let place = Place::new(server.url().strip_prefix("http://").unwrap(), None);
    (server, place)
}

fn basic() -> Auth {
    Auth::Basic { user: USER.into(), password: Secret::new(PASSWORD) }
}

fn bearer() -> Auth {
    Auth::Bearer { user: USER.into(), password: Secret::new(PASSWORD) }
}

/// Both directions, whatever the registry is.
async fn everything(place: &Place, open: bool) {
    let password = (!open).then_some(PASSWORD);
    let registries = place.registries(password);
    we_push_and_they_read(place, &registries).await;
    they_push_and_we_read(place, &registries).await;
    referrers(place, &registries).await;
    everybody(place, &registries, open).await;
    if !open {
        refused(place).await;
    }
}

async fn we_push_and_they_read(place: &Place, registries: &Registries) {
    let (app, image) = (place.repository("acme/app"), Image::new("1.2.3"));
    registries.grant([(&app, Action::Push), (&place.repository("acme/tools"), Action::Push)]);
    image.push(registries, &app, &["1.2.3", "1.2", "latest"]).await.unwrap();
    image.check(registries, &app, "1.2").await;
    assert_eq!(registries.tags(&app).await.unwrap(), ["1.2", "1.2.3", "latest"]);

    let (name, digest) = (format!("{app}:1.2.3"), image.index.descriptor.digest.to_string());
    let text = String::from_utf8(image.index.bytes.clone()).unwrap();
    place.crane(&["validate", "--remote", &name]).await;
    assert_eq!(place.crane(&["digest", &name]).await.trim(), digest);
    assert_eq!(place.crane(&["manifest", &name]).await.trim(), text);
    assert_eq!(place.crane(&["ls", &app.to_string()]).await, "1.2\n1.2.3\nlatest\n");
    assert_eq!(place.regctl(&["image", "digest", &name]).await.trim(), digest);
    assert_eq!(place.regctl(&["manifest", "get", "--format", "raw-body", &name]).await.trim(), text);
    for (platform, manifest) in PLATFORMS.iter().zip(&image.manifests) {
        place.crane(&["validate", "--platform", platform, "--remote", &name]).await;
        let digest = place.regctl(&["image", "digest", "--platform", platform, &name]).await;
        assert_eq!(digest.trim(), manifest.descriptor.digest.to_string());
        let config: Value =
            serde_json::from_str(&place.crane(&["config", "--platform", platform, &name]).await).unwrap();
        assert_eq!(config["config"]["Entrypoint"][0], "/app");
        let file = place.crane(&["export", "--platform", platform, &name, "-"]).await;
        assert!(file.contains(&format!("1.2.3 on {platform}")), "{file}");
    }

    // The same layers in another repository are not sent again.
    let (layer, bytes) = &image.blobs[0];
    let path = place.folder().join("layer");
    std::fs::write(&path, bytes).unwrap();
    let from = Source::File(&path, Some(&app));
    let tools = place.repository("acme/tools");
    assert_eq!(registries.push_blob(&tools, layer, from).await.unwrap(), Pushed::Mounted);
    let large = blob(media::LAYER_TAR, vec![7; 9 << 20]);
    std::fs::write(&path, &large.1).unwrap();
    assert_eq!(registries.push_blob(&tools, &large.0, Source::File(&path, None)).await.unwrap(), Pushed::Sent);
    let again = place.registries(Some(PASSWORD));
    assert_eq!(again.push_blob(&tools, &large.0, Source::File(&path, None)).await.unwrap(), Pushed::There);
    let mut read = Vec::new();
    registries.download(&tools, &large.0, &mut read).await.unwrap();
    assert!(read == large.1);
    // A floating tag moves.
    let next = Image::new("1.2.4");
    next.push(registries, &app, &["1.2.4", "latest"]).await.unwrap();
    next.check(registries, &app, "latest").await;
    image.check(registries, &app, "1.2.3").await;
    let latest = place.crane(&["digest", &format!("{app}:latest")]).await;
    assert_eq!(latest.trim(), next.index.descriptor.digest.to_string());
}

async fn they_push_and_we_read(place: &Place, registries: &Registries) {
    let theirs = place.repository("acme/theirs");
    std::fs::write(place.folder().join("layer.tar.gz"), gzip(&tar("made by crane"))).unwrap();
    let name = format!("{theirs}:1");
    place.crane(&["append", "--oci-empty-base", "-f", "layer.tar.gz", "-t", &name]).await;
    place.crane(&["copy", &name, &format!("{}:2", place.repository("acme/copy"))]).await;
    place.crane(&["tag", &name, "newest"]).await;
    let digest = place.crane(&["digest", &name]).await;
    for reference in [theirs.tagged("1"), theirs.tagged("newest"), place.repository("acme/copy").tagged("2")] {
        let head = registries.head(&reference).await.unwrap().unwrap();
        assert_eq!(head.digest.to_string(), digest.trim(), "{reference}");
        let document = registries.manifest(&reference).await.unwrap().unwrap();
        assert_eq!(document.descriptor, head);
        let json = document.json();
        let layer = serde_json::from_value(json["layers"][0].clone()).unwrap();
        assert_eq!(registries.blob(&reference.repository, &layer).await.unwrap(), gzip(&tar("made by crane")));
        let config = serde_json::from_value(json["config"].clone()).unwrap();
        let config: Value =
            serde_json::from_slice(&registries.blob(&reference.repository, &config).await.unwrap()).unwrap();
        assert_eq!(config["rootfs"]["type"], "layers");
    }
    assert_eq!(registries.tags(&theirs).await.unwrap(), ["1", "newest"]);
    let image = Image::new("1.2.3");
    let copy = place.repository("acme/whole");
    place.crane(&["copy", &format!("{}:1.2.3", place.repository("acme/app")), &format!("{copy}:1")]).await;
    image.check(registries, &copy, "1").await;
    place.regctl(&["image", "copy", &format!("{copy}:1"), &format!("{copy}:2")]).await;
    image.check(registries, &copy, "2").await;
}

/// Whoever logs in nowhere sees what is there, or is told that he may not; never that it is something else.
async fn everybody(place: &Place, registries: &Registries, open: bool) {
    let (app, digest) = (place.repository("acme/app"), Image::new("1.2.3").index.descriptor.digest);
    let everybody = registries.anonymous();
    match everybody.shows(&app.tagged("1.2.3"), digest).await {
        Ok(shown) => assert_eq!(shown, Shown::Right),
        Err(error) => assert!(!open && error.kind == Meaning::Denied, "{error:?}"),
    }
    if open {
        assert_eq!(everybody.shows(&app.tagged("0.0.0"), digest).await.unwrap(), Shown::Nothing);
    }
}

/// Distribution has no list of referrers: the tag is read. Ours has one.
async fn referrers(place: &Place, registries: &Registries) {
    let (app, image) = (place.repository("acme/app"), Image::new("1.2.3"));
    let subject = image.index.descriptor.digest;
    assert!(registries.referrers(&app, subject).await.unwrap().is_empty());
    std::fs::write(place.folder().join("note.txt"), "signed by nobody").unwrap();
    let kind = "application/vnd.example.note";
    let name = format!("{app}:1.2.3");
    let put = ["artifact", "put", "--artifact-type", kind, "--subject", &name, "--file", "note.txt"];
    place.regctl(&put).await;
    let found = registries.referrers(&app, subject).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["artifactType"], kind);
    let digest = found[0]["digest"].as_str().unwrap().parse().unwrap();
    let artifact = registries.manifest(&app.at(digest)).await.unwrap().unwrap().json();
    assert_eq!(artifact["subject"]["digest"], subject.to_string());
}

async fn refused(place: &Place) {
    let (app, image) = (place.repository("acme/app"), Image::new("9"));
    for (password, name) in [(Some("not-it"), Some(USER)), (None, None)] {
        let error = image.push(&place.registries(password), &app, &["9"]).await.unwrap_err();
        assert_eq!((error.exit(), error.kind), (Exit::Denied, Meaning::Denied), "{}", error.problem.message);
        let text = format!("{error:?}");
        assert!(name.is_none_or(|name| text.contains(name)) && !text.contains("not-it"), "{text}");
    }
    let theirs = place.refused(&["copy", &format!("{app}:1.2.3"), &format!("{app}:9")]).await;
    assert!(theirs.to_lowercase().contains("unauthorized"), "{theirs}");
    assert!(!place.registries(Some(PASSWORD)).tags(&app).await.unwrap().contains(&"9".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn distribution_where_anybody_may() {
    let registry = Distribution::start(Kind::Plain).await;
    let place = Place::of(&registry);
    everything(&place, true).await;
    // More tags than a page has.
    let (registries, app) = (place.registries(None), place.repository("acme/many"));
    let image = Image::new("1");
    image.push(&registries, &app, &["1.0.0000"]).await.unwrap();
    let tags: Vec<String> = (0..2100).map(|number| format!("1.0.{number:04}")).collect();
    tags.iter().for_each(|tag| registry.tag("acme/many", tag, image.index.descriptor.digest));
    assert_eq!(registries.tags(&app).await.unwrap(), tags);
}

#[tokio::test(flavor = "multi_thread")]
async fn distribution_behind_tls_and_a_password() {
    let registry = Distribution::start(Kind::Password).await;
    let place = Place::of(&registry);
    everything(&place, false).await;
    // Without its authority it is nobody we know.
    let mut access = place.access(Some(PASSWORD));
    access.hosts.values_mut().for_each(|host| host.ca = None);
    let stranger = with(access);
    let error = stranger.tags(&place.repository("acme/app")).await.unwrap_err();
    assert_eq!((error.kind, error.exit()), (Meaning::Usage, Exit::Usage), "{error:?}");
    assert!(error.problem.hint.unwrap().contains("ca:"));
}

#[tokio::test(flavor = "multi_thread")]
async fn distribution_behind_tokens() {
    let registry = Distribution::start(Kind::Tokens).await;
    everything(&Place::of(&registry), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rehearsals_registry_where_anybody_may() {
    let (_server, place) = ours(Auth::None);
    everything(&place, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rehearsals_registry_behind_a_password() {
    let (_server, place) = ours(basic());
    everything(&place, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rehearsals_registry_behind_tokens() {
    let (_server, place) = ours(bearer());
    everything(&place, false).await;
}

fn with(access: longshore::oci::registry::Access) -> Registries {
    Registries::new(
        &longshore::world::process::Runner::new(longshore::world::env::Env::default()),
        &longshore::world::env::Env::default(),
        access,
    )
}
