//! Blobs: looking, mounting, uploading in one piece or in parts, streaming through, fetching.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use url::Url;

use super::auth::{Action, Credential, Scope};
use super::error::{Error, ErrorKind, Failed, damaged, refusal, unreachable};
use super::host::Host;
use crate::digest::{Digest, Hashing};
use crate::oci::Descriptor;
use crate::problem::Problem;
use crate::reference::Repository;
use crate::world::http::{Body, Incoming, Method, Reply, Request, encode, host as host_of, same_origin};
use crate::world::patience::Wait;

/// Blobs shorter than this are sent without asking: that costs no more than the question.
const TINY: u64 = 64 << 10;
/// The length of a part where the registry wants parts and does not say how long.
const PART: u64 = 4 << 20;
/// The longest part: one is in memory for each upload under way.
const LARGEST_PART: u64 = 64 << 20;

#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    Bytes(&'a [u8]),
    /// A file; and a repository of the same registry that may have it, to mount it from.
    File(&'a Path, Option<&'a Repository>),
    /// Another repository: mounted in the same registry, else streamed through.
    Elsewhere(&'a Repository),
}

/// How a blob came to be where it is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    There,
    /// The registry had it elsewhere.
    Mounted,
    Sent,
}

const OCTETS: &str = "application/octet-stream";

/// One blob on its way to a repository.
pub struct Upload<'a> {
    pub host: &'a Host,
    pub repository: &'a Repository,
    pub blob: &'a Descriptor,
    pub source: Source<'a>,
    /// Where the source is, if that is another repository.
    pub origin: &'a Host,
}

/// An upload that was begun: where it goes on, the least length of its parts, and what was shown to begin it.
struct Begun {
    location: Url,
    least: u64,
    shown: Credential,
}

