//! The parameters of a query.

use crate::world::http::decode;

/// A parameter of a query, decoded; `+` is a space, as in forms.
pub(super) fn query(query: &str, name: &str) -> Option<String> {
    queries(query, name).next()
}

/// All values of a parameter that may come more than once.
pub(super) fn queries<'a>(query: &'a str, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.filter(move |(key, _)| *key == name).map(|(_, value)| decode(&value.replace('+', " ")))
}
