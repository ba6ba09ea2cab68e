//! Who we are: wrong passwords, none, no right to push, one token for a run, Docker's configuration.

use futures_util::future::join_all;
use longshore::oci::registry::Action;

use super::*;

/// Every kind of request with another login than the right one.
async fn refusals(registries: &Registries) -> Vec<String> {
    let app = repository("acme/app");
    let image = Image::new("1");
    let (blob, bytes) = &image.blobs[0];
    let large = some(7, 100_000);
    let mut texts = Vec::new();
    let mut denied = |result: Result<(), Error>| texts.push(fails(result, Exit::Denied, "registry-denied"));
    denied(registries.push_blob(&app, blob, Source::Bytes(bytes)).await.map(drop));
    denied(registries.push_blob(&app, &large.0, Source::Bytes(&large.1)).await.map(drop));
    denied(registries.put_manifest(&app.tagged("1"), &image.index).await);
    texts
}

async fn refused_reads(registries: &Registries) -> Vec<String> {
    let app = repository("acme/app");
    let (blob, _) = some(8, 10);
    let mut texts = Vec::new();
    let mut denied = |result: Result<(), Error>| texts.push(fails(result, Exit::Denied, "registry-denied"));
    denied(registries.head(&app.tagged("1")).await.map(drop));
    denied(registries.manifest(&app.tagged("1")).await.map(drop));
    denied(registries.blob(&app, &blob).await.map(drop));
    denied(registries.tags(&app).await.map(drop));
    denied(registries.referrers(&app, blob.digest).await.map(drop));
    texts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_refused_by_the_users_name() {
    for auth in [basic(), bearer()] {
        let world = World::with(Options { auth, ..Options::default() });
        let wrong = to(&world.server, Some(login(&format!("{CANARY}-not"))));
        let texts = [refusals(&wrong).await, refused_reads(&wrong).await].concat();
        for text in texts {
            assert!(text.contains(&format!("`{USER}`")), "{text}");
        }
        assert!(world.server.shown().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_may_not_push() {
    let world = World::with(Options { auth: basic(), ..Options::default() });
    let nobody = to(&world.server, None);
    for text in [refusals(&nobody).await, refused_reads(&nobody).await].concat() {
        assert!(text.contains("not logged in"), "{text}");
    }
    let world = World::with(Options { auth: bearer(), ..Options::default() });
    let image = Image::new("1");
    let app = repository("acme/app");
    let nobody = to(&world.server, None);
    refusals(&nobody).await;
    assert!(world.server.shown().is_empty());
    // But whoever may read, may read without a login.
    image.push(&world.registries, &app, &["1"]).await.unwrap();
    image.check(&nobody, &app, "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_push_nothing_is_tried_twice() {
    for auth in [Auth::None, basic(), bearer()] {
        let world = World::with(Options { auth, faults: vec![(Fault::Denied, 100)], ..Options::default() });
        for text in refusals(&world.registries).await {
            assert!(text.contains("acme/app") && text.contains("denied"), "{text}");
        }
        let writes = world.count("POST /v2/") + world.count("PUT /v2/");
        // Three pushes, and one more where the first asks who we are.
        assert!((3..=4).contains(&writes), "{:?}", world.server.requests());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_not_sent_again_and_again() {
    for auth in [basic(), bearer()] {
        let world = World::with(Options { auth, ..Options::default() });
        let wrong = to(&world.server, Some(login("not")));
        let app = repository("acme/app");
        let blobs: Vec<_> = (0..20).map(|number| some(number, 100)).collect();
        let pushes = blobs.iter().map(|(blob, bytes)| wrong.push_blob(&app, blob, Source::Bytes(bytes)));
        for result in join_all(pushes).await {
            fails(result, Exit::Denied, "registry-denied");
        }
        // Services lock accounts after a few: who was waiting for the first answer must not try again.
        assert_eq!(world.server.requests().len(), 2, "{:?}", world.server.requests());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_is_good_for_a_whole_run() {
    let world = World::with(Options { auth: bearer(), ..Options::default() });
    let base = some(1, 200_000);
    world.server.seed_blob("library/base", &base.1);
    let library = repository("library/base");
    let paths = ["acme/one", "acme/two", "acme/three"].map(repository);
    world.registries.grant(paths.iter().map(|path| (path, Action::Push)).chain([(&library, Action::Pull)]));
    let work = paths.iter().map(async |path| {
        let image = Image::new(&path.path);
        let mounted = world.registries.push_blob(path, &base.0, Source::Elsewhere(&library)).await.unwrap();
        assert_eq!(mounted, Pushed::Mounted);
        image.push(&world.registries, path, &["1", "latest"]).await.unwrap();
        image.check(&world.registries, path, "1").await;
        assert_eq!(world.registries.tags(path).await.unwrap(), ["1", "latest"]);
    });
    join_all(work).await;
    assert_eq!(world.count("GET /token"), 1, "{:?}", world.server.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn mounting_asks_to_read_where_it_mounts_from() {
    let world = World::with(Options { auth: bearer(), ..Options::default() });
    let base = some(1, 200_000);
    world.server.seed_blob("library/base", &base.1);
    let (app, library) = (repository("acme/app"), repository("library/base"));
    // Nothing was granted before.
    let pushed = world.registries.push_blob(&app, &base.0, Source::Elsewhere(&library)).await.unwrap();
    assert_eq!(pushed, Pushed::Mounted, "{:?}", world.server.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_token_is_exchanged() {
    let world = World::with(Options { auth: bearer(), ..Options::default() });
    let (image, app) = (Image::new("1"), repository("acme/app"));
    let known = to(&world.server, Some(Login::Identity(Secret::new(CANARY))));
    image.push(&known, &app, &["1"]).await.unwrap();
    image.check(&known, &app, "1").await;
    assert!(world.count("POST /token") > 0 && world.count("GET /token") == 0);
    let wrong = to(&world.server, Some(Login::Identity(Secret::new(format!("{CANARY}-not")))));
    refusals(&wrong).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_a_password_does_not_show_it() {
    let access = knowing_access([(HOST, reached("http://127.0.0.1:1", Some(login(CANARY))))]);
    assert!(!format!("{access:?}").contains(CANARY));
    assert!(!format!("{:?}", Login::Identity(Secret::new(CANARY))).contains(CANARY));
    // Nobody listens there.
    let nowhere = Registries::new(&Runner::new(Env::default()), &Env::default(), access);
    let text = fails(nowhere.tags(&repository("acme/app")).await, Exit::Unfinished, "registry-unreachable");
    assert!(text.contains("127.0.0.1:1") && text.contains("tried"), "{text}");
}

/// The host as references have it, found without a word about it: plain HTTP on this machine.
#[tokio::test(flavor = "multi_thread")]
async fn dockers_login_is_found() {
    use base64::Engine;
    let world = World::with(Options { auth: bearer(), ..Options::default() });
    let host = world.server.url().replace("http://", "");
    let (image, app) = (Image::new("1"), Repository { registry: host.clone(), path: "acme/app".into() });
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{CANARY}"));
    let config = serde_json::json!({ "auths": { &host: { "auth": auth } } }).to_string();
    let docker = world.folder.path().join("docker");
    std::fs::create_dir(&docker).unwrap();
    std::fs::write(docker.join("config.json"), &config).unwrap();
    let runner = Runner::new(Env::default());
    let folder = Env::of([("DOCKER_CONFIG", docker.to_str().unwrap())]);
    for env in [Env::of([("DOCKER_AUTH_CONFIG", config.as_str())]), folder] {
        let registries = Registries::new(&runner, &env, Access::default());
        image.push(&registries, &app, &["1"]).await.unwrap();
        image.check(&registries, &app, "1").await;
    }
    let nobody = Registries::new(&runner, &Env::default(), Access::default());
    let result = image.push(&nobody, &app, &["2"]).await;
    fails(result, Exit::Denied, "registry-denied");
}

/// Some ask a person each time, all of them cost a process.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_credential_helper_is_asked_once() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::with(Options { auth: bearer(), ..Options::default() });
    let helper = world.folder.path().join("docker-credential-test");
    let answer = serde_json::json!({ "ServerURL": "x", "Username": USER, "Secret": CANARY });
    let script = format!("#!/bin/sh\necho asked >> \"$COUNT\"\ncat << 'END'\n{answer}\nEND\n");
    std::fs::write(&helper, script).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", world.folder.path().display());
    let count = world.folder.path().join("count");
    let env = BTreeMap::from([("PATH".to_owned(), path), ("COUNT".to_owned(), count.display().to_string())]);
    let access = HostAccess { anonymous: false, ..reached(&world.server.url(), None) };
    let access = knowing_access([(HOST, access)]);
    let config = Env::of([("DOCKER_AUTH_CONFIG", r#"{"credsStore":"test"}"#)]);
    let registries = Registries::new(&Runner::new(env.into_iter().collect()), &config, access);
    let app = repository("acme/app");
    let blobs: Vec<_> = (0..20).map(|number| some(number, 100)).collect();
    let pushes = blobs.iter().map(|(blob, bytes)| registries.push_blob(&app, blob, Source::Bytes(bytes)));
    for result in join_all(pushes).await {
        assert_eq!(result.unwrap(), Pushed::Sent);
    }
    assert_eq!(std::fs::read_to_string(count).unwrap(), "asked\n");
}
