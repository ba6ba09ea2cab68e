//! Starts an image, to see that it does: with Docker or Podman if they are there, else with runc in a tree of our own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::artifact::{Artifact, CheckResult, Subject};
use crate::build::bundle::bundle;
use crate::build::docker_archive::{Tagged, write_some};
use crate::build::log::Log;
use crate::build::machine::Machine;
use crate::build::rootfs::Rootfs;
use crate::build::stored;
use crate::oci::image::Image;
use crate::plan::{ContainerCheck, ImageWork};
use crate::step_id::StepId;
use crate::world::http::{Client, Request};
use crate::world::interrupt::{self, Holding};
use crate::world::path::resolve;
use crate::world::process::{Cmd, Finished, Runner};
use crate::world::runtime;
use crate::world::store::read_json;

/// How long one image may take until it ends or answers.
const LIMIT: Duration = Duration::from_secs(30);
/// How long an engine may take to load one.
const LOAD: Duration = Duration::from_secs(300);

/// How much is kept of what an image prints, of each of its streams; the rest is thrown away.
const LONGEST_OUTPUT: usize = 1 << 20;
/// How many lines of a server's log are asked for.
const LAST_LINES: &str = "100";
/// How often it is looked whether we were told to end.
const GLANCE: Duration = Duration::from_millis(100);

/// What can start images, in the order they are tried.
const ENGINES: [&str; 3] = ["docker", "podman", "runc"];

/// The engine of this machine that answers.
pub fn engine(runner: &Runner) -> Option<&'static str> {
    let answers = |name: &&&str| {
        let asked = if **name == "runc" { "--version" } else { "info" };
        let cmd = Cmd::new(**name, Path::new(".")).arg(asked).timeout(LIMIT);
        runner.find(name).is_some()
            && runner.output_within(&cmd, LONGEST_OUTPUT).is_ok_and(|done| done.status.success())
    };
    ENGINES.iter().find(answers).copied()
}

/// Starts the image of a step once. One that does not start is a result, no error.
///
/// # Errors
/// If the image is not there, or no engine answers.
pub fn run(
    machine: Machine<'_>,
    log: &mut Log<'_>,
    check: &ContainerCheck,
    image: &StepId,
) -> anyhow::Result<CheckResult> {
    let Machine { runner, store, .. } = machine;
    let (step, work) = machine.find::<ImageWork>(image)?;
    let record: Artifact = read_json(&store.record(&step.id))?;
    let subject = |file: &crate::artifact::File| Subject {
        step: step.id.to_string(),
        name: file.name.clone(),
        sha256: file.sha256,
    };
    let engine = engine(runner).context("no container engine is available: start Docker or Podman, or install runc")?;
    let image = stored::image(store, step, work)?;
    let blob = |blob| stored::fetch(machine, blob);
    let config: Value = read_json(&blob(&image.config)?)?;
    let unpacked = match engine {
        "runc" => Some(image.layers.iter().map(blob).collect::<anyhow::Result<Vec<_>>>()?),
        _ => None,
    };
    // What is made from here on does not go away by itself.
    let tidying = Holding::to_tidy();
    let scratch = tempfile::tempdir_in(store.root())?;
    let trial = Trial { runner, engine, check, config, scratch: resolve(scratch.path())?, name: name(&image) };
    let seen = if let Some(layers) = unpacked {
        trial.with_runc(log, &layers)
    } else {
        let archive = trial.scratch.join("image.tar");
        write_some(machine, &[Tagged { image, tags: vec![format!("{}:smoke", trial.name)] }], &archive)?;
        trial.with_engine(log, &archive)
    };
    drop((scratch, tidying));
    ensure!(interrupt::told().is_none(), "interrupted: `{}` was not tested", step.id);
    let (passed, detail) = match seen {
        Ok(detail) => (true, detail),
        Err(error) => (false, format!("{error:#}")),
    };
    log.tell(&detail);
    Ok(CheckResult {
        passed,
        subjects: record.files.iter().map(subject).collect(),
        detail: format!("{engine}: {detail}"),
        ..CheckResult::default()
    })
}

/// The most of anything that a first run may have: machines that are containers themselves allow no more.
#[cfg(unix)]
const MOST: u64 = 32_768;

