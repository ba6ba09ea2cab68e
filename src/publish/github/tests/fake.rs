//! A small GitHub on a socket of this machine, told what to do wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use url::Url;

use crate::digest::Digest;

pub const TOKEN: &str = "ghs_canary_4711";

/// The server; it ends with the test.
pub struct Fake {
    pub port: u16,
    state: Arc<Mutex<State>>,
    hanging: Arc<Notify>,
    task: tokio::task::JoinHandle<()>,
}

/// What it knows and how it misbehaves.
#[derive(Default)]
pub struct State {
    /// Path before `/repos`, `/api/v3` on GHES.
    pub prefix: &'static str,
    /// Path of uploads before `/repos`.
    pub uploads: &'static str,
    /// Tags: object id and, for annotated ones, the commit behind it.
    pub tags: BTreeMap<String, (String, Option<String>)>,
    pub releases: Vec<Rel>,
    /// Refuses everything to a reader without a token.
    pub private: bool,
    /// The anonymous limit is used up.
    pub anonymous_limit: bool,
    pub no_digests: bool,
    pub no_downloads: bool,
    /// Published releases become immutable.
    pub immutable: bool,
    /// What `releases/latest` shows, if not the newest that asked for it.
    pub latest: Option<String>,
    /// Nothing is ever "latest".
    pub no_latest: bool,
    /// Where uploads are said to go, if not here.
    pub upload_url: Option<String>,
    pub rename: Option<(String, String)>,
    /// Embeds only so many files in a release.
    pub embed: Option<usize>,
    /// Faults: the first whose text the request line contains happens, once.
    pub faults: Vec<(&'static str, Fault)>,
    /// Lists show everything twice, as the ends of two pages do when something new comes between them.
    pub twice: bool,
    /// Files are handed out with much behind their end.
    pub endless: bool,
    /// So many lists do not show drafts yet.
    pub stale: usize,
    /// The request of this number gets no answer; whether it is carried out.
    pub hang: Option<(usize, bool)>,
    /// Every request: method, path, and `+` if it brought the token.
    pub log: Vec<String>,
    /// Bodies of JSON writes.
    pub sent: Vec<Value>,
    next: u64,
}

#[derive(Clone, Default)]
pub struct Rel {
    pub id: u64,
    pub tag: String,
    pub name: String,
    pub body: String,
    pub draft: bool,
    pub prerelease: bool,
    pub immutable: bool,
    pub assets: Vec<File>,
}

#[derive(Clone)]
pub struct File {
    pub id: u64,
    pub name: String,
    pub state: &'static str,
    pub bytes: Vec<u8>,
}

#[derive(Clone)]
pub enum Fault {
    /// This answer, and nothing happens.
    Answer(u16, &'static [(&'static str, &'static str)], Value),
    /// The request is carried out, the answer is this status.
    Lost(u16),
    /// The connection ends in the middle of the request.
    Cut,
    /// The connection ends after the request was carried out.
    CutAfter,
    /// An upload that leaves an empty asset behind and answers 502.
    Starter,
    /// The tag moves just before.
    MoveTag,
    /// A file of somebody else appears just before.
    Appear(File),
    /// What was sent arrives as something else.
    Damage,
    /// A file on the publisher's disk changes just before.
    Change(std::path::PathBuf, &'static [u8]),
}

struct Request {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    token: bool,
    body: Vec<u8>,
}

type Answer = (u16, Vec<(String, String)>, Vec<u8>);

impl Fake {
    pub async fn start(state: State) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State { next: 1000, ..state }));
        let hanging = Arc::new(Notify::new());
        let shared = (Arc::clone(&state), Arc::clone(&hanging));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, hanging) = shared.clone();
                tokio::spawn(async move { serve(stream, &state, &hanging, port).await });
            }
        });
        Self { port, state, hanging, task }
    }

    pub fn api(&self) -> Url {
        format!("http://127.0.0.1:{}{}/", self.port, self.state().prefix).parse().unwrap()
    }

    /// Waits until a request hangs.
    pub async fn hanging(&self) {
        self.hanging.notified().await;
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Requests since the last call.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state().log)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, shared: &Mutex<State>, hanging: &Notify, port: u16) {
    let Some((line, headers)) = read_head(&mut stream).await else { return };
    let token = headers.get("authorization").is_some_and(|value| *value == format!("Bearer {TOKEN}"));
    assert!(!headers.contains_key("transfer-encoding"), "GitHub takes no chunked bodies");
    let (fault, hang) = shared.lock().unwrap().arrived(&line, token);
    let length: usize = headers.get("content-length").map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; if matches!(fault, Some(Fault::Cut)) { length / 2 } else { length }];
    if stream.read_exact(&mut body).await.is_err() || matches!(fault, Some(Fault::Cut)) {
        return;
    }
    let (method, target) = line.split_once(' ').unwrap();
    let url = Url::parse(&format!("http://x{target}")).unwrap();
    let query = url.query_pairs().into_owned().collect();
    let request = Request { method: method.into(), path: url.path().into(), query, token, body };
    if let Some((_, carried_out)) = hang {
        if carried_out {
            shared.lock().unwrap().answer(&request, port);
        }
        hanging.notify_one();
        return std::future::pending().await;
    }
    let answer = shared.lock().unwrap().faulty(&request, fault, port);
    let Some((status, headers, body)) = answer else { return };
    let mut text = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    let _ = stream.write_all(text.as_bytes()).await;
    if method != "HEAD" {
        let _ = stream.write_all(&body).await;
    }
    let _ = stream.shutdown().await;
}

