//! Files of a release on their way to an index, by our uploader at a pace for tests.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use longshore::digest::Digest;
use longshore::problem::Exit;
use longshore::publish::pypi::package::{PackageFile, PackageUpload};
use longshore::publish::pypi::{Credential, Index, Packages};
use longshore::receipt::Receipt;
use longshore::secret::Secret;
use longshore::wheel::DistributionName;
use longshore::world::patience::Pace;
use longshore::world::terminal::Printer;

use crate::package::{Made, Package};

/// Stands in every secret, and may stand in nothing that is shown.
pub const CANARY: &str = "pypi-canary:1";
/// The distributions.
pub const NAMES: [&str; 2] = ["harbor", "harbor-client"];
/// The tags of their wheels.
pub const TAGS: [&str; 2] = ["cp310-abi3-manylinux_2_28_x86_64", "cp310-abi3-macosx_11_0_arm64"];

const QUICK: Pace = Pace {
    base: Duration::from_millis(5),
    most: Duration::from_millis(300),
    total: Duration::from_millis(900),
    attempts: 4,
    limited: Duration::from_millis(20),
    writes: 1000,
    window: Duration::from_millis(60),
};

/// A release and where it goes.
pub struct Delivery {
    pub index: Index,
    pub files: Vec<File>,
    pub credentials: BTreeMap<DistributionName, Credential>,
    folder: tempfile::TempDir,
}

/// A verified file.
pub struct File {
    pub distribution: DistributionName,
    pub name: String,
    pub path: PathBuf,
    pub size: u64,
    pub sha256: Digest,
}

/// What a failure is and what it says.
pub type Failed = (&'static str, Exit, String);

impl Delivery {
    /// An sdist and two wheels of each distribution.
    pub fn new(index: Index) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut delivery = Self { index, files: Vec::new(), credentials: BTreeMap::new(), folder };
        for name in NAMES {
            let package = Package::new(name, "1.0");
            delivery.add(name, package.sdist());
            TAGS.iter().for_each(|tag| delivery.add(name, package.wheel(tag)));
        }
        delivery.present(&Credential::Token(Secret::new(CANARY)));
        delivery
    }

    /// One more file.
    pub fn add(&mut self, distribution: &str, made: Made) {
        let path = self.folder.path().join(&made.name);
        std::fs::write(&path, &made.bytes).unwrap();
        let (size, sha256) = (made.bytes.len() as u64, made.sha256());
        self.files.push(File { distribution: distribution.parse().unwrap(), name: made.name, path, size, sha256 });
    }

    /// Presents the same for each distribution.
    pub fn present(&mut self, credential: &Credential) {
        self.credentials = NAMES.iter().map(|name| (name.parse().unwrap(), credential.clone())).collect();
    }

    /// A whole run.
    pub async fn run(&self) -> Result<Vec<Receipt>, Vec<Failed>> {
        self.run_between(|| {}).await
    }

    /// A run in which something happens after everything was looked at.
    pub async fn run_between<T>(&self, between: impl FnOnce() -> T) -> Result<Vec<Receipt>, Vec<Failed>> {
        let uploads: Vec<PackageUpload<'_>> = self.files.iter().map(File::upload).collect();
        let (files, printer) = (uploads.iter().map(|upload| upload.file).collect(), Printer::silent());
        let run = async {
            let mut packages = Packages::new(&printer, &self.index, &self.credentials, files, QUICK)?;
            // As the publisher does: everything that is wrong is told at once.
            let mut found: Vec<_> = packages.observe().await.err().into_iter().flatten().collect();
            found.extend(packages.compare(uploads).await.err().into_iter().flatten());
            if !found.is_empty() {
                return Ok(Err(found));
            }
            between();
            packages.upload().await?;
            packages.confirm().await.map(Ok)
        };
        let ended = run.await.unwrap_or_else(|failures| Err(failures.into_iter().collect()));
        ended.map_err(|failures| {
            let all = format!("{failures:?}");
            assert!(!all.contains(CANARY), "{all}");
            let told = failures.iter().map(|failure| (failure.problem(), failure.exit()));
            told.map(|(problem, exit)| (problem.code, exit, problem.message.clone())).collect()
        })
    }

    /// A run that fails with this.
    pub async fn fails(&self, code: &str, exit: Exit) -> String {
        let failures = self.run().await.unwrap_err();
        let found = failures.iter().find(|failure| (failure.0, failure.1) == (code, exit));
        found.unwrap_or_else(|| panic!("no {code} {exit:?} in {failures:?}")).2.clone()
    }
}

impl File {
    fn upload(&self) -> PackageUpload<'_> {
        let Self { distribution, name, path, size, sha256 } = self;
        let file = PackageFile { distribution, version: "1.0", tag: "v1.0", name };
        PackageUpload { file, path: path.clone(), size: *size, sha256: *sha256 }
    }
}
