//! What is read: the simple API in both forms, the JSON API, files and the metadata beside them.

use longshore::rehearsal::pypi::Seed;
use reqwest::Method;
use serde_json::json;

use super::{Form, World, existing};
use crate::package::{ANY, Package};

const DEMO: Package<'static> = Package { name: "Demo.Lib", version: "1.0", says: "hello" };
const JSON: &str = "application/vnd.pypi.simple.v1+json";
const HTML: &str = "application/vnd.pypi.simple.v1+html";

/// An index with a wheel and an sdist.
async fn world() -> World {
    let world = World::new();
    world.says(&Form::wheel(&DEMO), "200").await;
    world.says(&Form::sdist(&DEMO), "200").await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simple_api_is_what_is_asked_for() {
    let world = world().await;
    for (accept, kind) in [
        ("*/*", "text/html; charset=UTF-8"),
        ("text/html", "text/html; charset=UTF-8"),
        (HTML, &format!("{HTML}; charset=UTF-8")),
        (JSON, JSON),
        // pip's and uv's.
        (&format!("{JSON}, {HTML}; q=0.1, text/html; q=0.01"), JSON),
        (&format!("{JSON}, {HTML};q=0.2, text/html;q=0.01"), JSON),
        (&format!("{JSON};q=0, text/html;q=0.1"), "text/html; charset=UTF-8"),
        ("image/png", "text/html; charset=UTF-8"),
    ] {
        for path in ["/simple/", "/simple/demo-lib/"] {
            let answer = world.request(Method::GET, path).header("accept", accept).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.headers()["content-type"].to_str().unwrap(), kind, "{accept}");
            assert_eq!(
                (&answer.headers()["vary"], &answer.headers()["cache-control"]),
                (&"Accept".parse().unwrap(), &"max-age=600, public".parse().unwrap())
            );
        }
    }
    for (path, location) in
        [("/simple/demo-lib", "/simple/demo-lib/"), ("/simple/Demo.Lib/", "/simple/demo-lib/"), ("/simple", "/simple/")]
    {
        let answer = world.request(Method::GET, path).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (301, &location.parse().unwrap()));
    }
    assert_eq!(world.get("/simple/nothing/", JSON).await.0, 404);
    let all = world.json("/simple/").await;
    assert_eq!((&all["meta"]["api-version"], &all["projects"][0]["name"]), (&json!("1.4"), &json!("Demo.Lib")));
}