/// The limits of this process, as flags of an engine.
#[cfg(unix)]
fn limits() -> Vec<String> {
    use rustix::process::{Resource, getrlimit};
    let flag = |(name, resource)| {
        let limit = getrlimit(resource);
        let text = |number: Option<u64>| number.unwrap_or(MOST).min(MOST).to_string();
        ["--ulimit".to_owned(), format!("{name}={}:{}", text(limit.current), text(limit.maximum))]
    };
    [("nofile", Resource::Nofile), ("nproc", Resource::Nproc)].into_iter().flat_map(flag).collect()
}

#[cfg(windows)]
fn limits() -> Vec<String> {
    Vec::new()
}

/// A name that no other image on the machine has.
fn name(image: &Image) -> String {
    let digest = image.manifest.descriptor.digest.hex();
    format!("longshore-smoke-{}-{}", &digest[..12.min(digest.len())], std::process::id())
}

struct Trial<'a> {
    runner: &'a Runner,
    engine: &'static str,
    check: &'a ContainerCheck,
    config: Value,
    scratch: PathBuf,
    name: String,
}

impl Trial<'_> {
    fn cmd(&self, args: &[&str]) -> Cmd {
        Cmd::new(self.engine, &self.scratch).args(args.iter().copied()).timeout(LIMIT)
    }

    /// `run` of an engine. Podman raises limits unless it is told otherwise, which not every machine lets it.
    fn start(&self, args: &[&str]) -> Cmd {
        let limits = if self.engine == "podman" { limits() } else { Vec::new() };
        self.cmd(&["run"]).args(limits).args(args.iter().copied())
    }

    fn must(&self, log: &mut Log<'_>, cmd: &Cmd) -> anyhow::Result<Finished> {
        log.tell(format_args!("$ {cmd}"));
        let done = self.runner.output_within(cmd, LONGEST_OUTPUT)?;
        let said = format!("{}{}", done.stdout, done.stderr);
        said.lines().for_each(|line| log.tell(line));
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
        let last = cut(last);
        if done.timed_out {
            bail!("did not finish within {} s; its last output: {last}", LIMIT.as_secs());
        }
        if !done.status.success() {
            bail!("failed with {}; its last output: {last}", done.status);
        }
        Ok(done)
    }

    fn with_engine(&self, log: &mut Log<'_>, archive: &Path) -> anyhow::Result<String> {
        let archive = archive.to_str().context("the path of the archive is not UTF-8")?;
        self.must(log, &self.cmd(&["load", "--quiet", "--input", archive]).timeout(LOAD))?;
        let image = format!("{}:smoke", self.name);
        let result = match &self.check.http {
            None => {
                let cmd = self.start(&["--rm", "--network", "none", "--name", &self.name, &image]);
                self.must(log, &cmd.args(self.check.args.iter().cloned())).and_then(|done| ended(&done, self.check))
            }
            Some(path) => self.answers(log, &image, path),
        };
        for args in [["rm", "--force", &self.name], ["rmi", "--force", &image]] {
            let _ = self.runner.tidy(&self.cmd(&args), LONGEST_OUTPUT);
        }
        result
    }

    fn answers(&self, log: &mut Log<'_>, image: &str, path: &str) -> anyhow::Result<String> {
        let port = first_port(&self.config)?;
        let publish = format!("127.0.0.1::{port}");
        self.must(log, &self.start(&["--detach", "--name", &self.name, "--publish", &publish, image]))?;
        let shown = self.must(log, &self.cmd(&["port", &self.name, &port.to_string()]))?;
        let place = shown.stdout.lines().next().unwrap_or_default().trim().to_owned();
        let seen = wait_for(&format!("http://{place}/{}", path.trim_start_matches('/')), LIMIT);
        if seen.is_err() {
            let _ = self.must(log, &self.cmd(&["logs", "--tail", LAST_LINES, &self.name]));
        }
        seen
    }

    /// Without an engine: the layers unpacked, and a container around them.
    fn with_runc(&self, log: &mut Log<'_>, layers: &[PathBuf]) -> anyhow::Result<String> {
        let mut rootfs = Rootfs::new(self.scratch.join("rootfs"))?;
        for layer in layers {
            rootfs.add(layer).with_context(|| format!("cannot unpack `{}`", layer.display()))?;
        }
        let bundle = bundle(&self.config["config"], &rootfs, self.check)?;
        fs::write(self.scratch.join("config.json"), bundle.to_string())?;
        let state = self.scratch.join("state");
        let state = state.to_str().context("the path of the output folder is not UTF-8")?.to_owned();
        let run = ["--root", &state, "run"];
        let result = match &self.check.http {
            None => self.must(log, &self.cmd(&run).arg(&self.name)).and_then(|done| ended(&done, self.check)),
            Some(path) => {
                let url = format!("http://127.0.0.1:{}/{}", first_port(&self.config)?, path.trim_start_matches('/'));
                let cmd = self.cmd(&run).timeout(LIMIT + LIMIT).arg(&self.name);
                log.tell(format_args!("$ {cmd}"));
                std::thread::scope(|scope| {
                    let running = scope.spawn(|| self.runner.output_within(&cmd, LONGEST_OUTPUT));
                    let seen = wait_for(&url, LIMIT);
                    let _ =
                        self.runner.tidy(&self.cmd(&["--root", &state, "kill", &self.name, "KILL"]), LONGEST_OUTPUT);
                    let said = running.join().ok().and_then(Result::ok);
                    seen.map_err(|error| match said {
                        Some(done) if !done.stderr.trim().is_empty() => {
                            error.context(format!("its output was `{}`", cut(&done.stderr)))
                        }
                        _ => error,
                    })
                })
            }
        };
        let _ = self.runner.tidy(&self.cmd(&["--root", &state, "delete", "--force", &self.name]), LONGEST_OUTPUT);
        result
    }
}

