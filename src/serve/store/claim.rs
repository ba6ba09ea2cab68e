//! What an attempt writes while it has a task: each statement says which attempt it is, and changes nothing if another has it.

use std::time::Duration;

use anyhow::Context;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::database::{Store, millis, now};
use super::row::{maybe, word};
use crate::secret::Secret;
use crate::serve::task::{Fault, Login, Phase, Pushed, Reason, Submission, TaskId};

/// A task that is ours until its lease ends.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub held: Held,
    pub submission: Submission,
    /// Attempts that are used up, this one included.
    pub tries: u32,
    pub pushed: Option<Pushed>,
}

/// Which task an attempt has: the fencing token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub id: TaskId,
    pub attempt: u32,
}

/// What became of a claim that was to be renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewed {
    Held,
    /// It is still ours, to be ended.
    Cancelled,
    Lost,
}

impl Store {
    /// The oldest task that may start: its time has come, and no older one that is not at its end writes the same reference.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn claim(&self, lease: Duration) -> anyhow::Result<Option<Claimed>> {
        loop {
            let Some(row) = self.claim_one(lease).await? else { return Ok(None) };
            match claimed(&row) {
                Ok(claimed) => return Ok(Some(claimed)),
                // One row that cannot be read does not keep all others from being built.
                Err(error) => self.set_aside(&row, &error).await?,
            }
        }
    }

    async fn claim_one(&self, lease: Duration) -> anyhow::Result<Option<SqliteRow>> {
        let now = now();
        let query = sqlx::query(
            "UPDATE longshore_tasks SET state = 'running', phase = 'fetching', attempt = attempt + 1, reason = NULL, \
             message = NULL, lease_owner = ?1, lease_until = ?2, started_at = COALESCE(started_at, ?3), updated_at = ?3 \
             WHERE state = 'waiting' AND sequence = ( \
               SELECT sequence FROM longshore_tasks AS task WHERE state = 'waiting' AND not_before <= ?3 \
               AND NOT EXISTS (SELECT 1 FROM longshore_tasks AS other \
                 WHERE other.image_tag = task.image_tag AND other.state = 'running') \
               AND NOT EXISTS (SELECT 1 FROM longshore_tasks AS other \
                 WHERE other.image_tag = task.image_tag AND other.state = 'waiting' AND other.sequence < task.sequence) \
               ORDER BY sequence LIMIT 1) \
             RETURNING *",
        );
        let query = query.bind(&self.owner).bind(now + millis(lease)).bind(now);
        query.fetch_optional(&self.write).await.context("no task can be claimed")
    }

    async fn set_aside(&self, row: &SqliteRow, error: &anyhow::Error) -> anyhow::Result<()> {
        let query = sqlx::query(
            "UPDATE longshore_tasks SET state = 'failed', reason = ?1, message = ?2, ended_at = ?3, updated_at = ?3, \
             login_user = NULL, login_password = NULL WHERE sequence = ?4",
        );
        let query = query.bind(Reason::Internal.word()).bind(format!("{error:#}")).bind(now());
        query.bind(row.try_get::<i64, _>("sequence")?).execute(&self.write).await?;
        Ok(())
    }

    /// When the next task that waits for its time may start; milliseconds since 1970.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn next_start(&self) -> anyhow::Result<Option<i64>> {
        let query = sqlx::query_scalar(
            "SELECT MIN(not_before) FROM longshore_tasks WHERE state = 'waiting' AND not_before > ?",
        );
        Ok(query.bind(now()).fetch_one(&self.read).await?)
    }

    /// # Errors
    /// If the database does not answer.
    pub async fn renew(&self, held: &Held, lease: Duration) -> anyhow::Result<Renewed> {
        let query = sqlx::query_scalar(
            "UPDATE longshore_tasks SET lease_until = ?1 WHERE id = ?2 AND attempt = ?3 AND state = 'running' \
             RETURNING cancel_requested",
        );
        let query = query.bind(now() + millis(lease)).bind(held.id.as_str()).bind(held.attempt);
        Ok(match query.fetch_optional(&self.write).await? {
            None => Renewed::Lost,
            Some(true) => Renewed::Cancelled,
            Some(false) => Renewed::Held,
        })
    }

    /// Whether it is still ours and not to be cancelled; so for all writes below.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn enter(&self, held: &Held, phase: Phase) -> anyhow::Result<bool> {
        let query = sqlx::query(
            "UPDATE longshore_tasks SET phase = ?1, updated_at = ?2 \
             WHERE id = ?3 AND attempt = ?4 AND state = 'running' AND cancel_requested = 0",
        );
        let query = query.bind(phase.word()).bind(now()).bind(held.id.as_str()).bind(held.attempt);
        Ok(query.execute(&self.write).await?.rows_affected() > 0)
    }

    /// # Errors
    /// If the database does not answer.
    pub async fn commit(&self, held: &Held, commit: &str) -> anyhow::Result<bool> {
        let query = sqlx::query(
            "UPDATE longshore_tasks SET commit_id = ?1, updated_at = ?2 \
             WHERE id = ?3 AND attempt = ?4 AND state = 'running' AND cancel_requested = 0",
        );
        let query = query.bind(commit).bind(now()).bind(held.id.as_str()).bind(held.attempt);
        Ok(query.execute(&self.write).await?.rows_affected() > 0)
    }

    /// # Errors
    /// If the database does not answer.
    pub async fn pushed(&self, held: &Held, pushed: &Pushed) -> anyhow::Result<bool> {
        let query = sqlx::query(
            "UPDATE longshore_tasks SET commit_id = ?1, digest = ?2, image_references = ?3, updated_at = ?4 \
             WHERE id = ?5 AND attempt = ?6 AND state = 'running' AND cancel_requested = 0",
        );
        let query = query.bind(&pushed.commit).bind(pushed.digest.to_string()).bind(references(pushed)).bind(now());
        let query = query.bind(held.id.as_str()).bind(held.attempt);
        Ok(query.execute(&self.write).await?.rows_affected() > 0)
    }

    /// From here on a tag may be written.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn last_fence(&self, held: &Held) -> anyhow::Result<bool> {
        let query = sqlx::query(
            "UPDATE longshore_tasks SET tagging = 1, updated_at = ?1 \
             WHERE id = ?2 AND attempt = ?3 AND state = 'running' AND cancel_requested = 0",
        );
        let query = query.bind(now()).bind(held.id.as_str()).bind(held.attempt);
        Ok(query.execute(&self.write).await?.rows_affected() > 0)
    }
}

