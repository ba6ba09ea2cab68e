//! Reading an index: which files are there, and with which digest.

use std::collections::BTreeMap;
use std::io;

use url::Url;

use super::answer::unreachable;
use super::index::{Credential, Index};
use super::package::{PackageFile, PackageUpload};
use super::page::{self, Files, Page, There};
use crate::digest::{Digest, Hashing};
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::secret::Secret;
use crate::wheel::DistributionName;
use crate::world::http::{self, Auth, Client, Limited, Reply, Request, same_origin};
use crate::world::patience::{Wait, told};

/// What we would like the simple API to answer with.
const SIMPLE: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";
const REDIRECTS: usize = 5;

pub struct Reader<'a> {
    index: &'a Index,
    client: Client,
    /// What a private index wants from readers, too.
    login: Option<(String, Secret)>,
}

/// What is known about a version of a project.
#[derive(Default)]
pub struct Seen {
    /// What the JSON API says, the better witness; empty without one.
    pub json: Files,
    /// What the simple API says; nothing if it does not know the project.
    pub page: Option<Page>,
}

impl Seen {
    /// A file, wherever it was seen.
    pub fn file(&self, name: &str) -> Option<&There> {
        self.json.get(name).or_else(|| self.listed(name))
    }

    /// A file that installers see.
    pub fn listed(&self, name: &str) -> Option<&There> {
        self.page.as_ref()?.files.get(name)
    }
}

impl<'a> Reader<'a> {
    /// Connects nothing yet. PyPI's pages are public; a login goes only to the host that takes the uploads as well.
    pub fn new(index: &'a Index, client: Client, credentials: &BTreeMap<DistributionName, Credential>) -> Self {
        let private = index.json.is_none() && same_origin(&index.simple, &index.upload);
        let login = credentials.values().filter(|_| private).find_map(|credential| match credential {
            Credential::Login { username, password } => Some((username.clone(), password.clone())),
            Credential::Token(token) => Some(("__token__".to_owned(), token.clone())),
            Credential::Trusted { .. } => None,
        });
        Self { index, client, login }
    }

    pub async fn look(&self, file: &PackageFile<'_>) -> Result<Seen, Failure> {
        let name = file.distribution.normalized();
        let json = self.json(&name, file.version).await?;
        Ok(Seen { json, page: self.simple(&name).await? })
    }

    /// One file, asked where the answer is the newest.
    pub async fn find(&self, file: &PackageFile<'_>) -> Result<Option<There>, Failure> {
        let name = file.distribution.normalized();
        let there = self.json(&name, file.version).await?.remove(file.name);
        if there.is_some() || self.index.json.is_some() {
            return Ok(there);
        }
        Ok(self.simple(&name).await?.and_then(|mut page| page.files.remove(file.name)))
    }

    /// The digest of a file that is there, and how it became known.
    pub async fn digest(&self, upload: &PackageUpload<'_>, there: &There) -> Result<(Digest, &'static str), Failure> {
        if let Some(sha256) = there.sha256 {
            return Ok((sha256, "digest"));
        }
        let mut hashing = Hashing::new(io::sink());
        let mut sink = Limited::new(&mut hashing, upload.size);
        let fetched = self.fetch(upload.file.name, there, &mut sink).await;
        if sink.is_over() {
            let text = format!("`{}` on the index is larger than the {} bytes of ours", upload.file.name, upload.size);
            let hint = "a file of an index is never replaced: release a new version";
            return Err(Failure::Conflict(Problem::new("index-file-differs", text).hint(hint)));
        }
        fetched?;
        Ok((hashing.finish().1, "download"))
    }

    /// Writes a file that is there into `sink`.
    pub async fn fetch(&self, name: &str, there: &There, sink: &mut impl io::Write) -> Result<(), Failure> {
        let nothing = || Failure::Unconfirmed(unconfirmed(name, "shows neither its digest nor where to download it"));
        let url = there.url.clone().ok_or_else(nothing)?;
        let led = self.client.may_lead(&self.index.simple, &url);
        led.map_err(|why| Failure::Unconfirmed(unconfirmed(name, &format!("redirects {why}"))))?;
        let reply = self.client.download(self.request(url, "*/*"), sink).await;
        let reply = reply.map_err(|error| unreachable(&error))?;
        if reply.is_success() { Ok(()) } else { Err(self.trouble(&format!("download `{name}`"), &reply)) }
    }