/// The bytes of a blob, piece by piece.
enum Pieces<'a> {
    Memory(&'a [u8]),
    File(&'a Path, tokio::fs::File),
    Elsewhere(Incoming),
}

/// Whether a repository that we push to has a blob.
///
/// # Errors
/// If the registry does not answer, or has other bytes under that digest.
pub async fn is_there(host: &Host, repository: &Repository, blob: &Descriptor) -> Result<bool, Error> {
    let url = host.url(repository, &format!("blobs/{}", blob.digest)).await?;
    let request = Request { method: Method::HEAD, accept: "*/*", ..Request::get(url) };
    // Push, not pull: a token for both is wanted anyway.
    let reply = host.send(Scope::push(repository), "look for a blob", request).await?;
    match reply.status {
        404 => Ok(false),
        // S3 behind a registry answers the redirect of a HEAD, which need not be followed to know it.
        200..=399 => match reply.header("content-length").and_then(|text| text.parse::<u64>().ok()) {
            Some(size) if reply.status == 200 && size != blob.size => {
                let text = format!("`{repository}` reports {size} bytes for {}, not {}", blob.digest, blob.size);
                Err(damaged(text))
            }
            _ => Ok(true),
        },
        _ => Err(refusal("look for a blob", &repository.to_string(), &reply)),
    }
}

impl Upload<'_> {
    /// Sees to it that the repository has the blob.
    ///
    /// # Errors
    /// If it cannot be uploaded.
    pub async fn push(&self) -> Result<Pushed, Error> {
        if let Source::Bytes(bytes) = self.source
            && Digest::of(bytes) != self.blob.digest
        {
            return Err(changed(format!("the file verified as {} has changed", self.blob.digest)));
        }
        let tiny = self.blob.size <= TINY && matches!(self.source, Source::Bytes(_));
        if !tiny && self.is_there().await? {
            return Ok(Pushed::There);
        }
        let mut number = 0;
        loop {
            number += 1;
            let later = match self.attempt().await {
                Ok(pushed) => return Ok(pushed),
                Err(failed) => failed,
            };
            self.host.pause(number, later).await?;
            // An answer may have been lost after its effect.
            if self.is_there().await? {
                return Ok(Pushed::Sent);
            }
        }
    }

    async fn is_there(&self) -> Result<bool, Error> {
        is_there(self.host, self.repository, self.blob).await
    }

    async fn attempt(&self) -> Result<Pushed, Failed> {
        let mount = match self.source {
            Source::Bytes(_) => None,
            Source::File(_, other) => other,
            Source::Elsewhere(other) => Some(other),
        };
        let mount = mount.filter(|other| other.registry == self.repository.registry && self.host.profile.mounts);
        if let Source::File(path, _) = self.source {
            let length = tokio::fs::metadata(path).await.map_err(|error| unreadable(path, &error))?.len();
            if length != self.blob.size {
                return Err(changed(format!("`{}` has {length} bytes, not {}", path.display(), self.blob.size)).into());
            }
        }
        let begun = match mount {
            Some(other) => match self.mount(other).await? {
                Some(Mount::Done) => return Ok(Pushed::Mounted),
                Some(Mount::Begun(begun)) => begun,
                None => self.begin().await?,
            },
            None => self.begin().await?,
        };
        let part = self.host.profile.chunk.or((begun.least > 0).then_some(PART)).map(|part| part.max(begun.least));
        if let Some(part) = part.filter(|part| self.blob.size > *part) {
            self.parts(begun, self.pieces().await?, part).await
        } else {
            let least = begun.least;
            let reply = self.whole(begun).await?;
            match reply.status {
                // Too long for one request, says a proxy or the registry: in parts, of a new session.
                413 => self.parts(self.begin().await?, self.pieces().await?, PART.max(least)).await,
                _ => self.stored(&reply),
            }
        }
        .map_err(|failed| self.blame(failed))?;
        Ok(Pushed::Sent)
    }

    async fn post(&self, query: &str) -> Result<(Url, Reply, Credential), Error> {
        let url = self.host.url(self.repository, &format!("blobs/uploads/{query}")).await?;
        let request = Request { method: Method::POST, accept: "*/*", ..Request::get(url.clone()) };
        let (reply, shown) = self.host.ask(Scope::push(self.repository), "upload", request).await?;
        Ok((url, reply, shown))
    }

    /// Nothing if the registry will hear nothing of mounting.
    async fn mount(&self, other: &Repository) -> Result<Option<Mount>, Error> {
        // Who mounts must be allowed to read there, by the same token.
        self.host.grant(&other.path, Action::Pull);
        let query = format!("?mount={}&from={}", encode(&self.blob.digest.to_string()), encode(&other.path));
        match self.post(&query).await {
            Ok((_, reply, _)) if reply.status == 201 => Ok(Some(Mount::Done)),
            Ok((asked, reply, shown)) if reply.status == 202 => {
                begun(&asked, &reply, shown).map(Mount::Begun).map(Some)
            }
            // Some refuse with 401 or 404 what the specification answers with 202.
            Ok(_) => Ok(None),
            Err(error) if error.kind == ErrorKind::Retry => Err(error),
            Err(_) => Ok(None),
        }
    }

    async fn begin(&self) -> Result<Begun, Error> {
        match self.post("").await? {
            (asked, reply, shown) if reply.status == 202 => begun(&asked, &reply, shown),
            (_, reply, _) => Err(refusal("upload", &self.repository.to_string(), &reply)),
        }
    }

    /// In one request.
    async fn whole(&self, begun: Begun) -> Result<Reply, Failed> {
        let url = with_digest(&begun.location, self.blob.digest);
        let body = match self.source {
            Source::Bytes(bytes) => Body::Bytes { bytes, media: OCTETS },
            Source::File(path, _) => {
                Body::File { path, size: self.blob.size, sha256: self.blob.digest, media: OCTETS, sent: Arc::default() }
            }
            Source::Elsewhere(other) => return self.through(url, &begun.shown, other).await,
        };
        self.send(Request { method: Method::PUT, body, accept: "*/*", ..Request::get(url) }).await
    }

    /// To the registry, or to another host that it named; that one does not learn who we are.
    async fn send(&self, request: Request<'_>) -> Result<Reply, Failed> {
        if self.is_near(&request.url).await? {
            return self.host.once(Scope::push(self.repository), "upload", request).await;
        }
        let _slot = self.host.slot().await;
        self.host.count();
        let sent = self.host.client().await?.send(request).await;
        sent.map_err(|error| Failed::of(unreachable(&error)))
    }

    /// Whether an address is the registry's own. One inside our own network is not sent to if the registry is outside.
    async fn is_near(&self, url: &Url) -> Result<bool, Error> {
        let base = self.host.base().await?;
        let near = same_origin(base, url);
        if let (false, Err(why)) = (near, self.host.client().await?.may_lead(base, url)) {
            let text = format!("`{}` redirects an upload {why}", host_of(base));
            let hint = "the registry must redirect to a public address, or to one listed in `publish.registry.hosts`";
            return Err(Error::new(ErrorKind::Refused, Problem::new("registry-refused", text).hint(hint)));
        }
        Ok(near)
    }

    fn stored(&self, reply: &Reply) -> Result<(), Failed> {
        if reply.is_success() {
            return Ok(());
        }
        if let Some(later) = self.host.not_now("upload", self.repository, reply) {
            return Err(later);
        }
        let error = refusal("upload", &self.repository.to_string(), reply);
        match reply.status {
            // A session that is gone, one that another attempt used up, a token that expired on the way: begin anew.
            401 | 404 | 416 => Err(Failed::Again(error, Wait::Soon)),
            _ => Err(Failed::of(error)),
        }
    }

    /// In several requests, each to where the answer before it pointed.
    async fn parts(&self, begun: Begun, mut pieces: Pieces<'_>, part: u64) -> Result<(), Failed> {
        let mut location = begun.location;
        let mut at = 0;
        let mut seen = Hashing::new(std::io::sink());
        while at < self.blob.size {
            let bytes = pieces.next(part.min(self.blob.size - at)).await?;
            if bytes.is_empty() {
                break;
            }
            seen.write_all(&bytes).map_err(|error| changed(error.to_string()))?;
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
        // Not every registry compares: the upload is not ended.
        let (_, found, _) = seen.finish();
        if found != self.blob.digest {
            return Err(pieces.wrong(format!("received {found} instead of {}", self.blob.digest)).into());
        }
        let url = with_digest(&location, self.blob.digest);
        let reply = self.send(Request { method: Method::PUT, accept: "*/*", ..Request::get(url) }).await?;
        self.stored(&reply)
    }

    async fn pieces(&self) -> Result<Pieces<'_>, Failed> {
        Ok(match self.source {
            Source::Bytes(bytes) => Pieces::Memory(bytes),
            Source::File(path, _) => {
                Pieces::File(path, tokio::fs::File::open(path).await.map_err(|error| unreadable(path, &error))?)
            }
            Source::Elsewhere(other) => Pieces::Elsewhere(self.open(other).await?),
        })
    }

    /// The bytes of another repository, before the first one is read.
    async fn open(&self, from: &Repository) -> Result<Incoming, Failed> {
        let origin = self.origin;
        let url = origin.url(from, &format!("blobs/{}", self.blob.digest)).await?;
        // Asks for a token if one is needed; the body of a HEAD is nothing.
        let look = Request { method: Method::HEAD, accept: "*/*", ..Request::get(url.clone()) };
        let (reply, shown) = origin.ask(Scope::pull(from), "read a blob", look).await?;
        if reply.status == 404 {
            let text = format!("`{from}` has no blob {}", self.blob.digest);
            let problem = Problem::new("registry-missing", text).hint("run `longshore lock --update`");
            return Err(Error::new(ErrorKind::Missing, problem).into());
        }
        let request = Request { accept: "*/*", auth: shown.auth(), ..Request::get(url) };
        origin.count();
        let opened = origin.client().await?.open(request).await.map_err(|error| Failed::of(unreachable(&error)))?;
        opened.map_err(|reply| {
            let later = origin.not_now("read a blob", from, &reply);
            later.unwrap_or_else(|| Failed::of(refusal("read a blob", &from.to_string(), &reply)))
        })
    }

    /// From one repository to another as it comes, without a disk between.
    async fn through(&self, url: Url, shown: &Credential, from: &Repository) -> Result<Reply, Failed> {
        let incoming = self.open(from).await?;
        let auth = if self.is_near(&url).await? { shown.auth() } else { None };
        let _slot = self.host.slot().await;
        self.host.count();
        let request = Request { method: Method::PUT, accept: "*/*", auth, ..Request::get(url) };
        let reply = self.host.client().await?.forward(request, incoming, self.blob.size, self.blob.digest).await;
        reply.map_err(|error| match error.changed {
            true => damaged(format!("`{from}@{}` was received with other bytes", self.blob.digest)).into(),
            false => Failed::of(unreachable(&error)),
        })
    }

    /// What another registry gave and this one finds to be something else is that one's fault.
    fn blame(&self, failed: Failed) -> Failed {
        match (failed, self.source) {
            (Failed::Final(error), Source::Elsewhere(from)) if error.problem.message.contains("DIGEST_INVALID") => {
                damaged(format!("`{from}@{}` was received with other bytes", self.blob.digest)).into()
            }
            (failed, _) => failed,
        }
    }
}

