//! Indexes of Python packages: look at everything, then wheels before sdists, then read each file back by digest.
//!
//! Every file is public at once and for ever, and a release takes new files for 14 days only. So nothing is sent before
//! all files of all distributions are known to be welcome. Uploads: <https://docs.pypi.org/api/upload/>; what exists:
//! <https://docs.pypi.org/api/json/>, <https://packaging.python.org/specifications/simple-repository-api/>.

mod answer;
mod confirm;
mod file;
mod form;
mod html;
mod index;
mod observe;
mod page;
mod rules;
mod send;
mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::future::join_all;
use url::Url;

use self::index::Reader;
use self::token::Keeper;
use super::failure::Failure;
use crate::digest::Digest;
use crate::problem::Problem;
use crate::receipt::Receipt;
use crate::secret::Secret;
use crate::wheel::DistributionName;
use crate::world::http::{self, Client, NoAnswer, is_loopback};
use crate::world::patience::{Pace, Patience};
use crate::world::terminal::Printer;

/// A file for an index.
#[derive(Clone, Debug)]
pub struct Upload<'a> {
    /// The project it belongs to.
    pub distribution: &'a DistributionName,
    /// The version, PEP 440.
    pub version: &'a str,
    /// The tag of the release, for the receipt.
    pub tag: &'a str,
    /// Where it lies.
    pub path: &'a Path,
    /// Its name: of a wheel or of an sdist.
    pub name: &'a str,
    /// Bytes.
    pub size: u64,
    /// Its digest as verified.
    pub sha256: Digest,
}

/// An index.
#[derive(Clone, Debug)]
pub struct Index {
    /// Name of the destination, for receipts.
    pub name: String,
    /// Where files are sent: `https://upload.pypi.org/legacy/`.
    pub upload: Url,
    /// The JSON API, which only PyPI and what runs the same code have: `https://pypi.org/pypi/`. With it go PyPI's rules
    /// of sizes, platform tags and old releases.
    pub json: Option<Url>,
    /// The simple API, which installers read: `https://pypi.org/simple/`.
    pub simple: Url,
}

