//! What an attempt writes while it has a task: each statement says which attempt it is, and changes nothing if another has it.

use std::time::Duration;

use anyhow::Context;
use sqlx::Row as _;
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

use super::database::{Statement, Store, millis};
use super::row::{count, maybe, word};
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

impl Held {
    /// The statement with what ends the condition of each: the task, and the attempt that has it.
    pub(super) fn bound(&self, statement: Statement) -> Statement {
        statement.bind(self.id.to_string()).bind(i64::from(self.attempt))
    }
}

impl Store {
    /// The oldest task that may start: its time has come, no older one that is not at its end writes the same reference, and
    /// its app has fewer running than `per_app`.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn claim(&self, lease: Duration, per_app: Option<u32>) -> anyhow::Result<Option<Claimed>> {
        loop {
            let waits = "SELECT id FROM longshore_tasks WHERE state = 'waiting' AND not_before <= {now} LIMIT 1";
            if self.row(self.statement(waits)).await?.is_none() {
                return Ok(None);
            }
            let Some(row) = self.within(self.claim_one(lease, per_app)).await.context("no task can be claimed")? else {
                return Ok(None);
            };
            match claimed(&row) {
                Ok(claimed) => return Ok(Some(claimed)),
                // One row that cannot be read does not keep all others from being built.
                Err(error) => self.set_aside(&row, &error).await?,
            }
        }
    }

    /// One after the other, whichever process: otherwise two could start what only one of them may.
    pub(super) async fn turn(&self) -> sqlx::Result<Transaction<'static, Any>> {
        let mut begun = self.write.begin().await?;
        self.statement("UPDATE longshore_turn SET taken = taken + 1 WHERE id = 1").execute(&mut *begun).await?;
        Ok(begun)
    }

    /// The row as it was before.
    async fn claim_one(&self, lease: Duration, per_app: Option<u32>) -> sqlx::Result<Option<AnyRow>> {
        let mut turn = self.turn().await?;
        let query = self.statement(
            "SELECT * FROM longshore_tasks task WHERE state = 'waiting' AND not_before <= {now} \
             AND NOT EXISTS (SELECT 1 FROM longshore_tasks other \
               WHERE other.image_tag = task.image_tag AND other.state = 'running') \
             AND NOT EXISTS (SELECT 1 FROM longshore_tasks other \
               WHERE other.image_tag = task.image_tag AND other.state = 'waiting' AND other.sequence < task.sequence) \
             AND app_name NOT IN (SELECT app_name FROM longshore_tasks \
               WHERE state = 'running' GROUP BY app_name HAVING COUNT(*) >= ?) \
             ORDER BY sequence LIMIT 1",
        );
        let query = query.bind(per_app.map_or(i64::MAX, i64::from));
        let Some(row) = query.fetch_optional(&mut *turn).await? else { return Ok(None) };
        let query = self.statement(
            "UPDATE longshore_tasks SET state = 'running', phase = 'fetching', attempt = attempt + 1, reason = NULL, \
             message = NULL, lease_owner = ?, lease_until = {now} + ?, started_at = COALESCE(started_at, {now}), \
             updated_at = {now} WHERE sequence = ? AND state = 'waiting'",
        );
        let query = query.bind(self.owner.clone()).bind(millis(lease)).bind(row.try_get::<i64, _>("sequence")?);
        // Without it, it was cancelled in between; whoever looks again finds the next one.
        let is_ours = query.execute(&mut *turn).await?.rows_affected() > 0;
        turn.commit().await?;
        Ok(Some(row).filter(|_| is_ours))
    }

    async fn set_aside(&self, row: &AnyRow, error: &anyhow::Error) -> anyhow::Result<()> {
        let query = self.statement(
            "UPDATE longshore_tasks SET state = 'failed', reason = ?, message = ?, ended_at = {now}, updated_at = {now}, \
             login_user = NULL, login_password = NULL WHERE sequence = ?",
        );
        let query = query.bind(Reason::Internal.word()).bind(self.text(&format!("{error:#}")));
        self.change(query.bind(row.try_get::<i64, _>("sequence")?)).await?;
        Ok(())
    }

    /// How long it is until the next task that waits for its time may start.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn next_start(&self) -> anyhow::Result<Option<Duration>> {
        let query = self.statement(
            "SELECT MIN(not_before) - {now} AS ahead FROM longshore_tasks WHERE state = 'waiting' AND not_before > {now}",
        );
        let ahead = self.row(query).await?.map(|row| row.try_get::<Option<i64>, _>("ahead")).transpose()?.flatten();
        Ok(ahead.map(|ahead| Duration::from_millis(u64::try_from(ahead).unwrap_or_default())))
    }

    /// # Errors
    /// If the database does not answer.
    pub async fn renew(&self, held: &Held, lease: Duration) -> anyhow::Result<Renewed> {
        let query = self.statement(
            "UPDATE longshore_tasks SET lease_until = {now} + ? WHERE id = ? AND attempt = ? AND state = 'running'",
        );
        if self.change(held.bound(query.bind(millis(lease)))).await? == 0 {
            return Ok(Renewed::Lost);
        }
        let query = self.statement("SELECT cancel_requested FROM longshore_tasks WHERE id = ? AND attempt = ?");
        Ok(
            match self.row(held.bound(query)).await?.map(|row| row.try_get::<i64, _>("cancel_requested")).transpose()? {
                None => Renewed::Lost,
                Some(0) => Renewed::Held,
                Some(_) => Renewed::Cancelled,
            },
        )
    }

    /// Whether it is still ours and not to be cancelled; so for all writes below.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn enter(&self, held: &Held, phase: Phase) -> anyhow::Result<bool> {
        let query = self.statement(
            "UPDATE longshore_tasks SET phase = ?, updated_at = {now} \
             WHERE id = ? AND attempt = ? AND state = 'running' AND cancel_requested = 0",
        );
        Ok(self.change(held.bound(query.bind(phase.word()))).await? > 0)
    }

    /// # Errors
    /// If the database does not answer.
    pub async fn commit(&self, held: &Held, commit: &str) -> anyhow::Result<bool> {
        let query = self.statement(
            "UPDATE longshore_tasks SET commit_id = ?, updated_at = {now} \
             WHERE id = ? AND attempt = ? AND state = 'running' AND cancel_requested = 0",
        );
        Ok(self.change(held.bound(query.bind(commit.to_owned()))).await? > 0)
    }

    /// # Errors
    /// If the database does not answer.
    pub async fn pushed(&self, held: &Held, pushed: &Pushed) -> anyhow::Result<bool> {
        let query = self.statement(
            "UPDATE longshore_tasks SET commit_id = ?, digest = ?, image_references = ?, updated_at = {now} \
             WHERE id = ? AND attempt = ? AND state = 'running' AND cancel_requested = 0",
        );
        let query = query.bind(pushed.commit.clone()).bind(pushed.digest.to_string()).bind(references(pushed));
        Ok(self.change(held.bound(query)).await? > 0)
    }

    /// From here on a tag may be written.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn last_fence(&self, held: &Held) -> anyhow::Result<bool> {
        let query = self.statement(
            "UPDATE longshore_tasks SET tagging = 1, updated_at = {now} \
             WHERE id = ? AND attempt = ? AND state = 'running' AND cancel_requested = 0",
        );
        Ok(self.change(held.bound(query)).await? > 0)
    }
}

pub(super) fn references(pushed: &Pushed) -> String {
    pushed.references.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Of the row as it was before this attempt.
fn claimed(row: &AnyRow) -> anyhow::Result<Claimed> {
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
    let attempt = count(row, "attempt")? + 1;
    let given_back = count(row, "given_back")?;
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
