//! How long tasks are kept.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::Row as _;

use super::database::{Store, millis};
use super::row::word;
use crate::serve::task::{State, TaskId};

/// What is kept of tasks that have ended; without a limit, all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    pub age: Option<Duration>,
    /// So many tasks.
    pub builds: Option<u32>,
    /// Of all logs together; those that go leave their tasks behind.
    pub log_bytes: Option<u64>,
}

/// So many rows are removed, and asked for, at once.
const BATCH: usize = 200;

impl Store {
    /// Removes the rows of tasks that have ended and are to be kept no longer.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn forget(&self, keep: &Keep) -> anyhow::Result<u64> {
        let mut removed = 0;
        if let Some(age) = keep.age {
            removed += self.forget_up_to(i64::MAX, millis(age)).await?;
        }
        if let Some(builds) = keep.builds {
            let query = self.statement(
                "SELECT sequence FROM longshore_tasks WHERE state NOT IN ('waiting', 'running') \
                 ORDER BY sequence DESC LIMIT 1 OFFSET ?",
            );
            if let Some(row) = self.row(query.bind(i64::from(builds))).await? {
                removed += self.forget_up_to(row.try_get("sequence")?, i64::MIN / 4).await?;
            }
        }
        Ok(removed)
    }

    /// Those that are at least so old, a few at a time: others want to write as well.
    async fn forget_up_to(&self, last: i64, age: i64) -> anyhow::Result<u64> {
        let mut removed = 0;
        loop {
            let query = self.statement(
                "SELECT MAX(sequence) AS bound FROM (SELECT sequence FROM longshore_tasks \
                 WHERE state NOT IN ('waiting', 'running') AND sequence <= ? AND ended_at <= {now} - ? \
                 ORDER BY sequence LIMIT ?) AS oldest",
            );
            let query = query.bind(last).bind(age).bind(i64::try_from(BATCH)?);
            let bound = self.row(query).await?.map(|row| row.try_get::<Option<i64>, _>("bound")).transpose()?;
            let Some(bound) = bound.flatten() else { return Ok(removed) };
            let query = self.statement(
                "DELETE FROM longshore_tasks WHERE state NOT IN ('waiting', 'running') AND sequence <= ? AND ended_at <= {now} - ?",
            );
            removed += self.change(query.bind(bound).bind(age)).await?;
        }
    }

    /// The states of tasks, as far as there are any.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn states(&self, ids: &[TaskId]) -> anyhow::Result<BTreeMap<TaskId, State>> {
        let mut states = BTreeMap::new();
        for ids in ids.chunks(BATCH) {
            let places = vec!["?"; ids.len()].join(", ");
            let query = self.statement(format!("SELECT id, state FROM longshore_tasks WHERE id IN ({places})"));
            let query = ids.iter().fold(query, |query, id| query.bind(id.to_string()));
            for row in self.rows(query).await? {
                states.insert(word(&row.try_get::<String, _>("id")?)?, word(&row.try_get::<String, _>("state")?)?);
            }
        }
        Ok(states)
    }
}
