//! The table of Darwin's Artifact Builder: copied once, and left as it is.

use sqlx::Row as _;
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

use super::database::{Statement, Store};
use super::dialect::Dialect;
use super::row::maybe;
use crate::problem::{Failure, Problem};
use crate::serve::check;
use crate::serve::task::{Face, Login, Phase, Reason, State, TaskId};

const TABLE: &str = "darwin_image_builder";

/// What was taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// They are built here.
    pub waiting: Vec<TaskId>,
    /// They ran there, or cannot be built here, and have failed.
    pub failed: Vec<TaskId>,
    /// So many had ended there.
    pub ended: usize,
    /// Ids that are none: no caller can ask for them here.
    pub left_out: Vec<String>,
}

impl Store {
    /// Nothing if there is no such table, or it was taken over before.
    ///
    /// # Errors
    /// If the old service seems to be at work, or the database does not answer.
    pub async fn import(&self, even_now: bool) -> anyhow::Result<Option<Imported>> {
        if self.dialect != Dialect::Mysql {
            return Ok(None);
        }
        let query = self.statement(
            "SELECT 1 AS found FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?",
        );
        if self.row(query.bind(TABLE)).await?.is_none() || self.row(self.marks()).await?.is_some() {
            return Ok(None);
        }
        // No limit of time: there may be many. Another process that starts waits for its turn, and finds the mark.
        let mut turn = self.turn().await?;
        if self.marks().fetch_optional(&mut *turn).await?.is_some() {
            return Ok(None);
        }
        let rows = self.statement(ROWS).fetch_all(&mut *turn).await?;
        if !even_now && self.statement(CHANGED).fetch_optional(&mut *turn).await?.is_some() {
            let text =
                format!("the old service seems to be at work: its table `{TABLE}` has changed within the last 30 s");
            let hint = "end it, and start this one half a minute later; or take over its tasks as they are now with `--import now`";
            return Err(Failure::usage(Problem::new("import-busy", text).hint(hint)).into());
        }
        let mut imported = Imported::default();
        for row in &rows {
            self.take_over(row, &mut imported, &mut turn).await?;
        }
        let mark = self.statement("INSERT INTO longshore_imports (source, imported_at) VALUES (?, {now})");
        mark.bind(TABLE).execute(&mut *turn).await?;
        turn.commit().await?;
        Ok(Some(imported))
    }

    fn marks(&self) -> Statement {
        self.statement("SELECT source FROM longshore_imports WHERE source = ?").bind(TABLE)
    }

    async fn take_over(
        &self,
        row: &AnyRow,
        imported: &mut Imported,
        turn: &mut Transaction<'static, Any>,
    ) -> anyhow::Result<()> {
        let task_id: String = row.try_get("task_id")?;
        let Ok(id) = task_id.parse::<TaskId>() else {
            imported.left_out.push(task_id);
            return Ok(());
        };
        let task = Old::of(row)?;
        match task.state {
            State::Waiting => imported.waiting.push(id.clone()),
            State::Failed if task.reason.is_some() => imported.failed.push(id.clone()),
            _ => imported.ended += 1,
        }
        let login = task.login.filter(|_| task.state == State::Waiting);
        let phase = if task.state == State::Completed { Phase::Pushing } else { Phase::Queued };
        let insertion = self
            .statement(
                "INSERT INTO longshore_tasks (id, face, app_name, image_tag, git_repo, login_user, login_password, branch, \
                 app_dir, state, phase, reason, message, imported, created_at, updated_at, ended_at) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, COALESCE(?, {now}), {now}, ?)",
            )
            .bind(id.to_string())
            .bind(Face::Old.word())
            .bind(row.try_get::<String, _>("app_name")?)
            .bind(row.try_get::<String, _>("image_tag")?)
            .bind(task.git_repo)
            .bind(login.as_ref().map(|login| login.user.expose().to_owned()))
            .bind(login.as_ref().map(|login| login.password.expose().to_owned()))
            .bind(task.branch)
            .bind(task.app_dir)
            .bind(task.state.word())
            .bind(phase.word())
            .bind(task.reason.map(Reason::word))
            .bind(task.message)
            .bind(row.try_get::<Option<i64>, _>("created")?)
            .bind(row.try_get::<Option<i64>, _>("updated")?.filter(|_| task.state.is_end()));
        insertion.execute(&mut **turn).await?;
        Ok(())
    }
}

