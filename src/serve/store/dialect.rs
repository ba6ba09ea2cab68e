//! In what the three databases differ; all else is one set of statements.

use std::borrow::Cow;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
    /// `MariaDB` as well.
    Mysql,
}

impl Dialect {
    /// A statement as this database takes it: `?` are its values, in order, and `{now}` is the time by the database's clock,
    /// in milliseconds since 1970.
    pub fn statement(self, text: Cow<'static, str>) -> Cow<'static, str> {
        let text = match text.contains("{now}") {
            true => Cow::Owned(text.replace("{now}", self.now())),
            false => text,
        };
        if self != Self::Postgres || !text.contains('?') {
            return text;
        }
        let mut pieces = text.split('?');
        let mut numbered = pieces.next().unwrap_or_default().to_owned();
        for (index, piece) in pieces.enumerate() {
            numbered.push_str(&format!("${}{piece}", index + 1));
        }
        Cow::Owned(numbered)
    }

    fn now(self) -> &'static str {
        match self {
            Self::Sqlite => "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)",
            Self::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
            Self::Mysql => "CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000 AS SIGNED)",
        }
    }

    pub fn schema(self) -> &'static str {
        match self {
            Self::Sqlite => include_str!("schema/sqlite.sql"),
            Self::Postgres => include_str!("schema/postgres.sql"),
            Self::Mysql => include_str!("schema/mysql.sql"),
        }
    }

    /// What each connection is told first. A server ends what a process that was stopped has begun, so that it keeps nobody
    /// from his turn.
    pub fn greeting(self) -> &'static str {
        match self {
            // A task that was accepted outlives a power failure; a login that is no longer needed is overwritten.
            Self::Sqlite => {
                "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON"
            }
            Self::Postgres => {
                "SET statement_timeout = 10000; SET lock_timeout = 10000; SET idle_in_transaction_session_timeout = 10000; \
                 SET default_transaction_isolation = 'read committed'"
            }
            Self::Mysql => {
                "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; SET SESSION innodb_lock_wait_timeout = 10; \
                 SET SESSION wait_timeout = 20"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbered_where_they_must_be() {
        let text = "UPDATE t SET a = ?, b = {now} + ? WHERE c = ?";
        let postgres = Dialect::Postgres.statement(text.into());
        assert!(postgres.starts_with("UPDATE t SET a = $1, b = CAST(EXTRACT"), "{postgres}");
        assert!(postgres.ends_with(" + $2 WHERE c = $3"), "{postgres}");
        assert!(Dialect::Mysql.statement(text.into()).contains("a = ?"));
        assert_eq!(Dialect::Sqlite.statement("SELECT 1".into()), "SELECT 1");
    }
}
