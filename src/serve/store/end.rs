//! How tasks end, are given back, are cancelled, and are found again after the service ended without a word.

use std::time::Duration;

use anyhow::Context;

use super::claim::{Held, crashed, references};
use super::database::{Store, millis, now};
use crate::serve::queue::MOST_TRIES;
use crate::serve::task::{Fault, Outcome, TaskId};

/// What a wish to cancel came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// It had not started, or was cancelled before.
    Done,
    /// It runs, and is to be ended.
    Asked,
    /// Its tag may be written by now, or it has ended.
    TooLate,
    Unknown,
}

/// What was found at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    pub waiting: u64,
    pub failed: u64,
    pub cancelled: u64,
}

impl Store {
    /// Every registry has answered with the digest. False if the attempt had not passed its last fence, or lost the task.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn complete(&self, held: &Held, outcome: &Outcome) -> anyhow::Result<bool> {
        let query = sqlx::query(
            "UPDATE longshore_tasks SET state = 'completed', phase = 'pushing', reason = NULL, message = NULL, commit_id = ?1, \
             digest = ?2, image_references = ?3, platforms = ?4, size = ?5, lease_owner = NULL, lease_until = NULL, \
             login_user = NULL, login_password = NULL, ended_at = ?6, updated_at = ?6 \
             WHERE id = ?7 AND attempt = ?8 AND state = 'running' AND tagging = 1",
        );
        let query = query
            .bind(&outcome.pushed.commit)
            .bind(outcome.pushed.digest.to_string())
            .bind(references(&outcome.pushed))
            .bind(outcome.platforms.join(" "))
            .bind(outcome.size.and_then(|size| i64::try_from(size).ok()))
            .bind(now());
        let query = query.bind(held.id.as_str()).bind(held.attempt);
        Ok(query.execute(&self.write).await.context("the end of a task cannot be stored")?.rows_affected() > 0)
    }

    /// # Errors
    /// If the database does not answer.
    pub async fn fail(&self, held: &Held, fault: &Fault) -> anyhow::Result<bool> {
        let query = sqlx::query(
            "UPDATE longshore_tasks SET state = 'failed', reason = ?1, message = ?2, lease_owner = NULL, lease_until = NULL, \
             login_user = NULL, login_password = NULL, ended_at = ?3, updated_at = ?3 \
             WHERE id = ?4 AND attempt = ?5 AND state = 'running'",
        );
        let query = query.bind(fault.reason.word()).bind(&fault.message).bind(now());
        let query = query.bind(held.id.as_str()).bind(held.attempt);
        Ok(query.execute(&self.write).await.context("the end of a task cannot be stored")?.rows_affected() > 0)
    }

    /// All that it started is gone.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn cancelled(&self, held: &Held) -> anyhow::Result<bool> {
        let query = sqlx::query(
            "UPDATE longshore_tasks SET state = 'cancelled', reason = NULL, message = NULL, lease_owner = NULL, \
             lease_until = NULL, login_user = NULL, login_password = NULL, ended_at = ?1, updated_at = ?1 \
             WHERE id = ?2 AND attempt = ?3 AND state = 'running' AND cancel_requested = 1",
        );
        let query = query.bind(now()).bind(held.id.as_str()).bind(held.attempt);
        Ok(query.execute(&self.write).await.context("the end of a task cannot be stored")?.rows_affected() > 0)
    }

    /// Another attempt comes, not before some time has passed. The last fault is shown until then.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn again(&self, held: &Held, fault: &Fault, after: Duration) -> anyhow::Result<bool> {
        let query = sqlx::query(
            "UPDATE longshore_tasks SET state = 'waiting', phase = 'queued', reason = ?1, message = ?2, lease_owner = NULL, \
             lease_until = NULL, not_before = ?3, updated_at = ?4 \
             WHERE id = ?5 AND attempt = ?6 AND state = 'running' AND cancel_requested = 0",
        );
        let query = query.bind(fault.reason.word()).bind(&fault.message).bind(now() + millis(after)).bind(now());
        let query = query.bind(held.id.as_str()).bind(held.attempt);
        Ok(query.execute(&self.write).await.context("the end of an attempt cannot be stored")?.rows_affected() > 0)
    }

    /// The service stops: the attempt does not count.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn give_back(&self, held: &Held) -> anyhow::Result<bool> {
        let query = sqlx::query(
            "UPDATE longshore_tasks SET state = 'waiting', phase = 'queued', given_back = given_back + 1, lease_owner = NULL, \
             lease_until = NULL, updated_at = ?1 WHERE id = ?2 AND attempt = ?3 AND state = 'running' AND cancel_requested = 0",
        );
        let query = query.bind(now()).bind(held.id.as_str()).bind(held.attempt);
        Ok(query.execute(&self.write).await.context("a task cannot be given back")?.rows_affected() > 0)
    }

    /// # Errors
    /// If the database does not answer.
    pub async fn cancel(&self, id: &TaskId) -> anyhow::Result<Cancel> {
        let query = sqlx::query_scalar(
            "UPDATE longshore_tasks SET cancel_requested = 1, updated_at = ?1, \
             login_user = CASE state WHEN 'waiting' THEN NULL ELSE login_user END, \
             login_password = CASE state WHEN 'waiting' THEN NULL ELSE login_password END, \
             ended_at = CASE state WHEN 'waiting' THEN ?1 ELSE ended_at END, \
             state = CASE state WHEN 'waiting' THEN 'cancelled' ELSE state END \
             WHERE id = ?2 AND state IN ('waiting', 'running') AND tagging = 0 RETURNING state",
        );
        let state: Option<String> = query.bind(now()).bind(id.as_str()).fetch_optional(&self.write).await?;
        match state.as_deref() {
            Some("cancelled") => return Ok(Cancel::Done),
            Some(_) => return Ok(Cancel::Asked),
            None => {}
        }
        let query = sqlx::query_scalar("SELECT state FROM longshore_tasks WHERE id = ?");
        let state: Option<String> = query.bind(id.as_str()).fetch_optional(&self.write).await?;
        Ok(match state.as_deref() {
            None => Cancel::Unknown,
            Some("cancelled") => Cancel::Done,
            Some(_) => Cancel::TooLate,
        })
    }

    /// Takes the tasks of processes that are gone: of all others at the start, when the folder is ours alone, later of those
    /// whose lease has ended. Each has used up an attempt.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn recover(&self, at_start: bool) -> anyhow::Result<Recovered> {
        let until = if at_start { i64::MAX } else { now() };
        let mut begun = self.write.begin().await?;
        let cancelled = sqlx::query(
            "UPDATE longshore_tasks SET state = 'cancelled', lease_owner = NULL, lease_until = NULL, login_user = NULL, \
             login_password = NULL, ended_at = ?1, updated_at = ?1 \
             WHERE state = 'running' AND lease_owner != ?2 AND lease_until < ?3 AND cancel_requested = 1",
        );
        let cancelled = cancelled.bind(now()).bind(&self.owner).bind(until).execute(&mut *begun).await?;
        let fault = crashed(MOST_TRIES);
        let failed = sqlx::query(
            "UPDATE longshore_tasks SET state = 'failed', reason = ?1, message = ?2, lease_owner = NULL, lease_until = NULL, \
             login_user = NULL, login_password = NULL, ended_at = ?3, updated_at = ?3 \
             WHERE state = 'running' AND lease_owner != ?4 AND lease_until < ?5 AND attempt - given_back >= ?6",
        );
        let failed = failed.bind(fault.reason.word()).bind(fault.message).bind(now()).bind(&self.owner);
        let failed = failed.bind(until).bind(MOST_TRIES).execute(&mut *begun).await?;
        let waiting = sqlx::query(
            "UPDATE longshore_tasks SET state = 'waiting', phase = 'queued', lease_owner = NULL, lease_until = NULL, \
             updated_at = ?1 WHERE state = 'running' AND lease_owner != ?2 AND lease_until < ?3",
        );
        let waiting = waiting.bind(now()).bind(&self.owner).bind(until).execute(&mut *begun).await?;
        begun.commit().await?;
        Ok(Recovered {
            waiting: waiting.rows_affected(),
            failed: failed.rows_affected(),
            cancelled: cancelled.rows_affected(),
        })
    }
}