enum Mount {
    Done,
    Begun(Begun),
}

fn begun(asked: &Url, reply: &Reply, shown: Credential) -> Result<Begun, Error> {
    let least = reply.header("oci-chunk-min-length").and_then(|text| text.parse().ok()).unwrap_or_default();
    if least > LARGEST_PART {
        let most = LARGEST_PART >> 20;
        let text = format!("`{}` requires chunks of at least {least} bytes; the limit is {most} MiB", host_of(asked));
        let hint = "check for a proxy between this machine and the registry";
        return Err(Error::new(ErrorKind::Refused, Problem::new("registry-refused", text).hint(hint)));
    }
    Ok(Begun { location: location(reply, asked)?, least, shown })
}

impl Pieces<'_> {
    /// Bytes that are not what their digest says.
    fn wrong(&self, text: String) -> Error {
        match self {
            Self::Memory(_) => changed(text),
            Self::File(path, _) => changed(format!("`{}`: {text}", path.display())),
            Self::Elsewhere(_) => damaged(text),
        }
    }

    /// At most so many bytes; fewer only at the end.
    async fn next(&mut self, most: u64) -> Result<Vec<u8>, Failed> {
        use tokio::io::AsyncReadExt;
        let length = usize::try_from(most).unwrap_or(usize::MAX);
        match self {
            Self::Memory(bytes) => {
                let (piece, rest) = bytes.split_at(length.min(bytes.len()));
                *bytes = rest;
                Ok(piece.to_vec())
            }
            Self::File(path, file) => {
                let mut piece = Vec::new();
                file.take(most).read_to_end(&mut piece).await.map_err(|error| unreadable(path, &error))?;
                Ok(piece)
            }
            Self::Elsewhere(incoming) => incoming.next(length).await.map_err(|error| Failed::of(unreachable(&error))),
        }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    changed(format!("cannot read `{}`: {error}", path.display()))
}

