//! One registry: its connection, who we are there, how many requests are under way, and when one is tried again.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::{OnceCell, OwnedSemaphorePermit};
use tokio::time::Instant;
use url::Url;

use super::access::{Access, HostAccess};
use super::auth::{self, Action, Challenge, Credential, Scope, Scopes, TokenService, Tokens};
use super::error::{Error, ErrorKind, Failed, refusal, unreachable};
use super::login::{Login, Logins};
use super::profile::{self, Profile};
use super::window::Window;
use crate::problem::Problem;
use crate::reference::Repository;
use crate::world::http::{Client, Reply, Request, Trust, is_loopback};
use crate::world::patience::{Pace, Passing, Patience, Wait, told};
use crate::world::terminal::Printer;

/// The largest answer: more than any manifest, or a page of a list.
const LARGEST_ANSWER: usize = 8 << 20;

pub struct Host {
    /// As in references.
    pub name: String,
    pub profile: Profile,
    access: HostAccess,
    /// Hosts that the user wrote.
    known: Vec<String>,
    logins: Logins,
    connection: OnceCell<Connection>,
    /// Why there was no connection, and when.
    unreached: Mutex<Option<(Instant, Error)>>,
    /// What this run will do here, for one token that is good for all of it.
    granted: Mutex<Scopes>,
    challenge: Mutex<Option<Challenge>>,
    /// Whether somebody has asked it something: one request goes ahead, so that not each of many is told to say who we are.
    met: AtomicBool,
    asking: tokio::sync::Mutex<()>,
    /// A user whose password was not accepted: it is not sent again.
    wrong: Mutex<Option<(String, Error)>>,
    tokens: tokio::sync::Mutex<Tokens>,
    window: Window,
    patience: Patience,
    /// Whether it takes no token for several repositories.
    apart: AtomicBool,
    sent: AtomicU64,
}

struct Connection {
    client: Client,
    base: Url,
}

/// The request that goes ahead of the others, however it ends.
struct First<'a> {
    met: &'a AtomicBool,
    _asking: tokio::sync::MutexGuard<'a, ()>,
}

impl Drop for First<'_> {
    fn drop(&mut self) {
        self.met.store(true, Ordering::Release);
    }
}

impl Host {
    /// Not connected yet.
    pub fn new(name: &str, access: &Access, logins: &Logins) -> Self {
        let profile = profile::of(name);
        let own = access.hosts.get(name).cloned().unwrap_or_default();
        let printer = access.printer.clone().unwrap_or_else(Printer::silent);
        let patience = Patience::new(pace(name, &own), &printer);
        Self {
            name: name.to_owned(),
            profile,
            known: access.hosts.keys().chain(&own.token_service).cloned().collect(),
            access: HostAccess { anonymous: access.anonymous || own.anonymous, ..own },
            logins: logins.clone(),
            connection: OnceCell::new(),
            unreached: Mutex::default(),
            granted: Mutex::default(),
            challenge: Mutex::default(),
            met: AtomicBool::new(false),
            asking: tokio::sync::Mutex::default(),
            wrong: Mutex::default(),
            tokens: tokio::sync::Mutex::default(),
            window: Window::new(profile.window),
            patience,
            apart: AtomicBool::new(false),
            sent: AtomicU64::new(0),
        }
    }

    /// Announces what will be done.
    pub fn grant(&self, path: &str, action: Action) {
        let mut granted = self.granted.lock().unwrap_or_else(PoisonError::into_inner);
        let known = granted.entry(path.to_owned()).or_insert(action);
        *known = (*known).max(action);
    }

