//! A client of registries: <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>.
//!
//! Everything is by digest and may be repeated: what is there already is done. All requests of a run share connections,
//! tokens and one window per host.

mod access;
mod auth;
mod error;
mod host;
mod login;
mod pages;
mod profile;
mod upload;
mod window;

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use url::Url;

use super::{Descriptor, media};
use crate::digest::Digest;
use crate::problem::Problem;
use crate::reference::{Reference, Repository};
use crate::world::env::Env;
use crate::world::few;
use crate::world::http::{Body, Limited, Method, Reply, Request, is_loopback};
use crate::world::process::Runner;

pub use access::{Access, Broker, Brokered, HostAccess};
pub use auth::Action;
pub use error::{Error, ErrorKind};
pub use login::{Login, secrets};
pub use profile::visibility_page;
pub use upload::{Pushed, Source};

use auth::Scope;
use error::{damaged, is_immutable, no_list, refusal};
use host::Host;
use login::Logins;
use pages::{LONGEST_LIST, MOST_ENTRIES, Marks, Page, Referrers, Tags};
use upload::Upload;

/// The largest manifest we read: what registries take (distribution: 4 MiB).
const LARGEST_MANIFEST: usize = 4 << 20;
/// The largest blob we keep in memory; configs are a few KiB.
const LARGEST_BLOB: u64 = 8 << 20;
/// How many pages of a list are read at most, and for how long.
const PAGES: usize = 1000;
const LONGEST_READING: Duration = Duration::from_secs(600);
/// Lists: JSON of tags, an index of referrers.
const LISTS: &str = "application/json, application/vnd.oci.image.index.v1+json";
/// What we can read.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// A manifest or index: its exact bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub descriptor: Descriptor,
    pub bytes: Vec<u8>,
}

impl Document {
    pub fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
        Self { descriptor: Descriptor { media_type: media_type.to_owned(), digest, size }, bytes }
    }

    /// Its JSON; `null` if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }
}

/// What a registry shows under a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Right,
    Other(Digest),
    /// Something; it does not say what.
    Unsaid,
    Nothing,
}

/// All registries of a run. Cheap to clone.
#[derive(Clone)]
pub struct Registries(Arc<Inner>);

/// One upload by blob and repository.
type Uploads = HashMap<(Repository, Digest), Arc<OnceCell<Pushed>>>;

struct Inner {
    access: Access,
    logins: Logins,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
    uploads: Mutex<Uploads>,
}

impl Registries {
    /// Nothing is connected yet. `runner` starts credential helpers; `env` says where Docker's configuration is.
    pub fn new(runner: &Runner, env: &Env, access: Access) -> Self {
        Self(Arc::new(Inner {
            access,
            logins: Logins::new(runner, env),
            hosts: Mutex::default(),
            uploads: Mutex::default(),
        }))
    }

