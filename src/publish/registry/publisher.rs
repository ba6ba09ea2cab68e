//! The images of a plan at one destination, phase by phase.

use std::fs;
use std::io::Write;

use tokio::sync::OnceCell;

use super::images::{Images, Placement, PlannedImage, names};
use super::push::Push;
use super::{compare, inputs, observe, push, readers, tags};
use crate::artifact::{File, document};
use crate::digest::Digest;
use crate::oci::Descriptor;
use crate::plan::{Destination, ImageWork, RegistryDestination, Step, Work};
use crate::publish::failure::{Failure, Failures};
use crate::publish::ledger::Ledger;
use crate::publish::publisher::{Doing, Kind, Phase, Promised, Publisher};
use crate::publish::run::Run;
use crate::publish::verified::Verified;
use crate::reference::{Reference, Repository};

struct ImagePublisher<'a> {
    images: Images<'a>,
    observed: Vec<PlannedImage<'a>>,
    /// Images of others' runs that charts name, as they are.
    expected: Vec<(Reference, Digest)>,
    placements: Vec<Placement<'a>>,
    /// Floating tags where they were left, until they are confirmed.
    moved: Vec<(Reference, Digest)>,
}

impl Kind for RegistryDestination {
    fn publisher<'a>(
        &'a self,
        run: Run<'a>,
        destination: &'a Destination,
    ) -> Result<Box<dyn Publisher + 'a>, Failures> {
        let everybody = run.registries.anonymous();
        let images = Images { run, destination, registry: self, everybody, public: OnceCell::new() };
        let (observed, expected) = (Vec::new(), Vec::new());
        Ok(Box::new(ImagePublisher { images, observed, expected, placements: Vec::new(), moved: Vec::new() }))
    }

    fn receipt_names(&self, step: &Step, files: &[File]) -> Vec<(String, Digest)> {
        let Some(document) = document(files) else { return Vec::new() };
        let images = self.images.iter().filter(|image| image.step == step.id);
        let tagged = images.flat_map(|image| {
            let tags = |repository| image.tags.iter().map(move |tag| format!("{repository}:{tag}"));
            image.repositories.iter().flat_map(tags)
        });
        tagged.map(|name| (name, document.sha256)).collect()
    }
}

impl ImagePublisher<'_> {
    /// Sees to it that every blob and manifest is there, by digest. None of it is visible yet.
    async fn push(&self) -> Result<(), Failures> {
        let all: Vec<&PlannedImage<'_>> = self.placements.iter().map(|one| &one.planned).collect();
        let open: Vec<&Placement<'_>> = self.placements.iter().filter(|one| one.planned.is_open(&all)).collect();
        if open.is_empty() {
            return Ok(());
        }
        let run = self.images.run;
        let progress = run.printer.start("Pushing", names(all.iter().map(|one| one.repository)));
        push::everything(&Push { registries: run.registries, progress }, &open).await
    }

    async fn document(&self, repository: &Repository, promised: &Promised<'_>, to: &fs::File) -> Result<bool, Failure> {
        let document = self.images.run.registries.manifest(&repository.at(promised.file.sha256)).await?;
        let Some(document) = document else { return Ok(false) };
        promised.sink(to)?.write_all(&document.bytes).map_err(anyhow::Error::from)?;
        Ok(true)
    }

    /// A repository that does not have a blob says so in many ways.
    async fn blob(&self, repository: &Repository, promised: &Promised<'_>, to: &fs::File) -> Result<bool, Failure> {
        let File { sha256: digest, size, .. } = *promised.file;
        let blob = Descriptor { media_type: String::new(), digest, size };
        Ok(self.images.run.registries.download(repository, &blob, &mut promised.sink(to)?).await.is_ok())
    }

    /// Every fixed tag of images, or of charts, as it should be now.
    fn fixed(&self, charts: bool) -> Vec<(Reference, Digest)> {
        let of = |one: &Placement<'_>| {
            let (planned, digest) = (&one.planned, one.digest());
            planned.image.tags.iter().map(|tag| (planned.repository.tagged(tag), digest)).collect::<Vec<_>>()
        };
        self.placements.iter().filter(|one| one.planned.is_chart() == charts).flat_map(of).collect()
    }
}

