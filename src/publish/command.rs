//! A command of the user's: run when all that it accepts is published, and again when that has changed.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use tokio::task::spawn_blocking;

use super::describe::{Describe, gets};
use super::failure::{Failure, Failures};
use super::ledger::Ledger;
use super::publisher::{Doing, Kind, Phase, Publisher};
use super::run::Run;
use super::verified::Verified;
use crate::command::Command;
use crate::digest::Digest;
use crate::plan::{CommandDestination, Destination, Origin, Plan, Step, Work, Workflow};
use crate::problem::Problem;
use crate::receipt::{Outcome, Receipt};
use crate::shown;
use crate::world::clock;
use crate::world::command::cmd;
use crate::world::env::Env;
use crate::world::process::{Cmd, Runner, described};
use crate::world::store::{read_json, write_json};
use crate::world::terminal::Printer;

/// How many lines of its output an error message repeats.
const LAST_LINES: usize = 20;

/// What it is told, as far as that decides whether it runs again.
#[derive(Serialize)]
struct Told<'a> {
    command: &'a Command,
    pass_env: &'a [String],
    images: Vec<(String, Digest)>,
    files: Vec<(&'a str, &'a str, Digest)>,
    /// Deployment files.
    written: Vec<(&'a str, Option<Digest>)>,
}

struct CommandPublisher<'a> {
    run: Run<'a>,
    destination: &'a Destination,
    command: &'a CommandDestination,
}

impl Kind for CommandDestination {
    fn publisher<'a>(
        &'a self,
        run: Run<'a>,
        destination: &'a Destination,
    ) -> Result<Box<dyn Publisher + 'a>, Failures> {
        // A snapshot is asked for; what is only not ready to be released is not deployed.
        let reason = run.plan.only_loopback().filter(|_| run.plan.origin != Origin::Snapshot && !run.here.rehearsed);
        if let Some(reason) = reason {
            let text = format!("the command of `publish.{}` does not run: {reason}", destination.name);
            let hint = "push the tag, pass `--snapshot`, or try `longshore rehearse`";
            return Err(Failure::Refused(Problem::new("loopback-only", text).hint(hint)).into());
        }
        Ok(Box::new(CommandPublisher { run, destination, command: self }))
    }
}

impl CommandPublisher<'_> {
    fn cmd(&self) -> Cmd {
        let root = self.run.here.store.repository();
        cmd(&self.command.command, root).timeout(Duration::from_secs(self.command.timeout))
    }

    /// What cannot be started is told before anything is built.
    fn glance(&self) -> Result<(), Failure> {
        let (cmd, name) = (self.cmd(), &self.destination.name);
        let is_path = cmd.program.contains(['/', '\\']);
        if self.run.here.rehearsed || is_path || cmd.env.get("PATH").is_some() {
            return Ok(());
        }
        if self.run.here.runner.find(&cmd.program).is_some() {
            return Ok(());
        }
        let text = format!("`publish.{name}` runs `{}`, which is not on `PATH`", cmd.program);
        Err(Failure::Refused(Problem::new("command-missing", text).hint("install it, or correct `run:`")))
    }

    /// The images and charts, as their registries have them.
    async fn images(&self) -> Result<Vec<(String, Digest)>, Failure> {
        let mut images = Vec::new();
        for reference in &self.command.references {
            images.push((reference.to_string(), self.run.digest(reference).await?));
        }
        Ok(images)
    }

    fn told(&self, images: Vec<(String, Digest)>, verified: Verified<'_>, ledger: &Ledger) -> Result<Digest, Failure> {
        let mut files = Vec::new();
        let is_file = |step: &&Step| !matches!(step.work, Work::Image(_) | Work::Index(_) | Work::Chart(_));
        let taken = self.run.plan.steps.iter().filter(|step| self.run.takes(&self.destination.name, step));
        for step in taken.filter(is_file) {
            let made = &verified.artifact(&step.id)?.files;
            files.extend(made.iter().map(|file| (step.id.as_str(), file.name.as_str(), file.sha256)));
        }
        let is_deployment = |receipt: &&Receipt| {
            let mut all = self.run.plan.destinations.iter();
            all.any(|one| one.name == receipt.destination && one.kind.file().is_some())
        };
        let receipts = ledger.so_far().receipts.iter().filter(is_deployment);
        let written = receipts.map(|receipt| (receipt.name.as_str(), receipt.sha256)).collect();
        let CommandDestination { command, pass_env, .. } = self.command;
        let bytes = serde_json::to_vec(&Told { command, pass_env, images, files, written });
        Ok(Digest::of(&bytes.map_err(anyhow::Error::from)?))
    }

    async fn carry_out(&self, verified: Verified<'_>, ledger: &mut Ledger) -> Result<(), Failure> {
        let (printer, here, name) = (self.run.printer, self.run.here, &self.destination.name);
        let cmd = self.cmd();
        let line = shown::one_line(&shown(&self.command.command));
        if here.rehearsed {
            printer.step("Not run", format!("`{name}`: {line}"));
            return Ok(());
        }
        let images = self.images().await?;
        // Of what was published before this run nothing else says that it is there.
        let is_known = |name: &str| ledger.so_far().receipts.iter().any(|receipt| receipt.name == name);
        let earlier = images.iter().filter(|(name, _)| !is_known(name));
        let earlier: Vec<Receipt> =
            earlier.map(|(name, digest)| self.receipt(name, *digest, Outcome::AlreadyThere)).collect();
        let told = self.told(images, verified, ledger)?;
        let known = here.store.told(name);
        if read_json::<Digest>(&known).is_ok_and(|earlier| earlier == told) {
            printer.step("Skipping", format!("`{name}`: nothing has changed since it last succeeded"));
            return ledger.record([self.receipt(name, told, Outcome::AlreadyThere)]);
        }
        // It reads them.
        ledger.record(earlier)?;
        let manifest = verified.store.manifest();
        if !manifest.is_file() {
            write_json(&manifest, verified.manifest)?;
        }
        let runner = here.runner.clone().passing(&self.command.pass_env);
        let runner = runner.with("LONGSHORE_MANIFEST", absolute(&manifest));
        let runner = runner.with("LONGSHORE_RECEIPTS", absolute(ledger.path()));
        printer.step("Running", format!("`{name}`: {line}"));
        let started = Started { runner, cmd, printer: printer.clone(), line, name: name.clone() };
        spawn_blocking(move || started.finish()).await.map_err(anyhow::Error::from)??;
        write_json(&known, &told)?;
        ledger.record([self.receipt(name, told, Outcome::Published)])
    }

    fn receipt(&self, name: &str, sha256: Digest, outcome: Outcome) -> Receipt {
        Receipt {
            destination: self.destination.name.clone(),
            tag: self.run.tag(),
            name: name.to_owned(),
            sha256: Some(sha256),
            size: None,
            url: None,
            outcome,
            confirmed_by: Some(if name == self.destination.name { "exit code" } else { "digest" }.into()),
            at: clock::now(),
        }
    }
}

