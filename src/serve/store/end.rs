//! How tasks end, are given back, are cancelled, and are found again after the service ended without a word.

use std::time::Duration;

use anyhow::Context;
use sqlx::Row as _;

use super::claim::{Held, crashed, references};
use super::database::{Statement, Store, millis};
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

/// Later than any lease, in milliseconds.
const FAR: i64 = 10 * 365 * 24 * 60 * 60 * 1000;

/// After so many leases without a renewal an attempt of our own is one that we know nothing of.
const FORGOTTEN: u32 = 10;

/// Rows of processes that are gone: the owner that is not, and by how much the leases of others and of it are over.
macro_rules! gone {
    () => {
        "state = 'running' AND (lease_owner <> ? AND lease_until < {now} + ? OR lease_until < {now} + ?)"
    };
}

impl Store {
    /// Every registry has answered with the digest. False if the attempt had not passed its last fence, or lost the task.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn complete(&self, held: &Held, outcome: &Outcome) -> anyhow::Result<bool> {
        let query = self.statement(
            "UPDATE longshore_tasks SET state = 'completed', phase = 'pushing', reason = NULL, message = NULL, commit_id = ?, \
             digest = ?, image_references = ?, platforms = ?, size = ?, lease_owner = NULL, lease_until = NULL, \
             login_user = NULL, login_password = NULL, ended_at = {now}, updated_at = {now} \
             WHERE id = ? AND attempt = ? AND state = 'running' AND tagging = 1",
        );
        let query = query
            .bind(outcome.pushed.commit.clone())
            .bind(outcome.pushed.digest.to_string())
            .bind(references(&outcome.pushed))
            .bind(outcome.platforms.join(" "))
            .bind(outcome.size.and_then(|size| i64::try_from(size).ok()));
        self.ends(held.bound(query)).await
    }

    /// # Errors
    /// If the database does not answer.
    pub async fn fail(&self, held: &Held, fault: &Fault) -> anyhow::Result<bool> {
        let query = self.statement(
            "UPDATE longshore_tasks SET state = 'failed', reason = ?, message = ?, lease_owner = NULL, lease_until = NULL, \
             login_user = NULL, login_password = NULL, ended_at = {now}, updated_at = {now} \
             WHERE id = ? AND attempt = ? AND state = 'running'",
        );
        self.ends(held.bound(query.bind(fault.reason.word()).bind(self.text(&fault.message)))).await
    }

    /// All that it started is gone.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn cancelled(&self, held: &Held) -> anyhow::Result<bool> {
        let query = self.statement(
            "UPDATE longshore_tasks SET state = 'cancelled', reason = NULL, message = NULL, lease_owner = NULL, \
             lease_until = NULL, login_user = NULL, login_password = NULL, ended_at = {now}, updated_at = {now} \
             WHERE id = ? AND attempt = ? AND state = 'running' AND cancel_requested = 1",
        );
        self.ends(held.bound(query)).await
    }

    /// Another attempt comes, not before some time has passed. The last fault is shown until then.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn again(&self, held: &Held, fault: &Fault, after: Duration) -> anyhow::Result<bool> {
        let query = self.statement(
            "UPDATE longshore_tasks SET state = 'waiting', phase = 'queued', reason = ?, message = ?, lease_owner = NULL, \
             lease_until = NULL, not_before = {now} + ?, updated_at = {now} \
             WHERE id = ? AND attempt = ? AND state = 'running' AND cancel_requested = 0",
        );
        let query = query.bind(fault.reason.word()).bind(self.text(&fault.message)).bind(millis(after));
        self.ends(held.bound(query)).await
    }

    /// The service stops: the attempt does not count.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn give_back(&self, held: &Held) -> anyhow::Result<bool> {
        let query = self.statement(
            "UPDATE longshore_tasks SET state = 'waiting', phase = 'queued', given_back = given_back + 1, lease_owner = NULL, \
             lease_until = NULL, updated_at = {now} WHERE id = ? AND attempt = ? AND state = 'running' AND cancel_requested = 0",
        );
        self.ends(held.bound(query)).await
    }

    async fn ends(&self, statement: Statement) -> anyhow::Result<bool> {
        Ok(self.change(statement).await.context("the end of an attempt cannot be stored")? > 0)
    }

    /// # Errors
    /// If the database does not answer.
    pub async fn cancel(&self, id: &TaskId) -> anyhow::Result<Cancel> {
        // MySQL's later assignments see what the earlier ones have written: the state is the last.
        let query = self.statement(
            "UPDATE longshore_tasks SET cancel_requested = 1, updated_at = {now}, \
             login_user = CASE state WHEN 'waiting' THEN NULL ELSE login_user END, \
             login_password = CASE state WHEN 'waiting' THEN NULL ELSE login_password END, \
             ended_at = CASE state WHEN 'waiting' THEN {now} ELSE ended_at END, \
             state = CASE state WHEN 'waiting' THEN 'cancelled' ELSE state END \
             WHERE id = ? AND state IN ('waiting', 'running') AND tagging = 0",
        );
        let is_asked = self.change(query.bind(id.to_string())).await? > 0;
        let query = self.statement("SELECT state FROM longshore_tasks WHERE id = ?");
        let Some(row) = self.row(query.bind(id.to_string())).await? else { return Ok(Cancel::Unknown) };
        Ok(match row.try_get::<String, _>("state")?.as_str() {
            "cancelled" => Cancel::Done,
            _ if is_asked => Cancel::Asked,
            _ => Cancel::TooLate,
        })
    }

    /// Takes the tasks of processes that are gone; each has used up an attempt. In a folder that is ours alone all others are
    /// gone at the start; otherwise those whose lease has ended. What we claimed without hearing of it is not renewed either.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn recover(&self, lease: Duration, at_start: bool) -> anyhow::Result<Recovered> {
        let over = if at_start && !self.is_shared() { FAR } else { 0 };
        let ours = -millis(lease * FORGOTTEN);
        // Mostly there is nothing to do.
        let query = self.statement(concat!("SELECT id FROM longshore_tasks WHERE ", gone!(), " LIMIT 1"));
        if self.row(query.bind(self.owner.clone()).bind(over).bind(ours)).await?.is_none() {
            return Ok(Recovered::default());
        }
        let bound = |query: Statement| query.bind(self.owner.clone()).bind(over).bind(ours);
        let fault = crashed(MOST_TRIES);
        let cancelled = bound(self.statement(concat!(
            "UPDATE longshore_tasks SET state = 'cancelled', lease_owner = NULL, lease_until = NULL, login_user = NULL, \
             login_password = NULL, ended_at = {now}, updated_at = {now} WHERE ",
            gone!(),
            " AND cancel_requested = 1"
        )));
        let failed = self.statement(concat!(
            "UPDATE longshore_tasks SET state = 'failed', reason = ?, message = ?, lease_owner = NULL, lease_until = NULL, \
             login_user = NULL, login_password = NULL, ended_at = {now}, updated_at = {now} WHERE ",
            gone!(),
            " AND attempt - given_back >= ?"
        ));
        let failed = bound(failed.bind(fault.reason.word()).bind(fault.message)).bind(i64::from(MOST_TRIES));
        let waiting = bound(self.statement(concat!(
            "UPDATE longshore_tasks SET state = 'waiting', phase = 'queued', lease_owner = NULL, lease_until = NULL, \
             updated_at = {now} WHERE ",
            gone!()
        )));
        self.within(async {
            let mut turn = self.turn().await?;
            let cancelled = cancelled.execute(&mut *turn).await?.rows_affected();
            let failed = failed.execute(&mut *turn).await?.rows_affected();
            let waiting = waiting.execute(&mut *turn).await?.rows_affected();
            turn.commit().await?;
            anyhow::Ok(Recovered { waiting, failed, cancelled })
        })
        .await
    }
}
