//! Challenges and tokens: <https://distribution.github.io/distribution/spec/auth/token/>.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::error::{Error, ErrorKind, refusal, unreachable};
use super::login::Login;
use crate::problem::Problem;
use crate::reference::Repository;
use crate::secret::Secret;
use crate::world::http::{Auth, Body, Client, Method, Reply, Request, host, may_lead, same_machine};
use crate::world::mask;

/// What may be done with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    Pull,
    /// Reading and writing.
    Push,
}

/// What a request does with a repository, and so what its token must be good for.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    pub repository: &'a Repository,
    pub action: Action,
}

impl<'a> Scope<'a> {
    pub fn pull(repository: &'a Repository) -> Self {
        Self { repository, action: Action::Pull }
    }

    pub fn push(repository: &'a Repository) -> Self {
        Self { repository, action: Action::Push }
    }
}

/// Repositories (by path) and what is to be done there. Several of them go into one token.
pub type Scopes = BTreeMap<String, Action>;

/// How a registry wants to be told who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// Name and password with every request.
    Basic,
    Bearer(TokenService),
}

/// Who gives out the tokens of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenService {
    pub realm: Url,
    /// The registry's name there.
    pub service: Option<String>,
}

/// A token and how long it may be used.
#[derive(Clone, Debug)]
pub struct Token {
    pub secret: Secret,
    pub until: Instant,
}

/// The tokens we have, and the last failure to get one.
#[derive(Default)]
pub struct Tokens {
    /// By login and scopes.
    pub got: HashMap<(String, Scopes), Token>,
    /// The last failure, and when.
    pub failed: Option<((String, Scopes), Instant, Error)>,
}

pub enum Credential {
    Nothing,
    /// By a token; whether it is freshly issued.
    Bearer {
        token: Secret,
        fresh: bool,
    },
    Basic(String, Secret),
}

impl Credential {
    pub fn auth(&self) -> Option<Auth<'_>> {
        match self {
            Self::Nothing => None,
            Self::Bearer { token, .. } => Some(Auth::Bearer(token)),
            Self::Basic(user, password) => Some(Auth::Basic(user, password)),
        }
    }
}

