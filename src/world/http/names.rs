//! Names that only an answer told us: whatever they look like, they must not be addresses of a private network. Looked at
//! when the connection is made, so that no second answer of a name server can say something else.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::address;

/// Asks the system for addresses.
#[derive(Clone, Debug, Default)]
pub struct Names(Arc<Mutex<BTreeSet<String>>>);

/// A host of a redirect resolves to a private address.
#[derive(Debug)]
pub struct Private {
    name: String,
    address: IpAddr,
}

impl fmt::Display for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "to `{}`, which is {}, a private address", self.name, self.address)
    }
}

impl std::error::Error for Private {}

impl Names {
    /// An answer leads to this host.
    pub fn led_to(&self, url: &Url) {
        if let Some(Host::Domain(name)) = url.host() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_ascii_lowercase());
        }
    }

    fn is_told(&self, name: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&name.to_ascii_lowercase())
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let (name, is_told) = (name.as_str().to_owned(), self.is_told(name.as_str()));
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let found = if is_told { of_everybody(&name, found)? } else { found };
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The public ones of the addresses.
fn of_everybody(name: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Private> {
    // Proxies that tunnel everything answer every name with addresses of 198.18.0.0/15, which is used for nothing else.
    let is_tunnel = |address: IpAddr| matches!(address, IpAddr::V4(v4) if matches!(v4.octets(), [198, 18 | 19, ..]));
    let is_fine = |found: &SocketAddr| address::is_of_everybody(found.ip()) || is_tunnel(found.ip());
    let (fine, near): (Vec<_>, Vec<_>) = found.into_iter().partition(is_fine);
    match near.first() {
        Some(near) if fine.is_empty() => Err(Private { name: name.to_owned(), address: near.ip() }),
        _ => Ok(fine),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_an_answer_told_is_for_everybody() {
        let check = |addresses: &[&str], expected: Result<&[&str], &str>| {
            let parse = |text: &&str| SocketAddr::new(text.parse().unwrap(), 0);
            let found = of_everybody("x.example", addresses.iter().map(parse).collect());
            let expected = expected.map(|all| all.iter().map(parse).collect::<Vec<_>>());
            assert_eq!(found.map_err(|why| why.address.to_string()), expected.map_err(str::to_owned), "{addresses:?}");
        };
        check(&["93.184.216.34"], Ok(&["93.184.216.34"]));
        check(&["127.0.0.1"], Err("127.0.0.1"));
        check(&["169.254.169.254", "10.0.0.1"], Err("169.254.169.254"));
        check(&["::ffff:10.0.0.1"], Err("::ffff:10.0.0.1"));
        check(&["10.0.0.1", "93.184.216.34", "2606:4700::1111"], Ok(&["93.184.216.34", "2606:4700::1111"]));
        check(&["198.18.0.7"], Ok(&["198.18.0.7"]));
        check(&[], Ok(&[]));
    }

    #[tokio::test]
    async fn names_are_known_in_any_spelling() {
        let names = Names::default();
        let ask = async |name: &str| names.resolve(name.parse().unwrap()).await.map(|all| all.count() > 0);
        // The one name that every machine knows stands for a name of the outside.
        assert!(ask("localhost").await.unwrap());
        names.led_to(&"https://LocalHost/x".parse().unwrap());
        let error = ask("LOCALHOST").await.unwrap_err();
        assert!(error.downcast_ref::<Private>().is_some(), "{error}");
    }
}
