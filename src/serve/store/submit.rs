//! New tasks: stored before the caller hears of them.

use anyhow::Context;
use sqlx::Row as _;

use super::database::{Store, now, random_id};
use super::row::word;
use crate::digest::Digest;
use crate::serve::queue::MOST_WAITING;
use crate::serve::task::{Fault, Phase, State, Submission, TaskId};

/// A request that is answered once, however often it is sent.
#[derive(Clone, Copy, Debug)]
pub struct Once<'a> {
    pub key: &'a str,
    /// Of the request, so that a key is not used for two.
    pub request: Digest,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submitted {
    New(TaskId),
    /// By an earlier request with the same key.
    Before(TaskId),
    /// An earlier request with the same key asked for something else.
    Conflict,
    /// Too many wait.
    Full,
}

impl Store {
    /// # Errors
    /// If the database does not take it.
    pub async fn submit(&self, submission: &Submission, once: Option<Once<'_>>) -> anyhow::Result<Submitted> {
        self.insert(submission, once, None).await
    }

    /// A task that has failed before it began.
    ///
    /// # Errors
    /// If the database does not take it.
    pub async fn refuse(&self, submission: &Submission, fault: &Fault) -> anyhow::Result<TaskId> {
        match self.insert(submission, None, Some(fault)).await? {
            Submitted::New(id) | Submitted::Before(id) => Ok(id),
            Submitted::Conflict | Submitted::Full => anyhow::bail!("the database took no row"),
        }
    }

    async fn insert(
        &self,
        asked: &Submission,
        once: Option<Once<'_>>,
        fault: Option<&Fault>,
    ) -> anyhow::Result<Submitted> {
        let (id, now) = (random_id()?, now());
        let login = asked.login.as_ref().filter(|_| fault.is_none());
        let state = if fault.is_some() { State::Failed } else { State::Waiting };
        let inserted = sqlx::query(
            "INSERT INTO longshore_tasks (id, face, app_name, image_tag, git_repo, login_user, login_password, branch, \
             app_dir, dockerfile, idempotency_key, request_digest, state, phase, reason, message, created_at, updated_at, ended_at) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?17, ?18 \
             WHERE ?13 != 'waiting' OR (SELECT COUNT(*) FROM longshore_tasks WHERE state = 'waiting') < ?19 \
             ON CONFLICT (idempotency_key) DO NOTHING",
        )
        .bind(id.as_str())
        .bind(asked.face.word())
        .bind(&asked.app_name)
        .bind(&asked.image_tag)
        .bind(&asked.git_repo)
        .bind(login.map(|login| login.user.expose()))
        .bind(login.map(|login| login.password.expose()))
        .bind(&asked.branch)
        .bind(&asked.app_dir)
        .bind(&asked.dockerfile)
        .bind(once.map(|once| once.key))
        .bind(once.map(|once| once.request.to_string()))
        .bind(state.word())
        .bind(Phase::Queued.word())
        .bind(fault.map(|fault| fault.reason.word()))
        .bind(fault.map(|fault| fault.message.as_str()))
        .bind(now)
        .bind(fault.map(|_| now))
        .bind(MOST_WAITING)
        .execute(&self.write)
        .await
        .context("the task cannot be stored")?;
        if inserted.rows_affected() > 0 {
            return Ok(Submitted::New(id));
        }
        match once {
            Some(once) => self.before(once).await,
            None => Ok(Submitted::Full),
        }
    }

    async fn before(&self, once: Once<'_>) -> anyhow::Result<Submitted> {
        let query = sqlx::query("SELECT id, request_digest FROM longshore_tasks WHERE idempotency_key = ?");
        let Some(row) = query.bind(once.key).fetch_optional(&self.write).await? else { return Ok(Submitted::Full) };
        let request: Option<String> = row.try_get("request_digest")?;
        if request != Some(once.request.to_string()) {
            return Ok(Submitted::Conflict);
        }
        Ok(Submitted::Before(word(&row.try_get::<String, _>("id")?)?))
    }
}
