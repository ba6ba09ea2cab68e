//! Charts in registries: Helm reads what we pushed, we accept what Helm pushed, and both push the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use longshore::oci::registry::Registries;
use longshore::rehearsal::registry::{Auth, Options, Server};
use serde_json::{Value, json};

use super::helm::{Helm, parsed, text};
use crate::chart_case::{Case, must, package, said};
use crate::image::Image;
use crate::project::Project;
use crate::registry::clients::Place;
use crate::registry::distribution::{Distribution, Kind};

/// With annotations and maintainers, with an image, and with `+` in the version.
const CASES: [&str; 3] = ["chart-yaml-kept", "yaml-flow", "chart-version-build-metadata"];

/// What only our manifest says: the commit, and the digest of the inputs.
const OURS: [&str; 2] = ["dev.longshore.inputs", "org.opencontainers.image.revision"];
const CREATED: &str = "org.opencontainers.image.created";

/// A chart, verified, for one registry.
struct Chart {
    case: Case,
    project: Project,
    helm: Helm,
    /// Host and path: each case has a path of its own.
    prefix: String,
}

impl Chart {
    async fn new(name: &str, place: &Place) -> Self {
        let (case, prefix) = (Case::new(name), format!("{}/{name}", place.host));
        let api = place.repository(&format!("{name}/api"));
        Image::new("1.4.0").push(&place.registries(None), &api, &["1.4.0"]).await.unwrap();
        let project = case.project();
        let tag = case.tag();
        must(
            &project,
            &format!("sed -i s,registry.example.com/pier,{prefix}, longshore.yaml && git commit -qam registry"),
        );
        must(&project, &format!("git tag -f {tag} && longshore plan -q --tag {tag}"));
        must(&project, "longshore build -q --all && longshore verify -q");
        Self { case, project, helm: Helm::new(), prefix }
    }

    fn package(&self) -> PathBuf {
        package(&self.project).unwrap()
    }

    /// `0.3.1`, as Helm is asked for it.
    fn version(&self) -> String {
        self.case.tag().trim_start_matches("chart-app-v").to_owned()
    }

    /// The tag in the registry.
    fn tag(&self) -> String {
        self.case.expected("oci-tag").unwrap_or_else(|| self.version())
    }

    fn reference(&self) -> String {
        format!("oci://{}/charts/app", self.prefix)
    }

    /// Helm with the published chart.
    fn helm(&self, command: &[&str], more: &[&str]) -> String {
        let (reference, version) = (self.reference(), self.version());
        self.helm.must(&[command, &[&reference, "--version", &version, "--plain-http"], more].concat())
    }

    /// The manifest that is there.
    async fn manifest(&self, registries: &Registries, repository: &str) -> Value {
        let reference = format!("{}/{repository}:{}", self.prefix, self.tag()).parse().unwrap();
        registries.manifest(&reference).await.unwrap().unwrap().json()
    }
}

async fn we_push_and_helm_reads(place: &Place) {
    for name in CASES {
        let chart = Chart::new(name, place).await;
        must(&chart.project, "longshore publish -q --yes");
        let pulled = tempfile::tempdir().unwrap();
        chart.helm(&["pull"], &["--destination", text(pulled.path())]);
        let file = pulled.path().join(format!("app-{}.tgz", chart.version()));
        assert!(fs::read(&file).unwrap() == fs::read(chart.package()).unwrap(), "{name}: other bytes");
        let shown = parsed(&chart.helm(&["show", "chart"], &[]));
        assert_eq!(shown, chart.helm.metadata(&chart.package()), "{name}");
        assert_eq!(shown["version"], chart.version());
        let values = chart.helm(&["show", "values"], &[]);
        assert_eq!(parsed(&values)["image"]["tag"], if name == CASES[0] { "dev" } else { "1.4.0" });
        chart.helm.must(&["lint", "--strict", text(&file)]);
        let rendered = chart.helm(&["template", "r"], &[]);
        let repository = format!("{}/api", chart.prefix);
        assert_eq!(rendered.contains(&repository), name != CASES[0], "{rendered}");
    }
}

