//! Who may do what: Basic, or tokens with scopes as Docker's token authentication gives them out
//! (<https://distribution.github.io/distribution/spec/auth/token/>).

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::rehearsal::percent::{queries, query};
use crate::rehearsal::random::random;
use crate::secret::Secret;

use super::answer::{Code, RegistryAnswer};
use super::fault::{Fault, FaultKind};
use super::options::Auth;
use super::route::Route;
use super::scope::Scope;
use super::shared::Shared;

/// The service a token is for.
const SERVICE: &str = "longshore-rehearsal";

/// Lets a request in, or says why not.
pub(super) fn admit(shared: &Shared, parts: &Parts, route: &Route) -> Result<(), RegistryAnswer> {
    if matches!(route, Route::Page | Route::Token) {
        return Ok(());
    }
    let needed = needed(&parts.method, route, parts.uri.query().unwrap_or_default());
    match &shared.auth {
        Auth::None => Ok(()),
        Auth::Basic { user, password } => match basic(&parts.headers) {
            Some(given) if given.is(user, password) => Ok(()),
            _ => Err(refused("authentication required")
                .header(header::WWW_AUTHENTICATE, format!("Basic realm=\"{SERVICE}\", charset=\"UTF-8\""))),
        },
        Auth::Bearer { .. } => bearer(shared, &parts.headers, &needed),
    }
}

fn bearer(shared: &Shared, headers: &HeaderMap, needed: &[Scope]) -> Result<(), RegistryAnswer> {
    let Some(token) = credential(headers, "bearer") else { return Err(challenge(shared, needed, None)) };
    let granted = shared.state().tokens.access.get(&token).cloned();
    let Some(granted) = granted else { return Err(challenge(shared, needed, Some("invalid_token"))) };
    if !needed.iter().all(|scope| scope.within(&granted)) {
        return Err(challenge(shared, needed, Some("insufficient_scope")));
    }
    match shared.strike(FaultKind::TokenUse) {
        Some(Fault::ExpiredToken) => Err(challenge(shared, needed, Some("invalid_token"))),
        _ => Ok(()),
    }
}

/// What a request must be allowed to do.
fn needed(method: &Method, route: &Route, asked: &str) -> Vec<Scope> {
    let Some(repository) = route.repository() else { return Vec::new() };
    let actions: &[&str] = match (method.as_str(), route) {
        (_, Route::Uploads(_) | Route::Upload(..)) => &["pull", "push"],
        ("GET" | "HEAD", _) => &["pull"],
        ("DELETE", _) => &["delete"],
        _ => &["pull", "push"],
    };
    let mut needed = vec![Scope::new(repository, actions)];
    // Mounting reads from the other repository.
    let mount = matches!(route, Route::Uploads(_)) && query(asked, "mount").is_some();
    if let Some(from) = query(asked, "from").filter(|from| mount && from != repository) {
        needed.push(Scope::new(&from, &["pull"]));
    }
    needed
}

fn challenge(shared: &Shared, needed: &[Scope], error: Option<&str>) -> RegistryAnswer {
    let mut value = format!("Bearer realm=\"http://{}/token\",service=\"{SERVICE}\"", shared.address);
    if !needed.is_empty() {
        let scopes: Vec<_> = needed.iter().map(Scope::text).collect();
        // A name from a path cannot hold quotes, one from `from` can.
        value.push_str(&format!(",scope=\"{}\"", scopes.join(" ").replace(['"', '\\'], "")));
    }
    if let Some(error) = error {
        value.push_str(&format!(",error=\"{error}\""));
    }
    refused("authentication required").header(header::WWW_AUTHENTICATE, value)
}

fn refused(message: &str) -> RegistryAnswer {
    RegistryAnswer::error(401, Code::Unauthorized, message)
}

/// `GET /token` and, with the form of its body, `POST /token`.
pub(super) fn token(shared: &Shared, parts: &Parts, body: &[u8]) -> RegistryAnswer {
    let Auth::Bearer { user, password } = &shared.auth else {
        return RegistryAnswer::error(404, Code::Unsupported, "this registry gives out no tokens");
    };
    match parts.method.as_str() {
        "GET" => {
            let asked = parts.uri.query().unwrap_or_default();
            let known = match parts.headers.get(header::AUTHORIZATION).map(|_| basic(&parts.headers)) {
                None => false,
                Some(Some(given)) if given.is(user, password) => true,
                Some(_) => return refused("incorrect username or password"),
            };
            let refresh = known && query(asked, "offline_token").is_some_and(|text| text == "true");
            grant(shared, asked, known, refresh)
        }
        "POST" => {
            let form = String::from_utf8_lossy(body);
            let field = |name| query(&form, name).unwrap_or_default();
            let known = match field("grant_type").as_str() {
                "password" => Login { user: field("username"), password: field("password") }.is(user, password),
                // The password stands for an identity token, as `docker login` keeps them.
                "refresh_token" => {
                    let given = field("refresh_token");
                    given == password.expose() || shared.state().tokens.refresh.contains(&given)
                }
                _ => return RegistryAnswer::json(400, &json!({ "error": "unsupported_grant_type" })),
            };
            if !known {
                return RegistryAnswer::json(401, &json!({ "error": "invalid_grant" }));
            }
            grant(shared, &form, true, field("access_type") == "offline")
        }
        _ => RegistryAnswer::not_allowed(),
    }
}

/// A token for the scopes asked for: all of them to who is known, reading to anybody else.
fn grant(shared: &Shared, asked: &str, known: bool, refresh: bool) -> RegistryAnswer {
    let texts: Vec<String> = queries(asked, "scope").collect();
    let mut scopes: Vec<_> = texts.iter().flat_map(|text| text.split(' ')).filter_map(Scope::read).collect();
    if !known {
        scopes.iter_mut().for_each(|scope| scope.actions.retain(|action| action == "pull"));
    }
    let (Some(token), Some(lasting)) = (random(), random()) else {
        return RegistryAnswer::error(500, Code::Unknown, "no random numbers");
    };
    let granted: Vec<_> = scopes.iter().filter(|scope| !scope.actions.is_empty()).map(Scope::text).collect();
    let mut answer = json!({
        "token": token, "access_token": token, "expires_in": 300, "scope": granted.join(" "),
    });
    let mut state = shared.state();
    if refresh {
        answer["refresh_token"] = lasting.clone().into();
        state.tokens.refresh.insert(lasting);
    }
    state.tokens.access.insert(token, scopes);
    RegistryAnswer::json(200, &answer)
}

/// A name and a password that somebody shows.
struct Login {
    user: String,
    password: String,
}

impl Login {
    fn is(&self, user: &str, password: &Secret) -> bool {
        self.user == user && self.password == password.expose()
    }
}

fn credential(headers: &HeaderMap, wanted: &str) -> Option<String> {
    let (scheme, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case(wanted).then(|| rest.trim().to_owned())
}

fn basic(headers: &HeaderMap) -> Option<Login> {
    let bytes = STANDARD.decode(credential(headers, "basic")?).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(Login { user: user.to_owned(), password: password.to_owned() })
}
