//! The rehearsal's GitHub, used by programs we did not write: `gh`, `curl` and `sha256sum`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use longshore::digest::Digest;
use longshore::rehearsal::github::{Asset, Effect, Options, Repository, SeedRelease, Server, Tag};
use longshore::secret::Secret;
use longshore::world::process::{Cmd, Finished, Runner};
use serde_json::{Value, json};

const COMMIT: &str = "3f786850e387550fdab836ed7e6dc881de23001b";
const TOKEN: &str = "rehearsal-token";

/// A server with `acme/harbor`, whose `v1.0.0` has these files, and the empty `acme/other`.
async fn server(spool: &Path, files: &[(&str, &str)]) -> Server {
    let asset = |(name, text): &(&str, &str)| Asset { name: (*name).into(), bytes: Some(text.as_bytes().into()) };
    let release =
        SeedRelease { tag: "v1.0.0".into(), assets: files.iter().map(asset).collect(), ..SeedRelease::default() };
    let repository = |name: &str, releases| Repository {
        owner: "acme".into(),
        name: name.into(),
        head: COMMIT.into(),
        tags: vec![Tag { name: "v1.0.0".into(), commit: COMMIT.into(), ..Tag::default() }],
        releases,
        ..Repository::default()
    };
    let options = Options {
        port: 0,
        repositories: vec![repository("harbor", vec![release]), repository("other", Vec::new())],
        token: Secret::new(TOKEN),
        reader: None,
        faults: Vec::new(),
        spool: spool.into(),
        clock: "2026-03-01T12:00:00Z".into(),
    };
    Server::start(options).unwrap()
}

fn sums() -> String {
    format!("{}  a.tar.gz\n{}  b.zip\n", Digest::of(b"a bytes").hex(), Digest::of(b"b bytes").hex())
}

/// The commands on the page, typed as they stand there.
#[tokio::test(flavor = "multi_thread")]
async fn curl_and_sha256sum_do_what_the_page_says() {
    let spool = tempfile::tempdir().unwrap();
    let server = server(spool.path(), &[("a.tar.gz", "a bytes"), ("b.zip", "b bytes"), ("SHA256SUMS", &sums())]).await;
    let folder = tempfile::tempdir().unwrap();
    let env = BTreeMap::from([("NO_PROXY".to_owned(), "127.0.0.1".to_owned())]);
    let page = Cmd::new("curl", folder.path()).args(["-sSfH", "Accept: text/html", &server.url()]);
    let page = run(page, &env).await.stdout;
    let commands = page.split("<pre><code>").nth(1).unwrap().split("</code>").next().unwrap();
    assert!(commands.ends_with("sha256sum --check --ignore-missing SHA256SUMS"), "{commands}");
    let script = Cmd::new("sh", folder.path()).args(["-ec", commands]);
    assert_eq!(run(script, &env).await.stdout.trim(), "a.tar.gz: OK");
}

/// A visitor's way to everything: the list of checksums, then each file it names.
#[tokio::test(flavor = "multi_thread")]
async fn every_file_can_be_fetched_and_checked() {
    let spool = tempfile::tempdir().unwrap();
    let server = server(spool.path(), &[("a.tar.gz", "a bytes"), ("b.zip", "b bytes"), ("SHA256SUMS", &sums())]).await;
    let folder = tempfile::tempdir().unwrap();
    let env = BTreeMap::from([("NO_PROXY".to_owned(), "127.0.0.1".to_owned())]);
    let base = format!("{}acme/harbor/releases/latest/download", server.url());
    let script = format!(
        "curl -sSfLO {base}/SHA256SUMS; for file in $(cut -d' ' -f3 SHA256SUMS); do curl -sSfLO {base}/$file; done; \
         sha256sum -c SHA256SUMS"
    );
    let done = run(Cmd::new("sh", folder.path()).args(["-ec", &script]), &env).await;
    assert_eq!(done.stdout.trim(), "a.tar.gz: OK\nb.zip: OK");
}

