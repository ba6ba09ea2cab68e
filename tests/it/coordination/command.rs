//! `longshore publish --workflow`: three processes, as three jobs run it.

use std::path::PathBuf;
use std::process::{Child, Output, Stdio};

use longshore::world::handover;
use serde_json::Value;

use super::world::{ALL, ASSETS, CLIENT, RUN, Run, SERVER, TOKEN, World, run};
use crate::project::{LONGSHORE, program, variable};

impl World {
    /// The tar that a workflow's verify job hands over.
    fn packed(&self, run: Run<'_>) -> PathBuf {
        let (store, _) = self.built(run);
        let tar = store.root().with_extension("tar");
        handover::pack(&store, &self.workflow(run.workflow).steps, true, &tar).unwrap();
        tar
    }

    /// A publish job of it, on a machine of its own.
    fn job(&self, run: Run<'_>, args: &[&str]) -> Child {
        let folder = self.machine();
        std::fs::create_dir(&folder).unwrap();
        let (server, rest) = RUN.split_once("/harbor-works/").unwrap();
        let mut command = program(LONGSHORE);
        command
            .args(["publish", "--yes", "--json", "--workflow", run.workflow])
            .args(args)
            .arg("--from")
            .arg(self.packed(run))
            .current_dir(folder)
            .env_clear()
            .env("PATH", variable("PATH").unwrap_or_default())
            .env("GIT_CEILING_DIRECTORIES", self.folder.path())
            .env("LONGSHORE_GITHUB_API", self.github.url())
            .env("GITHUB_SERVER_URL", server)
            .env("GITHUB_REPOSITORY", "harbor-works/opsml")
            .env("GITHUB_RUN_ID", rest.rsplit('/').next().unwrap())
            .env("GITHUB_TOKEN", TOKEN)
            .env("PYPI_TOKEN", TOKEN)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    }
}

async fn end(child: Child) -> (Option<i32>, Value, String) {
    let done: Output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(!said.contains(TOKEN) && !String::from_utf8_lossy(&done.stdout).contains(TOKEN), "{said}");
    (done.status.code(), serde_json::from_slice(&done.stdout).unwrap_or_default(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn three_jobs_make_one_release() {
    let world = World::new().await;
    for salt in ["first", "second"] {
        let jobs = ALL.map(|workflow| world.job(Run { salt, ..run(workflow) }, &[]));
        for job in jobs.map(end) {
            let (code, output, said) = job.await;
            assert_eq!((code, &output["state"]), (Some(0), &"complete".into()), "{output:#}{said}");
        }
        world.is_published(["first"; 3]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_ends_and_says_how_to_go_on() {
    let world = World::new().await;
    for (workflow, awaited) in [
        (CLIENT, "the draft of `v3.0.0`, which `build-assets.yml` makes"),
        (ASSETS, "the manifest of `release-client.yml`, `release-server.yml`"),
    ] {
        let (code, output, said) = end(world.job(run(workflow), &["--wait", "0"])).await;
        let problem = &output["problems"][0];
        assert_eq!((code, &problem["code"]), (Some(6), &"coordination-timeout".into()), "{output:#}{said}");
        assert!(problem["message"].as_str().unwrap().contains(awaited), "{problem}");
        assert!(
            problem["hint"].as_str().unwrap().contains(&format!("longshore publish --workflow {workflow}")),
            "{problem}"
        );
    }
    // What lies in the draft says where its bytes are.
    let (code, output, said) = end(world.job(Run { salt: "second", ..run(ASSETS) }, &["--wait", "0"])).await;
    assert_eq!(code, Some(6), "{said}");
    assert!(output["problems"][0]["hint"].as_str().unwrap().contains(RUN), "{output:#}");
    assert!(world.is_hidden());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_a_workflow() {
    let world = World::new().await;
    let refused = |to: &'static str, code: &'static str, world: &World| {
        let job = world.job(run(CLIENT), &["--to", to]);
        async move {
            let (exit, output, said) = end(job).await;
            assert_eq!((exit, &output["problems"][0]["code"]), (Some(2), &code.into()), "{output:#}{said}");
        }
    };
    refused("registry", "unknown-destination", &world).await;
    refused("pypi.opsml", "unknown-destination", &world).await;
    refused("github.opsml-cli", "split-release", &world).await;
    // The files of the draft are somebody's command; the images are another one.
    let others = [SERVER, CLIENT].map(|workflow| world.job(run(workflow), &[]));
    let (code, output, said) = end(world.job(run(ASSETS), &["--to", "github"])).await;
    assert_eq!(code, Some(0), "{output:#}{said}");
    assert!(world.opened().is_none() && world.tags().is_empty(), "{output:#}");
    let (code, output, said) = end(world.job(run(ASSETS), &[])).await;
    assert_eq!(code, Some(0), "{output:#}{said}");
    for other in others {
        let (code, output, said) = end(other).await;
        assert_eq!(code, Some(0), "{output:#}{said}");
    }
    world.is_published(["first"; 3]);
}
