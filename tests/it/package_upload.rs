//! Our uploader against the package index of the rehearsal.

mod crash;
mod faults;
mod order;
mod preflight;
mod trusted;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use longshore::digest::Digest;
use longshore::problem::Exit;
use longshore::publish::Pace;
use longshore::publish::pypi::{self, Credential, Index, Upload};
use longshore::receipt::{Outcome, Receipt};
use longshore::rehearsal::pypi::{Existing, Options, Quirks, Server, Token};
use longshore::secret::Secret;
use longshore::wheel::DistributionName;
use longshore::world::terminal::Printer;

use crate::package::{Made, Package};

const CANARY: &str = "pypi-canary:1";
const NAMES: [&str; 2] = ["harbor", "harbor-client"];
const TAGS: [&str; 2] = ["cp310-abi3-manylinux_2_28_x86_64", "cp310-abi3-macosx_11_0_arm64"];
const QUICK: Pace = Pace {
    base: Duration::from_millis(5),
    most: Duration::from_millis(300),
    total: Duration::from_millis(900),
    attempts: 4,
    limited: Duration::from_millis(20),
    writes: 1000,
    window: Duration::from_millis(60),
};

/// An index, and a release for it.
struct World {
    server: Server,
    index: Index,
    folder: tempfile::TempDir,
    files: Vec<File>,
    credentials: BTreeMap<DistributionName, Credential>,
}

/// A verified file.
struct File {
    distribution: DistributionName,
    name: String,
    path: PathBuf,
    size: u64,
    sha256: Digest,
}

/// What a failure is and what it says.
type Failed = (&'static str, Exit, String);

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn quirky(quirks: Quirks) -> Self {
        Self::with(|options| options.quirks = quirks)
    }

    /// With an sdist and two wheels of each distribution.
    fn with(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options { tokens: vec![ada()], ..Options::default() };
        change(&mut options);
        let server = Server::start(options).unwrap();
        let at = |tail: &str| format!("{}{tail}", server.url()).parse().unwrap();
        let index =
            Index { name: "pypi".into(), upload: at("/legacy/"), json: Some(at("/pypi/")), simple: at("/simple/") };
        let folder = tempfile::tempdir().unwrap();
        let mut world = Self { server, index, folder, files: Vec::new(), credentials: BTreeMap::new() };
        for name in NAMES {
            let package = Package::new(name, "1.0");
            world.add(name, package.sdist());
            TAGS.iter().for_each(|tag| world.add(name, package.wheel(tag)));
        }
        world.present(&Credential::Token(Secret::new(CANARY)));
        world
    }

    /// One more file of the release.
    fn add(&mut self, distribution: &str, made: Made) {
        let path = self.folder.path().join(&made.name);
        std::fs::write(&path, &made.bytes).unwrap();
        let (size, sha256) = (made.bytes.len() as u64, made.sha256());
        self.files.push(File { distribution: distribution.parse().unwrap(), name: made.name, path, size, sha256 });
    }

    /// Only the files of this distribution.
    fn only(mut self, distribution: &str) -> Self {
        self.files.retain(|file| file.distribution.as_str() == distribution);
        self
    }

    fn present(&mut self, credential: &Credential) {
        self.credentials = NAMES.iter().map(|name| (name.parse().unwrap(), credential.clone())).collect();
    }

    fn uploads(&self) -> Vec<Upload<'_>> {
        self.files.iter().map(File::upload).collect()
    }

    /// A whole run.
    async fn run(&self) -> Result<Vec<Receipt>, Vec<Failed>> {
        self.run_between(|| {}).await
    }

    /// A run in which something happens after everything was looked at.
    async fn run_between<T>(&self, between: impl FnOnce() -> T) -> Result<Vec<Receipt>, Vec<Failed>> {
        let (uploads, printer) = (self.uploads(), Printer::silent());
        let run = async {
            let site = pypi::prepare(&printer, &self.index, &self.credentials, &uploads, Some(QUICK)).await;
            let site = match site {
                Ok(site) => site,
                Err(failures) => return Err(failures),
            };
            between();
            let failures = pypi::upload(&site).await;
            if failures.is_empty() { pypi::confirm(&site).await } else { Err(failures) }
        };
        run.await.map_err(|failures| {
            let all = format!("{failures:?}");
            assert!(!all.contains(CANARY), "{all}");
            let told = failures.iter().map(|failure| (failure.problem(), failure.exit()));
            told.map(|(problem, exit)| (problem.code, exit, problem.message.clone())).collect()
        })
    }

    /// A run that ends well: everything is there, and is what was verified.
    async fn succeeds(&self) -> Vec<Receipt> {
        let receipts = self.run().await.unwrap();
        let mut names: Vec<(&str, Option<Digest>)> =
            receipts.iter().map(|receipt| (receipt.name.as_str(), receipt.sha256)).collect();
        let mut wanted: Vec<_> = self.files.iter().map(|file| (file.name.as_str(), Some(file.sha256))).collect();
        (names.sort_unstable(), wanted.sort_unstable());
        assert_eq!(names, wanted);
        for file in &self.files {
            assert_eq!(self.shown(&file.name), Some(file.sha256), "{}", file.name);
        }
        receipts
    }

    /// A run that fails with this.
    async fn fails(&self, code: &str, exit: Exit) -> String {
        let failures = self.run().await.unwrap_err();
        let found = failures.iter().find(|failure| (failure.0, failure.1) == (code, exit));
        found.unwrap_or_else(|| panic!("no {code} {exit:?} in {failures:?}")).2.clone()
    }

    /// The digest of a file as the index shows it.
    fn shown(&self, name: &str) -> Option<Digest> {
        let files = self.server.shown().into_iter().flat_map(|project| project.files);
        files.into_iter().find(|(held, ..)| held == name).map(|(_, sha256, _)| sha256)
    }

    /// The names of all files that are there.
    fn stored(&self) -> Vec<String> {
        self.server.shown().into_iter().flat_map(|project| project.files).map(|(name, ..)| name).collect()
    }

    /// How many requests begin so.
    fn count(&self, start: &str) -> usize {
        self.server.requests().iter().filter(|request| request.starts_with(start)).count()
    }

    /// How many files were sent.
    fn sent(&self) -> usize {
        self.count("POST /legacy/")
    }
}

impl File {
    fn upload(&self) -> Upload<'_> {
        let Self { distribution, name, path, size, sha256 } = self;
        Upload { distribution, version: "1.0", tag: "v1.0", path, name, size: *size, sha256: *sha256 }
    }
}

fn ada() -> Token {
    Token { secret: Secret::new(CANARY), user: "ada".into(), projects: None }
}

fn existing(name: &str) -> Existing {
    Existing { name: name.into(), owner: "ada".into(), ..Existing::default() }
}

fn all(receipts: &[Receipt], outcome: Outcome) -> bool {
    receipts.iter().all(|receipt| receipt.outcome == outcome && receipt.confirmed_by.as_deref() == Some("digest"))
}