impl Publisher for ImagePublisher<'_> {
    fn observe(&mut self) -> Doing<'_> {
        Box::pin(async move {
            (self.observed, self.expected) = observe::observe(&self.images).await?;
            Ok(())
        })
    }

    fn seen(&self) -> Vec<(Reference, Digest)> {
        let of = |one: &PlannedImage<'_>| {
            let tags = one.there.iter().map(|(tag, digest)| (one.repository.tagged(*tag), *digest));
            tags.collect::<Vec<_>>()
        };
        self.observed.iter().flat_map(of).chain(self.expected.iter().cloned()).collect()
    }

    fn takes_part(&self, phase: Phase) -> bool {
        match phase {
            Phase::Compare | Phase::Content | Phase::FixedTags => true,
            Phase::Charts => self.placements.iter().any(|one| one.planned.is_chart()),
            Phase::FloatingTags => self.placements.iter().any(|one| !one.planned.image.floating.is_empty()),
            _ => false,
        }
    }

    fn advance<'s>(&'s mut self, phase: Phase, verified: Verified<'s>, ledger: &'s mut Ledger) -> Doing<'s> {
        Box::pin(async move {
            match phase {
                Phase::Compare => {
                    let observed = std::mem::take(&mut self.observed);
                    let run = self.images.run;
                    self.placements = compare::compare(run.plan, run.registries, observed, verified).await?;
                }
                Phase::Content => self.push().await?,
                Phase::FixedTags => {
                    tags::fix(&self.images, &self.placements, ledger).await?;
                    let images = self.placements.iter().filter(|one| !one.planned.is_chart());
                    inputs::put(&self.images, images, verified).await?;
                }
                Phase::Charts => {
                    tags::fix_charts(&self.images, &self.placements, ledger).await?;
                    let charts = self.placements.iter().filter(|one| one.planned.is_chart());
                    inputs::put(&self.images, charts, verified).await?;
                }
                _ => self.moved = tags::float(&self.images, &self.placements, ledger).await?,
            }
            Ok(())
        })
    }

    fn confirm<'s>(&'s mut self, phase: Phase, _: &'s mut Ledger) -> Doing<'s> {
        Box::pin(async move {
            match phase {
                Phase::FixedTags => readers::look(&self.images, &self.fixed(false)).await,
                Phase::Charts => readers::look(&self.images, &self.fixed(true)).await,
                Phase::FloatingTags => readers::look(&self.images, &self.moved).await,
                _ => Ok(()),
            }
        })
    }

    /// What describes an image always; what it consists of where a tag is still to be put.
    fn lacks<'s>(&'s self, promised: Verified<'s>) -> Doing<'s, Vec<Promised<'s>>> {
        Box::pin(async move {
            let mut lacking = Vec::new();
            let all: Vec<&PlannedImage<'_>> = self.observed.iter().collect();
            for planned in &self.observed {
                let id = planned.step.id.as_str();
                let of_step = &promised.artifact(id)?.files;
                let (manifest, layers) = match &planned.step.work {
                    Work::Image(work) => (&work.outputs[1], work.layers()),
                    Work::Chart(work) => (&work.outputs[1], &[][..]),
                    _ => {
                        lacking.extend(of_step.iter().map(|file| Promised { step: id, file }));
                        continue;
                    }
                };
                let (document, blobs): (Vec<_>, Vec<_>) = of_step.iter().partition(|file| file.name == manifest.name);
                lacking.extend(document.into_iter().map(|file| Promised { step: id, file }));
                if planned.is_open(&all) {
                    lacking.extend(blobs.into_iter().map(|file| Promised { step: id, file }));
                    for layer in layers {
                        let files = &promised.artifact(layer)?.files;
                        lacking.extend(files.iter().map(|file| Promised { step: layer, file }));
                    }
                }
            }
            Ok(lacking)
        })
    }

    fn fetch<'s>(&'s self, promised: &'s Promised<'s>, to: &'s fs::File) -> Doing<'s, bool, Failure> {
        Box::pin(async move {
            for planned in &self.observed {
                let has = match role(planned.step, promised) {
                    Role::Document => self.document(planned.repository, promised, to).await?,
                    Role::Blob => self.blob(planned.repository, promised, to).await?,
                    Role::Other => false,
                };
                if has {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }
}

/// What a file is to an image, index or chart.
enum Role {
    Document,
    Blob,
    Other,
}

fn role(step: &Step, promised: &Promised<'_>) -> Role {
    let is_own = step.id == promised.step;
    match &step.work {
        Work::Index(_) if is_own => Role::Document,
        Work::Image(ImageWork { outputs: [_, manifest], .. }) if is_own && promised.file.name == manifest.name => {
            Role::Document
        }
        Work::Chart(work) if is_own && promised.file.name == work.outputs[1].name => Role::Document,
        Work::Chart(_) if is_own => Role::Blob,
        Work::Image(work) if is_own || work.layers().iter().any(|layer| layer == promised.step) => Role::Blob,
        _ => Role::Other,
    }
}
