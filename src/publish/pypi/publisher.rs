//! The wheels and sdists of a plan at one index, phase by phase.

use std::fs;

use super::confirm;
use super::package::{PackageFile, PackageUpload};
use super::packages::Packages;
use crate::artifact::File;
use crate::digest::Digest;
use crate::plan::{Destination, PypiDestination, Step};
use crate::publish::failure::{Failure, Failures};
use crate::publish::ledger::Ledger;
use crate::publish::publisher::{Doing, Kind, Phase, Promised, Publisher};
use crate::publish::run::{PlannedFile, Run};
use crate::publish::verified::Verified;

struct IndexPublisher<'a> {
    /// What the plan calls each of the packages' files, in the same order.
    planned: Vec<PlannedFile<'a>>,
    packages: Packages<'a>,
}

impl Kind for PypiDestination {
    fn publisher<'a>(
        &'a self,
        run: Run<'a>,
        destination: &'a Destination,
    ) -> Result<Box<dyn Publisher + 'a>, Failures> {
        let reached = run.indexes.get(&destination.name);
        let unknown = || anyhow::anyhow!("no URL of the index `{}` is configured", destination.name);
        let (index, credentials) = reached.ok_or_else(unknown)?;
        run.may_reach(&index.upload)?;
        let (mut planned, mut files) = (Vec::new(), Vec::new());
        for release in run.releases(destination) {
            for file in run.files(destination, release) {
                let Some(stage) = file.step.work.stage() else { continue };
                let (distribution, version) = (&stage.distribution, stage.version.as_str());
                planned.push(file);
                files.push(PackageFile { distribution, version, tag: &release.tag, name: file.name });
            }
        }
        let packages = Packages::new(run.printer, index, credentials, files, run.pace(&index.upload))?;
        Ok(Box::new(IndexPublisher { planned, packages }))
    }

    fn receipt_names(&self, _: &Step, files: &[File]) -> Vec<(String, Digest)> {
        files.iter().map(|file| (file.name.clone(), file.sha256)).collect()
    }
}

impl<'a> IndexPublisher<'a> {
    fn uploads(&self, verified: Verified<'_>) -> Result<Vec<PackageUpload<'a>>, Failure> {
        let mut uploads = Vec::new();
        for (planned, file) in self.planned.iter().zip(&self.packages.files) {
            let record = verified.file(*planned)?;
            let path = verified.path(&planned.step.id, record);
            uploads.push(PackageUpload { file: *file, path, size: record.size, sha256: record.sha256 });
        }
        Ok(uploads)
    }

    async fn send(&self, ledger: &mut Ledger) -> Result<(), Failures> {
        let sent = self.packages.upload().await;
        if sent.is_err() {
            ledger.record(confirm::remains(&self.packages).await)?;
        }
        sent
    }
}

impl Publisher for IndexPublisher<'_> {
    fn takes_part(&self, phase: Phase) -> bool {
        matches!(phase, Phase::Compare | Phase::Packages)
    }

    fn observe(&mut self) -> Doing<'_> {
        Box::pin(self.packages.observe())
    }

    fn advance<'s>(&'s mut self, phase: Phase, verified: Verified<'s>, ledger: &'s mut Ledger) -> Doing<'s> {
        Box::pin(async move {
            if phase == Phase::Packages {
                return self.send(ledger).await;
            }
            let uploads = self.uploads(verified)?;
            self.packages.compare(uploads).await
        })
    }

    fn confirm<'s>(&'s mut self, phase: Phase, ledger: &'s mut Ledger) -> Doing<'s> {
        Box::pin(async move {
            if phase == Phase::Packages {
                ledger.record(self.packages.confirm().await?)?;
            }
            Ok(())
        })
    }

    fn lacks<'s>(&'s self, promised: Verified<'s>) -> Doing<'s, Vec<Promised<'s>>> {
        Box::pin(async move {
            let connection = &self.packages.connection;
            let mut lacking = Vec::new();
            for (planned, upload) in self.planned.iter().zip(self.uploads(promised)?) {
                let shown = self.packages.shown.iter().find(|shown| shown.is_of(&upload.file));
                let there = match shown.and_then(|shown| shown.seen.file(upload.file.name)) {
                    Some(there) => {
                        let found = connection.patience.retry(async |_| connection.reader.digest(&upload, there).await);
                        found.await?.0 == upload.sha256
                    }
                    None => false,
                };
                if !there {
                    lacking.push(Promised { step: &planned.step.id, file: promised.file(*planned)? });
                }
            }
            Ok(lacking)
        })
    }

    fn fetch<'s>(&'s self, promised: &'s Promised<'s>, to: &'s fs::File) -> Doing<'s, bool, Failure> {
        Box::pin(async move {
            let reader = &self.packages.connection.reader;
            let Some(file) = self.packages.files.iter().find(|file| file.name == promised.file.name) else {
                return Ok(false);
            };
            let there = reader.find(file).await?;
            let Some(there) = there.filter(|there| there.sha256.is_none_or(|sha256| sha256 == promised.file.sha256))
            else {
                return Ok(false);
            };
            reader.fetch(file.name, &there, &mut promised.sink(to)?).await?;
            Ok(true)
        })
    }
}