/// Foreign output, shortened for a message.
fn cut(text: &str) -> String {
    text.trim().chars().take(500).collect()
}

fn ended(done: &Finished, check: &ContainerCheck) -> anyhow::Result<String> {
    let said = match done.stdout.lines().chain(done.stderr.lines()).find(|line| !line.trim().is_empty()) {
        Some(line) => format!("it started and printed `{}`", cut(line)),
        None => "it started and succeeded".into(),
    };
    match &check.contains {
        Some(text) if !format!("{}{}", done.stdout, done.stderr).contains(text) => bail!("{said}, without `{text}`"),
        _ => Ok(said),
    }
}

/// The first port that the image exposes over TCP.
fn first_port(config: &Value) -> anyhow::Result<u16> {
    let exposed = config["config"]["ExposedPorts"].as_object().into_iter().flat_map(|ports| ports.keys());
    let port = exposed.filter_map(|port| port.strip_suffix("/tcp").unwrap_or(port).parse().ok()).min();
    port.context("`smoke: {http: …}` needs a port in `expose:`, or `EXPOSE` in the Dockerfile")
}

/// Asks until something answers well; what else it sends is not waited for.
fn wait_for(url: &str, limit: Duration) -> anyhow::Result<String> {
    let url: url::Url = url.parse().with_context(|| format!("`{url}` is not a URL"))?;
    let client = Client::new(&url)?;
    let mut last = format!("`{}` does not answer", url.path());
    runtime::block_on(async {
        let asked = async {
            loop {
                last = match client.status(Request { accept: "*/*", ..Request::get(url.clone()) }).await {
                    Ok(status) if status < 400 => return status,
                    Ok(status) => format!("`{}` answers with status {status}", url.path()),
                    Err(error) => error.text,
                };
                tokio::time::sleep(GLANCE).await;
            }
        };
        let told = async {
            while interrupt::told().is_none() {
                tokio::time::sleep(GLANCE).await;
            }
        };
        tokio::select! {
            status = asked => Ok(format!("`{}` answered with status {status}", url.path())),
            () = told => bail!("interrupted"),
            () = tokio::time::sleep(limit) => bail!("{last}, for {} s", limit.as_secs()),
        }
    })?
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::time::Instant;

    use super::*;

    /// A server that answers each request with this, and says no more.
    fn server(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/events", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 1024]).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
                open.push(stream);
            }
        });
        url
    }

    #[test]
    fn the_status_is_answer_enough() {
        let begun = Instant::now();
        let endless = server("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
        assert_eq!(wait_for(&endless, LIMIT).unwrap(), "`/events` answered with status 200");
        assert!(begun.elapsed() < LIMIT);
    }

    #[test]
    fn an_answer_that_does_not_come_is_waited_for_no_longer_than_the_limit() {
        let limit = Duration::from_secs(1);
        let said = |answer| wait_for(&server(answer), limit).unwrap_err().to_string();
        assert_eq!(said(""), "`/events` does not answer, for 1 s");
        assert_eq!(said("HTTP/1.1 200 OK\r\nX-Slow: "), "`/events` does not answer, for 1 s");
        let bad = "HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        assert_eq!(said(bad), "`/events` answers with status 500, for 1 s");
    }
}
