//! Starts an image, to see that it does: with Docker or Podman if they are there, else with runc in a tree of our own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::docker_archive::{blobs, write_some};
use super::log::Log;
use super::rootfs::Rootfs;
use crate::artifact::{Artifact, CheckResult, Subject};
use crate::oci::registry::Registries;
use crate::plan::{ContainerCheck, ImageWork, Step};
use crate::world::http::{Client, Request};
use crate::world::path::resolve;
use crate::world::process::{Cmd, Finished, Runner};
use crate::world::store::{Store, read_json};

/// How long one image may take until it ends or answers.
const LIMIT: Duration = Duration::from_secs(30);
/// How long an engine may take to load one.
const LOAD: Duration = Duration::from_secs(300);

/// What can start images, in the order they are tried.
const ENGINES: [&str; 3] = ["docker", "podman", "runc"];

/// The engine of this machine that answers.
pub fn engine(runner: &Runner) -> Option<&'static str> {
    let answers = |name: &&&str| {
        let asked = if **name == "runc" { "--version" } else { "info" };
        let cmd = Cmd::new(**name, Path::new(".")).arg(asked).timeout(LIMIT);
        runner.find(name).is_some() && runner.output(&cmd).is_ok_and(|done| done.status.success())
    };
    ENGINES.iter().find(answers).copied()
}

/// Starts the image of a step once. One that does not start is a result, no error.
///
/// # Errors
/// If the image is not there, or no engine answers.
pub fn run(
    runner: &Runner,
    log: &mut Log<'_>,
    (store, registries): (&Store, Option<&Registries>),
    (check, step, work): (&ContainerCheck, &Step, &ImageWork),
) -> anyhow::Result<CheckResult> {
    let record: Artifact = read_json(&store.record(&step.id))?;
    let subject =
        |file: &crate::artifact::File| Subject { step: step.id.clone(), name: file.name.clone(), sha256: file.sha256 };
    let engine = engine(runner).context("no engine answers: start Docker or Podman, or install runc")?;
    let scratch = tempfile::tempdir_in(store.root())?;
    let trial = Trial { runner, engine, scratch: resolve(scratch.path())?, name: name(&record) };
    let seen = if engine == "runc" {
        trial.with_runc(log, (check, work), blobs(store, registries, step, work)?)
    } else {
        let archive = trial.scratch.join("image.tar");
        write_some(store, registries, &[(step, work, vec![format!("{}:smoke", trial.name)])], &archive)?;
        trial.with_engine(log, (check, work), &archive)
    };
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

/// A name that no other image on the machine has.
fn name(record: &Artifact) -> String {
    let digest = record.files.last().map(|file| file.sha256.hex()).unwrap_or_default();
    format!("longshore-smoke-{}-{}", &digest[..12.min(digest.len())], std::process::id())
}

struct Trial<'a> {
    runner: &'a Runner,
    engine: &'static str,
    scratch: PathBuf,
    name: String,
}

