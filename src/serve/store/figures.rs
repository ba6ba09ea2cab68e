//! Numbers about the queue.

use sqlx::Row as _;

use super::database::Store;
use super::row::word;
use crate::serve::task::State;

impl Store {
    /// How many tasks are in each state; states that no task is in are left out.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn counts(&self) -> anyhow::Result<Vec<(State, i64)>> {
        let statement = self.statement("SELECT state, COUNT(*) AS tasks FROM longshore_tasks GROUP BY state");
        let rows = self.rows(statement).await?;
        rows.iter().map(|row| Ok((word(&row.try_get::<String, _>("state")?)?, row.try_get("tasks")?))).collect()
    }

    /// When the oldest task that waits was submitted; milliseconds since 1970.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn oldest_waiting(&self) -> anyhow::Result<Option<i64>> {
        let oldest = "SELECT created_at FROM longshore_tasks WHERE state = 'waiting' ORDER BY sequence LIMIT 1";
        let rows = self.rows(self.statement(oldest)).await?;
        Ok(rows.first().map(|row| row.try_get("created_at")).transpose()?)
    }
}
