//! Our package index used by twine, uv and pip, and our uploader with pypiserver and devpi.

mod clients;
mod servers;
mod tls;

use longshore::rehearsal::pypi::{Existing, Grant, Options, Publisher, Seed, Server, Token, WorkflowJob};
use longshore::secret::Secret;

use crate::package::{ANY, Made, Package};
use clients::Place;
use tls::Tls;

const TOKEN: &str = "pypi-of-ada";
const HARBOR: Package<'static> = Package { name: "harbor-lib", version: "1.0", says: "ahoy" };
const DENIED: &str = "Invalid or non-existent authentication information";
const TAKEN: &str = "File already exists ('harbor_lib-1.0-py3-none-any.whl', with blake2_256 hash '";

/// An index on which `ada` has a token.
fn index(change: impl FnOnce(&mut Options)) -> Server {
    let token = Token { secret: Secret::new(TOKEN), user: "ada".into(), projects: None };
    let mut options = Options { tokens: vec![token], ..Options::default() };
    change(&mut options);
    Server::start(options).unwrap()
}

/// That these files, and no others, are on the index.
fn holds(server: &Server, files: &[Made]) {
    let shown = server.shown().into_iter().flat_map(|project| project.files);
    let shown: Vec<_> = shown.map(|(name, sha256, _)| (name, sha256)).collect();
    let wanted: Vec<_> = files.iter().map(|file| (file.name.clone(), file.sha256())).collect();
    assert_eq!(shown, wanted);
}

