//! A repeated build may have made other bytes. What was promised stands: bytes of before are taken from where they lie.
//!
//! Promised is the manifest that lies in the release. A file of this run is used if its digest is the promised one. Else
//! nothing is needed where the promised file is published already, and it is fetched from there where it is not.

use std::fs::{self, File as Opened};
use std::path::Path;

use tokio::task::spawn_blocking;

use super::paper::Paper;
use super::{Meeting, said, there};
use crate::artifact::{File, Manifest};
use crate::digest::Digest;
use crate::oci::Descriptor;
use crate::plan::{Destination, DestinationKind, PublishedImage, Work};
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::publish::github::assets::{Standing, standing};
use crate::publish::pypi::{self, Upload};
use crate::publish::upload::{Parcels, parcels};
use crate::publish::{Order, takes};
use crate::world::files;
use crate::world::http::Limited;
use crate::world::patience::Pace;
use crate::world::store::Store;
use crate::world::terminal::Printer;

/// What was promised, with the bytes that are still to be published.
pub struct Adopted {
    manifest: Manifest,
    store: Store,
}

impl Adopted {
    /// The order that keeps the promise.
    pub fn order<'o>(&'o self, order: &Order<'o>) -> Order<'o> {
        Order { manifest: &self.manifest, store: &self.store, ..order.clone() }
    }
}

struct Search<'a> {
    meeting: &'a Meeting<'a>,
    /// What this run made.
    own: &'a Order<'a>,
    /// What was promised.
    order: &'a Order<'a>,
    paper: &'a Paper,
    pace: Option<Pace>,
}

/// Prepares what was promised for publishing; nothing if it is what this run made.
///
/// # Errors
/// If a file that is not published yet is nowhere to be had.
pub async fn adopt(
    meeting: &Meeting<'_>,
    order: &Order<'_>,
    paper: Option<Paper>,
    pace: Option<Pace>,
) -> anyhow::Result<Option<Adopted>> {
    let Some(paper) = paper.filter(|paper| paper.manifest != *order.manifest) else { return Ok(None) };
    let _progress = meeting.api.printer.start("Adopting", format!("what was verified before, by {}", paper.run()));
    // Several parts may be published from one folder at the same time.
    let store = Store::new(order.store.root(), &format!("adopted/{}", meeting.part.stem()));
    files::fresh_folder(store.root())?;
    let adopted = Adopted { manifest: paper.manifest.clone(), store };
    let promised = adopted.order(order);
    let search = Search { meeting, own: order, order: &promised, paper: &paper, pace };
    search.keep_equal().await?;
    let silent = Printer::silent();
    let destinations: Vec<&Destination> =
        order.plan.destinations.iter().filter(|one| order.destinations.contains(&one.name)).collect();
    let parcels = parcels(&silent, &promised, &destinations)?;
    for destination in &destinations {
        match &destination.kind {
            DestinationKind::Github(_) => search.files(destination, &parcels).await.map_err(said)?,
            DestinationKind::Pypi(_) => {}
            DestinationKind::Registry(registry) => {
                let taken = |image: &&PublishedImage| {
                    promised.plan.step(&image.step).is_some_and(|step| promised.takes(&destination.name, step))
                };
                let images: Vec<&PublishedImage> = registry.images.iter().filter(taken).collect();
                search.images(&images).await.map_err(said)?;
            }
        }
    }
    search.packages(&parcels).await.map_err(said)?;
    drop(parcels);
    Ok(Some(adopted))
}

