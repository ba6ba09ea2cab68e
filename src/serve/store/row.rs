//! One task as it is shown, read from its row.

use std::str::FromStr;

use anyhow::Context;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::digest::Digest;
use crate::reference::Reference;
use crate::serve::task::{Face, Phase, Reason, State, TaskId};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The order of submission.
    pub sequence: i64,
    pub id: TaskId,
    pub face: Face,
    pub app_name: String,
    pub image_tag: String,
    /// Without a login.
    pub git_repo: String,
    pub branch: Option<String>,
    pub app_dir: Option<String>,
    /// Whether the caller gave a Dockerfile.
    pub has_dockerfile: bool,
    pub state: State,
    pub phase: Phase,
    pub reason: Option<Reason>,
    pub message: Option<String>,
    /// The number of the last attempt; 0 before the first.
    pub attempt: u32,
    pub cancel_requested: bool,
    pub commit: Option<String>,
    pub digest: Option<Digest>,
    pub references: Vec<Reference>,
    pub platforms: Vec<String>,
    pub size: Option<u64>,
    /// Whether it was taken over from the old service.
    pub imported: bool,
    /// Milliseconds since 1970.
    pub created_at: i64,
    pub started_at: Option<i64>,
    pub ended_at: Option<i64>,
}

/// All but what only the worker needs.
macro_rules! shown {
    () => {
        "sequence, id, face, app_name, image_tag, git_repo, branch, app_dir, CASE WHEN dockerfile IS NULL THEN 0 ELSE 1 END AS has_dockerfile, \
         state, phase, reason, message, attempt, cancel_requested, commit_id, digest, image_references, platforms, size, \
         imported, created_at, started_at, ended_at"
    };
}
pub(super) use shown;

impl Row {
    /// # Errors
    /// If it does not hold what this version writes.
    pub(super) fn of(row: &AnyRow) -> anyhow::Result<Self> {
        let text = |name: &str| row.try_get::<String, _>(name);
        let list = |name: &str| anyhow::Ok(maybe(row, name)?.unwrap_or_default());
        let id: TaskId = word(&text("id")?)?;
        let references = list("image_references")?;
        let platforms = list("platforms")?;
        Ok(Self {
            sequence: row.try_get("sequence")?,
            face: word(&text("face")?)?,
            app_name: text("app_name")?,
            image_tag: text("image_tag")?,
            git_repo: text("git_repo")?,
            branch: maybe(row, "branch")?,
            app_dir: maybe(row, "app_dir")?,
            has_dockerfile: flag(row, "has_dockerfile")?,
            state: word(&text("state")?)?,
            phase: word(&text("phase")?)?,
            reason: maybe(row, "reason")?.map(|text| word(&text)).transpose()?,
            message: maybe(row, "message")?,
            attempt: count(row, "attempt")?,
            cancel_requested: flag(row, "cancel_requested")?,
            commit: maybe(row, "commit_id")?,
            digest: maybe(row, "digest")?.map(|text| word(&text)).transpose()?,
            references: references.split_whitespace().map(word).collect::<anyhow::Result<_>>()?,
            platforms: platforms.split_whitespace().map(str::to_owned).collect(),
            size: row.try_get::<Option<i64>, _>("size")?.and_then(|size| u64::try_from(size).ok()),
            imported: flag(row, "imported")?,
            created_at: row.try_get("created_at")?,
            started_at: row.try_get("started_at")?,
            ended_at: row.try_get("ended_at")?,
            id,
        })
    }
}

pub(super) fn maybe(row: &AnyRow, name: &str) -> sqlx::Result<Option<String>> {
    row.try_get(name)
}

pub(super) fn count(row: &AnyRow, name: &str) -> anyhow::Result<u32> {
    Ok(u32::try_from(row.try_get::<i64, _>(name)?)?)
}

fn flag(row: &AnyRow, name: &str) -> sqlx::Result<bool> {
    Ok(row.try_get::<i64, _>(name)? != 0)
}

pub(super) fn word<T: FromStr<Err = String>>(text: &str) -> anyhow::Result<T> {
    text.parse().map_err(anyhow::Error::msg).context("a row of the database cannot be read")
}
