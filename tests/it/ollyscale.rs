//! What a change makes due, beside the table of triggers in ollyScale's document on its build system.
//!
//! Where the document names only the image, the charts whose values name it are due, too (its "update chart"). Other
//! differences:
//!
//! - The document has "any file below `apps/…`". What `.dockerignore` drops makes nothing due: tests, changelogs,
//!   documentation. What a Dockerfile does not copy, and its own comments, count here only because the case locks no base
//!   images: one could have `ONBUILD COPY`.
//! - The document has `templates/`, `values.yaml` and `Chart.yaml` of a chart. Every file that is packaged counts, and what
//!   `.helmignore` drops does not.
//! - `requirements.txt` has become `pyproject.toml` and `uv.lock`; `webui` is `web-ui`, and `ollyscale` is `api`.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;

use serde_json::Value;

use crate::cases;
use crate::project::Project;

const API: &[&str] = &["chart.ollyscale", "index.api"];
const WEB_UI: &[&str] = &["chart.ollyscale", "index.web-ui"];
const OPAMP_SERVER: &[&str] = &["chart.ollyscale", "index.opamp-server"];
const DEMO: &[&str] = &["chart.ollyscale-demos", "index.demo"];
const AGENT: &[&str] = &["chart.ollyscale-otel-agent", "index.demo-otel-agent"];
const PLATFORM: &[&str] = &["chart.ollyscale"];
const DEMOS: &[&str] = &["chart.ollyscale-demos"];
const NOTHING: &[&str] = &[];

/// A file, what is appended to it, and what is due then: the rows of the document.
const TRIGGERS: &[(&str, &str, &[&str])] = &[
    ("apps/api/app/routers.py", "\n", API),
    ("apps/api/receiver/server.py", "\n", API),
    ("apps/api/common/storage.py", "\n", API),
    ("apps/api/pyproject.toml", "\n", API),
    ("apps/api/uv.lock", "\n", API),
    ("apps/web-ui/src/main.ts", "\n", WEB_UI),
    ("apps/web-ui/package.json", "\n", WEB_UI),
    ("apps/web-ui/nginx/default.conf.template", "\n", WEB_UI),
    ("apps/opamp-server/main.go", "\n", OPAMP_SERVER),
    ("apps/opamp-server/go.mod", "\n", OPAMP_SERVER),
    ("apps/demo/frontend.py", "\n", DEMO),
    ("apps/demo/backend.py", "\n", DEMO),
    ("apps/demo-otel-agent/agent.py", "\n", AGENT),
    ("apps/api/Dockerfile", "ENV MORE=1\n", API),
    ("apps/web-ui/Dockerfile", "ENV MORE=1\n", WEB_UI),
    ("apps/opamp-server/Dockerfile", "ENV MORE=1\n", OPAMP_SERVER),
    ("apps/demo/Dockerfile", "ENV MORE=1\n", DEMO),
    ("charts/ollyscale/templates/webui-deployment.yaml", "\n", PLATFORM),
    ("charts/ollyscale/values.yaml", "\n", PLATFORM),
    ("charts/ollyscale/Chart.yaml", "\n", PLATFORM),
    ("charts/ollyscale-demos/templates/deployment-frontend.yaml", "\n", DEMOS),
    ("charts/ollyscale-demos/values.yaml", "\n", DEMOS),
    ("charts/ollyscale-demos/Chart.yaml", "\n", DEMOS),
    (".kind/modules/main/argocd-applications/app.tf", "\n", NOTHING),
];

/// Where it is otherwise than the document has it, or the document says nothing.
const DIFFERENCES: &[(&str, &str, &[&str])] = &[
    ("apps/api/tests/test_app.py", "\n", NOTHING),
    ("apps/api/CHANGELOG.md", "\n", NOTHING),
    ("apps/opamp-server/CHANGELOG.md", "\n", OPAMP_SERVER),
    ("apps/web-ui/README.md", "\n", NOTHING),
    ("apps/api/Dockerfile", "# A comment.\n", API),
    ("apps/web-ui/vite.config.js", "\n", WEB_UI),
    ("charts/ollyscale/CHANGELOG.md", "\n", NOTHING),
    ("charts/ollyscale/.helmignore", "\n", PLATFORM),
    ("charts/ollyscale-demos/generate-traffic.sh", "\n", DEMOS),
    ("charts/ollyscale-otel-agent/CHANGELOG.md", "\n", &["chart.ollyscale-otel-agent"]),
    ("charts/ollyscale-postgres/ci/default-values.yaml", "\n", &["chart.ollyscale-postgres"]),
    ("versions.json", "\n", NOTHING),
    ("README.md", "\n", NOTHING),
];

#[test]
fn what_triggers_what() {
    check(TRIGGERS);
}

#[test]
fn what_triggers_something_else_than_the_document_says() {
    check(DIFFERENCES);
}

fn check(rows: &[(&str, &str, &[&str])]) {
    let project = cases::project("ollyscale");
    let mut wrong = Vec::new();
    for (path, more, expected) in rows {
        let due = due_after(&project, path, more);
        let expected: BTreeSet<String> = expected.iter().map(|id| (*id).to_owned()).collect();
        if due != expected {
            wrong.push(format!("{path}: {due:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The indexes and charts of a plan for what one more commit changes.
fn due_after(project: &Project, path: &str, more: &str) -> BTreeSet<String> {
    let at = project.folder().join(path);
    std::fs::create_dir_all(at.parent().unwrap()).unwrap();
    let mut file = OpenOptions::new().append(true).create(true).open(&at).unwrap();
    file.write_all(more.as_bytes()).unwrap();
    let done = project.sh("git add -A && git commit -q -m more && longshore plan -q --affected HEAD~1 --json");
    let plan: Value = serde_json::from_slice(&done.stdout).unwrap();
    let ids = plan["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap());
    ids.filter(|id| id.starts_with("index.") || id.starts_with("chart.")).map(str::to_owned).collect()
}
