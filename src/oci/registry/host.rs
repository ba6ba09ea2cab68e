//! One registry: its connection, who we are there, how many requests are under way, and when one is tried again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};
use url::Url;

use super::auth::{self, Action, Challenge, Scopes, Token};
use super::error::{Error, Kind, refusal, unreachable};
use super::login::{Login, Logins};
use super::profile::{self, Profile};
use super::{Access, HostAccess};
use crate::problem::Problem;
use crate::reference::Repository;
use crate::secret::Secret;
use crate::world::http::{Auth, Client, Reply, Request, Trust, is_loopback};

/// How often a request is tried.
const ATTEMPTS: u32 = 5;
/// The longest a server is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A registry.
pub struct Host {
    /// As in references.
    pub name: String,
    /// What is special about it.
    pub profile: Profile,
    access: HostAccess,
    logins: Logins,
    connection: OnceCell<Connection>,
    /// What this run will do here, for one token that is good for all of it.
    granted: Mutex<Scopes>,
    challenge: Mutex<Option<Challenge>>,
    tokens: tokio::sync::Mutex<HashMap<(String, Scopes), Token>>,
    window: Arc<Semaphore>,
    /// Permits taken away because the registry asked for fewer requests.
    width: AtomicUsize,
    /// Requests sent, for people.
    sent: AtomicU64,
}

struct Connection {
    client: Client,
    base: Url,
}

/// How an attempt is authorized.
enum Credential {
    Nothing,
    Bearer(Secret),
    Basic(String, Secret),
}

impl Host {
    /// Not connected yet.
    pub fn new(name: &str, access: &Access, logins: &Logins) -> Self {
        let profile = profile::of(name);
        Self {
            name: name.to_owned(),
            profile,
            access: access.hosts.get(name).cloned().unwrap_or_default(),
            logins: logins.clone(),
            connection: OnceCell::new(),
            granted: Mutex::default(),
            challenge: Mutex::default(),
            tokens: tokio::sync::Mutex::default(),
            window: Arc::new(Semaphore::new(profile.window)),
            width: AtomicUsize::new(profile.window),
            sent: AtomicU64::new(0),
        }
    }

    /// Announces what will be done.
    pub fn grant(&self, path: &str, action: Action) {
        let mut granted = self.granted.lock().unwrap_or_else(PoisonError::into_inner);
        let known = granted.entry(path.to_owned()).or_insert(action);
        *known = (*known).max(action);
    }

