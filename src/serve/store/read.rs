//! Tasks as they are shown.

use sqlx::sqlite::SqliteRow;

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
        let query = sqlx::query(concat!("SELECT ", shown!(), " FROM longshore_tasks WHERE id = ?"));
        let found = query.bind(id.as_str()).fetch_optional(&self.read).await?;
        found.as_ref().map(Row::of).transpose()
    }

    /// Every task, in the order of submission. A row that cannot be read is left out.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn all(&self) -> anyhow::Result<Vec<Row>> {
        let query = sqlx::query(concat!("SELECT ", shown!(), " FROM longshore_tasks ORDER BY sequence"));
        Ok(readable(&query.fetch_all(&self.read).await?))
    }

    /// # Errors
    /// If the database does not answer.
    pub async fn page(&self, page: &Page) -> anyhow::Result<Vec<Row>> {
        let query = sqlx::query(concat!(
            "SELECT ",
            shown!(),
            " FROM longshore_tasks WHERE sequence < ?1 AND (?2 IS NULL OR state = ?2) AND (?3 IS NULL OR app_name = ?3) \
             AND (?4 IS NULL OR substr(app_name, 1, length(?4)) = ?4) ORDER BY sequence DESC LIMIT ?5"
        ));
        let query = query.bind(page.before.unwrap_or(i64::MAX)).bind(page.state.map(State::word)).bind(&page.app_name);
        Ok(readable(&query.bind(&page.app_prefix).bind(page.most).fetch_all(&self.read).await?))
    }

    /// How many tasks are in a state.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn count(&self, state: State) -> anyhow::Result<i64> {
        let query = sqlx::query_scalar("SELECT COUNT(*) FROM longshore_tasks WHERE state = ?");
        Ok(query.bind(state.word()).fetch_one(&self.read).await?)
    }

    /// What was submitted, to be submitted again; without its login.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn submission(&self, row: &Row) -> anyhow::Result<Submission> {
        let query = sqlx::query_scalar("SELECT dockerfile FROM longshore_tasks WHERE id = ?");
        let dockerfile: Option<Vec<u8>> = query.bind(row.id.as_str()).fetch_one(&self.read).await?;
        Ok(Submission {
            face: row.face,
            app_name: row.app_name.clone(),
            image_tag: row.image_tag.clone(),
            git_repo: row.git_repo.clone(),
            login: None,
            branch: row.branch.clone(),
            app_dir: row.app_dir.clone(),
            dockerfile,
        })
    }
}

fn readable(rows: &[SqliteRow]) -> Vec<Row> {
    rows.iter().filter_map(|row| Row::of(row).ok()).collect()
}