/// In the order in which they were submitted; nobody changes them until they are copied.
const ROWS: &str = "SELECT CAST(task_id AS CHAR) AS task_id, CAST(app_name AS CHAR) AS app_name, \
    CAST(image_tag AS CHAR) AS image_tag, CAST(build_params AS CHAR) AS build_params, CAST(status AS CHAR) AS status, \
    CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', created_at) DIV 1000 AS SIGNED) AS created, \
    CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', updated_at) DIV 1000 AS SIGNED) AS updated \
    FROM darwin_image_builder ORDER BY created_at, task_id LOCK IN SHARE MODE";

/// Its times may be those of the server, or UTC.
const CHANGED: &str = "SELECT CAST(task_id AS CHAR) AS task_id FROM darwin_image_builder WHERE \
    ABS(TIMESTAMPDIFF(SECOND, COALESCE(updated_at, created_at), UTC_TIMESTAMP())) < 30 \
    OR ABS(TIMESTAMPDIFF(SECOND, COALESCE(updated_at, created_at), CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', 'SYSTEM'))) < 30 LIMIT 1";

/// One of its tasks, as it goes on here.
#[derive(Debug)]
struct Old {
    state: State,
    reason: Option<Reason>,
    message: Option<String>,
    git_repo: String,
    login: Option<Login>,
    branch: Option<String>,
    app_dir: Option<String>,
}

impl Old {
    fn of(row: &AnyRow) -> anyhow::Result<Self> {
        Ok(Self::read(&maybe(row, "status")?.unwrap_or_default(), &maybe(row, "build_params")?.unwrap_or_default()))
    }

    fn read(status: &str, params: &str) -> Self {
        let params: serde_json::Value = serde_json::from_str(params).unwrap_or_default();
        let param = |name: &str| params[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let (git_repo, login) = check::without_login(&param("git_repo").unwrap_or_default());
        let failed = |reason, message: &str| (State::Failed, Some(reason), Some(message.to_owned()));
        let (state, reason, message) = match status {
            "completed" => (State::Completed, None, None),
            "failed" => (State::Failed, None, Some("it failed in the old service".to_owned())),
            "running" => {
                failed(Reason::ServiceCrashed, "it ran in the old service when this one took over; submit it again")
            }
            "waiting" if param("docker_file_path").is_some() => failed(
                Reason::DockerfileMissing,
                "the Dockerfile that was sent along is with the old service; submit it again",
            ),
            "waiting" if git_repo.is_empty() => {
                failed(Reason::GitUrlInvalid, "the old service's table does not say which repository it is")
            }
            "waiting" => (State::Waiting, None, None),
            _ => failed(Reason::Internal, "the old service's table does not say how far it was; submit it again"),
        };
        Self { state, reason, message, git_repo, login, branch: param("branch"), app_dir: param("app_dir") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_goes_on_and_what_ran_has_failed() {
        let params =
            r#"{"git_repo": "https://me:canary@git.test/a.git", "branch": "", "app_dir": "x", "docker_file_path": ""}"#;
        let task = Old::read("waiting", params);
        assert_eq!((task.state, task.git_repo.as_str()), (State::Waiting, "https://git.test/a.git"));
        assert_eq!((task.branch, task.app_dir.as_deref(), task.login.is_some()), (None, Some("x"), true));
        let check = |status: &str, params: &str, state: State, reason: Option<Reason>| {
            let task = Old::read(status, params);
            assert_eq!((task.state, task.reason), (state, reason), "{status} {params}");
        };
        check("running", params, State::Failed, Some(Reason::ServiceCrashed));
        check("completed", "", State::Completed, None);
        check("failed", "null", State::Failed, None);
        check("waiting", "not JSON", State::Failed, Some(Reason::GitUrlInvalid));
        let with_file =
            r#"{"git_repo": "https://git.test/a.git", "docker_file_path": "serve/dockerfiles/a/b/Dockerfile"}"#;
        check("waiting", with_file, State::Failed, Some(Reason::DockerfileMissing));
        check("", params, State::Failed, Some(Reason::Internal));
    }
}