pub(super) fn references(pushed: &Pushed) -> String {
    pushed.references.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn claimed(row: &SqliteRow) -> anyhow::Result<Claimed> {
    let text = |name: &str| row.try_get::<String, _>(name);
    let login = match (maybe(row, "login_user")?, maybe(row, "login_password")?) {
        (Some(user), Some(password)) => Some(Login { user: Secret::new(user), password: Secret::new(password) }),
        _ => None,
    };
    let pushed = match (maybe(row, "commit_id")?, maybe(row, "digest")?, maybe(row, "image_references")?) {
        (Some(commit), Some(digest), Some(names)) => {
            let references = names.split_whitespace().map(word).collect::<anyhow::Result<_>>()?;
            Some(Pushed { commit, digest: word(&digest)?, references })
        }
        _ => None,
    };
    let attempt: u32 = row.try_get("attempt")?;
    let given_back: u32 = row.try_get("given_back")?;
    Ok(Claimed {
        held: Held { id: word(&text("id")?)?, attempt },
        tries: attempt.saturating_sub(given_back),
        pushed,
        submission: Submission {
            face: word(&text("face")?)?,
            app_name: text("app_name")?,
            image_tag: text("image_tag")?,
            git_repo: text("git_repo")?,
            login,
            branch: maybe(row, "branch")?,
            app_dir: maybe(row, "app_dir")?,
            dockerfile: row.try_get("dockerfile")?,
        },
    })
}

/// Kept for messages about tasks that ended with the service.
pub(super) fn crashed(tries: u32) -> Fault {
    Fault::new(Reason::ServiceCrashed, format!("the service ended {tries} times while it had this task"))
}