impl Trial<'_> {
    fn cmd(&self, args: &[&str]) -> Cmd {
        Cmd::new(self.engine, &self.scratch).args(args.iter().copied()).timeout(LIMIT)
    }

    fn must(&self, log: &mut Log<'_>, cmd: &Cmd) -> anyhow::Result<Finished> {
        log.tell(format_args!("$ {cmd}"));
        let done = self.runner.output(cmd)?;
        let said = format!("{}{}", done.stdout, done.stderr);
        said.lines().for_each(|line| log.tell(line));
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing").trim().to_owned();
        if done.timed_out {
            bail!("did not end in {} s; it said: {last}", LIMIT.as_secs());
        }
        if !done.status.success() {
            bail!("ended with {}; it said: {last}", done.status);
        }
        Ok(done)
    }

    fn with_engine(
        &self,
        log: &mut Log<'_>,
        (check, work): (&ContainerCheck, &ImageWork),
        archive: &Path,
    ) -> anyhow::Result<String> {
        let archive = archive.to_str().context("the path of the archive is not UTF-8")?;
        self.must(log, &self.cmd(&["load", "--quiet", "--input", archive]).timeout(LOAD))?;
        let image = format!("{}:smoke", self.name);
        let result = match &check.http {
            None => {
                let cmd = self.cmd(&["run", "--rm", "--network", "none", "--name", &self.name, &image]);
                self.must(log, &cmd.args(check.args.iter().cloned())).and_then(|done| ended(&done, check))
            }
            Some(path) => self.answers(log, (&image, path), work),
        };
        for args in [["rm", "--force", &self.name], ["rmi", "--force", &image]] {
            let _ = self.runner.output(&self.cmd(&args));
        }
        result
    }

    fn answers(&self, log: &mut Log<'_>, (image, path): (&str, &str), work: &ImageWork) -> anyhow::Result<String> {
        let port = first_port(work)?;
        let publish = format!("127.0.0.1::{port}");
        self.must(log, &self.cmd(&["run", "--detach", "--name", &self.name, "--publish", &publish, image]))?;
        let shown = self.must(log, &self.cmd(&["port", &self.name, &port.to_string()]))?;
        let place = shown.stdout.lines().next().unwrap_or_default().trim().to_owned();
        let seen = wait_for(&format!("http://{place}/{}", path.trim_start_matches('/')));
        if seen.is_err() {
            let _ = self.must(log, &self.cmd(&["logs", &self.name]));
        }
        seen
    }

    /// Without an engine: the layers unpacked, and a container around them that shares the network.
    fn with_runc(
        &self,
        log: &mut Log<'_>,
        (check, work): (&ContainerCheck, &ImageWork),
        ((_, config), layers): ((crate::digest::Digest, PathBuf), Vec<(crate::digest::Digest, PathBuf)>),
    ) -> anyhow::Result<String> {
        let mut rootfs = Rootfs::new(self.scratch.join("rootfs"))?;
        for (_, layer) in &layers {
            rootfs.add(layer).with_context(|| format!("cannot unpack `{}`", layer.display()))?;
        }
        let config: Value = read_json(&config)?;
        let bundle = bundle(&config["config"], &rootfs, &check.args);
        fs::write(self.scratch.join("config.json"), bundle.to_string())?;
        let state = self.scratch.join("state");
        let state = state.to_str().context("the path of the output folder is not UTF-8")?.to_owned();
        let run = ["--root", &state, "run"];
        let result = match &check.http {
            None => self.must(log, &self.cmd(&run).arg(&self.name)).and_then(|done| ended(&done, check)),
            Some(path) => {
                let url = format!("http://127.0.0.1:{}/{}", first_port(work)?, path.trim_start_matches('/'));
                let cmd = self.cmd(&run).timeout(LIMIT + LIMIT).arg(&self.name);
                log.tell(format_args!("$ {cmd}"));
                std::thread::scope(|scope| {
                    let running = scope.spawn(|| self.runner.output(&cmd));
                    let seen = wait_for(&url);
                    let _ = self.runner.output(&self.cmd(&["--root", &state, "kill", &self.name, "KILL"]));
                    let said = running.join().ok().and_then(Result::ok);
                    seen.map_err(|error| match said {
                        Some(done) if !done.stderr.trim().is_empty() => {
                            error.context(format!("it said `{}`", done.stderr.trim()))
                        }
                        _ => error,
                    })
                })
            }
        };
        let _ = self.runner.output(&self.cmd(&["--root", &state, "delete", "--force", &self.name]));
        result
    }
}

fn ended(done: &Finished, check: &ContainerCheck) -> anyhow::Result<String> {
    let said = match done.stdout.lines().chain(done.stderr.lines()).find(|line| !line.trim().is_empty()) {
        Some(line) => format!("it started and said `{}`", line.trim()),
        None => "it started and ended well".into(),
    };
    match &check.contains {
        Some(text) if !format!("{}{}", done.stdout, done.stderr).contains(text) => bail!("{said}, without `{text}`"),
        _ => Ok(said),
    }
}

fn first_port(work: &ImageWork) -> anyhow::Result<u16> {
    let port = work.config.expose.iter().find_map(|port| port.strip_suffix("/tcp")?.parse().ok());
    port.context("`smoke: {http: …}` needs a port in `expose:`")
}