    pub fn count(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// A place of its API.
    ///
    /// # Errors
    /// If it cannot be connected to.
    pub async fn url(&self, repository: &Repository, tail: &str) -> Result<Url, Error> {
        self.base().await?.join(&format!("v2/{}/{tail}", repository.path)).map_err(|_| {
            let text = format!("`{}` is not a valid path at `{}`", repository.path, self.name);
            Error::new(ErrorKind::Usage, Problem::new("bad-repository", text))
        })
    }

    /// The client of its connection.
    ///
    /// # Errors
    /// If it cannot be connected to.
    pub async fn client(&self) -> Result<&Client, Error> {
        Ok(&self.connection().await?.client)
    }

    /// Its base URL.
    ///
    /// # Errors
    /// If it cannot be connected to.
    pub async fn base(&self) -> Result<&Url, Error> {
        Ok(&self.connection().await?.base)
    }

    /// Its base URL, if it was connected to.
    pub fn known_base(&self) -> Option<Url> {
        self.connection.get().map(|connection| connection.base.clone())
    }

    /// Connects once. Who waited while it came to nothing does not try anew.
    async fn connection(&self) -> Result<&Connection, Error> {
        let since = Instant::now();
        let failed = || self.unreached.lock().unwrap_or_else(PoisonError::into_inner);
        let connect = async || {
            let before = failed().clone();
            if let Some((_, error)) = before.filter(|(at, _)| *at > since) {
                return Err(error);
            }
            self.connect().await.inspect_err(|error| *failed() = Some((Instant::now(), error.clone())))
        };
        self.connection.get_or_try_init(connect).await
    }

    /// Finds out how the host is reached. Only one that may be insecure is asked: HTTPS is never given up otherwise.
    async fn connect(&self) -> Result<Connection, Error> {
        let host = self.profile.api.unwrap_or(&self.name);
        let at = |scheme: &str| {
            format!("{scheme}://{host}/").parse::<Url>().map_err(|_| {
                let text = format!("`{host}` is not the host of a registry");
                Error::new(ErrorKind::Usage, Problem::new("bad-host", text))
            })
        };
        let https = at("https")?;
        let open = |base: Url, unchecked: bool| {
            let trust = Trust { ca: self.access.ca.as_deref(), unchecked };
            let client = Client::trusting(&base, trust).map(|client| client.knowing(&self.known));
            client.map(|client| Connection { client, base }).map_err(|error| {
                let problem = match error.downcast::<crate::problem::Failure>() {
                    Ok(failure) => failure.problems.into_iter().next(),
                    Err(error) => Some(Problem::new("https-unavailable", error.to_string())),
                };
                let problem = problem.unwrap_or_else(|| Problem::new("https-unavailable", "cannot set up HTTPS"));
                Error::new(ErrorKind::Usage, problem)
            })
        };
        if let Some(url) = &self.access.url {
            return open(url.clone(), self.access.insecure);
        }
        let may_be_plain = self.access.insecure || is_loopback(&https) && self.access.ca.is_none();
        if !may_be_plain {
            return open(https, false);
        }
        self.choose(open(at("http")?, false)?, open(https, self.access.insecure)?).await
    }

    /// Plain HTTP spoken to a TLS port is answered with 400, or not at all: then TLS must be answered. What is answered
    /// neither way was cut, and says nothing of how this registry is spoken to.
    async fn choose(&self, plain: Connection, secure: Connection) -> Result<Connection, Error> {
        let ask = async |connection: &Connection| {
            let url = connection.base.join("v2/").unwrap_or_else(|_| connection.base.clone());
            self.count();
            connection.client.send(Request { largest: LARGEST_ANSWER, ..Request::get(url) }).await
        };
        let mut number = 0;
        loop {
            number += 1;
            let first = ask(&plain).await;
            if first.as_ref().is_ok_and(|reply| reply.status != 400) {
                return Ok(plain);
            }
            match (first, ask(&secure).await) {
                (_, Ok(_)) => return Ok(secure),
                (_, Err(error)) if error.untrusted => return Ok(secure),
                (first, Err(error)) => {
                    let mut error = unreachable(first.as_ref().err().unwrap_or(&error));
                    if !self.patience.hold_on(number, Wait::Soon, &mut error.problem).await {
                        return first.map(|_| plain).map_err(|_| error);
                    }
                }
            }
        }
    }

    /// One of the requests that may be under way at once.
    pub async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        self.window.slot().await
    }

    /// Sends a request as often as is useful, and returns the answer whatever its status, but for those that mean "not
    /// now" or "who are you".
    ///
    /// # Errors
    /// If there is no answer, no permission, or the wait is too long.
    pub async fn send(&self, scope: Scope<'_>, doing: &str, request: Request<'_>) -> Result<Reply, Error> {
        Ok(self.ask(scope, doing, request).await?.0)
    }

    /// The same, with what was shown to get the answer.
    ///
    /// # Errors
    /// As [`Host::send`].
    pub async fn ask(&self, scope: Scope<'_>, doing: &str, request: Request<'_>) -> Result<(Reply, Credential), Error> {
        let mut number = 0;
        loop {
            number += 1;
            let later = match self.ask_once(scope, doing, request.clone()).await {
                Ok((reply, shown)) => match self.not_now(doing, scope.repository, &reply) {
                    None => return Ok((reply, shown)),
                    Some(later) => later,
                },
                Err(failed) => failed,
            };
            self.pause(number, later).await?;
        }
    }