/// The GitHub CLI reads, downloads, creates, uploads, edits and deletes here.
#[tokio::test(flavor = "multi_thread")]
async fn gh_works_with_it() {
    let spool = tempfile::tempdir().unwrap();
    let sums = format!("{}  a.tar.gz\n", Digest::of(b"a bytes").hex());
    let server = server(spool.path(), &[("a.tar.gz", "a bytes"), ("SHA256SUMS", &sums)]).await;
    let folder = tempfile::tempdir().unwrap();
    let gh = Gh::new(&server, folder.path());

    let list = gh.run("harbor", &["release", "list", "--json", "tagName,isLatest"]).await;
    assert_eq!(serde_json::from_str::<Value>(&list).unwrap(), json!([{ "tagName": "v1.0.0", "isLatest": true }]));
    let view = gh.run("harbor", &["release", "view", "v1.0.0", "--json", "assets"]).await;
    assert!(view.contains(&Digest::of(b"a bytes").to_string()), "{view}");
    gh.run("harbor", &["release", "download", "v1.0.0"]).await;
    let check = run(Cmd::new("sha256sum", folder.path()).args(["-c", "SHA256SUMS"]), &BTreeMap::new()).await;
    assert_eq!(check.stdout.trim(), "a.tar.gz: OK");

    let create = ["release", "create", "v0.1.0", "a.tar.gz", "--title", "First", "--notes", "text"];
    assert_eq!(gh.run("other", &create).await.trim(), "http://github.localhost/acme/other/releases/tag/v0.1.0");
    gh.run("other", &["release", "upload", "v0.1.0", "SHA256SUMS"]).await;
    gh.run("other", &["release", "upload", "v0.1.0", "SHA256SUMS", "--clobber"]).await;
    gh.run("other", &["release", "create", "v0.2.0", "a.tar.gz", "--draft", "--notes", "text"]).await;
    let draft = gh.run("other", &["release", "view", "v0.2.0", "--json", "isDraft"]).await;
    assert_eq!(draft.trim(), "{\"isDraft\":true}");
    gh.run("other", &["release", "edit", "v0.2.0", "--draft=false"]).await;
    let latest = gh.run("other", &["release", "view", "--json", "tagName"]).await;
    assert_eq!(latest.trim(), "{\"tagName\":\"v0.2.0\"}");
    gh.run("other", &["release", "delete", "v0.1.0", "--yes"]).await;

    let effects: Vec<_> = server.events().into_iter().flat_map(|event| event.effects).collect();
    let clobbered = |effect: &Effect| matches!(effect, Effect::AssetDeleted { published: true, .. });
    assert!(effects.iter().any(|effect| clobbered(effect) && effect.breaks_a_promise()), "{effects:?}");
    assert!(effects.iter().any(|effect| matches!(effect, Effect::ReleaseDeleted { published: true, .. })));
}

/// `gh`, which knows one host with plain http, `github.localhost`, always on port 80: a proxy setting brings its requests
/// to a server on any port, without a namespace or a hosts file.
struct Gh {
    program: PathBuf,
    folder: PathBuf,
    env: BTreeMap<String, String>,
}

impl Gh {
    fn new(server: &Server, folder: &Path) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/gh");
        assert!(program.exists(), "`target/tools/bin/gh` is missing: `make tools` installs it");
        let env = [
            ("HTTP_PROXY", server.url()),
            ("GH_HOST", "github.localhost".to_owned()),
            ("GH_TOKEN", TOKEN.to_owned()),
            ("GH_CONFIG_DIR", folder.join("gh").display().to_string()),
            ("GH_NO_UPDATE_NOTIFIER", "1".to_owned()),
            ("HOME", folder.display().to_string()),
        ];
        Self { program, folder: folder.into(), env: env.map(|(name, value)| (name.to_owned(), value)).into() }
    }

    async fn run(&self, repository: &str, args: &[&str]) -> String {
        let repository = format!("github.localhost/acme/{repository}");
        let cmd = Cmd::new(self.program.display().to_string(), &self.folder);
        run(cmd.args(args.iter().copied()).args(["--repo", &repository]), &self.env).await.stdout
    }
}

async fn run(cmd: Cmd, env: &BTreeMap<String, String>) -> Finished {
    let mut env = env.clone();
    env.insert("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into());
    let shown = cmd.to_string();
    let cmd = cmd.timeout(Duration::from_secs(60));
    let finished = tokio::task::spawn_blocking(move || Runner::new(env.into_iter().collect()).output(&cmd))
        .await
        .unwrap()
        .unwrap();
    assert!(finished.status.success(), "`{shown}`: {}{}", finished.stdout, finished.stderr);
    finished
}
