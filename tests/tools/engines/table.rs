//! The table of what engines can do, held against what they do.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use longshore::build::engine::{Feature, Named, Network, Recipe, table};
use longshore::digest::Digest;
use serde_json::{Value, json};

use super::project::{BASE, Project, config, files};

/// What a file of the image must hold, so that the feature worked.
struct Case {
    feature: Feature,
    dockerfile: String,
    path: &'static str,
    holds: &'static str,
}

/// Every feature but two: no agent is handed over, and there is no git server here.
#[track_caller]
pub fn holds(project: &Project) {
    std::fs::create_dir_all(project.path("context/many/sub")).unwrap();
    for name in ["context/many/a.txt", "context/many/b.md", "context/many/sub/c.txt", "context/hidden.txt"] {
        std::fs::write(project.path(name), "here\n").unwrap();
    }
    std::fs::write(project.path("context/.dockerignore"), "hidden.txt\n").unwrap();
    std::fs::write(project.path("extra/.dockerignore"), "hidden.txt\n").unwrap();
    std::fs::write(project.path("extra/hidden.txt"), "here\n").unwrap();
    let mut wrong = Vec::new();
    for case in cases() {
        let works = works(project, &case);
        let lack = table::lack(project.engine.kind, project.engine.version, case.feature);
        match (works, lack) {
            (Ok(()), None) | (Err(_), Some(_)) => {}
            (Ok(()), Some(lack)) => wrong.push(format!("{} works, and the table says: {lack}", case.feature)),
            (Err(said), None) => wrong.push(format!("{} does not work: {said}", case.feature)),
        }
    }
    for name in ["context/.dockerignore", "extra/.dockerignore"] {
        std::fs::remove_file(project.path(name)).unwrap();
    }
    assert!(wrong.is_empty(), "{}: {}", project.engine, wrong.join("\n"));
}

fn works(project: &Project, case: &Case) -> Result<(), String> {
    let network = if case.feature == Feature::RunNetwork || case.feature == Feature::AddChecksum {
        Network::Default
    } else {
        Network::None
    };
    // Before the case's Dockerfile is written: it is made from one of its own, in the same place.
    let contexts = (case.feature == Feature::TwoPlatforms).then(|| two_platforms(project));
    let mut recipe = Recipe { network, ..project.recipe(&format!("FROM acme/base:1\n{}", case.dockerfile), "case") };
    if let Some(contexts) = contexts {
        recipe.contexts = contexts;
    }
    project.told(&recipe).0.map_err(|problem| format!("{problem}"))?;
    let layout = project.path("case");
    if case.feature == Feature::Healthcheck {
        let health = config(&layout)["config"]["Healthcheck"]["Test"].to_string();
        return if health == case.holds { Ok(()) } else { Err(health) };
    }
    let files = files(&layout);
    let got = files.get(case.path).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    if got.as_deref() == Some(case.holds) { Ok(()) } else { Err(format!("{got:?}")) }
}

/// The base for one platform, and another image of the same name for another one.
fn two_platforms(project: &Project) -> BTreeMap<String, Named> {
    let dockerfile = project.path("Dockerfile.other");
    std::fs::write(&dockerfile, "FROM scratch\nCOPY settings.txt /\n").unwrap();
    let other = Recipe {
        dockerfile,
        platform: "linux/arm64".to_owned(),
        contexts: BTreeMap::new(),
        output: project.path("other-platform"),
        ..project.recipe("FROM acme/base:1\n", "unused")
    };
    project.build(&other).unwrap_or_else(|problem| panic!("{problem:?}"));
    let layouts = [(project.path("layout"), "amd64"), (other.output, "arm64")];
    [(BASE.to_owned(), index_of(&layouts, &project.path("two-platforms")))].into()
}

