//! Tasks as they are shown.

use anyhow::Context;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::database::Store;
use super::row::{Row, shown};
use crate::serve::task::{State, Submission, TaskId};

/// Which tasks a page of a list has: the newest first.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Only tasks that were submitted before this one.
    pub before: Option<i64>,
    pub state: Option<State>,
    pub app_name: Option<String>,
    /// How the names of apps begin.
    pub app_prefix: Option<String>,
    pub most: u32,
}

impl Store {
    /// # Errors
    /// If the database does not answer.
    pub async fn get(&self, id: &TaskId) -> anyhow::Result<Option<Row>> {
        let query = self.statement(concat!("SELECT ", shown!(), " FROM longshore_tasks WHERE id = ?"));
        let found = self.row(query.bind(id.to_string())).await?;
        found.as_ref().map(Row::of).transpose()
    }

    /// Every task, in the order of submission. A row that cannot be read is left out.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn all(&self) -> anyhow::Result<Vec<Row>> {
        let query = self.statement(concat!("SELECT ", shown!(), " FROM longshore_tasks ORDER BY sequence"));
        Ok(readable(&self.rows(query).await?))
    }

    /// # Errors
    /// If the database does not answer.
    pub async fn page(&self, page: &Page) -> anyhow::Result<Vec<Row>> {
        let query = self.statement(concat!(
            "SELECT ",
            shown!(),
            " FROM longshore_tasks WHERE sequence < ? AND (? IS NULL OR state = ?) AND (? IS NULL OR app_name = ?) \
             AND (? IS NULL OR substr(app_name, 1, length(?)) = ?) ORDER BY sequence DESC LIMIT ?"
        ));
        let state = page.state.map(|state| state.word().to_owned());
        let app_name = page.app_name.as_deref().map(|name| self.text(name));
        let prefix = page.app_prefix.as_deref().map(|prefix| self.text(prefix));
        let query = query.bind(page.before.unwrap_or(i64::MAX)).bind(state.clone()).bind(state);
        let query = query.bind(app_name.clone()).bind(app_name);
        let query = query.bind(prefix.clone()).bind(prefix.clone()).bind(prefix).bind(i64::from(page.most));
        Ok(readable(&self.rows(query).await?))
    }

    /// How many tasks are in a state.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn count(&self, state: State) -> anyhow::Result<i64> {
        let query = self.statement("SELECT COUNT(*) AS many FROM longshore_tasks WHERE state = ?").bind(state.word());
        let row = self.row(query).await?.context("the database does not count")?;
        Ok(row.try_get("many")?)
    }

    /// What was submitted, to be submitted again; without its login.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn submission(&self, row: &Row) -> anyhow::Result<Submission> {
        let query = self.statement("SELECT dockerfile FROM longshore_tasks WHERE id = ?").bind(row.id.to_string());
        let found = self.row(query).await?.context("the task is not there any more")?;
        Ok(Submission {
            face: row.face,
            app_name: row.app_name.clone(),
            image_tag: row.image_tag.clone(),
            git_repo: row.git_repo.clone(),
            login: None,
            branch: row.branch.clone(),
            app_dir: row.app_dir.clone(),
            dockerfile: found.try_get("dockerfile")?,
        })
    }
}

fn readable(rows: &[AnyRow]) -> Vec<Row> {
    rows.iter().filter_map(|row| Row::of(row).ok()).collect()
}