    /// Waits before another attempt after so many, or gives up.
    ///
    /// # Errors
    /// The error of the last attempt, or one that is for good.
    pub async fn pause(&self, number: u32, mut failed: Failed) -> Result<(), Error> {
        let waited = match failed.passing() {
            Some((after, problem)) => self.patience.hold_on(number, after, problem).await,
            None => false,
        };
        if waited { Ok(()) } else { Err(failed.into()) }
    }

    /// Whether an answer means "later", and when.
    pub fn not_now(&self, doing: &str, repository: &Repository, reply: &Reply) -> Option<Failed> {
        let limited = reply.status == 429;
        if !limited && !matches!(reply.status, 408 | 500 | 502 | 503 | 504) {
            return None;
        }
        let error = refusal(doing, &repository.to_string(), reply);
        if error.kind != ErrorKind::Retry {
            return None;
        }
        if limited {
            self.window.narrow();
        }
        Some(Failed::Again(error, told(&reply.headers).map_or(Wait::Soon, Wait::Told)))
    }

    /// Sends a request once; what a 401 asks for is done and the request repeated. The answer may have any other status.
    ///
    /// # Errors
    /// If there is no answer, or no permission.
    pub async fn once(&self, scope: Scope<'_>, doing: &str, request: Request<'_>) -> Result<Reply, Failed> {
        Ok(self.ask_once(scope, doing, request).await?.0)
    }

    async fn ask_once(
        &self,
        scope: Scope<'_>,
        doing: &str,
        request: Request<'_>,
    ) -> Result<(Reply, Credential), Failed> {
        let client = self.client().await?;
        let _slot = self.slot().await;
        let mut first = self.first().await;
        let (mut wide, mut refused) = (!self.apart.load(Ordering::Relaxed), 0);
        loop {
            let shown = self.credential(scope, wide).await?;
            let largest = request.largest.min(LARGEST_ANSWER);
            let request = Request { auth: shown.auth(), largest, ..request.clone() };
            self.count();
            let sent = client.send(request).await.map_err(|error| Failed::of(unreachable(&error)));
            let Credential::Bearer { ref token, fresh } = shown else {
                match sent {
                    Ok(reply) if reply.status == 401 => self.answer(&reply, &shown).await?,
                    sent => return Ok((sent?, shown)),
                }
                continue;
            };
            drop(first.take());
            let reply = sent?;
            // A registry that takes no token for several repositories says 401 or 403 to it.
            let several = wide && self.is_shared();
            if reply.status != 401 && !(several && reply.status == 403) {
                if refused > 0 && !wide && reply.status != 403 {
                    self.apart.store(true, Ordering::Relaxed);
                }
                return Ok((reply, shown));
            }
            refused += 1;
            if reply.status == 401 {
                // Expired, or not for this. Others may have replaced it already.
                self.tokens.lock().await.got.retain(|_, known| known.secret != *token);
                if refused > 1 && !several && fresh || refused > 3 {
                    return Err(refusal(doing, &scope.repository.to_string(), &reply).into());
                }
            }
            wide &= !(several && (fresh || reply.status == 403));
        }
    }