/// Method and target, and the headers by their lower-case names.
async fn read_head(stream: &mut TcpStream) -> Option<(String, BTreeMap<String, String>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let (line, _) = lines.next().unwrap().rsplit_once(' ').unwrap();
    let pairs = lines.filter_map(|line| line.split_once(": "));
    Some((line.to_owned(), pairs.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect()))
}

impl State {
    /// Writes a request down; the fault that is due, and whether this one gets no answer.
    fn arrived(&mut self, line: &str, token: bool) -> (Option<Fault>, Option<(usize, bool)>) {
        self.log.push(format!("{line}{}", if token { " +" } else { "" }));
        let found = self.faults.iter().position(|(text, _)| line.contains(text));
        let hang = self.hang.filter(|(number, _)| *number == self.log.len());
        (found.map(|index| self.faults.remove(index).1), hang)
    }

    /// The answer with a fault; nothing if the connection just ends.
    fn faulty(&mut self, request: &Request, fault: Option<Fault>, port: u16) -> Option<Answer> {
        Some(match fault {
            None | Some(Fault::Cut) => self.answer(request, port),
            Some(Fault::Answer(status, headers, body)) => {
                let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
                (status, headers, body.to_string().into_bytes())
            }
            Some(Fault::Lost(status)) => {
                self.answer(request, port);
                (status, Vec::new(), b"<html>bad gateway</html>".to_vec())
            }
            Some(Fault::CutAfter) => {
                self.answer(request, port);
                return None;
            }
            Some(Fault::Starter) => {
                self.answer(request, port);
                let last = self.releases.iter_mut().flat_map(|r| &mut r.assets).max_by_key(|a| a.id).unwrap();
                last.state = "starter";
                last.bytes.clear();
                (502, Vec::new(), Vec::new())
            }
            Some(Fault::Appear(file)) => {
                self.releases.last_mut().unwrap().assets.push(file);
                self.answer(request, port)
            }
            Some(Fault::Damage) => {
                let (method, path, query) = (request.method.clone(), request.path.clone(), request.query.clone());
                let body = request.body.to_ascii_uppercase();
                self.answer(&Request { method, path, query, token: request.token, body }, port)
            }
            Some(Fault::Change(path, bytes)) => {
                std::fs::write(path, bytes).unwrap();
                self.answer(request, port)
            }
            Some(Fault::MoveTag) => {
                self.tags.values_mut().for_each(|tag| *tag = ("f".repeat(40), None));
                self.answer(request, port)
            }
        })
    }

