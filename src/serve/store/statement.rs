//! Statements with `?` for values and `{now}` for the time, as every database takes them.

use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Sqlite};

use super::database::{Store, now};

type Statement = Query<'static, Sqlite, SqliteArguments>;

impl Store {
    pub(super) fn statement(&self, text: &'static str) -> Statement {
        sqlx::query(AssertSqlSafe(text.replace("{now}", &now().to_string())))
    }

    /// How many rows it has changed.
    pub(super) async fn change(&self, statement: Statement) -> anyhow::Result<u64> {
        Ok(statement.execute(&self.write).await?.rows_affected())
    }

    pub(super) async fn rows(&self, statement: Statement) -> anyhow::Result<Vec<SqliteRow>> {
        Ok(statement.fetch_all(&self.read).await?)
    }
}
