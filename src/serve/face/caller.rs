//! Who asks, and what he may see and do.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::answer::{detail, problem, with};
use super::route::Route;
use crate::digest::Digest;
use crate::serve::access::{Scope, Token, Tokens};
use crate::serve::store::Row;

/// Without tokens, everybody may everything.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    token: Option<Token>,
    address: IpAddr,
}

/// Why somebody may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    NoToken,
    UnknownToken,
    Scope(Scope),
}

impl Caller {
    /// # Errors
    /// If he does not show what the route wants.
    pub(super) fn of(
        tokens: Option<&Tokens>,
        headers: &HeaderMap,
        wanted: Option<Scope>,
        address: IpAddr,
    ) -> Result<Self, Denied> {
        let address = address.to_canonical();
        let (Some(tokens), Some(wanted)) = (tokens, wanted) else { return Ok(Self { token: None, address }) };
        let shown = shown(headers).ok_or(Denied::NoToken)?;
        let token = tokens.find(&shown).ok_or(Denied::UnknownToken)?;
        if !token.has(wanted) {
            return Err(Denied::Scope(wanted));
        }
        Ok(Self { token: Some(token.clone()), address })
    }

    /// How the names of apps begin that he sees; nothing if he sees all.
    pub(super) fn apps(&self) -> Option<&str> {
        self.token.as_ref()?.apps()
    }

    pub(super) fn sees(&self, row: &Row) -> bool {
        self.is_his(&row.app_name)
    }

    /// An app, or a tag: the tag alone decides which image is replaced.
    pub(super) fn is_his(&self, name: &str) -> bool {
        self.apps().is_none_or(|apps| name.starts_with(apps))
    }

    /// One token's key is not that of another.
    pub(super) fn own_key(&self, key: &str) -> String {
        match &self.token {
            Some(token) => Digest::of(format!("{}\n{key}", token.name).as_bytes()).to_string(),
            None => key.to_owned(),
        }
    }

    /// As whom he is counted: his token, else his address, or with IPv6 the network that is one customer's.
    pub(super) fn counted(&self) -> String {
        match (&self.token, self.address) {
            (Some(token), _) => token.name.clone(),
            (None, IpAddr::V4(address)) => address.to_string(),
            (None, IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        }
    }
}

/// For the operator.
impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.token {
            Some(token) => write!(f, "`{}` at {}", token.name, self.address),
            None => write!(f, "{}", self.address),
        }
    }
}

/// `Bearer TOKEN`; or `Basic` with the token as password, as clients send it that are given `http://x:TOKEN@HOST`.
fn shown(headers: &HeaderMap) -> Option<String> {
    let (scheme, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}

impl Denied {
    /// In the style of the face that was asked.
    pub(super) fn answer(self, route: Route<'_>) -> Response {
        let (status, code, text) = match self {
            Self::NoToken => (StatusCode::UNAUTHORIZED, "token_missing", "Not authenticated"),
            Self::UnknownToken => (StatusCode::UNAUTHORIZED, "token_unknown", "Invalid authentication credentials"),
            Self::Scope(Scope::Submit) => (StatusCode::FORBIDDEN, "scope_missing", "this token may not submit"),
            Self::Scope(Scope::Read) => (StatusCode::FORBIDDEN, "scope_missing", "this token may not read"),
        };
        let response = if route.is_of_api() { problem(status, code, text) } else { detail(status, text) };
        match status {
            // `Basic` makes browsers ask.
            StatusCode::UNAUTHORIZED => with(response, header::WWW_AUTHENTICATE, "Bearer, Basic realm=\"longshore\""),
            _ => response,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_shown_in_two_ways() {
        let check = |value: &str, expected: Option<&str>| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            assert_eq!(shown(&headers).as_deref(), expected, "{value}");
        };
        check("Bearer abc", Some("abc"));
        check("bearer  abc ", Some("abc"));
        check(&format!("Basic {}", STANDARD.encode("x:a:b")), Some("a:b"));
        check(&format!("basic {}", STANDARD.encode(":abc")), Some("abc"));
        check(&format!("Basic {}", STANDARD.encode("abc")), None);
        check("Basic %%%", None);
        check("Digest abc", None);
        check("abc", None);
        assert_eq!(shown(&HeaderMap::new()), None);
    }

    #[test]
    fn without_a_token_a_network_is_counted() {
        let check = |address: &str, expected: &str| {
            let caller = Caller::of(None, &HeaderMap::new(), None, address.parse().unwrap()).unwrap();
            assert_eq!((caller.counted().as_str(), caller.is_his("x")), (expected, true));
        };
        check("10.0.0.1", "10.0.0.1");
        check("::ffff:10.0.0.1", "10.0.0.1");
        check("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64");
    }
}