impl Search<'_> {
    /// Uses every file of this run that is what was promised.
    async fn keep_equal(&self) -> anyhow::Result<()> {
        for artifact in &self.order.manifest.artifacts {
            for file in &artifact.files {
                let from = self.own.store.file(&artifact.step, &file.name);
                let path = from.clone();
                let read = spawn_blocking(move || Opened::open(path).and_then(Digest::of_reader)).await?;
                if read.is_ok_and(|read| read == (file.sha256, file.size)) {
                    let to = self.path(&artifact.step, file)?;
                    fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(drop))?;
                }
            }
        }
        Ok(())
    }

    /// The files of releases on GitHub.
    async fn files(&self, destination: &Destination, parcels: &[Parcels<'_>]) -> Result<(), Failure> {
        for release in self.order.plan.releases.iter().filter(|release| takes(destination, release)) {
            let wanted = crate::publish::files(self.order, destination, release).map_err(|error| machine(&error))?;
            for wanted in wanted {
                let is_there = destination.name == self.meeting.destination.name && self.asset(wanted.file()).is_some();
                if self.has(wanted.step(), wanted.file()) || is_there {
                    continue;
                }
                self.find(wanted.step(), wanted.file(), parcels).await?;
            }
        }
        Ok(())
    }

    /// The files of package indexes.
    async fn packages(&self, all: &[Parcels<'_>]) -> Result<(), Failure> {
        for parcels in all {
            for upload in parcels.uploads() {
                let Some((step, file)) = self.promised(&upload) else { continue };
                if self.has(step, file) || pypi::holds(self.at(parcels), &upload).await? {
                    continue;
                }
                self.find(step, file, all).await?;
            }
        }
        Ok(())
    }

    /// Fetches a file from wherever it was published.
    async fn find(&self, step: &str, file: &File, parcels: &[Parcels<'_>]) -> Result<(), Failure> {
        if let Some(asset) = self.asset(file) {
            let sink = self.sink(step, file)?;
            let api = &self.meeting.api;
            let got = api
                .patience
                .retry(async |_| api.download(asset, &mut Limited::new(rewound(&sink)?, file.size)).await)
                .await;
            if got.is_ok() && self.settle(step, file).await? {
                return Ok(());
            }
        }
        for parcels in parcels {
            for upload in parcels.uploads().iter().filter(|upload| upload.name == file.name) {
                if !pypi::holds(self.at(parcels), upload).await? {
                    continue;
                }
                let sink = self.sink(step, file)?;
                pypi::fetch(self.at(parcels), upload, &mut Limited::new(rewound(&sink)?, file.size)).await?;
                if self.settle(step, file).await? {
                    return Ok(());
                }
            }
        }
        Err(self.lost(step, file))
    }

    /// Images: what describes them always, what they consist of where a tag is still to be put.
    async fn images(&self, images: &[&PublishedImage]) -> Result<(), Failure> {
        let mut open = false;
        for image in images {
            let Some(document) = self.recorded(&image.step).and_then(|files| files.last()) else { continue };
            self.document(image, document).await?;
            for tagged in image.repositories.iter().flat_map(|one| image.tags.iter().map(|tag| one.tagged(tag))) {
                let there = self.order.registries.head(&tagged).await?;
                open |= there.is_none_or(|there| there.digest != document.sha256);
            }
        }
        for image in images {
            // With floating tags alone nothing says that it is there.
            let untold = image.tags.is_empty() && !image.floating.is_empty();
            let Some(Work::Image(work)) = self.order.plan.step(&image.step).map(|step| &step.work) else { continue };
            if !open && !untold {
                continue;
            }
            let config = self.recorded(&image.step).and_then(|files| files.first());
            let config = config.map(|file| (&image.step, file));
            let layers = work.layers.iter().filter_map(|id| Some((id, self.recorded(id)?.first()?)));
            for (step, file) in config.into_iter().chain(layers) {
                self.blob(image, step, file).await?;
            }
        }
        Ok(())
    }

    async fn document(&self, image: &PublishedImage, file: &File) -> Result<(), Failure> {
        if self.has(&image.step, file) {
            return Ok(());
        }
        for repository in &image.repositories {
            if let Some(document) = self.order.registries.manifest(&repository.at(file.sha256)).await? {
                let path = self.path(&image.step, file).map_err(|error| machine(&error))?;
                return fs::write(path, document.bytes).map_err(|error| machine(&error.into()));
            }
        }
        Err(self.lost(&image.step, file))
    }

    async fn blob(&self, image: &PublishedImage, step: &str, file: &File) -> Result<(), Failure> {
        if self.has(step, file) {
            return Ok(());
        }
        let descriptor = Descriptor { media_type: String::new(), digest: file.sha256, size: file.size };
        for repository in &image.repositories {
            let sink = self.sink(step, file)?;
            // One that does not have it answers in many ways.
            let got = self
                .order
                .registries
                .download(repository, &descriptor, &mut Limited::new(rewound(&sink)?, file.size))
                .await;
            if got.is_ok() && self.settle(step, file).await? {
                return Ok(());
            }
        }
        Err(self.lost(step, file))
    }

    /// The number of the promised file among those of the releases.
    fn asset(&self, file: &File) -> Option<u64> {
        let releases = self.meeting.tables.iter().filter_map(|table| table.found.as_ref());
        releases.filter_map(|found| there(found, &file.name).map(|asset| (asset, found))).find_map(|(asset, found)| {
            let right = matches!(standing(file, &found.assets), Standing::Equal(_) | Standing::Unknown(_));
            right.then_some(asset.id)
        })
    }

    fn promised(&self, upload: &Upload<'_>) -> Option<(&str, &File)> {
        let all = self.order.manifest.artifacts.iter();
        let mut files = all.flat_map(|one| one.files.iter().map(move |file| (one.step.as_str(), file)));
        files.find(|(step, file)| self.order.store.file(step, &file.name) == upload.path)
    }

    fn recorded(&self, step: &str) -> Option<&[File]> {
        let artifact = self.order.manifest.artifacts.iter().find(|artifact| artifact.step == step)?;
        Some(&artifact.files)
    }

    fn at<'p>(&self, parcels: &Parcels<'p>) -> pypi::Shelf<'p>
    where
        Self: 'p,
    {
        pypi::Shelf { index: parcels.index, credentials: parcels.credentials, pace: self.pace }
    }

    /// Where a promised file lies.
    fn path(&self, step: &str, file: &File) -> anyhow::Result<std::path::PathBuf> {
        let path = self.order.store.file(step, &file.name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        Ok(path)
    }

    fn has(&self, step: &str, file: &File) -> bool {
        self.order.store.file(step, &file.name).is_file()
    }

    fn sink(&self, step: &str, file: &File) -> Result<Opened, Failure> {
        let open = || anyhow::Ok(Opened::create(self.path(step, file)?)?);
        open().map_err(|error| machine(&error))
    }

    /// Whether what was fetched is what was promised; else it is removed.
    async fn settle(&self, step: &str, file: &File) -> Result<bool, Failure> {
        let path = self.order.store.file(step, &file.name);
        let opened = path.clone();
        let read = spawn_blocking(move || Opened::open(opened).and_then(Digest::of_reader)).await;
        let right = read.is_ok_and(|read| read.is_ok_and(|read| read == (file.sha256, file.size)));
        if !right {
            fs::remove_file(path).map_err(|error| machine(&error.into()))?;
        }
        Ok(right)
    }

    fn lost(&self, step: &str, file: &File) -> Failure {
        let message = format!(
            "`{}` was verified before as {}; this run made other bytes, and those of before are published nowhere yet",
            file.name, file.sha256
        );
        let hint = format!("run the publish job of the run that made them again: {}", self.paper.run());
        Failure::Unconfirmed(Problem::new("promised-bytes", message).hint(hint).step(step))
    }
}

/// An empty file to be written from its beginning.
fn rewound(mut file: &Opened) -> Result<&Opened, Failure> {
    use std::io::Seek;
    let rewind = |file: &mut &Opened| file.set_len(0).and_then(|()| file.rewind());
    rewind(&mut file).map_err(|error| machine(&error.into()))?;
    Ok(file)
}

/// What is wrong with this machine.
fn machine(error: &anyhow::Error) -> Failure {
    let known = error.downcast_ref::<crate::problem::Failure>().and_then(|failure| failure.problems.first().cloned());
    Failure::Fatal(known.unwrap_or_else(|| Problem::new("file-unwritable", format!("{error:#}"))))
}