/// Asks until something answers well.
fn wait_for(url: &str) -> anyhow::Result<String> {
    let url: url::Url = url.parse().with_context(|| format!("`{url}` is no URL"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = Client::new(&url)?;
    let end = Instant::now() + LIMIT;
    loop {
        let last = match runtime.block_on(client.send(Request { accept: "*/*", ..Request::get(url.clone()) })) {
            Ok(reply) if reply.status < 400 => {
                return Ok(format!("it answered `{}` with status {}", url.path(), reply.status));
            }
            Ok(reply) => format!("`{}` answers with status {}", url.path(), reply.status),
            Err(error) => error.text,
        };
        if Instant::now() >= end {
            bail!("{last}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A container as runc wants it: <https://github.com/opencontainers/runtime-spec/blob/v1.2.0/config.md>.
fn bundle(config: &Value, rootfs: &Rootfs, smoke: &[String]) -> Value {
    let words = |key: &str| -> Vec<String> {
        let items = config[key].as_array().map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let mut args = words("Entrypoint");
    if smoke.is_empty() {
        args.extend(words("Cmd"))
    } else {
        args.extend(smoke.iter().cloned())
    }
    let (uid, gid) = ids(config["User"].as_str().unwrap_or_default(), rootfs);
    let mount = |kind: &str, to: &str, options: &[&str]| json!({ "destination": to, "type": kind, "source": kind, "options": options });
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": { "uid": uid, "gid": gid },
            "args": args,
            "env": words("Env"),
            "cwd": config["WorkingDir"].as_str().filter(|dir| !dir.is_empty()).unwrap_or("/"),
            "noNewPrivileges": true,
        },
        "root": { "path": "rootfs", "readonly": false },
        "hostname": "smoke",
        "mounts": [
            mount("proc", "/proc", &[]),
            mount("tmpfs", "/dev", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount("tmpfs", "/dev/shm", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        ],
        "linux": { "namespaces": [{ "type": "pid" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" }] },
    })
}

/// User and group as numbers; names are looked up in the image.
fn ids(user: &str, rootfs: &Rootfs) -> (u32, u32) {
    let (user, group) = user.split_once(':').map_or((user, None), |(user, group)| (user, Some(group)));
    let table = |file: &str, name: &str| -> Option<Vec<String>> {
        let text = rootfs.text(file)?;
        let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
        Some(line.split(':').map(str::to_owned).collect())
    };
    let number = |fields: &Option<Vec<String>>, index: usize| fields.as_ref()?.get(index)?.parse().ok();
    let of_user = table("etc/passwd", user);
    let uid = user.parse().ok().or_else(|| number(&of_user, 2)).unwrap_or(0);
    let gid = match group {
        Some(group) => group.parse().ok().or_else(|| number(&table("etc/group", group), 2)),
        None => number(&of_user, 3),
    };
    (uid, gid.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_looked_up_in_the_image() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("etc")).unwrap();
        fs::write(folder.path().join("etc/passwd"), "root:x:0:0::/:/x\napp:x:12:34::/:/x\n").unwrap();
        fs::write(folder.path().join("etc/group"), "staff:x:50:\n").unwrap();
        let rootfs = Rootfs::new(folder.path().to_owned()).unwrap();
        let check = |user: &str, expected| assert_eq!(ids(user, &rootfs), expected, "{user}");
        check("", (0, 0));
        check("65532:65532", (65532, 65532));
        check("app", (12, 34));
        check("app:staff", (12, 50));
        check("7", (7, 0));
    }

    #[test]
    fn a_container_runs_what_the_image_says() {
        let config = json!({ "Entrypoint": ["/app"], "Cmd": ["serve"], "Env": ["A=b"], "User": "5", "WorkingDir": "" });
        let folder = tempfile::tempdir().unwrap();
        let rootfs = Rootfs::new(folder.path().to_owned()).unwrap();
        let usual = bundle(&config, &rootfs, &[]);
        assert_eq!(usual["process"]["args"], json!(["/app", "serve"]));
        assert_eq!((&usual["process"]["user"]["uid"], &usual["process"]["cwd"]), (&json!(5), &json!("/")));
        let asked = bundle(&config, &rootfs, &["--version".into()]);
        assert_eq!(asked["process"]["args"], json!(["/app", "--version"]));
    }
}
