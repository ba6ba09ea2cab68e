//! A deployment file: written when all that it names is published, and only if it would have other bytes.

use std::fs;
use std::path::PathBuf;

use super::describe::Describe;
use super::failure::{Failure, Failures};
use super::ledger::Ledger;
use super::publisher::{Doing, Kind, Phase, Publisher};
use super::run::Run;
use super::verified::Verified;
use crate::digest::Digest;
use crate::plan::{Destination, FileDestination, Plan, Step, StepFile, ValuePart, Workflow};
use crate::problem::Problem;
use crate::receipt::{Outcome, Receipt};
use crate::shown;
use crate::world::path::resolve;
use crate::world::{clock, files};

struct FilePublisher<'a> {
    run: Run<'a>,
    destination: &'a Destination,
    file: &'a FileDestination,
    /// What was written, until it is read back.
    written: Option<(PathBuf, String)>,
}

impl Kind for FileDestination {
    fn publisher<'a>(
        &'a self,
        run: Run<'a>,
        destination: &'a Destination,
    ) -> Result<Box<dyn Publisher + 'a>, Failures> {
        Ok(Box::new(FilePublisher { run, destination, file: self, written: None }))
    }
}

impl FilePublisher<'_> {
    /// What will not be writable is told before anything is built.
    fn look(&self) -> Result<(), Failure> {
        if self.run.here.rehearsed {
            return Ok(());
        }
        let root = resolve(self.run.here.store.repository()).map_err(|error| self.cannot("be written", &error))?;
        let path = root.join(&self.file.file);
        if path.is_dir() {
            return Err(self.cannot("be written", &"it is a folder"));
        }
        let Some(above) = path.ancestors().skip(1).find(|folder| folder.exists()) else { return Ok(()) };
        let above = resolve(above).map_err(|error| self.cannot("be written", &error))?;
        match above.is_dir() && above.starts_with(&root) {
            true => Ok(()),
            false => Err(self.cannot("be written", &"what is above it is a file, or a link out of the repository")),
        }
    }

    /// Where it is written, the folders above it made.
    fn path(&self) -> Result<PathBuf, Failure> {
        let store = self.run.here.store;
        let root = if self.run.here.rehearsed { store.rehearsal() } else { store.repository().to_owned() };
        fs::create_dir_all(&root).map_err(|error| self.cannot("be written", &error))?;
        let path = files::make_room(&root, &self.file.file).map_err(|error| self.cannot("be written", &error))?;
        if path.is_dir() {
            return Err(self.cannot("be written", &"it is a folder"));
        }
        Ok(path)
    }

    fn cannot(&self, what: &str, why: &dyn std::fmt::Display) -> Failure {
        let problem = Problem::new("deployment-file", format!("`{}` cannot {what}: {why:#}", self.file.file));
        Failure::Refused(problem.hint(format!("choose another path for `publish.{}.file`", self.destination.name)))
    }

    async fn text(&self, verified: Verified<'_>) -> Result<String, Failure> {
        let mut set = Vec::new();
        for one in &self.file.set {
            let mut value = String::new();
            for part in &one.value {
                match part {
                    ValuePart::Text(text) => value.push_str(text),
                    ValuePart::DigestOf(reference) => value.push_str(&self.run.digest(reference).await?.to_string()),
                    ValuePart::Sha256Of(file) => value.push_str(&sha256(verified, file)?),
                }
            }
            set.push((one.key.clone(), value));
        }
        Ok(self.file.format.render(&set))
    }

    async fn write(&mut self, verified: Verified<'_>, ledger: &mut Ledger) -> Result<(), Failure> {
        let text = self.text(verified).await?;
        let path = self.path()?;
        let is_same = fs::read(&path).is_ok_and(|bytes| bytes == text.as_bytes());
        let outcome = if is_same { Outcome::AlreadyThere } else { Outcome::Published };
        if !is_same {
            files::write_lasting(&path, text.as_bytes()).map_err(|error| self.cannot("be written", &error))?;
            self.run.printer.step("Wrote", path.display());
        }
        ledger.record([self.receipt(&path, &text, outcome)])?;
        self.written = Some((path, text));
        Ok(())
    }

    fn receipt(&self, path: &std::path::Path, text: &str, outcome: Outcome) -> Receipt {
        Receipt {
            destination: self.destination.name.clone(),
            tag: self.run.tag(),
            name: self.file.file.clone(),
            sha256: Some(Digest::of(text.as_bytes())),
            size: u64::try_from(text.len()).ok(),
            url: Some(path.display().to_string()),
            outcome,
            confirmed_by: Some("digest".into()),
            at: clock::now(),
        }
    }
}

fn sha256(verified: Verified<'_>, file: &StepFile) -> Result<String, Failure> {
    let found = verified.artifact(&file.step)?.files.iter().find(|known| known.name == file.name);
    let found = found.ok_or_else(|| {
        let text = format!("the manifest lacks `{}` of `{}`", file.name, file.step);
        Failure::Refused(Problem::new("manifest-incomplete", text).hint("run `longshore verify` for this plan"))
    })?;
    Ok(found.sha256.hex())
}

impl Publisher for FilePublisher<'_> {
    fn observe(&mut self) -> Doing<'_> {
        Box::pin(async move { Ok(self.look()?) })
    }

    fn takes_part(&self, phase: Phase) -> bool {
        phase == Phase::Files
    }

    fn advance<'s>(&'s mut self, _: Phase, verified: Verified<'s>, ledger: &'s mut Ledger) -> Doing<'s> {
        Box::pin(async move { Ok(self.write(verified, ledger).await?) })
    }

    fn confirm<'s>(&'s mut self, _: Phase, _: &'s mut Ledger) -> Doing<'s> {
        Box::pin(async move {
            let Some((path, text)) = self.written.take() else { return Ok(()) };
            let is_same = fs::read(&path).is_ok_and(|bytes| bytes == text.as_bytes());
            if is_same { Ok(()) } else { Err(self.cannot("be read back", &"it has other bytes").into()) }
        })
    }
}

impl Describe for FileDestination {
    fn planned(&self, _: &Plan, _: &[&Step]) -> Vec<String> {
        let value = |part: &ValuePart| match part {
            ValuePart::Text(text) => text.clone(),
            ValuePart::DigestOf(reference) => format!("<digest of {reference}>"),
            ValuePart::Sha256Of(file) => format!("<SHA-256 of {}>", file.name),
        };
        let lines = self.set.iter().map(|one| {
            let value: String = one.value.iter().map(value).collect();
            shown::one_line(&format!("{} = {value}", one.key))
        });
        std::iter::once(format!("writes {}", self.file)).chain(lines).collect()
    }

    fn places(&self, _: &Plan, _: Option<&Workflow>, _: &str) -> Vec<String> {
        vec![format!("writes {}", self.file)]
    }
}
