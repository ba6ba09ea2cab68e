//! What is stored, what was there already, and what is in the way of a file.

use longshore::rehearsal::pypi::Seed;

use super::{Form, TOKEN, World, existing, token};
use crate::package::{ANY, Package};

const DEMO: Package<'static> = Package { name: "demo-lib", version: "1.0", says: "hello" };

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_again_is_welcome_and_another_is_not() {
    let world = World::new();
    let (wheel, other) = (Form::wheel(&DEMO), Form::wheel(&DEMO.saying("other")));
    for _ in 0..2 {
        world.says(&wheel, "200").await;
        world.says(&Form::sdist(&DEMO), "200").await;
    }
    world.says(&other, "400 File already exists ('demo_lib-1.0-py3-none-any.whl', with blake2_256 hash '").await;
    // The same bytes under another name, even of another project.
    let another = Package::new("another", "1.0");
    let copy = Form::of(&another, another.wheel(ANY)).bytes(DEMO.wheel(ANY).bytes);
    world.says(&copy, "400 File already exists ('another-1.0-py3-none-any.whl', with").await;
    let shown = world.server.shown();
    assert_eq!(shown.len(), 1);
    let digests: Vec<_> = shown[0].files.iter().map(|(name, sha256, _)| (name.as_str(), *sha256)).collect();
    let [wheel, sdist] = [DEMO.wheel(ANY), DEMO.sdist()];
    assert_eq!(digests, [(wheel.name.as_str(), wheel.sha256()), (sdist.name.as_str(), sdist.sha256())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn digests_are_compared() {
    const MD5: &str = "md5_digest";
    let wrong = "400 The digest supplied does not match a digest calculated from the uploaded file.";
    let world = World::new();
    let hex = |length| "0".repeat(length);
    for (field, value, expected) in [
        ("sha256_digest", hex(64), wrong),
        ("blake2_256_digest", hex(64), wrong),
        (MD5, hex(32), wrong),
        ("sha256_digest", "12".into(), "400 Invalid value for sha256_digest. Error: Use a valid, hex-encoded, SHA256"),
        ("blake2_256_digest", "x".repeat(64), "400 Invalid value for blake2_256_digest. Error: Use a valid"),
    ] {
        world.says(&Form::wheel(&DEMO).set(field, &value), expected).await;
    }
    let none = Form::wheel(&DEMO).set("sha256_digest", "").set("blake2_256_digest", "");
    world.says(&none, "400 Error: Include at least one message digest.").await;
    let bytes = DEMO.wheel(ANY).bytes;
    let md5: String = {
        use md5::Digest as _;
        md5::Md5::digest(&bytes).iter().map(|byte| format!("{byte:02X}")).collect()
    };
    world.says(&none.set(MD5, &md5), "200").await;
    assert!(world.json("/pypi/demo-lib/json").await["urls"][0]["md5_digest"] == md5.to_lowercase());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_has_one_sdist() {
    let world = World::new();
    world.says(&Form::sdist(&DEMO), "200").await;
    let sdist = Form::sdist(&DEMO.saying("other")).named("demo_lib-1.0.zip");
    world.says(&sdist, "400 Only one sdist may be uploaded per release.").await;
    world.says(&Form::sdist(&Package { version: "1.1", ..DEMO }), "200").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_deleted_files_are_never_free_again() {
    let world = World::with(|options| {
        options.projects = vec![existing("demo-lib", "ada")];
        options.projects[0].deleted = vec!["demo_lib-1.0.tar.gz".into()];
    });
    let used = "400 This filename was previously used by a file that has since been deleted.";
    world.says(&Form::sdist(&DEMO), used).await;
    world.says(&Form::wheel(&DEMO), "200").await;
    world.server.delete_file("demo_lib-1.0-py3-none-any.whl");
    world.says(&Form::wheel(&DEMO), used).await;
    world.says(&Form::wheel(&DEMO.saying("other")), used).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn releases_take_new_files_for_14_days() {
    let old = "400 Uploading new files to releases older than 14 days is not allowed.";
    for (age, expected) in [(13, "200"), (15, old)] {
        let world = World::with(|options| options.projects = vec![existing("demo-lib", "ada")]);
        let wheel = DEMO.wheel(ANY);
        world.server.seed_file("demo-lib", "1.0", Seed { filename: &wheel.name, bytes: &wheel.bytes, age_days: age });
        world.says(&Form::wheel(&DEMO), "200").await;
        world.says(&Form::wheel(&DEMO.saying("other")), "400 File already exists (").await;
        world.says(&Form::sdist(&DEMO), expected).await;
        // `1.0.0` is the same release, `1.0.1` is not.
        world.says(&Form::wheel(&Package { version: "1.0.0", ..DEMO }), expected).await;
        world.says(&Form::wheel(&Package { version: "1.0.1", ..DEMO }), "200").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_projects_have_limits() {
    let world = World::with(|options| {
        options.quirks.file_limit = Some(DEMO.wheel(ANY).bytes.len() as u64);
        options.quirks.project_limit = Some(DEMO.wheel(ANY).bytes.len() as u64 + 10);
    });
    world.says(&Form::wheel(&DEMO), "200").await;
    let longer = DEMO.saying("a longer text that no compression makes short: 8c1b0e7f2d9a4c6e5f3b7d1a0e9c8b7a");
    world.says(&Form::wheel(&Package { version: "1.1", ..longer }), "400 File too large. Limit for project").await;
    let more = Package { version: "1.2", ..DEMO };
    world.says(&Form::wheel(&more), "400 Project size too large. Limit for project 'demo-lib' total size is").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_new_projects() {
    let world = World::with(|options| {
        options.projects = vec![existing("pillow", "bob")];
        options.prohibited = vec!["Evil.Name".into()];
        options.tokens.push(token("pypi-of-bob", "bob"));
    });
    let named = |name: &'static str| Form::wheel(&Package::new(name, "1.0"));
    for (name, expected) in [
        ("asyncio", "400 The name 'asyncio' isn't allowed (conflict with Python Standard Library module name)."),
        ("evil-name", "400 The name 'evil-name' isn't allowed. See https://pypi.org/help/#project-name"),
        ("pi11ow", "400 The name 'pi11ow' is too similar to an existing project."),
        ("-x", "400 '-x' is an invalid value for Name. Error: Start and end with a letter or numeral"),
        ("", "400 '' is an invalid value for Name. Error: This field is required."),
        ("pillow", "403 The user 'ada' isn't allowed to upload to project 'pillow'."),
    ] {
        world.says(&named("pillow").set("name", name), expected).await;
    }
    world.says(&named("pillow").by(Some("pypi-of-bob")), "200").await;
    // The last upload says how a name is written.
    let again = named("pillow").set("name", "Pillow").set("version", "1.1");
    let file = Package::new("pillow", "1.1").wheel(ANY);
    world.says(&again.named(&file.name).bytes(file.bytes).by(Some("pypi-of-bob")), "200").await;
    assert_eq!(world.server.shown()[0].name, "Pillow");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_upload() {
    let unknown = "403 Invalid or non-existent authentication information.";
    let world = World::with(|options| {
        let mut scoped = token("pypi-for-one", "ada");
        scoped.projects = Some(vec!["Demo_Lib".into()]);
        options.tokens.push(scoped);
    });
    let other = Package::new("other", "1.0");
    for (package, token, expected) in [
        (&DEMO, None, unknown),
        (&DEMO, Some("pypi-of-nobody"), unknown),
        (&other, Some("pypi-for-one"), "403 Invalid API Token: project-scoped token is not valid for project: 'other'"),
        (&DEMO, Some("pypi-for-one"), "200"),
        (&other, Some(TOKEN), "200"),
    ] {
        world.says(&Form::wheel(package).by(token), expected).await;
    }
    // Other names than `__token__` are nobody; other schemes are read as well.
    let form = Form::wheel(&DEMO).by(None);
    let status = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status().as_u16();
    assert_eq!(status(world.post(&form).basic_auth("ada", Some(TOKEN))).await, 403);
    assert_eq!(status(world.post(&form).header("authorization", format!("token {TOKEN}"))).await, 200);
    assert_eq!(status(world.post(&form).bearer_auth(TOKEN)).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_projects_are_counted() {
    let world = World::with(|options| options.quirks.new_projects = Some(1));
    world.says(&Form::wheel(&DEMO), "200").await;
    world.says(&Form::wheel(&Package::new("other", "1.0")), "429 Too many new projects created").await;
    world.says(&Form::sdist(&DEMO), "200").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_without_uploads() {
    use longshore::rehearsal::pypi::Quirks;
    for (quirks, demo, new) in [
        (Quirks { read_only: true, ..Quirks::default() }, "403 Read-only mode", "403 Read-only mode"),
        (Quirks { no_uploads: true, ..Quirks::default() }, "403 New uploads are temp", "403 New uploads are temp"),
        (Quirks { no_new_projects: true, ..Quirks::default() }, "200", "403 New project registration temporarily"),
    ] {
        let world = World::with(|options| {
            options.projects = vec![existing("demo-lib", "ada")];
            options.quirks = quirks;
        });
        world.says(&Form::wheel(&DEMO), demo).await;
        world.says(&Form::wheel(&Package::new("other", "1.0")), new).await;
        assert_eq!(world.get("/simple/demo-lib/", "*/*").await.0, 200, "reading goes on");
    }
}
