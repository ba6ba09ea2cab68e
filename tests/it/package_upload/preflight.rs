//! What is wrong with any file of any project is found before the first byte is sent.

use longshore::problem::Exit;
use longshore::publish::pypi::Credential;
use longshore::rehearsal::pypi::Seed;
use longshore::secret::Secret;

use super::{World, existing};
use crate::package::{ANY, Package};

const CLIENT: Package<'static> = Package { name: "harbor-client", version: "1.0", says: "hello" };

/// A release with something wrong in it: it fails with this, and nothing is sent.
async fn check(code: &str, exit: Exit, change: impl FnOnce(&mut World)) -> String {
    let mut world = World::new();
    change(&mut world);
    let before = world.stored();
    let text = world.fails(code, exit).await;
    assert_eq!((world.sent(), world.stored()), (0, before), "{code}");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_not_what_they_were() {
    check("changed-artifact", Exit::Usage, |world| {
        std::fs::write(&world.files[5].path, CLIENT.wheel(ANY).bytes).unwrap()
    })
    .await;
    check("index-metadata", Exit::Usage, |world| std::fs::remove_file(&world.files[5].path).unwrap()).await;
    let text = check("index-metadata", Exit::Usage, |world| {
        let mut made = Package { version: "1.1", ..CLIENT }.wheel("cp312-abi3-win_amd64");
        made.name = made.name.replace("1.1", "1.0");
        world.add("harbor-client", made);
    })
    .await;
    assert!(text.contains("its version is not 1.0"), "{text}");
    let text = check("index-metadata", Exit::Usage, |world| {
        let mut made = Package::new("harbor", "1.0").wheel("cp312-abi3-win_amd64");
        made.name = made.name.replace("harbor", "harbor_client");
        world.add("harbor-client", made);
    })
    .await;
    assert!(text.contains("it is not named `harbor-client`"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_tags() {
    for (name, code) in [
        ("harbor_client-1.0-py3-none-linux_x86_64.whl", "index-tag-refused"),
        ("harbor-client-1.0.tar.gz", "index-file-name"),
        ("harbor_client-1.0.zip", "index-file-name"),
        ("Harbor_Client-1.0-py3-none-any.whl", "index-file-name"),
        ("harbor_client-1.1-py3-none-any.whl", "index-file-name"),
    ] {
        check(code, Exit::Usage, |world| {
            let mut made = if name.ends_with(".whl") { CLIENT.wheel(ANY) } else { CLIENT.sdist() };
            name.clone_into(&mut made.name);
            world.add("harbor-client", made);
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_already() {
    let other = CLIENT.saying("other").sdist();
    let text = check("index-file-differs", Exit::Conflict, |world| {
        world.server.seed_file(
            "harbor-client",
            "1.0",
            Seed { filename: &other.name, bytes: &other.bytes, age_days: 0 },
        );
    })
    .await;
    assert!(text.contains(&other.sha256().to_string()), "{text}");
    let sdist = CLIENT.sdist();
    let text = check("index-release-old", Exit::Usage, |world| {
        world.server.seed_file(
            "harbor-client",
            "1.0",
            Seed { filename: &sdist.name, bytes: &sdist.bytes, age_days: 20 },
        );
    })
    .await;
    assert!(text.contains("20 days old") && text.contains("macosx") && !text.contains(&sdist.name), "{text}");
    // A release that is complete may be as old as it likes.
    let world = World::new();
    for file in &world.files {
        let bytes = std::fs::read(&file.path).unwrap();
        world.server.seed_file(
            file.distribution.as_str(),
            "1.0",
            Seed { filename: &file.name, bytes: &bytes, age_days: 400 },
        );
    }
    world.succeeds().await;
    assert_eq!(world.sent(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large() {
    let text = check("index-file-too-large", Exit::Usage, |world| world.files[5].size = 101 << 20).await;
    assert!(text.contains("101 MiB") && text.contains("100 MiB"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials() {
    for token in ["", "pypi-a b", "pypi-a\n"] {
        check("token-malformed", Exit::Denied, |world| {
            world.credentials.insert("harbor-client".parse().unwrap(), Credential::Token(Secret::new(token)));
        })
        .await;
    }
    check("endpoint-insecure", Exit::Usage, |world| {
        world.index.simple = "http://index.example/simple/".parse().unwrap();
    })
    .await;
    check("unreachable", Exit::Unfinished, |world| {
        world.index.json = Some("http://127.0.0.1:1/pypi/".parse().unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_told_at_once() {
    let mut world = World::new();
    let other = Package::new("harbor", "1.0").saying("other").sdist();
    world.server.seed_file("harbor", "1.0", Seed { filename: &other.name, bytes: &other.bytes, age_days: 0 });
    std::fs::write(&world.files[4].path, b"no wheel").unwrap();
    world.add("harbor-client", CLIENT.wheel("py3-none-linux_x86_64"));
    let mut codes: Vec<_> = world.run().await.unwrap_err().into_iter().map(|(code, ..)| code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["index-file-differs", "index-metadata", "index-tag-refused"]);
    assert_eq!(world.sent(), 0);
}

/// What cannot be asked before: each is told after the first upload, and no sdist follows.
#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_upload_tells() {
    let check = async |code: &str, exit: Exit, change: fn(&mut longshore::rehearsal::pypi::Options)| {
        let world = World::with(change);
        world.fails(code, exit).await;
        let stored = world.stored();
        assert!(stored.iter().all(|name| name.starts_with("harbor-") && name.ends_with(".whl")), "{code}: {stored:?}");
    };
    check("index-name-used", Exit::Conflict, |options| {
        options.projects = vec![existing("harbor-client")];
        options.projects[0].deleted = vec![CLIENT.wheel(super::TAGS[0]).name];
    })
    .await;
    check("index-project-denied", Exit::Denied, |options| {
        options.projects = vec![existing("harbor-client")];
        options.projects[0].owner = "bob".into();
    })
    .await;
    check("index-project-denied", Exit::Denied, |options| {
        options.projects = vec![existing("harbor-client"), existing("harbor")];
        options.tokens[0].projects = Some(vec!["harbor".into()]);
    })
    .await;
    check("index-project-denied", Exit::Denied, |options| options.prohibited = vec!["harbor-client".into()]).await;
    check("index-project-denied", Exit::Denied, |options| options.projects = vec![existing("harb0r-c1ient")]).await;
    check("token-refused", Exit::Denied, |options| options.tokens.clear()).await;
}

/// Our list of platforms and the index's say the same.
#[tokio::test(flavor = "multi_thread")]
async fn platforms() {
    for (platform, welcome) in [
        ("any", true),
        ("win32", true),
        ("win_amd64", true),
        ("win_arm64", true),
        ("win_ia64", true),
        ("manylinux1_x86_64", true),
        ("manylinux1_aarch64", false),
        ("manylinux2010_i686", true),
        ("manylinux2014_armv7l", true),
        ("manylinux2014_riscv64", false),
        ("manylinux_2_28_x86_64", true),
        ("manylinux_2_28_ppc64", true),
        ("manylinux_2_28_loongarch64", false),
        ("musllinux_1_2_aarch64", true),
        ("musllinux_1_2_ppc64", false),
        ("linux_armv6l", true),
        ("linux_armv7l", true),
        ("linux_x86_64", false),
        ("macosx_10_12_x86_64", true),
        ("macosx_11_0_arm64", true),
        ("macosx_11_1_arm64", false),
        ("macosx_16_0_arm64", false),
        ("macosx_26_0_universal2", true),
        ("ios_13_0_arm64_iphoneos", true),
        ("ios_13_0_arm64_watch", false),
        ("android_21_arm64_v8a", true),
        ("android_21_mips", false),
        ("pyodide_2025_0_wasm32", false),
        ("pyemscripten_2026_0_wasm32", true),
        ("freebsd_14_0_amd64", false),
    ] {
        let mut world = World::new();
        world.files.clear();
        world.add("harbor", Package::new("harbor", "1.0").wheel(&format!("py3-none-{platform}")));
        for pypi in [true, false] {
            // Without the JSON API it is another index, whose rules nobody knows.
            let json = std::mem::take(&mut world.index.json);
            world.index.json = json.clone().filter(|_| pypi);
            let done = world.run().await;
            let code = done.as_ref().err().map(|failures| failures[0].0);
            assert_eq!(code, (!welcome).then_some("index-tag-refused"), "{platform}: {done:?}");
            assert_eq!(world.sent(), usize::from(!pypi || welcome), "{platform}");
            world.index.json = json;
        }
    }
}
