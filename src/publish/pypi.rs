//! Indexes of Python packages: look at everything, then wheels before sdists, then read each file back by digest.
//!
//! Every file is public at once and for ever, and a release takes new files for 14 days only. So nothing is sent before
//! all files of all distributions are known to be welcome. Uploads: <https://docs.pypi.org/api/upload/>; what exists:
//! <https://docs.pypi.org/api/json/>, <https://packaging.python.org/specifications/simple-repository-api/>.

mod answer;
mod compare;
mod confirm;
mod connection;
mod describe;
mod file;
mod form;
mod html;
pub mod index;
mod observe;
pub mod package;
mod packages;
mod page;
mod publisher;
mod reader;
mod rules;
mod send;
mod token;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use self::connection::Connection;
pub use self::index::{Credential, Index};
use self::package::{PackageFile, PackageUpload};
pub use self::packages::Packages;
use self::packages::Parcel;
use self::token::Keeper;
use super::failure::Failures;
use crate::receipt::Receipt;
use crate::wheel::DistributionName;
use crate::world::patience::Pace;
use crate::world::terminal::Printer;

impl<'a> Packages<'a> {
    /// What an index will contain; nothing is requested yet.
    ///
    /// # Errors
    /// If this machine cannot speak HTTPS, or something would be presented in clear text.
    pub fn new(
        printer: &'a Printer,
        index: &'a Index,
        credentials: &'a BTreeMap<DistributionName, Credential>,
        files: Vec<PackageFile<'a>>,
        pace: Pace,
    ) -> Result<Self, Failures> {
        Failures::of(index::insecure(index, credentials))?;
        let names: BTreeSet<&DistributionName> = files.iter().map(|file| file.distribution).collect();
        Ok(Self {
            connection: Connection::new(printer, index, credentials, pace)?,
            keepers: names.iter().map(|name| (*name, Keeper::new(credentials.get(*name)))).collect(),
            files,
            shown: Vec::new(),
            parcels: Vec::new(),
        })
    }

    /// Looks at every version, and whether what is missing could be sent.
    ///
    /// # Errors
    /// All that blocks it.
    pub async fn observe(&mut self) -> Result<(), Failures> {
        let connection = &self.connection;
        let _progress = connection.printer.start("Observing", connection.host());
        let mut failures = Vec::new();
        let looks = observe::versions(&self.files).into_iter().map(|files| observe::version(connection, files));
        for seen in join_all(looks).await {
            match seen {
                Ok(shown) => self.shown.push(shown),
                Err(failure) => failures.push(failure),
            }
        }
        failures.extend(self.shown.iter().flat_map(|shown| observe::obstacles(connection, shown)));
        let complete = |name: &DistributionName| {
            let of = self.files.iter().filter(|file| file.distribution == name);
            of.clone().all(|file| self.shown.iter().any(|shown| shown.seen.file(file.name).is_some()))
        };
        let keepers = self.keepers.iter().filter(|(name, _)| !complete(name));
        let ready = join_all(keepers.map(|(name, keeper)| keeper.check(connection, name))).await;
        failures.extend(ready.into_iter().filter_map(Result::err));
        Failures::of(failures)
    }

    /// Compares what is there with what was verified, and reads what is to be sent: once for each file, and the index
    /// compares the digests with what arrives.
    ///
    /// # Errors
    /// All that blocks any file.
    pub async fn compare(&mut self, uploads: Vec<PackageUpload<'a>>) -> Result<(), Failures> {
        let mut failures = Vec::new();
        let mut there = Vec::new();
        for upload in &uploads {
            let compared = compare::file(&self.connection, &self.shown, upload).await;
            there.push(matches!(compared, Ok(true)));
            failures.extend(compared.err().into_iter().flatten());
        }
        let reads = uploads.iter().zip(&there).map(async |(upload, there)| match there {
            true => Ok(None),
            false => file::read(upload).await.map(Some),
        });
        let contents = join_all(reads).await;
        for ((upload, there), content) in uploads.into_iter().zip(there).zip(contents) {
            match content {
                Ok(content) => self.parcels.push(Parcel { upload, there, content }),
                Err(failure) => failures.push(failure),
            }
        }
        Failures::of(failures)
    }

    /// Sends what is missing: the wheels of all distributions, then the sdists, so that no installer has to compile. One
    /// file at a time per project.
    ///
    /// # Errors
    /// What was refused.
    pub async fn upload(&self) -> Result<(), Failures> {
        if self.parcels.iter().all(|parcel| parcel.there) {
            return Ok(());
        }
        Failures::of(send::everything(self).await)
    }

    /// Reads every file back, patient with caches between us and the index.
    ///
    /// # Errors
    /// Files that are not there, or are not what was sent.
    pub async fn confirm(&self) -> Result<Vec<Receipt>, Failures> {
        confirm::everything(self).await
    }
}

#[cfg(test)]
mod tests;