fn absolute(path: &std::path::Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// A command as one would type it.
fn shown(command: &Command) -> String {
    match command.shell {
        Some(_) => command.run.join("; "),
        None => shell_words::join(&command.run),
    }
}

/// A command on its way.
struct Started {
    runner: Runner,
    cmd: Cmd,
    printer: Printer,
    line: String,
    name: String,
}

impl Started {
    /// Shows what it says, the credentials that it was handed blotted out.
    fn finish(self) -> Result<(), Failure> {
        let mut last: VecDeque<String> = VecDeque::new();
        let ended = self.runner.stream(&self.cmd, &mut |_, bytes| {
            let said = self.runner.redact(&String::from_utf8_lossy(bytes));
            let said = said.trim_end_matches(['\n', '\r']);
            self.printer.foreign(said);
            if last.len() == LAST_LINES {
                last.pop_front();
            }
            last.push_back(anstream::adapter::strip_str(said).to_string());
        });
        self.printer.resume();
        let Self { line, name, .. } = &self;
        let said = if last.is_empty() { String::new() } else { format!("\n{}", Vec::from(last).join("\n")) };
        let again = "what is published stays: run the same command again, and it is run again";
        match ended {
            Err(error) => {
                let text = format!("`publish.{name}` cannot run `{line}`: {error:#}");
                Err(Failure::Unconfirmed(Problem::new("command-failed", text).hint(again)))
            }
            Ok((_, true)) => {
                let limit = self.cmd.timeout.unwrap_or_default().as_secs();
                let text = format!("`publish.{name}`: `{line}` did not finish within {limit} s and was killed{said}");
                let hint = format!("find out what it waits for, or raise `publish.{name}.timeout`; {again}");
                Err(Failure::Unconfirmed(Problem::new("command-timeout", text).hint(hint)))
            }
            Ok((status, false)) if !status.success() => {
                let text = format!("`publish.{name}`: `{line}` failed with {}{said}", described(status));
                Err(Failure::Unconfirmed(Problem::new("command-failed", text).hint(again)))
            }
            Ok(_) => Ok(()),
        }
    }
}

impl Publisher for CommandPublisher<'_> {
    fn observe(&mut self) -> Doing<'_> {
        Box::pin(async move { Ok(self.glance()?) })
    }

    fn takes_part(&self, phase: Phase) -> bool {
        phase == Phase::Commands
    }

    fn advance<'s>(&'s mut self, _: Phase, verified: Verified<'s>, ledger: &'s mut Ledger) -> Doing<'s> {
        Box::pin(async move { Ok(self.carry_out(verified, ledger).await?) })
    }

    /// Its exit code has said it.
    fn confirm<'s>(&'s mut self, _: Phase, _: &'s mut Ledger) -> Doing<'s> {
        Box::pin(async move { Ok(()) })
    }
}

impl Describe for CommandDestination {
    fn planned(&self, _: &Plan, published: &[&Step]) -> Vec<String> {
        let files =
            published.iter().filter(|step| !matches!(step.work, Work::Image(_) | Work::Index(_) | Work::Chart(_)));
        let files = files.flat_map(|step| step.outputs().into_iter().map(str::to_owned));
        let told: Vec<String> = self.references.iter().map(ToString::to_string).chain(files).collect();
        vec![format!("runs {}", shown::one_line(&shown(&self.command))), format!("after {}", told.join(", "))]
    }

    fn places(&self, _: &Plan, _: Option<&Workflow>, _: &str) -> Vec<String> {
        vec![format!("runs {}", shown(&self.command))]
    }

    fn presented(&self, _: &Env) -> Vec<String> {
        let names: Vec<&str> = self.pass_env.iter().map(String::as_str).collect();
        if names.is_empty() { Vec::new() } else { vec![gets("the command", &names)] }
    }
}