    fn answer(&mut self, request: &Request, port: u16) -> Answer {
        if let Some(id) = request.path.strip_prefix("/storage/") {
            let bytes = self.file(id.parse().unwrap()).map(|file| file.bytes.clone());
            return match bytes {
                _ if request.token => ok(400, &json!({"message": "a token where none belongs"})),
                Some(mut bytes) if self.endless => {
                    bytes.resize(4 << 20, b'x');
                    (200, Vec::new(), bytes)
                }
                Some(bytes) if !self.no_downloads => (200, Vec::new(), bytes),
                _ => ok(403, &json!({"message": "no"})),
            };
        }
        // The store is another host to a client: it must not get the token.
        let redirect =
            |id: &str| (302, vec![("location".into(), format!("http://localhost:{port}/storage/{id}"))], vec![]);
        if let Some(id) = request.path.strip_prefix("/download/") {
            return if self.private { not_found() } else { redirect(id) };
        }
        if !request.token && self.anonymous_limit {
            let headers = vec![("x-ratelimit-remaining".into(), "0".into())];
            return (403, headers, br#"{"message":"API rate limit exceeded"}"#.to_vec());
        }
        if !request.token && (self.private || request.method != "GET") {
            return not_found();
        }
        let upload = request.path.strip_prefix(&format!("{}/repos/o/r/releases/", self.uploads));
        if let Some(id) = upload.and_then(|path| path.strip_suffix("/assets")).filter(|_| request.method == "POST") {
            return self.upload(id.parse().unwrap(), request, port);
        }
        let Some(path) = request.path.strip_prefix(&format!("{}/repos/o/r", self.prefix)) else { return not_found() };
        let words: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        if let ["releases", "assets", id] = words.as_slice()
            && request.method == "GET"
        {
            return redirect(id);
        }
        if request.method == "GET" { self.read(request, &words, port) } else { self.write(request, &words, port) }
    }

    fn read(&mut self, request: &Request, words: &[&str], port: u16) -> Answer {
        match words {
            [""] => ok(200, &json!({"private": self.private})),
            ["git", "ref", "tags", tag] => match self.tags.get(&decode(tag)) {
                Some((sha, inner)) => {
                    let kind = if inner.is_some() { "tag" } else { "commit" };
                    ok(200, &json!({"object": {"type": kind, "sha": sha}}))
                }
                None => not_found(),
            },
            ["git", "tags", sha] => {
                let inner = self.tags.values().find(|(id, _)| id == sha).and_then(|(_, inner)| inner.clone());
                ok(200, &json!({"object": {"type": "commit", "sha": inner}}))
            }
            ["releases"] => {
                let drafts = request.token && self.stale == 0;
                self.stale = self.stale.saturating_sub(1);
                self.page(request, |state| {
                    let seen = state.releases.iter().rev().filter(|release| drafts || !release.draft);
                    seen.map(|release| state.json(release, port)).collect()
                })
            }
            ["releases", "latest"] => {
                let tag = self.latest.clone();
                self.one(port, |release| Some(&release.tag) == tag.as_ref() && !release.draft)
            }
            ["releases", "tags", tag] => {
                let tag = decode(tag);
                self.one(port, |release| release.tag == tag && !release.draft)
            }
            ["releases", id] => {
                let id: u64 = id.parse().unwrap();
                self.one(port, |release| release.id == id)
            }
            ["releases", id, "assets"] => {
                let id: u64 = id.parse().unwrap();
                self.page(request, |state| {
                    let release = state.releases.iter().find(|release| release.id == id).unwrap();
                    release.assets.iter().map(|asset| state.asset(asset, port)).collect()
                })
            }
            _ => not_found(),
        }
    }

    fn write(&mut self, request: &Request, words: &[&str], port: u16) -> Answer {
        match (request.method.as_str(), words) {
            ("POST", ["releases", "generate-notes"]) => {
                let body: Value = serde_json::from_slice(&request.body).unwrap();
                let since = body["previous_tag_name"].as_str().unwrap_or("ever");
                ok(200, &json!({"name": "x", "body": format!("* since {since}")}))
            }
            ("POST", ["releases"]) => self.create(request, port),
            ("PATCH", ["releases", id]) => self.update(id.parse().unwrap(), request, port),
            ("DELETE", ["releases", "assets", id]) => {
                let id: u64 = id.parse().unwrap();
                self.releases.iter_mut().for_each(|release| release.assets.retain(|asset| asset.id != id));
                (204, vec![], vec![])
            }
            ("DELETE", ["releases", id]) => {
                let id: u64 = id.parse().unwrap();
                self.releases.retain(|release| release.id != id);
                (204, vec![], vec![])
            }
            _ => not_found(),
        }
    }

    fn create(&mut self, request: &Request, port: u16) -> Answer {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        self.next += 1;
        let release = Rel {
            id: self.next,
            tag: body["tag_name"].as_str().unwrap().into(),
            name: body["name"].as_str().unwrap().into(),
            body: body["body"].as_str().unwrap().into(),
            draft: body["draft"].as_bool().unwrap(),
            prerelease: body["prerelease"].as_bool().unwrap(),
            ..Rel::default()
        };
        self.sent.push(body);
        let answer = ok(201, &self.json(&release, port));
        self.releases.push(release);
        answer
    }

    fn update(&mut self, id: u64, request: &Request, port: u16) -> Answer {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let immutable = self.immutable;
        let release = self.releases.iter_mut().find(|release| release.id == id).unwrap();
        release.draft = body["draft"].as_bool().unwrap();
        release.name = body["name"].as_str().unwrap().into();
        release.body = body["body"].as_str().unwrap().into();
        release.immutable = immutable && !release.draft;
        if body["make_latest"] == "true" && !self.no_latest {
            self.latest = Some(release.tag.clone());
        }
        let release = release.clone();
        self.sent.push(body);
        ok(200, &self.json(&release, port))
    }

    fn upload(&mut self, id: u64, request: &Request, port: u16) -> Answer {
        let mut name = request.query["name"].clone();
        if let Some((_, to)) = self.rename.as_ref().filter(|(from, _)| *from == name) {
            name.clone_from(to);
        }
        self.next += 1;
        let file = File { id: self.next, name, state: "uploaded", bytes: request.body.clone() };
        let release = self.releases.iter_mut().find(|release| release.id == id).unwrap();
        if release.immutable {
            return ok(422, &json!({"message": "Cannot upload assets to an immutable release."}));
        }
        if release.assets.iter().any(|asset| asset.name == file.name) {
            let error = json!({"resource": "ReleaseAsset", "code": "already_exists", "field": "name"});
            return ok(422, &json!({"message": "Validation Failed", "errors": [error]}));
        }
        release.assets.push(file.clone());
        ok(201, &self.asset(&file, port))
    }

    fn one(&self, port: u16, is: impl Fn(&Rel) -> bool) -> Answer {
        match self.releases.iter().find(|release| is(release)) {
            Some(release) => ok(200, &self.json(release, port)),
            None => ok(404, &json!({"message": "Not Found"})),
        }
    }

    fn page(&self, request: &Request, all: impl Fn(&Self) -> Vec<Value>) -> Answer {
        let number = |name: &str, or: usize| request.query.get(name).map_or(or, |text| text.parse().unwrap());
        let (size, page) = (number("per_page", 30), number("page", 1));
        let mut all = all(self);
        if self.twice {
            all = all.into_iter().flat_map(|one| [one.clone(), one]).collect();
        }
        let more = all.len() > size * page;
        let items: Vec<Value> = all.into_iter().skip(size * (page - 1)).take(size).collect();
        let (status, mut headers, body) = ok(200, &json!(items));
        if more {
            headers.push(("link".into(), format!("<http://x/?page={}>; rel=\"next\"", page + 1)));
        }
        (status, headers, body)
    }

    fn json(&self, release: &Rel, port: u16) -> Value {
        let base = format!("http://127.0.0.1:{port}{}/repos/o/r/releases/{}", self.uploads, release.id);
        let upload_url = self.upload_url.clone().unwrap_or(format!("{base}/assets{{?name,label}}"));
        let some = release.assets.iter().take(self.embed.unwrap_or(usize::MAX));
        json!({
            "id": release.id, "tag_name": release.tag, "name": release.name, "body": release.body,
            "draft": release.draft, "prerelease": release.prerelease, "immutable": release.immutable,
            "upload_url": upload_url, "html_url": format!("http://127.0.0.1:{port}/o/r/releases/{}", release.id),
            "assets": some.map(|asset| self.asset(asset, port)).collect::<Vec<_>>(),
        })
    }

    fn asset(&self, asset: &File, port: u16) -> Value {
        let digest = Digest::of(&asset.bytes).to_string();
        json!({
            "id": asset.id, "name": asset.name, "state": asset.state, "size": asset.bytes.len(),
            "digest": if self.no_digests || asset.state == "starter" { Value::Null } else { digest.into() },
            "browser_download_url": format!("http://127.0.0.1:{port}/download/{}", asset.id),
        })
    }

    fn file(&self, id: u64) -> Option<&File> {
        self.releases.iter().flat_map(|release| &release.assets).find(|asset| asset.id == id)
    }
}

fn not_found() -> Answer {
    ok(404, &json!({"message": "Not Found", "documentation_url": "x"}))
}

fn ok(status: u16, body: &Value) -> Answer {
    (status, Vec::new(), body.to_string().into_bytes())
}

fn decode(text: &str) -> String {
    url::form_urlencoded::parse(format!("x={text}").replace('+', "%2B").as_bytes()).next().unwrap().1.into_owned()
}
