//! Which database the queue is in.

use std::fmt;
use std::str::FromStr;

use url::Url;

use super::dialect::Dialect;
use crate::secret::Secret;
use crate::world::http;

/// A file in the folder of the service, or a server that several services share. What it prints has no password.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Address {
    #[default]
    Sqlite,
    Server(Dialect, Url),
}

/// The parts of the address of a MySQL database, as Darwin's Artifact Builder is told them.
pub struct Parts<'a> {
    pub host: &'a str,
    pub port: &'a str,
    pub database: &'a str,
    pub user: &'a str,
    pub password: &'a str,
}

impl Address {
    /// # Errors
    /// Which part is not one.
    pub fn mysql(parts: &Parts<'_>) -> Result<Self, String> {
        let Parts { host, port, database, user, password } = parts;
        let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { (*host).to_owned() };
        let bare = Url::parse(&format!("mysql://{host}")).ok();
        if !bare.is_some_and(|url| url.host_str() == Some(host.as_str()) && url.path().is_empty()) {
            return Err("it is not the name of a host".into());
        }
        let port: u16 = port.parse().map_err(|_| format!("`{}` is not a port", port.escape_debug()))?;
        let [user, password, database] = [user, password, database].map(|text| http::encode(text));
        let login = if password.is_empty() { user } else { format!("{user}:{password}") };
        format!("mysql://{login}@{host}:{port}/{database}").parse()
    }

    /// Of the user of the database, if it is a part of the address.
    pub fn password(&self) -> Option<Secret> {
        let Self::Server(_, url) = self else { return None };
        let query = || url.query_pairs().find(|(name, _)| name == PASSWORD).map(|(_, value)| value.into_owned());
        url.password().map(http::decode).or_else(query).filter(|text| !text.is_empty()).map(Secret::new)
    }
}

/// `PostgreSQL` takes it there as well.
const PASSWORD: &str = "password";

impl FromStr for Address {
    type Err = String;

    /// What is wrong is said without repeating it: it may hold a password.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "sqlite" {
            return Ok(Self::Sqlite);
        }
        let url = Url::parse(text).map_err(|why| format!("it is not an address: {why}"))?;
        let dialect = match url.scheme() {
            "postgres" | "postgresql" => Dialect::Postgres,
            "mysql" | "mariadb" => Dialect::Mysql,
            other => return Err(format!("`{other}` is not a database that is known here")),
        };
        if url.path().trim_matches('/').is_empty() {
            return Err("it names no database".into());
        }
        Ok(Self::Server(dialect, url))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Server(_, url) = self else { return f.write_str("sqlite") };
        let mut shown = url.clone();
        // It may have no host, and then no password either.
        let _ = shown.set_password(None);
        shown.set_query(None);
        shown.fmt(f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_printed() {
        for text in [
            "postgres://me:canary%40x@db.test:5433/queue?sslmode=require",
            "postgresql:///queue?host=/run/postgresql&password=canary@x",
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.password(), Some(Secret::new("canary@x")));
            assert!(!format!("{address} {address:?}").contains("canary"), "{address}");
        }
        let address: Address = "mysql://me@db.test/queue".parse().unwrap();
        assert_eq!((address.password(), address.to_string().as_str()), (None, "mysql://me@db.test/queue"));
    }

    #[test]
    fn what_is_no_database_is_refused() {
        for (text, said) in [
            ("mysql", "relative URL"),
            ("mongodb://me:canary@db/x", "`mongodb` is not a database"),
            ("mysql://me:canary@db", "names no database"),
            ("postgres://me:canary@db:x/y", "invalid port"),
        ] {
            let why = text.parse::<Address>().unwrap_err();
            assert!(why.contains(said) && !why.contains("canary"), "{text}: {why}");
        }
    }

    #[test]
    fn parts_of_the_old_service_make_an_address() {
        let parts = Parts { host: "db", port: "3306", database: "mlp_serve", user: "root", password: "a%40/b" };
        let address = Address::mysql(&parts).unwrap();
        assert_eq!(address.to_string(), "mysql://root@db:3306/mlp_serve");
        assert_eq!(address.password(), Some(Secret::new("a%40/b")));
        let six = Address::mysql(&Parts { host: "::1", password: "", ..parts }).unwrap();
        assert_eq!(six.to_string(), "mysql://root@[::1]:3306/mlp_serve");
        assert!(Address::mysql(&Parts { host: "db/x", ..parts }).is_err());
        assert!(Address::mysql(&Parts { port: "x", ..parts }).is_err());
    }
}