fn changed(text: String) -> Error {
    let hint = "the files changed after they were verified: run `longshore verify` or build again";
    Error::new(ErrorKind::Usage, Problem::new("changed-artifact", text).hint(hint))
}

/// Where the next request of an upload goes: absolute or relative, as registries like.
fn location(reply: &Reply, asked: &Url) -> Result<Url, Error> {
    let text = reply.header("location").unwrap_or_default();
    asked.join(text).ok().filter(|_| !text.is_empty()).ok_or_else(|| {
        let text = format!("`{}` starts an upload without a location", host_of(asked));
        let hint =
            "check for a proxy between this machine and the registry, then run the same command again to continue";
        Error::new(ErrorKind::Refused, Problem::new("registry-refused", text).hint(hint))
    })
}

fn with_digest(location: &Url, digest: Digest) -> Url {
    let mut url = location.clone();
    url.query_pairs_mut().append_pair("digest", &digest.to_string());
    url
}

/// Streams a blob into a sink; returns the answer with digest and length of what came. What a sink has got it cannot give
/// back: only what fails before the first byte is tried again.
///
/// # Errors
/// If there is no answer, or no permission.
pub async fn fetch(
    host: &Host,
    repository: &Repository,
    url: Url,
    sink: &mut impl Write,
) -> Result<(Reply, Digest, u64), Error> {
    let scope = Scope::pull(repository);
    let mut shown = host.credential(scope, true).await?;
    let (mut number, mut asked) = (0, false);
    loop {
        number += 1;
        let request = Request { accept: "*/*", auth: shown.auth(), ..Request::get(url.clone()) };
        let mut sink = Hashing::new(&mut *sink);
        let slot = host.slot().await;
        host.count();
        let sent = host.client().await?.download(request, &mut sink).await;
        drop(slot);
        let (_, digest, size) = sink.finish();
        let later = match sent {
            Ok(reply) if matches!(reply.status, 401 | 403) && !asked => {
                // Asking for the head takes care of challenges and tokens.
                let look = Request { method: Method::HEAD, accept: "*/*", ..Request::get(url.clone()) };
                (_, shown) = host.ask(scope, "read a blob", look).await?;
                asked = true;
                continue;
            }
            Ok(reply) => match host.not_now("read a blob", repository, &reply) {
                None => return Ok((reply, digest, size)),
                Some(later) => later,
            },
            Err(error) => match Failed::of(unreachable(&error)) {
                failed if size == 0 => failed,
                failed => return Err(failed.into()),
            },
        };
        host.pause(number, later).await?;
    }
}