    /// The same registries without credentials.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        let mut access = Access { anonymous: true, ..self.0.access.clone() };
        access.hosts.values_mut().for_each(|host| host.login = None);
        let logins = self.0.logins.clone();
        Self(Arc::new(Inner { access, logins, hosts: Mutex::default(), uploads: Mutex::default() }))
    }

    /// Announces what the run will do, so that one token per registry is good for all of it.
    pub fn grant<'r>(&self, scopes: impl IntoIterator<Item = (&'r Repository, Action)>) {
        for (repository, action) in scopes {
            self.host(&repository.registry).grant(&repository.path, action);
        }
    }

    pub fn sent(&self) -> u64 {
        self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner).values().map(|host| host.sent()).sum()
    }

    /// Whether a registry is for trying things: on this machine, or written as insecure, which no public one is.
    pub fn is_near(&self, host: &str) -> bool {
        let access = self.0.access.hosts.get(host);
        if access.is_some_and(|access| access.insecure) {
            return true;
        }
        let url = access.and_then(|access| access.url.clone());
        url.or_else(|| format!("https://{host}/").parse().ok()).is_some_and(|url| is_loopback(&url))
    }

    /// Where a manifest is found by its digest, for people; nothing before anybody asked that registry.
    pub fn place(&self, reference: &Reference) -> Option<String> {
        let base = self.host(&reference.repository.registry).known_base()?;
        Some(
            base.join(&format!("v2/{}/manifests/{}", reference.repository.path, reference.identifier()))
                .ok()?
                .to_string(),
        )
    }

    fn host(&self, name: &str) -> Arc<Host> {
        let mut hosts = self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || Arc::new(Host::new(name, &self.0.access, &self.0.logins));
        Arc::clone(hosts.entry(name.to_owned()).or_insert_with(make))
    }

    /// What a tag or digest names, without its bytes; nothing if it is not there.
    ///
    /// # Errors
    /// If there is no answer, or no permission.
    pub async fn head(&self, reference: &Reference) -> Result<Option<Descriptor>, Error> {
        let Some(reply) = self.glance(reference).await? else { return Ok(None) };
        let digest = reply.header("docker-content-digest").and_then(|text| text.parse::<Digest>().ok());
        let size = reply.header("content-length").and_then(|text| text.parse().ok());
        let (Some(digest), Some(size)) = (digest, size) else {
            // The header is not required: then the bytes say it.
            return Ok(self.manifest(reference).await?.map(|document| document.descriptor));
        };
        match reference.digest.filter(|asked| *asked != digest) {
            Some(_) => Err(damaged(format!("the registry reports digest {digest} for `{reference}`"))),
            None => Ok(Some(Descriptor { media_type: media_type(&reply), digest, size })),
        }
    }

    /// Whether a tag names what it should, without ever asking for its bytes: some registries count those who do.
    ///
    /// # Errors
    /// If there is no answer, or no permission.
    pub async fn shows(&self, reference: &Reference, expected: Digest) -> Result<Shown, Error> {
        let Some(reply) = self.glance(reference).await? else { return Ok(Shown::Nothing) };
        Ok(match reply.header("docker-content-digest").and_then(|text| text.parse::<Digest>().ok()) {
            Some(digest) if digest == expected => Shown::Right,
            Some(digest) => Shown::Other(digest),
            None => Shown::Unsaid,
        })
    }

    /// The answer to a `HEAD`; nothing if there is nothing.
    async fn glance(&self, reference: &Reference) -> Result<Option<Reply>, Error> {
        let host = self.host(&reference.repository.registry);
        let url = host.url(&reference.repository, &format!("manifests/{}", reference.identifier())).await?;
        let request = Request { method: Method::HEAD, accept: MANIFESTS, ..Request::get(url) };
        let reply = read(&host, &reference.repository, "look", request).await?;
        match reply.status {
            404 => Ok(None),
            _ if reply.is_success() => Ok(Some(reply)),
            _ => Err(refusal("look", &reference.to_string(), &reply)),
        }
    }

    /// A manifest or index; nothing if it is not there.
    ///
    /// # Errors
    /// If there is no answer, no permission, the answer is not a manifest, or the bytes are not what the digest says.
    pub async fn manifest(&self, reference: &Reference) -> Result<Option<Document>, Error> {
        let host = self.host(&reference.repository.registry);
        let url = host.url(&reference.repository, &format!("manifests/{}", reference.identifier())).await?;
        let request = Request { accept: MANIFESTS, ..Request::get(url) };
        let reply = read(&host, &reference.repository, "read", request).await?;
        if reply.status == 404 {
            return Ok(None);
        }
        if !reply.is_success() {
            return Err(refusal("read", &reference.to_string(), &reply));
        }
        if reply.body.len() > LARGEST_MANIFEST {
            return Err(damaged(format!("`{reference}` is too large for a manifest")));
        }
        let claimed = reply.header("docker-content-digest").and_then(|text| text.parse::<Digest>().ok());
        // A web page, such as a proxy's, is not a published manifest.
        if claimed.is_none() && !is_manifest(&reply) {
            return Err(error::unreadable(&reference.to_string(), "manifest", &reply));
        }
        let document = Document::new(&media_type(&reply), reply.body);
        for expected in reference.digest.iter().chain(claimed.iter()) {
            if *expected != document.descriptor.digest {
                return Err(damaged(format!("`{reference}` is {}, not {expected}", document.descriptor.digest)));
            }
        }
        Ok(Some(document))
    }

    /// A small blob.
    ///
    /// # Errors
    /// If it is not there, not small, or not what its digest says.
    pub async fn blob(&self, repository: &Repository, blob: &Descriptor) -> Result<Vec<u8>, Error> {
        if blob.size > LARGEST_BLOB {
            return Err(damaged(format!(
                "`{repository}@{}` has {} bytes, which is too large for a config",
                blob.digest, blob.size
            )));
        }
        let mut bytes = Vec::new();
        self.download(repository, blob, &mut bytes).await?;
        Ok(bytes)
    }

    /// Streams a blob into `sink`.
    ///
    /// # Errors
    /// If it is not there, or not what its digest says; `sink` has got its bytes all the same.
    pub async fn download(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        sink: &mut impl Write,
    ) -> Result<(), Error> {
        let host = self.host(&repository.registry);
        let url = host.url(repository, &format!("blobs/{}", blob.digest)).await?;
        let mut sink = Limited::new(sink, blob.size);
        let fetched = upload::fetch(&host, repository, url, &mut sink).await;
        if sink.is_over() {
            let text =
                format!("blob `{repository}@{}` is larger than the {} bytes of its descriptor", blob.digest, blob.size);
            return Err(damaged(text));
        }
        let (reply, digest, size) = fetched?;
        if !reply.is_success() {
            return Err(refusal("read a blob", &format!("{repository}@{}", blob.digest), &reply));
        }
        if (digest, size) != (blob.digest, blob.size) {
            let text =
                format!("blob `{repository}@{}` was received with {size} bytes and digest {digest}", blob.digest);
            return Err(damaged(text));
        }
        Ok(())
    }

    /// Whether a repository that we push to has a blob.
    ///
    /// # Errors
    /// If the registry does not answer, or has other bytes under that digest.
    pub async fn has_blob(&self, repository: &Repository, blob: &Descriptor) -> Result<bool, Error> {
        upload::is_there(&self.host(&repository.registry), repository, blob).await
    }

    /// Sees to it that a repository has a blob. Asked for the same blob again, it waits for the first upload.
    ///
    /// # Errors
    /// If it cannot be uploaded.
    pub async fn push_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        source: Source<'_>,
    ) -> Result<Pushed, Error> {
        let cell = {
            let mut uploads = self.0.uploads.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(uploads.entry((repository.clone(), blob.digest)).or_default())
        };
        let host = self.host(&repository.registry);
        let origin = match source {
            Source::Elsewhere(other) => self.host(&other.registry),
            _ => Arc::clone(&host),
        };
        let upload = Upload { host: &host, repository, blob, source, origin: &origin };
        cell.get_or_try_init(|| upload.push()).await.copied()
    }

    /// Puts a manifest or index under a tag or its digest. The same there already is fine, also where tags are immutable.
    ///
    /// # Errors
    /// If something else is there and stays, or the registry does not take it.
    pub async fn put_manifest(&self, reference: &Reference, document: &Document) -> Result<(), Error> {
        let repository = &reference.repository;
        let host = self.host(&repository.registry);
        let url = host.url(repository, &format!("manifests/{}", reference.identifier())).await?;
        let body = Body::Bytes { bytes: &document.bytes, media: &document.descriptor.media_type };
        let request = Request { method: Method::PUT, body, accept: "*/*", ..Request::get(url) };
        let reply = host.send(Scope::push(repository), "put a manifest", request).await?;
        if reply.is_success() {
            let claimed = reply.header("docker-content-digest").and_then(|text| text.parse::<Digest>().ok());
            if let Some(other) = claimed.filter(|claimed| *claimed != document.descriptor.digest) {
                return Err(damaged(format!(
                    "`{reference}` was stored as {other}, but sent as {}",
                    document.descriptor.digest
                )));
            }
            return Ok(());
        }
        let mut error = refusal("put a manifest", &reference.to_string(), &reply);
        if error.kind == ErrorKind::Refused && document.json()["config"]["mediaType"] == media::HELM_CONFIG {
            let problem =
                Problem::new("registry-refused", format!("{}; what was sent is a Helm chart", error.problem.message));
            *error.problem =
                problem.hint("charts need a registry that takes OCI artifacts: set `repositories` of the chart");
        }
        if is_immutable(&reply) {
            return match self.head(reference).await? {
                Some(there) if there.digest == document.descriptor.digest => Ok(()),
                Some(there) => {
                    let text = format!(
                        "`{reference}` already is {} and cannot be changed; this release has {}",
                        there.digest, document.descriptor.digest
                    );
                    let hint = "release a new version: tags of this repository are immutable";
                    Err(Error::new(ErrorKind::Conflict, Problem::new("image-tag-taken", text).hint(hint)))
                }
                None => Err(error),
            };
        }
        Err(error)
    }

    /// The tags of a repository; none if the registry says that it does not exist. Some say so of one that does: whoever
    /// knows of a tag there must look for it.
    ///
    /// # Errors
    /// If there is no answer, no permission, or the answer is not a list of tags.
    pub async fn tags(&self, repository: &Repository) -> Result<Vec<String>, Error> {
        match self.list::<Tags>(repository, "tags/list?n=1000").await? {
            Ok(tags) => Ok(tags),
            Err(reply) if reply.status == 404 => Ok(Vec::new()),
            Err(reply) => Err(no_list(Tags::DOING, repository, &reply)),
        }
    }

    /// The items of a list that comes in pages; the answer instead, if it is not such a list. Once the list has begun, a page
    /// that is none of it is an error.
    async fn list<P: Page>(&self, repository: &Repository, tail: &str) -> Result<Result<Vec<P::Item>, Reply>, Error> {
        let doing = P::DOING;
        let host = self.host(&repository.registry);
        let mut url = host.url(repository, tail).await?;
        let (mut items, mut length, begun) = (Vec::new(), 0, Instant::now());
        let too_long = |limit: String| Err(damaged(format!("cannot {doing} of `{repository}`: more than {limit}")));
        for number in 0..PAGES {
            let request = Request { accept: LISTS, largest: P::LARGEST, ..Request::get(url.clone()) };
            let reply = host.send(Scope::pull(repository), doing, request).await?;
            match serde_json::from_slice::<P>(&reply.body) {
                Ok(page) if reply.status == 200 => items.extend(page.items()),
                Err(error)
                    if reply.status == 200
                        && let Some(limit) = few::is_over(&error) =>
                {
                    return too_long(limit);
                }
                // A page for people, of a proxy, or an error is not an empty list.
                _ if number == 0 => return Ok(Err(reply)),
                _ => return Err(no_list(doing, repository, &reply)),
            }
            length += reply.body.len();
            if begun.elapsed() > LONGEST_READING {
                return too_long(format!("{} minutes of it", LONGEST_READING.as_secs() / 60));
            }
            if length > LONGEST_LIST {
                return too_long(format!("{} MiB", LONGEST_LIST >> 20));
            }
            if items.len() > MOST_ENTRIES {
                return too_long(format!("{MOST_ENTRIES} entries"));
            }
            match next_page(&reply, &url) {
                Some(next) => url = next,
                None => return Ok(Ok(items)),
            }
        }
        too_long(format!("{PAGES} pages"))
    }

    /// The manifests that refer to one, as descriptors with `artifactType` and annotations. A registry without the API keeps
    /// them in an index under the tag `sha256-<hex>`
    /// (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema>).
    ///
    /// # Errors
    /// If there is no answer, or no permission.
    pub async fn referrers(&self, repository: &Repository, digest: Digest) -> Result<Vec<Value>, Error> {
        // GHCR answers 303 to a page for people.
        if let Ok(found) = self.list::<Referrers>(repository, &format!("referrers/{digest}")).await? {
            return Ok(found);
        }
        let tag = repository.tagged(digest.to_string().replace(':', "-"));
        let index = self.manifest(&tag).await?.map(|document| document.json()).unwrap_or_default();
        Ok(index["manifests"].as_array().cloned().unwrap_or_default())
    }
}