fn sent(server: &Server) -> usize {
    server.requests().iter().filter(|request| *request == "POST /legacy/").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn twine_uploads() {
    let (server, files) = (index(|_| {}), [HARBOR.wheel(ANY), HARBOR.sdist()]);
    let place = Place::with(&files);
    place.succeeds("twine", &["check", "--strict", &files[0].name, &files[1].name]).await;
    let url = format!("{}/legacy/", server.url());
    let upload = |token: &'static str, names: &[&str]| {
        let options = ["upload", "--verbose", "--non-interactive", "--disable-progress-bar", "-u", "__token__"];
        let words = [&options[..], &["-p", token, "--repository-url", &url], names].concat();
        words.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let [wheel, sdist] = [&files[0], &files[1]].map(|file| file.name.as_str());
    let said = place.fails("twine", &upload("pypi-of-nobody", &[wheel, sdist])).await;
    assert!(said.contains(DENIED), "{said}");
    holds(&server, &[]);
    // The same again is not an error.
    for _ in 0..2 {
        place.succeeds("twine", &upload(TOKEN, &[sdist, wheel])).await;
        holds(&server, &files);
    }
    place.write(&HARBOR.saying("other").wheel(ANY));
    let said = place.fails("twine", &upload(TOKEN, &[wheel])).await;
    // It asks for HTML.
    assert!(said.contains("400 File already exists (&#39;harbor_lib-1.0-py3-none-any.whl&#39;"), "{said}");
    holds(&server, &files);
}

#[tokio::test(flavor = "multi_thread")]
async fn uv_publishes() {
    let (server, files) = (index(|_| {}), [HARBOR.wheel(ANY), HARBOR.sdist()]);
    let place = Place::with(&files);
    let url = format!("{}/legacy/", server.url());
    let publish = async |token: &str, more: &[&str], good: bool| {
        let words = [&["publish", "--publish-url", &url, "--token", token][..], more, &["*"]].concat();
        if good { place.succeeds("uv", &words).await } else { place.fails("uv", &words).await }
    };
    let said = publish("pypi-of-nobody", &[], false).await;
    assert!(said.contains(DENIED), "{said}");
    for _ in 0..2 {
        publish(TOKEN, &[], true).await;
        holds(&server, &files);
    }
    // With the index to look at, it sends nothing that is there.
    let (check, before) = (format!("{}/simple/", server.url()), sent(&server));
    publish(TOKEN, &["--check-url", &check], true).await;
    assert_eq!(sent(&server), before);
    place.write(&HARBOR.saying("other").wheel(ANY));
    let said = publish(TOKEN, &[], false).await;
    assert!(said.contains(TAKEN), "{said}");
    let before = sent(&server);
    let said = publish(TOKEN, &["--check-url", &check], false).await;
    assert!(said.contains("Local file and index file do not match"), "{said}");
    assert_eq!(sent(&server), before);
    holds(&server, &files);
}

/// Without a token, as in a job of GitHub Actions.
#[tokio::test(flavor = "multi_thread")]
async fn uv_is_trusted() {
    let job = |name: &str, repository: &str| WorkflowJob {
        request_token: Secret::new(name),
        repository: repository.into(),
        workflow: "release.yml".into(),
        environment: None,
        git_ref: "refs/tags/v1.0".into(),
        commit: "3f786850e387550fdab836ed7e6dc881de23001b".into(),
        event: "push".into(),
        called: None,
    };
    let server = index(|options| {
        options.projects = vec![Existing { name: "harbor-lib".into(), owner: "ada".into(), ..Existing::default() }];
        options.publishers = vec![Publisher {
            repository: "acme/harbor".into(),
            workflow: "release.yml".into(),
            environment: None,
            grant: Grant::Projects(vec!["harbor-lib".into()]),
        }];
        options.jobs = vec![job("good", "acme/harbor"), job("stranger", "acme/other")];
    });
    let files = [HARBOR.wheel(ANY), HARBOR.sdist()];
    // It speaks to nobody without TLS here.
    let tls = Tls::before(&server.url()).await;
    let url = format!("{}/legacy/", tls.url);
    let words = ["publish", "--publish-url", &url, "--trusted-publishing", "always", "*"];
    let place = |job: &str| {
        let mut place = Place::with(&files);
        place.set("GITHUB_ACTIONS", "true");
        place.set("SSL_CERT_FILE", &tls.ca);
        place.set("ACTIONS_ID_TOKEN_REQUEST_URL", &server.oidc_request_url());
        place.set("ACTIONS_ID_TOKEN_REQUEST_TOKEN", job);
        place
    };
    let said = place("stranger").fails("uv", &words).await;
    assert!(said.contains("valid token, but no corresponding publisher"), "{said}");
    holds(&server, &[]);
    place("good").succeeds("uv", &words).await;
    holds(&server, &files);
    let minted = server.requests().iter().filter(|request| *request == "POST /_/oidc/mint-token").count();
    assert_eq!((minted, sent(&server)), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn pip_and_uv_install() {
    let server = index(|_| {});
    let newer = Package { version: "2.0", says: "newer", ..HARBOR };
    let before = Package { version: "3.0rc1", says: "before", ..HARBOR };
    let made = [HARBOR.wheel(ANY), HARBOR.sdist(), newer.wheel(ANY), before.wheel(ANY)];
    for (file, package) in made.iter().zip([HARBOR, HARBOR, newer, before]) {
        server.seed_file("harbor-lib", package.version, Seed { filename: &file.name, bytes: &file.bytes, age_days: 1 });
    }
    let (place, simple) = (Place::with(&[]), format!("{}/simple/", server.url()));
    let pip = ["--no-cache-dir", "--index-url", &simple];
    let install = async |program: &str, words: &[&str], target: &str, expected: &str| {
        place.succeeds(program, &[words, &["--target", target]].concat()).await;
        let script = format!("import sys; sys.path.insert(0, '{target}'); import harbor_lib; print(harbor_lib.SAYS)");
        assert_eq!(place.succeeds("python", &["-c", &script]).await.trim(), expected, "{target}");
    };
    install("pip", &[&["install"], &pip[..], &["harbor-lib"]].concat(), "newest", "newer").await;
    install("pip", &[&["install"], &pip[..], &["Harbor.Lib==1.0"]].concat(), "chosen", "ahoy").await;
    install("pip", &[&["install", "--pre"], &pip[..], &["harbor-lib"]].concat(), "pre", "before").await;
    let sdist = ["install", "--no-binary", ":all:", "harbor-lib==1.0"];
    install("pip", &[&sdist[..], &pip].concat(), "built", "ahoy").await;
    install("uv", &["pip", "install", "--index-url", &simple, "harbor-lib"], "uv", "newer").await;
    // The metadata beside a wheel is enough to plan.
    let (asked, name) = (server.requests().len(), &made[2].name);
    let dry = ["install", "--dry-run", "--ignore-installed", "harbor-lib"];
    place.succeeds("pip", &[&dry[..], &pip].concat()).await;
    let asked = server.requests().split_off(asked);
    assert!(asked.iter().any(|request| request.ends_with(&format!("{name}.metadata"))), "{asked:?}");
    // Byte by byte what was seeded, and not what is yanked.
    place.succeeds("pip", &[&["download", "--no-deps", "harbor-lib==1.0"], &pip[..]].concat()).await;
    assert!(std::fs::read(place.folder().join(&made[0].name)).unwrap() == made[0].bytes);
    server.yank("harbor-lib", "2.0", "it sank");
    install("pip", &[&["install"], &pip[..], &["harbor-lib"]].concat(), "after", "ahoy").await;
}
