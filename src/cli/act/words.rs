//! What act is given: its words, the event that starts the workflows, and the files it reads.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use super::workflow::WorkflowFile;
use crate::plan::Plan;
use crate::release::stage_file::{TOKEN, VARIABLE};
use crate::world::files;
use crate::world::process::Cmd;

/// Our own action, as workflows name it.
const ACTION: &str = "longshore-release/longshore";

/// The files of the action that belongs to this binary: act takes it from here, whatever commit a workflow names.
const ACTION_FILES: [(&str, &str); 4] = [
    ("action.yml", include_str!("../../../action.yml")),
    ("dist/checksums.txt", include_str!("../../../dist/checksums.txt")),
    ("dist/install.sh", include_str!("../../../dist/install.sh")),
    ("dist/install.ps1", include_str!("../../../dist/install.ps1")),
];

/// The label that act knows no machine for: it runs the steps as they are, on this one.
const HERE: &str = "-self-hosted";

pub struct Scene<'a> {
    pub act: &'a Path,
    /// A folder for everything it makes.
    pub place: &'a Path,
    pub repository: &'a Path,
    /// What the workflows are expected to plan.
    pub plan: &'a Plan,
    /// The tags that were "pushed".
    pub tags: &'a [String],
    pub words: &'a [String],
}

impl Scene<'_> {
    /// Writes our action, the event, and the passwords of the rehearsal, which open nothing else and so are not secrets. They come in
    /// a file, because steps see act's environment, and a workflow that forgets to hand a secret on must fail here too.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn prepare(&self) -> anyhow::Result<()> {
        for (name, text) in ACTION_FILES {
            files::write_atomic(&self.place.join("action").join(name), text.as_bytes())?;
        }
        fs::write(self.place.join("event.json"), self.event().to_string())?;
        let wanted = self.plan.destinations.iter().flat_map(|destination| &destination.credentials);
        let names: BTreeSet<&str> = wanted.map(String::as_str).chain(["GITHUB_TOKEN"]).collect();
        let lines: Vec<String> = names.into_iter().map(|name| format!("{name}={}\n", TOKEN)).collect();
        Ok(fs::write(self.place.join("passwords"), lines.concat())?)
    }

    /// A push of the tag; for several, the manual run that finishes what a push of many tags does not start.
    fn event(&self) -> serde_json::Value {
        let (owner, name) = self.plan.repository.rsplit_once('/').unwrap_or_default();
        let mut event = serde_json::json!({
            "repository": {
                "full_name": self.plan.repository,
                "name": name,
                "owner": { "login": owner, "name": owner },
                "default_branch": "main",
            },
        });
        let more = match self.tags {
            [tag] => serde_json::json!({
                "ref": format!("refs/tags/{tag}"),
                "before": "0".repeat(40),
                "after": self.plan.commit,
                "created": true,
                "deleted": false,
                "forced": false,
                "head_commit": { "id": self.plan.commit },
            }),
            several => serde_json::json!({ "ref": "refs/heads/main", "inputs": { "tags": several.join(" ") } }),
        };
        if let (Some(event), serde_json::Value::Object(more)) = (event.as_object_mut(), more) {
            event.extend(more);
        }
        event
    }

    /// A command for each file. All run at once, so each has folders and a port of its own.
    ///
    /// # Errors
    /// If a folder or a port cannot be had.
    pub fn commands(&self, workflows: &[WorkflowFile]) -> anyhow::Result<Vec<Cmd>> {
        // All are taken before the first is given back, so that none is taken twice.
        let ports: Vec<TcpListener> =
            workflows.iter().map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
        let mut commands = Vec::new();
        for (workflow, port) in workflows.iter().zip(&ports) {
            commands.push(self.command(workflow, port.local_addr()?.port())?);
        }
        Ok(commands)
    }

    fn command(&self, workflow: &WorkflowFile, port: u16) -> anyhow::Result<Cmd> {
        let own = folder(self.place, workflow.file())?;
        let path = |folder: &Path, name: &str| folder.join(name).display().to_string();
        // act panics when somebody asks for artifacts before there is one: 1 is its number of every run.
        fs::create_dir_all(own.join("artifacts/1"))?;
        let binary = std::env::current_exe()?;
        let event = if self.tags.len() == 1 { "push" } else { "workflow_dispatch" };
        let mut cmd = Cmd::new(self.act.display().to_string(), self.repository)
            .args([event, "--json", "--workflows", &workflow.path])
            .args(["--eventpath", &path(self.place, "event.json"), "--secret-file", &path(self.place, "passwords")])
            .args(["--artifact-server-addr", "127.0.0.1", "--artifact-server-port", &port.to_string()])
            .args(["--artifact-server-path", &path(&own, "artifacts")])
            .args(["--cache-server-addr", "127.0.0.1", "--cache-server-path", &path(&own, "caches")])
            .args(["--action-cache-path", &path(&own, "work")])
            // The copy holds nothing that is ignored, and all that is there belongs to the commit.
            .arg("--use-gitignore=false")
            .args(["--env", &format!("{VARIABLE}={}", path(self.place, "stage.json"))])
            .args(["--env", &format!("LONGSHORE_BINARY={}", binary.display())])
            // act gives steps a terminal, which runners do not.
            .args(["--env", "NO_COLOR=1"]);
        let jobs = self.plan.jobs.iter().map(|job| job.runner.as_str());
        let runners = self.plan.workflows.iter().filter_map(|workflow| workflow.options.runner.as_deref());
        let labels: BTreeSet<&str> =
            jobs.chain(runners).chain(workflow.labels.iter().map(String::as_str)).chain(["ubuntu-latest"]).collect();
        for label in labels {
            cmd = cmd.args(["--platform", &format!("{label}={HERE}")]);
        }
        for wanted in workflow.refs(ACTION) {
            let action = path(self.place, "action");
            cmd = cmd.args(["--local-repository", &format!("{ACTION}@{wanted}={action}")]);
        }
        Ok(cmd.args(self.words.iter().map(String::as_str)))
    }
}

pub fn folder(place: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let folder = place.join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
