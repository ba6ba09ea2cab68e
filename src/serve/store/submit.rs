//! New tasks: stored before the caller hears of them.

use sqlx::Row as _;

use super::database::{Statement, Store, random_id};
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
        let id = random_id()?;
        let statement = self.insertion(&id, asked, once, fault);
        match self.change(statement).await {
            Ok(0) => {}
            Ok(_) => return Ok(Submitted::New(id)),
            Err(error) if once.is_some() && is_taken(&error) => {}
            Err(error) => return Err(error.context("the task cannot be stored")),
        }
        match once {
            Some(once) => self.before(once).await,
            None => Ok(Submitted::Full),
        }
    }

    fn insertion(&self, id: &TaskId, asked: &Submission, once: Option<Once<'_>>, fault: Option<&Fault>) -> Statement {
        let login = asked.login.as_ref().filter(|_| fault.is_none());
        let state = if fault.is_some() { State::Failed } else { State::Waiting };
        let text = |text: &str| self.text(text);
        let query = self.statement(
            "INSERT INTO longshore_tasks (id, face, app_name, image_tag, git_repo, login_user, login_password, branch, \
             app_dir, dockerfile, idempotency_key, request_digest, state, phase, reason, message, created_at, updated_at, ended_at) \
             SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, {now}, {now}, CASE ? WHEN 'waiting' THEN NULL ELSE {now} END \
             FROM (SELECT COUNT(*) AS waiting FROM longshore_tasks WHERE state = 'waiting') AS queue \
             WHERE ? <> 'waiting' OR queue.waiting < ?",
        );
        query
            .bind(id.to_string())
            .bind(asked.face.word())
            .bind(text(&asked.app_name))
            .bind(text(&asked.image_tag))
            .bind(text(&asked.git_repo))
            .bind(login.map(|login| text(login.user.expose())))
            .bind(login.map(|login| text(login.password.expose())))
            .bind(asked.branch.as_deref().map(text))
            .bind(asked.app_dir.as_deref().map(text))
            .bind(asked.dockerfile.clone())
            .bind(once.map(|once| once.key.to_owned()))
            .bind(once.map(|once| once.request.to_string()))
            .bind(state.word())
            .bind(Phase::Queued.word())
            .bind(fault.map(|fault| fault.reason.word()))
            .bind(fault.map(|fault| text(&fault.message)))
            .bind(state.word())
            .bind(state.word())
            .bind(MOST_WAITING)
    }

    async fn before(&self, once: Once<'_>) -> anyhow::Result<Submitted> {
        let query = self.statement("SELECT id, request_digest FROM longshore_tasks WHERE idempotency_key = ?");
        let Some(row) = self.row(query.bind(once.key.to_owned())).await? else { return Ok(Submitted::Full) };
        let request: Option<String> = row.try_get("request_digest")?;
        if request != Some(once.request.to_string()) {
            return Ok(Submitted::Conflict);
        }
        Ok(Submitted::Before(word(&row.try_get::<String, _>("id")?)?))
    }
}

/// Whether the key belongs to another row.
fn is_taken(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<sqlx::Error>().and_then(sqlx::Error::as_database_error);
    error.is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}