    /// Until the registry has said something, one request goes ahead.
    async fn first(&self) -> Option<First<'_>> {
        if self.met.load(Ordering::Acquire) {
            return None;
        }
        let asking = self.asking.lock().await;
        (!self.met.load(Ordering::Acquire)).then_some(First { met: &self.met, _asking: asking })
    }

    fn is_shared(&self) -> bool {
        self.granted.lock().unwrap_or_else(PoisonError::into_inner).len() > 1
    }

    /// Remembers the challenge of a 401. One that answers a password means that it is wrong.
    async fn answer(&self, reply: &Reply, shown: &Credential) -> Result<(), Error> {
        if let Credential::Basic(user, _) = shown {
            let text = format!("the password of `{user}` is not accepted at `{}`", self.name);
            let hint = "log in again, or fix the variables that hold user and password";
            let error = Error::new(ErrorKind::Denied, Problem::new("registry-denied", text).hint(hint));
            *self.wrong.lock().unwrap_or_else(PoisonError::into_inner) = Some((user.clone(), error.clone()));
            return Err(error);
        }
        let headers = reply.headers.get_all("www-authenticate").iter().filter_map(|value| value.to_str().ok());
        let Connection { client, base } = self.connection().await?;
        let found = auth::challenge(&headers.collect::<Vec<_>>(), base, self.access.token_service.as_deref())?;
        if let Challenge::Bearer(service) = &found {
            client.led(base, &service.realm);
        }
        *self.challenge.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        Ok(())
    }

    async fn login(&self, repository: &Repository) -> Result<Option<Login>, Error> {
        let known = match &self.access.login {
            Some(login) => Some(login.clone()),
            None if self.access.anonymous => return Ok(None),
            None => self.logins.find(repository)?,
        };
        match (&self.access.broker, known) {
            (Some(broker), None) => broker.login().await.map(Some),
            (_, known) => Ok(known),
        }
    }

    /// What to show for a request; `wide`: a token for all that this run will do here.
    ///
    /// # Errors
    /// If the login is broken, or no token is given.
    pub async fn credential(&self, scope: Scope<'_>, wide: bool) -> Result<Credential, Error> {
        let challenge = self.challenge.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match challenge {
            None => Ok(Credential::Nothing),
            Some(Challenge::Basic) => match self.login(scope.repository).await? {
                Some(Login::Password { username, password }) => {
                    let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    match wrong.filter(|(user, _)| *user == username) {
                        Some((_, error)) => Err(error),
                        None => Ok(Credential::Basic(username, password)),
                    }
                }
                Some(Login::Identity(_)) | None => {
                    let text = format!("not logged in to `{}`", self.name);
                    let hint = "log in (`docker login`), or set the variables that hold user and password in `publish.registry.hosts`";
                    Err(Error::new(ErrorKind::Denied, Problem::new("registry-denied", text).hint(hint)))
                }
            },
            Some(Challenge::Bearer(service)) => {
                let login = self.login(scope.repository).await?;
                if login.is_some() && !self.is_own(&service.realm).await? {
                    return Err(auth::stranger(&self.name, &service.realm));
                }
                let mut scopes = if wide { self.scopes() } else { Scopes::new() };
                let known = scopes.entry(scope.repository.path.clone()).or_insert(scope.action);
                *known = (*known).max(scope.action);
                self.token(&service, login.as_ref(), scopes).await
            }
        }
    }

    /// One is asked for at a time: whoever waits finds the token of the one before, or why there is none. A wrong password
    /// must not be sent once per request.
    async fn token(&self, service: &TokenService, login: Option<&Login>, scopes: Scopes) -> Result<Credential, Error> {
        let since = Instant::now();
        let mut tokens = self.tokens.lock().await;
        let id = (key(login), scopes);
        if let Some(token) = tokens.got.get(&id).filter(|token| token.until > Instant::now()) {
            return Ok(Credential::Bearer { token: token.secret.clone(), fresh: false });
        }
        if let Some((.., error)) = tokens
            .failed
            .as_ref()
            .filter(|(of, at, error)| *of == id && (*at > since || error.kind == ErrorKind::Denied))
        {
            return Err(error.clone());
        }
        let client = self.client().await?;
        let mut number = 0;
        loop {
            number += 1;
            self.count();
            let error = match service.token(client, login, &id.1).await {
                Ok(token) => {
                    let secret = token.secret.clone();
                    tokens.got.insert(id, token);
                    return Ok(Credential::Bearer { token: secret, fresh: true });
                }
                Err(error) => self.pause(number, Failed::of(error)).await.err(),
            };
            if let Some(error) = error {
                tokens.failed = Some((id, Instant::now(), error.clone()));
                return Err(error);
            }
        }
    }

    /// Whether our login may go to a token service: that of the registry's own machine, the one it is known to have, or
    /// the one that the user wrote.
    async fn is_own(&self, realm: &Url) -> Result<bool, Error> {
        let named = [self.profile.tokens, self.access.token_service.as_deref()];
        Ok(auth::is_own(realm, self.base().await?, named))
    }

    fn scopes(&self) -> Scopes {
        self.granted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How patient we are with a host of this name.
fn pace(name: &str, access: &HostAccess) -> Pace {
    let url = access.url.clone().or_else(|| format!("https://{name}/").parse().ok());
    url.map_or(Pace::REMOTE, |url| Pace::of(&url))
}

fn key(login: Option<&Login>) -> String {
    match login {
        Some(Login::Password { username, .. }) => username.clone(),
        Some(Login::Identity(_)) => "<token>".into(),
        None => String::new(),
    }
}
