//! The loop of a local cluster: `longshore release --overlay local --yes` with BuildKit into a registry that we did not
//! write. What did not change is neither built nor pushed, and keeps its version.

use std::collections::BTreeSet;
use std::process::Output;

use crate::engines::daemon::Daemon;
use crate::project::Project;
use crate::registry::distribution::{Distribution, Kind};
use crate::tool;

const CONFIG: &str = "longshore: 1
name: pier
components: [api, web, chart-app, chart-web]
images:
  api: { dockerfile: api/Dockerfile }
  web: { dockerfile: web/Dockerfile }
charts:
  app: { component: chart-app, images: { api: api.image } }
  web: { component: chart-web, images: { web: image } }
publish:
  registry: { prefix: registry.example.com/pier }
overlays:
  local:
    snapshot: true
    host: true
    publish:
      github: false
      registry: { prefix: HOST/pier, pull: \"registry.local.svc:5000/pier\", insecure: true, snapshots: true }
";

const IMAGE: &str = "FROM scratch
COPY --chmod=755 busybox /bin/busybox
COPY data/ /data/
CMD [\"/bin/busybox\", \"true\"]
";

const POD: &str = "apiVersion: v1
kind: Pod
metadata: { name: a }
spec: { containers: [{ name: a, image: IMAGE }] }
";

struct Place {
    daemon: Daemon,
    registry: Distribution,
    project: Project,
}

impl Place {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let registry = runtime.block_on(Distribution::start(Kind::Plain));
        let config = CONFIG.replace("HOST", &registry.host);
        let app = POD.replace("IMAGE", "'{{ .Values.api.image.repository }}:{{ .Values.api.image.tag }}'");
        let web = POD.replace("IMAGE", "'{{ .Values.image }}'");
        let project = Project::of(
            "pier",
            &[
                ("longshore.yaml", &config),
                (".gitignore", "target/\n"),
                ("api/Dockerfile", IMAGE),
                ("api/data/a", "1\n"),
                ("web/Dockerfile", IMAGE),
                ("web/data/a", "1\n"),
                ("charts/app/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.1.0\n"),
                ("charts/app/values.yaml", "api: { image: { repository: x, tag: y } }\n"),
                ("charts/app/templates/pod.yaml", &app),
                ("charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n"),
                ("charts/web/values.yaml", "image: x:y # set when it is packaged\n"),
                ("charts/web/templates/pod.yaml", &web),
            ],
        );
        let busybox = std::fs::read("/bin/busybox").unwrap();
        for image in ["api", "web"] {
            std::fs::write(project.folder().join(image).join("busybox"), &busybox).unwrap();
        }
        Self { daemon: Daemon::start(), registry, project: project.commit() }
    }

    #[expect(clippy::disallowed_methods, reason = "tests read the environment themselves")]
    fn run(&self, line: &str) -> Output {
        let mut shell = self.project.shell(line);
        let path = std::env::var("PATH").unwrap_or_default();
        let ours = std::path::Path::new(crate::project::LONGSHORE).parent().unwrap().display().to_string();
        let tools = crate::tools().join("bin").display().to_string();
        shell.env("BUILDKIT_HOST", self.daemon.host()).env("PATH", format!("{ours}:{tools}:{path}"));
        shell.output().unwrap()
    }

    fn must(&self, line: &str) -> String {
        let output = self.run(line);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{line}: {text}");
        text
    }

    /// Releases, and says which steps were built and which references are new.
    fn release(&self, before: &str, more: &str) -> (Vec<String>, BTreeSet<String>) {
        let old = self.tags();
        self.must(before);
        let text = self.must(&format!("longshore release --overlay local --yes {more}"));
        let verbs = ["Building ", "Packaging "];
        let line = |line: &str| verbs.iter().find_map(|verb| line.trim_start().strip_prefix(verb).map(str::to_owned));
        let built = text.lines().filter_map(line);
        let mut built: Vec<String> =
            built.flat_map(|names| names.split(", ").map(str::to_owned).collect::<Vec<_>>()).collect();
        built.sort();
        (built, self.tags().difference(&old).cloned().collect())
    }

    /// Every tag that is a version, as `api:1.2.3`.
    fn tags(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for repository in ["api", "web", "charts/app", "charts/web"] {
            let name = format!("{}/pier/{repository}", self.registry.host);
            let output = tool("crane").args(["ls", "--insecure", &name]).output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let versions = text.lines().filter(|tag| tag.contains("-dev."));
            all.extend(versions.map(|tag| format!("{repository}:{tag}")));
        }
        all
    }
}

fn kinds(tags: &BTreeSet<String>) -> Vec<&str> {
    tags.iter().map(|tag| tag.split(':').next().unwrap()).collect()
}

#[test]
fn only_what_changed_is_built_and_pushed() {
    let place = Place::new();
    let (built, tags) = place.release("true", "");
    assert_eq!(built, ["chart.app", "chart.web", "image.api.linux-amd64", "image.web.linux-amd64"]);
    assert_eq!(kinds(&tags), ["api", "charts/app", "charts/web", "web"]);

    // The same again: nothing.
    let (built, tags) = place.release("true", "");
    assert_eq!((built.len(), tags.len()), (0, 0), "{tags:?}");
    let text = place.must("longshore release --overlay local --yes");
    assert!(text.contains("Unchanged") && text.contains("nothing to publish"), "{text}");

    // One file, not committed: one image and the chart that names it.
    let (built, tags) = place.release("echo 2 > api/data/a", "");
    assert_eq!(built, ["chart.app", "image.api.linux-amd64"]);
    assert_eq!(kinds(&tags), ["api", "charts/app"]);
    let api = tags.iter().find_map(|tag| tag.strip_prefix("api:")).unwrap().to_owned();
    let chart = tags.iter().find_map(|tag| tag.strip_prefix("charts/app:")).unwrap();
    let oci = format!("oci://{}/pier/charts/app", place.registry.host);
    let shown = tool("helm").args(["show", "values", "--plain-http", &oci, "--version", chart]).output().unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert_eq!(
        shown.trim(),
        format!("api: {{ image: {{ repository: registry.local.svc:5000/pier/api, tag: \"{api}\" }} }}")
    );

    // The commit of it, a checkout back and forth, a stash, another branch: no content is new, so nothing is.
    for before in [
        "git commit -qam two",
        "git checkout -q HEAD~1",
        "git checkout -q -b other main",
        "git checkout -q main && echo 1 > api/data/a && git stash -q",
        "git stash pop -q",
    ] {
        let (built, tags) = place.release(before, "");
        assert_eq!((built.len(), tags.len()), (0, 0), "{before}: {built:?} {tags:?}");
    }

    // A file that is gone, and only a chart's.
    let (built, tags) = place
        .release("git checkout -q api/data/a && git rm -q web/data/a && mkdir -p web/data && echo 3 > web/data/b", "");
    assert_eq!(built, ["chart.web", "image.web.linux-amd64"]);
    assert_eq!(kinds(&tags), ["charts/web", "web"]);
    let (built, tags) = place.release("echo '# more' >> charts/app/values.yaml", "");
    assert_eq!((built, kinds(&tags)), (vec!["chart.app".to_owned()], vec!["charts/app"]));

    // Two changes within a second are two versions.
    let twice = "for n in 1 2 3; do echo \"# $n\" >> charts/app/values.yaml; longshore release --overlay local --yes -q > /dev/null || exit 9; done";
    let before = place.tags().len();
    place.must(twice);
    assert_eq!(place.tags().len(), before + 3);

    // A tag that somebody removed is put back, under the version that it had.
    let lost = place.tags().into_iter().rfind(|tag| tag.starts_with("web:")).unwrap();
    let name = format!("{}/pier/{lost}", place.registry.host);
    assert!(tool("crane").args(["delete", "--insecure", &name]).status().unwrap().success());
    assert!(!place.tags().contains(&lost));
    let (_, tags) = place.release("true", "");
    assert_eq!(tags, BTreeSet::from([lost]));

    // A label is part of the version, and so of what is asked for.
    let (_, tags) = place.release("true", "--label tail-sampling");
    assert_eq!(kinds(&tags), ["api", "charts/app", "charts/web", "web"]);
    assert!(tags.iter().all(|tag| tag.contains(".tail-sampling.")), "{tags:?}");
    let (built, tags) = place.release("true", "--label tail-sampling");
    assert_eq!((built.len(), tags.len()), (0, 0));
}