/// A layout with an index of images for several processors.
fn index_of(layouts: &[(PathBuf, &str)], folder: &Path) -> Named {
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let mut manifests = Vec::new();
    for (layout, architecture) in layouts {
        for blob in std::fs::read_dir(layout.join("blobs/sha256")).unwrap().flatten() {
            std::fs::copy(blob.path(), blobs.join(blob.file_name())).unwrap();
        }
        let index: Value = serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
        let mut entry = index["manifests"][0].clone();
        entry["platform"] = json!({ "os": "linux", "architecture": architecture });
        manifests.push(entry);
    }
    let kind = "application/vnd.oci.image.index.v1+json";
    let index = json!({ "schemaVersion": 2, "mediaType": kind, "manifests": manifests }).to_string();
    let digest = Digest::of(index.as_bytes());
    std::fs::write(blobs.join(digest.hex()), &index).unwrap();
    std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let entry = json!({ "mediaType": kind, "digest": digest, "size": index.len() });
    let named = json!({ "schemaVersion": 2, "manifests": [entry] });
    std::fs::write(folder.join("index.json"), named.to_string()).unwrap();
    Named::Layout { folder: folder.to_owned(), digest }
}

fn cases() -> Vec<Case> {
    let case = |feature, dockerfile: &str, holds| Case { feature, dockerfile: dockerfile.into(), path: "made", holds };
    let (address, checksum) = served();
    vec![
        case(Feature::Heredoc, "RUN <<EOF\necho one > /made\necho two >> /made\nEOF\n", "one\ntwo\n"),
        case(Feature::HeredocCopy, "COPY <<EOF /made\nRUN exit 1\nEOF\n", "RUN exit 1\n"),
        case(Feature::Link, "COPY --link many/a.txt /made\n", "here\n"),
        case(Feature::Exclude, "COPY --exclude=*.md many /m\nRUN ls /m > /made\n", "a.txt\nsub\n"),
        case(Feature::Parents, "COPY --parents many/sub/c.txt /m/\nRUN cp /m/many/sub/c.txt /made\n", "here\n"),
        case(Feature::CacheMount, "RUN --mount=type=cache,target=/c echo x > /c/x && cp /c/x /made\n", "x\n"),
        case(Feature::SecretMount, "RUN --mount=type=secret,id=token wc -c < /run/secrets/token > /made\n", "21\n"),
        case(Feature::BindMount, "RUN --mount=type=bind,source=many,target=/c cp /c/a.txt /made\n", "here\n"),
        case(
            Feature::TmpfsMount,
            "RUN --mount=type=tmpfs,target=/c touch /c/x && ls /c > /made\nRUN test ! -e /c/x\n",
            "x\n",
        ),
        case(Feature::Healthcheck, "HEALTHCHECK --interval=5s CMD [\"x\"]\n", "[\"CMD\",\"x\"]"),
        case(Feature::Shell, "SHELL [\"/bin/sh\", \"-c\", \"echo $0 > /made\"]\nRUN of-the-shell\n", "of-the-shell\n"),
        Case { path: "on-build", ..case(Feature::Onbuild, "RUN true\n", "on-build\n") },
        case(Feature::Chmod, "COPY --chmod=640 many/a.txt /m\nRUN stat -c %a /m > /made\n", "640\n"),
        case(Feature::RunNetwork, "RUN --network=none grep -c : /proc/net/dev > /made\n", "1\n"),
        case(Feature::NamedFolderIgnore, "COPY --from=extra . /m/\nRUN ls /m > /made\n", "named.txt\n"),
        case(Feature::BindMountIgnore, "RUN --mount=type=bind,target=/c ls /c > /made\n", "many\nsettings.txt\n"),
        case(
            Feature::AddChecksum,
            &format!("ADD --checksum=sha256:{checksum} http://{address}/file /made\n"),
            "served\n",
        ),
        case(
            Feature::TwoPlatforms,
            "FROM --platform=linux/arm64 acme/base:1 AS other\nFROM acme/base:1\nCOPY --from=other /settings.txt /made\n",
            "of the context\n",
        ),
    ]
}

/// A server of one file, and the digest of it. It is there until the tests end.
fn served() -> (String, String) {
    const FILE: &str = "served\n";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{FILE}", FILE.len());
            let _ = stream.write_all(head.as_bytes());
        }
    });
    (address, Digest::of(FILE.as_bytes()).hex())
}