#[derive(Deserialize)]
struct Given {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

/// Without a word a token holds this long.
const USUAL_LIFE: u64 = 60;
const LARGEST_TOKEN: usize = 1 << 20;

/// The challenges of a 401, strongest first. `written` is the token service that the user named.
pub fn challenge(headers: &[&str], registry: &Url, written: Option<&str>) -> Result<Challenge, Error> {
    let mut basic = false;
    for header in headers {
        let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
        if scheme.eq_ignore_ascii_case("bearer") {
            let words = parameters(rest);
            let realm = words.get("realm").and_then(|realm| registry.join(realm).ok());
            let Some(realm) = realm else { continue };
            return safe(&realm, registry, written)
                .map(|()| Challenge::Bearer(TokenService { realm, service: words.get("service").cloned() }));
        }
        basic |= scheme.eq_ignore_ascii_case("basic");
    }
    if basic {
        return Ok(Challenge::Basic);
    }
    let text = format!("`{}` requires an unknown authentication scheme", host(registry));
    Err(Error::new(ErrorKind::Refused, Problem::new("registry-refused", text).hint("supported: `Basic` and `Bearer`")))
}

/// A token is asked for only where nobody reads along: no plain HTTP for a registry behind HTTPS, no address inside our own
/// network that the user did not write.
fn safe(realm: &Url, registry: &Url, written: Option<&str>) -> Result<(), Error> {
    let known: Vec<String> = written.map(str::to_owned).into_iter().collect();
    let plain = realm.scheme() != "https" && registry.scheme() == "https";
    let is_written = known.contains(&host(realm)) && !plain && matches!(realm.scheme(), "http" | "https");
    let Err(why) = may_lead(registry, realm, &known) else { return Ok(()) };
    if is_written {
        return Ok(());
    }
    let text = format!("`{}` redirects token requests {why}", host(registry));
    let hint = format!(
        "its token service must use HTTPS; one in a private network must be configured: {}",
        line(registry, realm)
    );
    Err(Error::new(ErrorKind::Refused, Problem::new("registry-refused", text).hint(hint)))
}

/// Whether a token service is the registry's: on its own machine, or one of those that are named for it.
pub fn is_own(realm: &Url, registry: &Url, named: [Option<&str>; 2]) -> bool {
    named.contains(&Some(host(realm).as_str())) || same_machine(realm, registry)
}

/// Our login is not for the host that wants it.
pub fn stranger(registry: &str, realm: &Url) -> Error {
    let text = format!("`{registry}` wants our credentials sent to `{}` for a token", host(realm));
    let hint = format!("if that is its token service, write {}", setting(registry, &host(realm)));
    Error::new(ErrorKind::Usage, Problem::new("token-service", text).hint(hint))
}

fn line(registry: &Url, realm: &Url) -> String {
    setting(&host(registry), &host(realm))
}

/// What a user writes to let a login go elsewhere.
fn setting(registry: &str, service: &str) -> String {
    let quoted = |text: &str| if text.contains([':', '[']) { format!("\"{text}\"") } else { text.to_owned() };
    let (registry, service) = (quoted(registry), quoted(service));
    format!("`publish: {{ registry: {{ hosts: {{ {registry}: {{ token-service: {service} }} }} }} }}`")
}

/// `key="value", key=value`: RFC 9110, section 11.2.
fn parameters(text: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut rest = text.trim_start();
    while let Some((key, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => {
                let mut value = String::new();
                let mut chars = quoted.char_indices();
                let mut end = quoted.len();
                while let Some((index, char)) = chars.next() {
                    match char {
                        '\\' => value.extend(chars.next().map(|(_, char)| char)),
                        '"' => {
                            end = index + 1;
                            break;
                        }
                        _ => value.push(char),
                    }
                }
                (value, &quoted[end..])
            }
            None => {
                let end = after.find(',').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
        };
        all.insert(key.trim().to_ascii_lowercase(), value);
        rest = after.trim_start_matches([',', ' ']);
    }
    all
}

/// `repository:a/b:pull,push`, one per repository.
pub fn scope_texts(scopes: &Scopes) -> Vec<String> {
    let action = |action: &Action| if *action == Action::Push { "pull,push" } else { "pull" };
    scopes.iter().map(|(path, wanted)| format!("repository:{path}:{}", action(wanted))).collect()
}

impl TokenService {
    /// Gets a token for some scopes.
    ///
    /// # Errors
    /// If the login is wrong, or the service does not answer.
    pub async fn token(&self, client: &Client, login: Option<&Login>, scopes: &Scopes) -> Result<Token, Error> {
        let scopes = scope_texts(scopes);
        let mut pairs: Vec<(&str, &str)> = self.service.iter().map(|service| ("service", service.as_str())).collect();
        let joined = scopes.join(" ");
        let mut url = self.realm.clone();
        let mut form = String::new();
        let request = match login {
            Some(Login::Identity(identity)) => {
                mask::learn(identity);
                pairs.extend([
                    ("grant_type", "refresh_token"),
                    ("refresh_token", identity.expose()),
                    ("client_id", "longshore"),
                    ("scope", &joined),
                ]);
                form.push_str(&url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish());
                let body = Body::Bytes { bytes: form.as_bytes(), media: "application/x-www-form-urlencoded" };
                Request { method: Method::POST, body, ..Request::get(url) }
            }
            _ => {
                pairs.extend(scopes.iter().map(|scope| ("scope", scope.as_str())));
                url.query_pairs_mut().extend_pairs(pairs);
                let auth = match login {
                    Some(Login::Password { username, password }) => Some(Auth::Basic(username, password)),
                    _ => None,
                };
                Request { auth, ..Request::get(url) }
            }
        };
        let reply =
            client.send(Request { largest: LARGEST_TOKEN, ..request }).await.map_err(|error| unreachable(&error))?;
        if reply.is_success() { self.given(&reply) } else { Err(self.refused(login, &reply)) }
    }

    fn refused(&self, login: Option<&Login>, reply: &Reply) -> Error {
        let place = host(&self.realm);
        let mut error = refusal("get a token", &place, reply);
        if matches!(reply.status, 400 | 401 | 403) {
            let who = match login {
                Some(Login::Password { username, .. }) => format!("the password of `{username}` is not accepted"),
                Some(Login::Identity(_)) => "the identity token is not accepted".into(),
                None => "not logged in".into(),
            };
            error.kind = ErrorKind::Denied;
            error.problem.code = "registry-denied";
            error.problem.message = format!("cannot get a token at `{place}`: {who} (status {})", reply.status);
            error.problem.hint = Some("log in again, or fix the variables that hold user and password".into());
        }
        error
    }

    fn given(&self, reply: &Reply) -> Result<Token, Error> {
        let given: Option<Given> = serde_json::from_slice(&reply.body).ok();
        let secret = given.as_ref().and_then(|given| given.token.as_ref().or(given.access_token.as_ref()));
        let Some(secret) = secret.filter(|secret| !secret.is_empty()) else {
            let text = format!("`{}` answered without a token", host(&self.realm));
            let hint = "run the same command again to continue";
            return Err(Error::new(ErrorKind::Retry, Problem::new("registry-unreachable", text).hint(hint)));
        };
        let life = given.as_ref().and_then(|given| given.expires_in).filter(|life| *life > 0).unwrap_or(USUAL_LIFE);
        // Not to its last second: the request is still on its way then.
        let until = Instant::now() + Duration::from_secs(life.min(3600)) * 4 / 5;
        Ok(Token { secret: Secret::new(secret), until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn challenges_as_registries_write_them() {
        let check = |header: &str, realm: &str, service: Option<&str>| {
            let found = challenge(&[header], &url("https://r.example/v2/"), None).unwrap();
            let expected = Challenge::Bearer(TokenService { realm: url(realm), service: service.map(str::to_owned) });
            assert_eq!(found, expected, "{header}");
        };
        check(
            r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
            "https://auth.docker.io/token",
            Some("registry.docker.io"),
        );
        check(
            r#"bearer realm="https://x.example/\"t", service=plain , error="insufficient_scope""#,
            "https://x.example/\"t",
            Some("plain"),
        );
        check(r#"Bearer realm="/token""#, "https://r.example/token", None);
        let registry = url("https://r.example/");
        assert_eq!(challenge(&["Negotiate", "Basic realm=x"], &registry, None), Ok(Challenge::Basic));
        assert!(challenge(&["Negotiate"], &registry, None).is_err());
        assert!(challenge(&[], &registry, None).is_err());
    }

    #[test]
    fn passwords_stay_out_of_unsafe_places() {
        let check = |realm: &str, registry: &str, expected: bool| {
            let header = format!("Bearer realm=\"{realm}\"");
            assert_eq!(challenge(&[&header], &url(registry), None).is_ok(), expected, "{realm} for {registry}");
        };
        let written = |realm: &str, written: &str| {
            let header = format!("Bearer realm=\"{realm}\"");
            challenge(&[&header], &url("https://r.corp.internal/"), Some(written))
        };
        assert!(written("https://t.corp.internal/token", "t.corp.internal").is_ok());
        assert!(written("https://t.corp.internal:8443/token", "t.corp.internal:8443").is_ok());
        assert!(written("http://t.corp.internal/token", "t.corp.internal").is_err());
        let error = written("https://other.corp.internal/token", "t.corp.internal").unwrap_err();
        let hint = error.problem.hint.unwrap();
        assert!(hint.contains("hosts: { r.corp.internal: { token-service: other.corp.internal } }"), "{hint}");
        check("http://auth.example/token", "https://r.example/", false);
        check("https://10.0.0.1/token", "https://r.example/", false);
        check("http://169.254.169.254/token", "http://r.example/", false);
        check("https://[::ffff:169.254.169.254]/token", "https://r.example/", false);
        check("https://a.localhost/token", "https://r.example/", false);
        check("https://auth.example/token", "http://127.0.0.1:5000/", false);
        check("http://127.0.0.1:5001/token", "http://127.0.0.1:5000/", true);
        check("https://auth.example/token", "https://r.example/", true);
        check("file:///etc/passwd", "http://r.example/", false);
    }

    #[test]
    fn logins_go_to_the_registrys_own_token_service() {
        let check = |realm: &str, registry: &str, written: Option<&str>, expected: bool| {
            let tokens = crate::oci::registry::profile::of(registry).tokens;
            let base = url(&format!("https://{registry}/"));
            assert_eq!(is_own(&url(realm), &base, [tokens, written]), expected, "{realm} for {registry}");
        };
        check("https://ghcr.io/token", "ghcr.io", None, true);
        check("https://auth.docker.io/token", "docker.io", None, true);
        check("https://gitlab.com/jwt/auth", "registry.gitlab.com", None, true);
        check("https://gitlab.example.com/jwt/auth", "registry.example.com", None, false);
        check("https://gitlab.example.com/jwt/auth", "registry.example.com", Some("gitlab.example.com"), true);
        check("https://gitlab.example.com:8443/jwt/auth", "registry.example.com", Some("gitlab.example.com"), false);
        check("https://auth.docker.io.example/token", "docker.io", None, false);
        check("https://registry.example.com:8443/token", "registry.example.com", None, true);
        check("http://localhost:5001/token", "127.0.0.1:5000", None, true);
        let error = stranger("registry.example.com:5000", &url("https://gitlab.example.com/jwt/auth"));
        let hint = error.problem.hint.unwrap();
        assert!(hint.contains("{ \"registry.example.com:5000\": { token-service: gitlab.example.com } }"), "{hint}");
    }

    #[test]
    fn one_token_for_several_repositories() {
        let scopes = Scopes::from([("b".into(), Action::Pull), ("a/x".into(), Action::Push)]);
        assert_eq!(scope_texts(&scopes), ["repository:a/x:pull,push", "repository:b:pull"]);
    }
}