/// Every field that a client of charts reads is the same; `created` is the time of the package's file for Helm, and that
/// of the commit for us. The other field that only one of them writes is the manifest's own `mediaType`.
async fn helm_pushes_the_same(place: &Place) {
    let registries = place.registries(None);
    for name in CASES {
        let chart = Chart::new(name, place).await;
        let to = format!("oci://{}/theirs", chart.prefix);
        chart.helm.must(&["push", text(&chart.package()), &to, "--plain-http"]);
        must(&chart.project, "longshore publish -q --yes");
        let ours = chart.manifest(&registries, "charts/app").await;
        let theirs = chart.manifest(&registries, "theirs/app").await;
        let without = |manifest: &Value, keys: &[&str]| {
            let mut manifest = manifest.clone();
            let annotations = manifest["annotations"].as_object_mut().unwrap();
            keys.iter().for_each(|key| assert!(annotations.remove(*key).is_some(), "{name}: no {key}"));
            manifest.as_object_mut().unwrap().remove("mediaType");
            manifest
        };
        let expected = without(&theirs, &[CREATED]);
        assert_eq!(without(&ours, &[&OURS[..], &[CREATED]].concat()), expected, "{name}");
        assert_eq!(ours["annotations"][CREATED], "2026-01-01T00:00:00Z");
        assert_eq!(ours["mediaType"], "application/vnd.oci.image.manifest.v1+json");
        if let Some(annotations) = chart.case.expected("annotations.json") {
            let annotations: Value = serde_json::from_str(&annotations).unwrap();
            assert_eq!(expected["annotations"], annotations, "{name}");
        }
    }
}

/// The same chart is done, whoever pushed it; another one of that version is never replaced.
async fn helm_was_there_before(place: &Place) {
    let registries = place.registries(None);
    let chart = Chart::new(CASES[0], place).await;
    let to = format!("oci://{}/charts", chart.prefix);
    chart.helm.must(&["push", text(&chart.package()), &to, "--plain-http"]);
    let before = chart.manifest(&registries, "charts/app").await;
    let done = must(&chart.project, "longshore publish --yes --json");
    assert_eq!(chart.manifest(&registries, "charts/app").await, before);
    let receipts: Value = serde_json::from_slice(&done.stdout).unwrap();
    let digest = place.crane(&["digest", &format!("{}/charts/app:{}", chart.prefix, chart.tag())]).await;
    assert!(receipts.to_string().contains(digest.trim()), "{receipts}");

    let other = chart.case.staged();
    must(&other, "echo 'more: 1' >> charts/app/values.yaml");
    let other = chart.helm.package(&other.folder().join(crate::chart_case::CHART)).unwrap();
    chart.helm.must(&["push", text(&other), &to, "--plain-http"]);
    let before = chart.manifest(&registries, "charts/app").await;
    let done = chart.project.sh("longshore publish --yes");
    assert_eq!(done.status.code(), Some(4), "{}", said(&done));
    assert_eq!(chart.manifest(&registries, "charts/app").await, before);
}

/// A rehearsal's registry and Distribution's keep the same bytes under the same tags.
#[tokio::test(flavor = "multi_thread")]
async fn both_registries_hold_the_same() {
    let mut seen: Vec<BTreeMap<&str, Value>> = Vec::new();
    let distribution = Distribution::start(Kind::Plain).await;
    let (_server, rehearsal) = rehearsal();
    for place in [Place::of(&distribution), rehearsal] {
        let chart = Chart::new(CASES[0], &place).await;
        must(&chart.project, "longshore publish -q --yes");
        let manifest = chart.manifest(&place.registries(None), "charts/app").await;
        seen.push(BTreeMap::from([("config", json!(manifest["config"])), ("layers", json!(manifest["layers"]))]));
    }
    assert_eq!(seen[0], seen[1]);
}

/// The rehearsal's registry.
fn rehearsal() -> (Server, Place) {
    let server = Server::start(Options { auth: Auth::None, ..Options::default() }).unwrap();
    let place = Place::new(server.url().strip_prefix("http://").unwrap(), None);
    (server, place)
}

#[tokio::test(flavor = "multi_thread")]
async fn helm_reads_what_we_pushed_to_distribution() {
    let registry = Distribution::start(Kind::Plain).await;
    we_push_and_helm_reads(&Place::of(&registry)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn helm_reads_what_we_pushed_to_a_rehearsal() {
    let (_server, place) = rehearsal();
    we_push_and_helm_reads(&place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn helm_pushes_the_same_to_distribution() {
    let registry = Distribution::start(Kind::Plain).await;
    helm_pushes_the_same(&Place::of(&registry)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn helm_pushes_the_same_to_a_rehearsal() {
    let (_server, place) = rehearsal();
    helm_pushes_the_same(&place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn helm_was_at_distribution_before() {
    let registry = Distribution::start(Kind::Plain).await;
    helm_was_there_before(&Place::of(&registry)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn helm_was_at_a_rehearsal_before() {
    let (_server, place) = rehearsal();
    helm_was_there_before(&place).await;
}
