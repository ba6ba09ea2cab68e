//! Blobs: looking, mounting, uploading in one piece or in parts, streaming through, fetching.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use url::Url;

use super::auth::Action;
use super::error::{Error, Kind, refusal, unreachable};
use super::hashing;
use super::host::Host;
use crate::digest::Digest;
use crate::oci::Descriptor;
use crate::problem::Problem;
use crate::reference::Repository;
use crate::world::http::{Body, Method, Reply, Request, encode, host as host_of, is_private, same_origin};

/// Blobs shorter than this are sent without asking: that costs no more than the question.
const TINY: u64 = 64 << 10;
/// How often an upload is begun anew.
const UPLOADS: u32 = 4;
/// The length of a part where the registry wants parts and does not say how long.
const PART: u64 = 4 << 20;

/// Where a blob comes from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// Memory.
    Bytes(&'a [u8]),
    /// A file; and a repository of the same registry that may have it, to mount it from.
    File(&'a Path, Option<&'a Repository>),
    /// Another repository: mounted in the same registry, else streamed through.
    Elsewhere(&'a Repository),
}

/// How a blob came to be where it is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It was there.
    There,
    /// The registry had it elsewhere.
    Mounted,
    /// It was uploaded.
    Sent,
}

/// Sees to it that a repository has a blob.
///
/// # Errors
/// If it cannot be uploaded.
pub async fn push(
    (host, repository): (&Host, &Repository),
    blob: &Descriptor,
    (source, from): (Source<'_>, Option<&Host>),
) -> Result<Pushed, Error> {
    let tiny = blob.size <= TINY && matches!(source, Source::Bytes(_));
    if !tiny && is_there(host, repository, blob).await? {
        return Ok(Pushed::There);
    }
    let mut number = 0;
    loop {
        number += 1;
        let error = match once((host, repository), blob, (source, from)).await {
            Err(error) if error.kind == Kind::Retry => error,
            other => return other,
        };
        if number >= UPLOADS {
            return Err(error);
        }
        host.pause(number, (error, None)).await?;
        // An answer may have been lost after its effect.
        if is_there(host, repository, blob).await? {
            return Ok(Pushed::Sent);
        }
    }
}

async fn is_there(host: &Host, repository: &Repository, blob: &Descriptor) -> Result<bool, Error> {
    let url = host.url(repository, &format!("blobs/{}", blob.digest)).await?;
    let request = Request { method: Method::HEAD, accept: "*/*", ..Request::get(url) };
    // Push, not pull: a token for both is wanted anyway.
    let reply = host.send((repository, Action::Push), "look for a blob", request).await?;
    match reply.status {
        404 => Ok(false),
        // S3 behind a registry answers the redirect of a HEAD, which need not be followed to know it.
        200..=399 => match reply.header("content-length").and_then(|text| text.parse::<u64>().ok()) {
            Some(size) if reply.status == 200 && size != blob.size => {
                let text = format!("`{repository}` says that {} has {size} bytes, not {}", blob.digest, blob.size);
                Err(super::damaged(text))
            }
            _ => Ok(true),
        },
        _ => Err(refusal("look for a blob", &repository.to_string(), &reply)),
    }
}

/// Begins an upload, unless mounting ends it.
async fn once(
    (host, repository): (&Host, &Repository),
    blob: &Descriptor,
    (source, from): (Source<'_>, Option<&Host>),
) -> Result<Pushed, Error> {
    let mount = match source {
        Source::Bytes(_) => None,
        Source::File(_, other) => other,
        Source::Elsewhere(other) => Some(other),
    };
    let mount = mount.filter(|other| other.registry == repository.registry && host.profile.mounts);
    let begin = async |query: &str| {
        let url = host.url(repository, &format!("blobs/uploads/{query}")).await?;
        let request = Request { method: Method::POST, accept: "*/*", ..Request::get(url.clone()) };
        host.send((repository, Action::Push), "upload", request).await.map(|reply| (url, reply))
    };
    let mut begun = match mount {
        Some(other) => {
            let query = format!("?mount={}&from={}", encode(&blob.digest.to_string()), encode(&other.path));
            // Some refuse with 401 or 404 what the specification answers with 202.
            begin(&query).await.ok()
        }
        None => None,
    };
    if begun.as_ref().is_some_and(|(_, reply)| reply.status == 201) {
        return Ok(Pushed::Mounted);
    }
    if begun.as_ref().is_none_or(|(_, reply)| reply.status != 202) {
        begun = Some(begin("").await?);
    }
    let Some((asked, reply)) = begun else { return Err(refusal_of_nothing(repository)) };
    if reply.status != 202 {
        return Err(refusal("upload", &repository.to_string(), &reply));
    }
    let session = Session { host, repository, blob };
    let location = location(&reply, &asked)?;
    let least = reply.header("oci-chunk-min-length").and_then(|text| text.parse::<u64>().ok());
    match source {
        Source::Bytes(bytes) => session.whole(&location, Body::Bytes { bytes, media: OCTETS }).await?,
        Source::File(path, _) => session.file(&location, (path, least)).await?,
        Source::Elsewhere(other) => session.through(&location, other, from.unwrap_or(host)).await?,
    }
    Ok(Pushed::Sent)
}

const OCTETS: &str = "application/octet-stream";

struct Session<'a> {
    host: &'a Host,
    repository: &'a Repository,
    blob: &'a Descriptor,
}

impl Session<'_> {
    /// In one request.
    async fn whole(&self, location: &Url, body: Body<'_>) -> Result<(), Error> {
        let reply = self.put(location, body).await?;
        self.stored(&reply)
    }

    async fn put(&self, location: &Url, body: Body<'_>) -> Result<Reply, Error> {
        let url = with_digest(location, self.blob.digest);
        let request = Request { method: Method::PUT, body, accept: "*/*", ..Request::get(url) };
        self.send(request).await
    }

    /// To the registry, or to another host that it named; that one does not learn who we are.
    async fn send(&self, request: Request<'_>) -> Result<Reply, Error> {
        let base = self.host.base().await?;
        if same_origin(base, &request.url) {
            return self.host.once((self.repository, Action::Push), "upload", request).await;
        }
        if is_private(&request.url) && !is_private(base) {
            let text =
                format!("`{}` sends an upload to the private address `{}`", host_of(base), host_of(&request.url));
            return Err(Error::new(Kind::Refused, Problem::new("registry-refused", text)));
        }
        let _slot = self.host.slot().await;
        let client = self.host.client().await?;
        client.send(request).await.map_err(|error| unreachable(&error))
    }

    fn stored(&self, reply: &Reply) -> Result<(), Error> {
        let place = self.repository.to_string();
        if reply.is_success() {
            return Ok(());
        }
        let mut error = match self.host.not_now("upload", self.repository, reply) {
            Some((error, _)) => error,
            None => refusal("upload", &place, reply),
        };
        // A session that is gone, or one that another attempt used up: begin anew.
        if matches!(reply.status, 404 | 416) {
            error.kind = Kind::Retry;
        }
        Err(error)
    }

    async fn file(&self, location: &Url, (path, least): (&Path, Option<u64>)) -> Result<(), Error> {
        let size = self.blob.size;
        let part = self.host.profile.chunk.or(least.filter(|least| *least > 0 && *least < size));
        if let Some(part) = part.filter(|part| size > *part) {
            return self.parts(location, path, part).await;
        }
        let body = Body::File { path, size, media: OCTETS, sent: Arc::default() };
        let reply = self.put(location, body).await?;
        if reply.status != 413 {
            return self.stored(&reply);
        }
        // Too long for one request, says a proxy or the registry: in parts, of a new session.
        let url = self.host.url(self.repository, "blobs/uploads/").await?;
        let request = Request { method: Method::POST, accept: "*/*", ..Request::get(url.clone()) };
        let reply = self.host.send((self.repository, Action::Push), "upload", request).await?;
        if reply.status != 202 {
            return Err(refusal("upload", &self.repository.to_string(), &reply));
        }
        self.parts(&super::upload::location(&reply, &url)?, path, PART.max(least.unwrap_or(0))).await
    }

    /// In several requests, each to where the answer before it pointed.
    async fn parts(&self, location: &Url, path: &Path, part: u64) -> Result<(), Error> {
        use tokio::io::{AsyncReadExt, AsyncSeekExt};
        let unreadable = |error: std::io::Error| {
            let text = format!("cannot read `{}`: {error}", path.display());
            Error::new(Kind::Refused, Problem::new("missing-artifact", text))
        };
        let mut file = tokio::fs::File::open(path).await.map_err(unreadable)?;
        let mut location = location.clone();
        let mut at = 0;
        while at < self.blob.size {
            file.seek(std::io::SeekFrom::Start(at)).await.map_err(unreadable)?;
            let mut bytes = Vec::new();
            (&mut file).take(part).read_to_end(&mut bytes).await.map_err(unreadable)?;
            if bytes.is_empty() {
                break;
            }
            let range = Some((at, at + bytes.len() as u64 - 1));
            let body = Body::Bytes { bytes: &bytes, media: OCTETS };
            let request =
                Request { method: Method::PATCH, body, accept: "*/*", range, ..Request::get(location.clone()) };
            let reply = self.send(request).await?;
            self.stored(&reply)?;
            // ECR answers 201, and with a range that is not up to date: what was sent is what counts.
            location = super::upload::location(&reply, &location)?;
            at += bytes.len() as u64;
        }
        self.whole(&location, Body::Empty).await
    }

    /// From one repository to another as it comes, without a disk between.
    async fn through(&self, location: &Url, from: &Repository, origin: &Host) -> Result<(), Error> {
        let url = origin.url(from, &format!("blobs/{}", self.blob.digest)).await?;
        // Asks for a token if one is needed; the body of a HEAD is nothing.
        let look = Request { method: Method::HEAD, accept: "*/*", ..Request::get(url.clone()) };
        let reply = origin.send((from, Action::Pull), "read a blob", look).await?;
        if reply.status == 404 {
            let text = format!("`{from}` has no blob {}", self.blob.digest);
            return Err(Error::new(
                Kind::Missing,
                Problem::new("registry-missing", text).hint("run `longshore lock --update`"),
            ));
        }
        let (mut secret, mut name) = (None, String::new());
        let auth = origin.authorize((from, Action::Pull), &mut secret, &mut name).await?;
        let request = Request { accept: "*/*", auth, ..Request::get(url) };
        let opened = origin.client().await?.open(request).await.map_err(|error| unreachable(&error))?;
        let incoming = opened.map_err(|reply| refusal("read a blob", &from.to_string(), &reply))?;
        let base = self.host.base().await?;
        let (mut secret, mut name) = (None, String::new());
        let near = same_origin(base, location);
        let auth = match near {
            true => self.host.authorize((self.repository, Action::Push), &mut secret, &mut name).await?,
            false => None,
        };
        let _slot = self.host.slot().await;
        let url = with_digest(location, self.blob.digest);
        let request = Request { method: Method::PUT, accept: "*/*", auth, ..Request::get(url) };
        let reply = self.host.client().await?.forward(request, (incoming, self.blob.size)).await;
        self.stored(&reply.map_err(|error| unreachable(&error))?)
    }
}