#[tokio::test(flavor = "multi_thread")]
async fn both_forms_show_the_same() {
    let world = world().await;
    let page = world.json("/simple/demo-lib/").await;
    assert_eq!((&page["name"], &page["versions"]), (&json!("demo-lib"), &json!(["1.0"])));
    assert_eq!(page["project-status"], json!({ "status": "active" }));
    let (_, html) = world.get("/simple/demo-lib/", "text/html").await;
    assert!(html.contains("<meta name=\"pypi:repository-version\" content=\"1.4\">"), "{html}");
    let files = page["files"].as_array().unwrap();
    for (file, made) in files.iter().zip([DEMO.wheel(ANY), DEMO.sdist()]) {
        assert_eq!(file["filename"], made.name);
        assert_eq!((&file["size"], &file["yanked"]), (&json!(made.bytes.len()), &json!(false)));
        assert_eq!(
            (&file["hashes"]["sha256"], &file["requires-python"]),
            (&json!(made.sha256().hex()), &json!(">=3.8"))
        );
        assert!(chrono::DateTime::parse_from_rfc3339(file["upload-time"].as_str().unwrap()).is_ok());
        let url = file["url"].as_str().unwrap();
        let link = format!("<a href=\"{url}#sha256={}\" data-requires-python=\"&gt;=3.8\"", made.sha256().hex());
        assert!(html.contains(&link) && html.contains(&format!(">{}</a>", made.name)), "{html}");
        let answer = world.request(Method::GET, url).send().await.unwrap();
        assert_eq!(answer.headers()["content-length"], made.bytes.len().to_string().as_str());
        assert!(answer.bytes().await.unwrap() == made.bytes);
    }
    // PEP 658: a wheel's metadata lies beside it, an sdist has none.
    let (wheel, sdist) = (&files[0], &files[1]);
    let digest = longshore::digest::Digest::of(DEMO.metadata().as_bytes()).hex();
    for key in ["core-metadata", "data-dist-info-metadata"] {
        assert_eq!((&wheel[key]["sha256"], &sdist[key]), (&json!(digest), &json!(false)));
        assert_eq!(html.matches(&format!("{}=\"sha256={digest}\"", key.replace("core", "data-core"))).count(), 1);
    }
    let beside = |file: &serde_json::Value| format!("{}.metadata", file["url"].as_str().unwrap());
    assert_eq!(world.get(&beside(wheel), "*/*").await, (200, DEMO.metadata()));
    assert_eq!(world.get(&beside(sdist), "*/*").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_json_api() {
    let world = world().await;
    world.says(&Form::wheel(&Package { version: "2.0rc1", ..DEMO }), "200").await;
    world.server.seed_file("demo-lib", "0.9", Seed { filename: "demo_lib-0.9.tar.gz", bytes: b"old", age_days: 100 });
    let project = world.json("/pypi/demo-lib/json").await;
    let info = &project["info"];
    assert_eq!((&info["name"], &info["version"]), (&json!("Demo.Lib"), &json!("1.0")), "no prerelease is the newest");
    assert_eq!((&info["summary"], &info["requires_python"]), (&json!("A package for tests"), &json!(">=3.8")));
    let versions: Vec<_> = project["releases"].as_object().unwrap().keys().collect();
    assert_eq!(versions, ["0.9", "1.0", "2.0rc1"]);
    // One release, by any way its version is written.
    let (wheel, sdist) = (DEMO.wheel(ANY), DEMO.sdist());
    for path in ["/pypi/demo-lib/1.0/json", "/pypi/demo-lib/1.0.0/json", "/pypi/demo-lib/1.0/json/"] {
        let release = world.json(path).await;
        assert!(release.get("releases").is_none());
        let urls = release["urls"].as_array().unwrap();
        for (file, made, kind, python) in
            [(&urls[0], &wheel, "bdist_wheel", "py3"), (&urls[1], &sdist, "sdist", "source")]
        {
            assert_eq!((&file["filename"], &file["size"]), (&json!(made.name), &json!(made.bytes.len())));
            assert_eq!((&file["packagetype"], &file["python_version"]), (&json!(kind), &json!(python)));
            let digests = &file["digests"];
            assert_eq!(
                (&digests["sha256"], &digests["blake2b_256"]),
                (&json!(made.sha256().hex()), &json!(super::blake2(&made.bytes)))
            );
        }
    }
    for path in ["/pypi/demo-lib/3.0/json", "/pypi/demo-lib/x/json", "/pypi/nothing/json"] {
        assert_eq!(world.get(path, "*/*").await, (404, "{\"message\":\"Not Found\"}".into()), "{path}");
    }
    let moved = world.request(Method::GET, "/pypi/Demo.Lib/1.0/json").send().await.unwrap();
    assert_eq!(moved.headers()["location"], "/pypi/demo-lib/1.0/json");
}

#[tokio::test(flavor = "multi_thread")]
async fn yanked_releases_say_so() {
    let world = world().await;
    world.server.yank("demo-lib", "1.0.0", "it \"sank\"");
    world.says(&Form::wheel(&Package { version: "0.1", ..DEMO }), "200").await;
    assert_eq!(world.json("/pypi/demo-lib/json").await["info"]["version"], "0.1");
    let file = &world.json("/pypi/demo-lib/1.0/json").await["urls"][0];
    assert_eq!((&file["yanked"], &file["yanked_reason"]), (&json!(true), &json!("it \"sank\"")));
    let page = world.json("/simple/demo-lib/").await;
    let yanked: Vec<_> = page["files"].as_array().unwrap().iter().map(|file| &file["yanked"]).collect();
    assert_eq!(yanked, [&json!(false), &json!("it \"sank\""), &json!("it \"sank\"")]);
    let html = world.get("/simple/demo-lib/", "text/html").await.1;
    assert_eq!(html.matches("data-yanked=\"it &quot;sank&quot;\"").count(), 2, "{html}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lagging_index_shows_new_files_later() {
    let world = World::with(|options| {
        options.quirks.index_lag = 1000;
        options.projects = vec![existing("demo-lib", "ada")];
    });
    let old = Package { version: "0.9", ..DEMO }.sdist();
    world.server.seed_file("demo-lib", "0.9", Seed { filename: &old.name, bytes: &old.bytes, age_days: 1 });
    world.says(&Form::wheel(&DEMO), "200").await;
    let page = world.json("/simple/demo-lib/").await;
    assert_eq!((&page["files"][0]["filename"], &page["versions"]), (&json!(old.name), &json!(["0.9"])));
    assert_eq!(world.json("/pypi/demo-lib/1.0/json").await["urls"][0]["filename"], DEMO.wheel(ANY).name);
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_and_the_page() {
    let world = World::new();
    assert!(world.get("/", "text/html").await.1.contains("Nothing has been uploaded here yet."));
    world.says(&Form::wheel(&DEMO), "200").await;
    for path in ["/", "/simple/demo-lib/", "/pypi/demo-lib/json"] {
        let length = world.get(path, "*/*").await.1.len();
        let head = world.request(Method::HEAD, path).send().await.unwrap();
        assert_eq!(head.headers()["content-length"], length.to_string().as_str(), "{path}");
        assert!(head.text().await.unwrap().is_empty());
    }
    let page = world.get("/", "text/html").await.1;
    let command = format!("pip install --index-url {}/simple/ Demo.Lib==1.0", world.server.url());
    assert!(page.contains(&command) && page.contains(&DEMO.wheel(ANY).sha256().to_string()), "{page}");
}