    /// Requests sent so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// A place of its API.
    ///
    /// # Errors
    /// If it cannot be connected to.
    pub async fn url(&self, repository: &Repository, tail: &str) -> Result<Url, Error> {
        let base = &self.connection().await?.base;
        base.join(&format!("v2/{}/{tail}", repository.path)).map_err(|_| {
            let text = format!("`{}` makes no URL at `{}`", repository.path, self.name);
            Error::new(Kind::Usage, Problem::new("bad-repository", text))
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

    async fn connection(&self) -> Result<&Connection, Error> {
        self.connection.get_or_try_init(|| self.connect()).await
    }

    /// Finds out how the host is reached. Only one that may be insecure is asked: HTTPS is never given up otherwise.
    async fn connect(&self) -> Result<Connection, Error> {
        let host = self.profile.api.unwrap_or(&self.name);
        let at = |scheme: &str| {
            format!("{scheme}://{host}/").parse::<Url>().map_err(|_| {
                let text = format!("`{host}` is not the host of a registry");
                Error::new(Kind::Usage, Problem::new("bad-host", text))
            })
        };
        let https = at("https")?;
        let open = |base: Url, unchecked: bool| {
            let trust = Trust { ca: self.access.ca.as_deref(), unchecked };
            Client::trusting(&base, trust).map(|client| Connection { client, base }).map_err(|error| {
                let problem = match error.downcast::<crate::problem::Failure>() {
                    Ok(failure) => failure.problems.into_iter().next(),
                    Err(error) => Some(Problem::new("https-unavailable", error.to_string())),
                };
                let problem = problem.unwrap_or_else(|| Problem::new("https-unavailable", "cannot set up HTTPS"));
                Error::new(Kind::Usage, problem)
            })
        };
        if let Some(url) = &self.access.url {
            return open(url.clone(), self.access.insecure);
        }
        let may_be_plain = self.access.insecure || is_loopback(&https) && self.access.ca.is_none();
        if !may_be_plain {
            return open(https, false);
        }
        let (plain, secure) = (open(at("http")?, false)?, open(https, self.access.insecure)?);
        // Plain HTTP spoken to a TLS port is answered with 400, or not at all.
        let request = Request::get(plain.base.join("v2/").unwrap_or_else(|_| plain.base.clone()));
        self.sent.fetch_add(1, Ordering::Relaxed);
        match plain.client.send(request).await {
            Ok(reply) if reply.status != 400 => Ok(plain),
            _ => Ok(secure),
        }
    }

    /// One of the requests that may be under way at once.
    pub async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.window).acquire_owned().await.ok()
    }

    /// Half as many requests from now on.
    fn narrow(&self) {
        let width = self.width.load(Ordering::Relaxed);
        let less = width / 2;
        if less > 0 && self.width.compare_exchange(width, width - less, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.window.forget_permits(less);
        }
    }

    /// Sends a request as often as is useful, and returns the answer whatever its status, but for those that mean "not
    /// now" or "who are you".
    ///
    /// # Errors
    /// If there is no answer, no right, or no end of waiting.
    pub async fn send(
        &self,
        (repository, action): (&Repository, Action),
        doing: &str,
        request: Request<'_>,
    ) -> Result<Reply, Error> {
        let mut number = 0;
        loop {
            number += 1;
            let error = match self.once((repository, action), doing, request.clone()).await {
                Ok(reply) => match self.not_now(doing, repository, &reply) {
                    None => return Ok(reply),
                    Some(later) => later,
                },
                Err(error) if error.kind == Kind::Retry => (error, None),
                Err(error) => return Err(error),
            };
            self.pause(number, error).await?;
        }
    }

    /// Waits before a next attempt, or gives up.
    ///
    /// # Errors
    /// The error of the last attempt.
    pub async fn pause(&self, number: u32, (mut error, asked): (Error, Option<Duration>)) -> Result<(), Error> {
        let near = self.access.url.as_ref().is_some_and(is_loopback) || self.name.starts_with("localhost");
        let base = if near { 50 } else { 500 };
        // A little different for each, so that those who failed together do not come back together.
        let spread = self.sent.load(Ordering::Relaxed) % 8 * base / 16;
        let wait = asked.unwrap_or(Duration::from_millis((base << number.min(6)) + spread));
        if number >= ATTEMPTS || wait > PATIENCE {
            error.problem.message = match wait > PATIENCE {
                true => format!("{}; it asks to come back in {} s", error.problem.message, wait.as_secs()),
                false => format!("{} (tried {number} times)", error.problem.message),
            };
            return Err(error);
        }
        sleep(wait).await;
        Ok(())
    }

    /// Whether an answer means "later", and when.
    pub fn not_now(&self, doing: &str, repository: &Repository, reply: &Reply) -> Option<(Error, Option<Duration>)> {
        let limited = reply.status == 429;
        if !limited && !matches!(reply.status, 408 | 500 | 502 | 503 | 504) {
            return None;
        }
        let error = refusal(doing, &repository.to_string(), reply);
        if error.kind != Kind::Retry {
            return None;
        }
        if limited {
            self.narrow();
        }
        let after = reply.header("retry-after").and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        Some((error, after))
    }

    /// Sends a request once; what a 401 asks for is done and the request repeated. The answer may have any other status.
    ///
    /// # Errors
    /// If there is no answer, or no right.
    pub async fn once(
        &self,
        (repository, action): (&Repository, Action),
        doing: &str,
        request: Request<'_>,
    ) -> Result<Reply, Error> {
        let client = self.client().await?;
        let _slot = self.slot().await;
        let mut wide = true;
        for attempt in 0..3 {
            let credential = self.credential((repository, action), wide).await?;
            let request = Request { auth: auth_of(&credential), ..request.clone() };
            self.sent.fetch_add(1, Ordering::Relaxed);
            let reply = client.send(request).await.map_err(|error| unreachable(&error))?;
            // A registry that takes no token for several repositories says 401 or 403 to it.
            let too_wide = wide && reply.status == 403 && matches!(credential, Credential::Bearer(_));
            if reply.status != 401 && !(too_wide && self.is_shared()) {
                return Ok(reply);
            }
            if attempt == 2 {
                return Err(refusal(doing, &repository.to_string(), &reply));
            }
            self.answer(&reply, (repository, action), &credential).await?;
            wide = matches!(credential, Credential::Nothing);
        }
        Err(Error::new(Kind::Denied, Problem::new("registry-denied", format!("cannot {doing} at `{repository}`"))))
    }

    /// The authorization of a request that is sent in another way than by [`Host::once`].
    ///
    /// # Errors
    /// If the login is broken, or no token is given.
    pub async fn authorize<'a>(
        &self,
        to: (&Repository, Action),
        keep: &'a mut Option<Secret>,
        name: &'a mut String,
    ) -> Result<Option<Auth<'a>>, Error> {
        Ok(match self.credential(to, true).await? {
            Credential::Nothing => None,
            Credential::Bearer(token) => Some(Auth::Bearer(keep.insert(token))),
            Credential::Basic(user, password) => {
                *name = user;
                Some(Auth::Basic(name, keep.insert(password)))
            }
        })
    }

    fn is_shared(&self) -> bool {
        self.granted.lock().unwrap_or_else(PoisonError::into_inner).len() > 1
    }

    /// Remembers the challenge of a 401. One that answers what we had shown already means that it was not enough.
    async fn answer(
        &self,
        reply: &Reply,
        (repository, action): (&Repository, Action),
        shown: &Credential,
    ) -> Result<(), Error> {
        match shown {
            Credential::Basic(user, _) => {
                let text = format!("the password of `{user}` is not accepted at `{}`", self.name);
                let hint = "log in again, or correct the variables that hold user and password";
                return Err(Error::new(Kind::Denied, Problem::new("registry-denied", text).hint(hint)));
            }
            Credential::Bearer(_) => {
                // Expired, or not for this: the next one is for this request alone.
                let login = self.login(repository)?;
                let mut tokens = self.tokens.lock().await;
                tokens
                    .retain(|(name, scopes), _| *name != key(login.as_ref()) || !scopes.contains_key(&repository.path));
                let _ = action;
            }
            Credential::Nothing => {
                let headers: Vec<&str> =
                    reply.headers.get_all("www-authenticate").iter().filter_map(|value| value.to_str().ok()).collect();
                let found = auth::challenge(&headers, self.base().await?)?;
                *self.challenge.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
            }
        }
        Ok(())
    }

    fn login(&self, repository: &Repository) -> Result<Option<Login>, Error> {
        match &self.access.login {
            Some(login) => Ok(Some(login.clone())),
            None if self.access.anonymous => Ok(None),
            None => self.logins.find(repository),
        }
    }

    async fn credential(&self, (repository, action): (&Repository, Action), wide: bool) -> Result<Credential, Error> {
        let challenge = self.challenge.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match challenge {
            None => Ok(Credential::Nothing),
            Some(Challenge::Basic) => match self.login(repository)? {
                Some(Login::Password { username, password }) => Ok(Credential::Basic(username, password)),
                Some(Login::Identity(_)) | None => {
                    let text = format!("nobody is logged in at `{}`", self.name);
                    let hint = "log in (`docker login`), or name the variables that hold user and password in `publish.registry.hosts`";
                    Err(Error::new(Kind::Denied, Problem::new("registry-denied", text).hint(hint)))
                }
            },
            Some(Challenge::Bearer { realm, service }) => {
                let login = self.login(repository)?;
                let mut scopes = if wide { self.scopes() } else { Scopes::new() };
                let known = scopes.entry(repository.path.clone()).or_insert(action);
                *known = (*known).max(action);
                // One at a time: whoever waits finds the token of the one before.
                let mut tokens = self.tokens.lock().await;
                let id = (key(login.as_ref()), scopes);
                if let Some(token) = tokens.get(&id).filter(|token| token.until > Instant::now()) {
                    return Ok(Credential::Bearer(token.secret.clone()));
                }
                let client = self.client().await?;
                let mut number = 0;
                let token = loop {
                    number += 1;
                    self.sent.fetch_add(1, Ordering::Relaxed);
                    match auth::token(client, (&realm, service.as_deref()), login.as_ref(), &id.1).await {
                        Ok(token) => break token,
                        Err(error) if error.kind == Kind::Retry => self.pause(number, (error, None)).await?,
                        Err(error) => return Err(error),
                    }
                };
                let secret = token.secret.clone();
                tokens.insert(id, token);
                Ok(Credential::Bearer(secret))
            }
        }
    }

    fn scopes(&self) -> Scopes {
        self.granted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn key(login: Option<&Login>) -> String {
    match login {
        Some(Login::Password { username, .. }) => username.clone(),
        Some(Login::Identity(_)) => "<token>".into(),
        None => String::new(),
    }
}

fn auth_of(credential: &Credential) -> Option<Auth<'_>> {
    match credential {
        Credential::Nothing => None,
        Credential::Bearer(token) => Some(Auth::Bearer(token)),
        Credential::Basic(user, password) => Some(Auth::Basic(user, password)),
    }
}
