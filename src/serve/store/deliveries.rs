//! Which ends of tasks are still to be told. They are found by the tasks' own rows, so that no end is missed, whoever wrote it.

use std::time::Duration;

use sqlx::Row as _;

use super::database::{Store, millis};
use super::row::word;
use crate::serve::task::TaskId;

/// An end that is to be told now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub id: TaskId,
    /// How often it was tried, this time included.
    pub tries: u32,
}

impl Store {
    /// Whether anybody was ever told anything.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn has_deliveries(&self) -> anyhow::Result<bool> {
        let any = self.statement("SELECT task_id FROM longshore_deliveries LIMIT 1");
        Ok(!self.rows(any).await?.is_empty())
    }

    /// Notes the ends of so long ago at most that are not noted yet.
    ///
    /// # Errors
    /// If the database does not answer, or another process notes the same at this moment.
    pub async fn note_ends(&self, span: Duration) -> anyhow::Result<u64> {
        let statement = self.statement(
            "INSERT INTO longshore_deliveries (task_id, tries, due, done) SELECT id, 0, {now}, 0 FROM longshore_tasks \
             WHERE ended_at >= {now} - ? \
             AND NOT EXISTS (SELECT 1 FROM longshore_deliveries WHERE longshore_deliveries.task_id = longshore_tasks.id)",
        );
        self.change(statement.bind(millis(span))).await
    }

    /// Takes one that is due; unless it is settled, it is due again after the lease.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn take_delivery(&self, lease: Duration) -> anyhow::Result<Option<Delivery>> {
        let due =
            "SELECT task_id, tries FROM longshore_deliveries WHERE done = 0 AND due <= {now} ORDER BY due LIMIT 10";
        for row in self.rows(self.statement(due)).await? {
            let (id, tries): (String, i64) = (row.try_get("task_id")?, row.try_get("tries")?);
            let take = self.statement(
                "UPDATE longshore_deliveries SET tries = tries + 1, due = {now} + ? WHERE task_id = ? AND tries = ? AND done = 0",
            );
            // Another process may have taken it; then the next one is ours.
            if self.change(take.bind(millis(lease)).bind(id.clone()).bind(tries)).await? > 0 {
                let tries = u32::try_from(tries + 1).unwrap_or(u32::MAX);
                return Ok(Some(Delivery { id: word(&id)?, tries }));
            }
        }
        Ok(None)
    }

    /// It was told, or is given up.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn settle_delivery(&self, id: &TaskId) -> anyhow::Result<()> {
        let statement = self.statement("UPDATE longshore_deliveries SET done = 1 WHERE task_id = ?");
        self.change(statement.bind(id.to_string())).await.map(drop)
    }

    /// Removes what is left of tasks that were removed.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn forget_deliveries(&self) -> anyhow::Result<u64> {
        let gone =
            "DELETE FROM longshore_deliveries WHERE NOT EXISTS (SELECT 1 FROM longshore_tasks WHERE id = task_id)";
        self.change(self.statement(gone)).await
    }

    /// # Errors
    /// If the database does not answer.
    pub async fn postpone_delivery(&self, id: &TaskId, delay: Duration) -> anyhow::Result<()> {
        let statement = self.statement("UPDATE longshore_deliveries SET due = {now} + ? WHERE task_id = ?");
        self.change(statement.bind(millis(delay)).bind(id.to_string())).await.map(drop)
    }
}