/// What is presented to an index.
#[derive(Clone, Debug)]
pub enum Credential {
    /// An API token.
    Token(Secret),
    /// A user's name and password.
    Login {
        /// The name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// Trusted publishing from a GitHub Actions job: a token is minted when it is needed.
    Trusted {
        /// `ACTIONS_ID_TOKEN_REQUEST_URL`
        request_url: Url,
        /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`
        request_token: Secret,
    },
}

/// An index, observed and ready to be written to.
pub struct Site<'a> {
    printer: &'a Printer,
    index: &'a Index,
    pace: Pace,
    patience: Patience,
    reader: Reader<'a>,
    writer: Client,
    keepers: BTreeMap<&'a DistributionName, Keeper<'a>>,
    wanted: Vec<Wanted<'a>>,
}

/// An index and how it is read.
#[derive(Clone, Copy)]
pub struct Shelf<'a> {
    /// The index.
    pub index: &'a Index,
    /// What is presented to it.
    pub credentials: &'a BTreeMap<DistributionName, Credential>,
    /// Instead of the index's own pace.
    pub pace: Option<Pace>,
}

/// Whether an index has a file, the very bytes.
///
/// # Errors
/// If it does not answer.
pub async fn holds(shelf: Shelf<'_>, upload: &Upload<'_>) -> Result<bool, Failure> {
    let reader = shelf.reader()?;
    let printer = Printer::silent();
    let patience = Patience::new(shelf.pace.unwrap_or_else(|| Pace::of(&shelf.index.simple)), &printer);
    let look = async |_| match reader.find(upload).await? {
        Some(there) => Ok(reader.digest(upload, &there).await?.0 == upload.sha256),
        None => Ok(false),
    };
    patience.retry(look).await
}

/// Writes a file of an index into `sink`.
///
/// # Errors
/// If it cannot be read.
pub async fn fetch(shelf: Shelf<'_>, upload: &Upload<'_>, sink: &mut impl std::io::Write) -> Result<(), Failure> {
    let reader = shelf.reader()?;
    match reader.find(upload).await? {
        Some(there) => reader.fetch(upload.name, &there, sink).await,
        None => Ok(()),
    }
}

impl<'a> Shelf<'a> {
    #[expect(clippy::result_large_err, reason = "a failure ends the run; its size costs nothing")]
    fn reader(&self) -> Result<Reader<'a>, Failure> {
        let client = Client::new(&self.index.simple).map_err(|error| machine(&error))?;
        Ok(Reader::new(self.index, client, self.credentials))
    }
}

/// A file and whether it was there before we began.
struct Wanted<'a> {
    upload: &'a Upload<'a>,
    there: bool,
    /// What was read from it, if it is to be sent.
    content: Option<file::Content>,
}

/// Looks at everything, sends nothing. Without a pace the index gets its own.
///
/// # Errors
/// All that stands in the way of any file.
pub async fn prepare<'a>(
    printer: &'a Printer,
    index: &'a Index,
    credentials: &'a BTreeMap<DistributionName, Credential>,
    uploads: &'a [Upload<'a>],
    pace: Option<Pace>,
) -> Result<Site<'a>, Vec<Failure>> {
    let failures = insecure(index, credentials);
    if !failures.is_empty() {
        return Err(failures);
    }
    let pace = pace.unwrap_or_else(|| Pace::of(&index.upload));
    let names: BTreeSet<&DistributionName> = uploads.iter().map(|upload| upload.distribution).collect();
    let client = |url: &Url| Client::new(url).map_err(|error| vec![machine(&error)]);
    let mut site = Site {
        printer,
        index,
        pace,
        patience: Patience::new(pace, printer),
        reader: Reader::new(index, client(&index.simple)?, credentials),
        writer: client(&index.upload)?,
        keepers: names.iter().map(|name| (*name, Keeper::new(credentials.get(*name)))).collect(),
        wanted: uploads.iter().map(|upload| Wanted { upload, there: false, content: None }).collect(),
    };
    let mut failures: Vec<Failure> = uploads.iter().filter_map(|upload| rules::refused(index, upload)).collect();
    let _progress = printer.start("Observing", site.host());
    for seen in join_all(site.releases().into_iter().map(|release| observe::release(&site, release))).await {
        match seen {
            Ok(there) => site.wanted.iter_mut().for_each(|one| one.there |= there.contains(one.upload.name)),
            Err(more) => failures.extend(more),
        }
    }
    // Once for each file that is sent; the index compares the digests with what arrives.
    let read = join_all(site.wanted.iter().map(async |one| match one.there {
        true => Ok(None),
        false => file::read(one.upload).await.map(Some),
    }));
    let read = read.await;
    for (one, read) in site.wanted.iter_mut().zip(read) {
        match read {
            Ok(content) => one.content = content,
            Err(failure) => failures.push(failure),
        }
    }
    let ready = site.keepers.iter().filter(|(name, _)| site.wanted.iter().any(|one| !one.there && one.is_of(name)));
    let ready = join_all(ready.map(|(name, keeper)| keeper.check(&site, name))).await;
    failures.extend(ready.into_iter().filter_map(Result::err));
    if failures.is_empty() { Ok(site) } else { Err(failures) }
}

/// Sends what is missing: the wheels of all distributions, then the sdists, so that nobody is made to compile. One file
/// at a time per project.
pub async fn upload(site: &Site<'_>) -> Vec<Failure> {
    if site.wanted.iter().all(|wanted| wanted.there) {
        return Vec::new();
    }
    send::everything(site).await
}

/// Reads every file back, patient with caches between us and the index.
///
/// # Errors
/// Files that are not there, or are not what was sent.
pub async fn confirm(site: &Site<'_>) -> Result<Vec<Receipt>, Vec<Failure>> {
    confirm::everything(site).await
}

/// What is there after something failed.
pub async fn remains(site: &Site<'_>) -> Vec<Receipt> {
    confirm::remains(site).await
}

impl Wanted<'_> {
    fn is_of(&self, name: &DistributionName) -> bool {
        self.upload.distribution == name
    }

    /// Whether it is an sdist rather than a wheel.
    fn is_source(&self) -> bool {
        rules::is_source(self.upload.name)
    }
}

impl<'a> Site<'a> {
    /// The host of the index, for people.
    fn host(&self) -> String {
        http::host(&self.index.simple)
    }

    /// The files by project and version, in the order given.
    fn releases(&self) -> Vec<Vec<&Wanted<'a>>> {
        let mut releases: BTreeMap<(&DistributionName, &str), Vec<&Wanted<'a>>> = BTreeMap::new();
        for wanted in &self.wanted {
            releases.entry((wanted.upload.distribution, wanted.upload.version)).or_default().push(wanted);
        }
        releases.into_values().collect()
    }
}

/// Nothing is presented to anybody in clear text, except on this machine.
fn insecure(index: &Index, credentials: &BTreeMap<DistributionName, Credential>) -> Vec<Failure> {
    let mut urls = vec![&index.upload, &index.simple];
    urls.extend(&index.json);
    urls.extend(credentials.values().filter_map(|credential| match credential {
        Credential::Trusted { request_url, .. } => Some(request_url),
        _ => None,
    }));
    let mut hosts: Vec<String> =
        urls.into_iter().filter(|url| url.scheme() != "https" && !is_loopback(url)).map(http::host).collect();
    hosts.dedup();
    let refuse = |host: String| {
        let problem = Problem::new("endpoint-insecure", format!("`{host}` is reached without encryption"));
        Failure::Refused(problem.hint("use its `https` address"))
    };
    hosts.into_iter().map(refuse).collect()
}

/// A request without an answer.
fn unreachable(error: &NoAnswer) -> Failure {
    let problem = |code| Problem::new(code, error.to_string());
    if error.changed {
        let hint = "what is sent must be what was verified: run `longshore verify` again, or build it again";
        return Failure::Refused(problem("changed-artifact").hint(hint));
    }
    if error.untrusted {
        let hint = "if the server is yours, add its authority to the system, or name a file with it in `SSL_CERT_FILE`";
        return Failure::Fatal(problem("certificate-untrusted").hint(hint));
    }
    Failure::retry(problem("unreachable"))
}

/// What is wrong with this machine.
fn machine(error: &anyhow::Error) -> Failure {
    let known = error.downcast_ref::<crate::problem::Failure>().and_then(|failure| failure.problems.first().cloned());
    Failure::Fatal(known.unwrap_or_else(|| Problem::new("https-unavailable", error.to_string())))
}

#[cfg(test)]
mod tests;
