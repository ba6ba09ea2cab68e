//! When attempts have entered their phases: shown to people, decides nothing.

use sqlx::Row as _;

use super::claim::Held;
use super::database::Store;
use super::row::word;
use crate::serve::task::{Phase, TaskId};

/// A phase of an attempt; the last one of an attempt has no end here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub attempt: u32,
    pub phase: Phase,
    /// Milliseconds since 1970.
    pub started_at: i64,
    pub ended_at: Option<i64>,
}

impl Store {
    /// # Errors
    /// If the database does not answer.
    pub async fn began(&self, held: &Held, phase: Phase) -> anyhow::Result<()> {
        let statement =
            self.statement("INSERT INTO longshore_steps (task_id, attempt, phase, started_at) VALUES (?, ?, ?, {now})");
        let statement = statement.bind(held.id.to_string()).bind(i64::from(held.attempt)).bind(phase.word());
        self.change(statement).await.map(drop)
    }

    /// The phases of all attempts of a task, in order.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn steps(&self, id: &TaskId) -> anyhow::Result<Vec<Step>> {
        let statement = self.statement("SELECT attempt, phase, started_at FROM longshore_steps WHERE task_id = ?");
        let mut steps = Vec::new();
        for row in self.rows(statement.bind(id.to_string())).await? {
            let attempt = u32::try_from(row.try_get::<i64, _>("attempt")?).unwrap_or(u32::MAX);
            let phase = word(&row.try_get::<String, _>("phase")?)?;
            steps.push(Step { attempt, phase, started_at: row.try_get("started_at")?, ended_at: None });
        }
        // Two may begin in one millisecond.
        steps.sort_by_key(|step| (step.attempt, step.phase));
        for index in 1..steps.len() {
            let next = steps[index];
            if steps[index - 1].attempt == next.attempt {
                steps[index - 1].ended_at = Some(next.started_at);
            }
        }
        Ok(steps)
    }

    /// Removes what is left of tasks that were removed.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn forget_steps(&self) -> anyhow::Result<u64> {
        let gone = "DELETE FROM longshore_steps WHERE NOT EXISTS (SELECT 1 FROM longshore_tasks WHERE id = task_id)";
        self.change(self.statement(gone)).await
    }
}