    async fn json(&self, name: &str, version: &str) -> Result<Files, Failure> {
        let Some(json) = &self.index.json else { return Ok(Files::new()) };
        let url = below(json, &format!("{name}/{}/json", http::encode(version)));
        let Some((reply, url)) = self.get("read the release", url, "application/json").await? else {
            return Ok(Files::new());
        };
        page::release(&reply.body, &url).map_err(|why| unreadable(&url, &why))
    }

    async fn simple(&self, name: &str) -> Result<Option<Page>, Failure> {
        let url = below(&self.index.simple, &format!("{name}/"));
        let Some((reply, url)) = self.get("read the simple index", url, SIMPLE).await? else { return Ok(None) };
        let media = reply.header("content-type").unwrap_or_default().to_ascii_lowercase();
        page::simple(&reply.body, &url, &media).map(Some).map_err(|why| unreadable(&url, &why))
    }

    /// A page and where it was in the end; nothing if the index does not have it. GitLab and pypiserver send readers on to
    /// PyPI then: what is there is no here. Anywhere else, such as to a login, the state of the index is unknown.
    async fn get(&self, doing: &str, mut url: Url, accept: &str) -> Result<Option<(Reply, Url)>, Failure> {
        for _ in 0..=REDIRECTS {
            let reply = self.client.send(self.request(url.clone(), accept)).await;
            let reply = reply.map_err(|error| unreachable(&error))?;
            let next = reply.header("location").and_then(|to| url.join(to).ok());
            match (reply.status, next) {
                (200..=299, _) => return Ok(Some((reply, url))),
                (404, _) => return Ok(None),
                (301 | 302 | 303 | 307 | 308, Some(next)) if same_origin(&url, &next) => url = next,
                (301 | 302 | 303 | 307 | 308, Some(next)) if is_pypi(&next) && !is_pypi(&url) => return Ok(None),
                (301 | 302 | 303 | 307 | 308, Some(next)) => {
                    return Err(unreadable(&url, &format!("it redirects to `{}`", http::host(&next))));
                }
                _ => return Err(self.trouble(doing, &reply)),
            }
        }
        Err(unreadable(&url, "it redirects too often"))
    }

    fn request<'r>(&'r self, url: Url, accept: &'r str) -> Request<'r> {
        let near = same_origin(&url, &self.index.simple);
        let auth = self.login.as_ref().filter(|_| near).map(|(user, password)| Auth::Basic(user, password));
        Request { auth, accept, ..Request::get(url) }
    }

    fn trouble(&self, doing: &str, reply: &Reply) -> Failure {
        let text = format!("cannot {doing}: `{}` answered {}", http::host(&self.index.simple), reply.status);
        let problem = |code| Problem::new(code, text.clone());
        match reply.status {
            401 | 403 => Failure::Denied(problem("token-refused").hint("set credentials that may read the index")),
            408 | 425 | 429 | 500.. => Failure::Retry {
                problem: problem("server-trouble"),
                after: told(&reply.headers).map_or(Wait::Soon, Wait::Told),
            },
            _ => Failure::Fatal(problem("unexpected-answer").hint("is this the URL of its simple API?")),
        }
    }
}

/// A file that cannot be confirmed.
pub fn unconfirmed(name: &str, what: &str) -> Problem {
    let problem = Problem::new("index-unconfirmed", format!("`{name}`: the index {what}"));
    problem.hint("run the same command again to check again")
}

/// An address below a base, which may be written with or without its last slash.
fn below(base: &Url, tail: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{tail}", base.path().trim_end_matches('/')));
    url
}

/// A page of PyPI about a project, where indexes send readers on to that know none of its name.
fn is_pypi(url: &Url) -> bool {
    url.scheme() == "https" && url.host_str() == Some("pypi.org") && url.path().starts_with("/simple/")
}

/// An answer that is not a page of an index is not one of an empty index: what is there could be overlooked.
fn unreadable(url: &Url, why: &str) -> Failure {
    let text = format!("the answer of `{}` to `{}` cannot be read: {why}", http::host(url), url.path());
    let hint = "nothing was sent: check what answers there (a login page, a proxy?) and whether `index:` is right; then run the same command again";
    Failure::Unconfirmed(Problem::new("answer-unreadable", text).hint(hint))
}