/// Sends a request for a manifest. Some answer with a redirect to where it is (registry.k8s.io): our login stays here.
async fn read(host: &Host, repository: &Repository, doing: &str, request: Request<'_>) -> Result<Reply, Error> {
    let (reply, shown) = host.ask(Scope::pull(repository), doing, request.clone()).await?;
    if !matches!(reply.status, 301 | 302 | 307 | 308) {
        return Ok(reply);
    }
    let mut body = Vec::new();
    let mut sink = Limited::new(&mut body, LARGEST_MANIFEST as u64 + 1);
    host.count();
    let reply = host.client().await?.download(Request { auth: shown.auth(), ..request }, &mut sink).await;
    let reply = reply.map_err(|error| error::unreachable(&error))?;
    Ok(if reply.is_success() { Reply { body, ..reply } } else { reply })
}

/// Whether an answer is a manifest or index of some format: its media type says so, or else its bytes do.
fn is_manifest(reply: &Reply) -> bool {
    let said = media_type(reply);
    if said.starts_with("application/vnd.oci.image.")
        || said.starts_with("application/vnd.docker.distribution.manifest.")
    {
        return true;
    }
    let marks: Marks = serde_json::from_slice(&reply.body).unwrap_or_default();
    marks.schema_version.is_some() || marks.media_type.is_some()
}

fn media_type(reply: &Reply) -> String {
    let text = reply.header("content-type").unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_owned()
}

/// The next page of a list: <https://www.rfc-editor.org/rfc/rfc8288>. Always of the same registry: behind a proxy it may
/// not know its own name.
fn next_page(reply: &Reply, from: &Url) -> Option<Url> {
    let link = reply.header("link")?;
    let (target, rest) = link.strip_prefix('<')?.split_once('>')?;
    let next = from.join(target).ok().filter(|_| rest.contains("next"))?;
    let mut here = from.clone();
    here.set_path(next.path());
    here.set_query(next.query());
    Some(here)
}