/// Where the next request of an upload goes: absolute or relative, as registries like.
fn location(reply: &Reply, asked: &Url) -> Result<Url, Error> {
    let text = reply.header("location").unwrap_or_default();
    asked.join(text).ok().filter(|_| !text.is_empty()).ok_or_else(|| {
        let text = format!("`{}` begins an upload without saying where it goes", host_of(asked));
        Error::new(Kind::Refused, Problem::new("registry-refused", text))
    })
}

fn with_digest(location: &Url, digest: Digest) -> Url {
    let mut url = location.clone();
    url.query_pairs_mut().append_pair("digest", &digest.to_string());
    url
}

fn refusal_of_nothing(repository: &Repository) -> Error {
    Error::new(Kind::Retry, Problem::new("registry-unreachable", format!("`{repository}` begins no upload")))
}

/// Streams a blob into a sink; returns the answer with digest and length of what came.
///
/// # Errors
/// If there is no answer, or no right.
pub async fn fetch(
    host: &Host,
    repository: &Repository,
    url: Url,
    sink: &mut impl Write,
) -> Result<(Reply, Digest, u64), Error> {
    let mut authorized = false;
    loop {
        let (mut secret, mut name) = (None, String::new());
        let auth = host.authorize((repository, Action::Pull), &mut secret, &mut name).await?;
        let request = Request { accept: "*/*", auth, ..Request::get(url.clone()) };
        let slot = host.slot().await;
        let mut sink = hashing(&mut *sink);
        let reply = host.client().await?.download(request, &mut sink).await.map_err(|error| unreachable(&error))?;
        drop(slot);
        if matches!(reply.status, 401 | 403) && !authorized {
            // Asking for the head takes care of challenges and tokens.
            let look = Request { method: Method::HEAD, accept: "*/*", ..Request::get(url.clone()) };
            host.send((repository, Action::Pull), "read a blob", look).await?;
            authorized = true;
            continue;
        }
        let (_, digest, size) = sink.finish();
        return Ok((reply, digest, size));
    }
}
