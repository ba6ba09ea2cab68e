//! The SQLite database of one service: opened by one process at a time, its schema brought up to date.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use sqlx::SqlitePool;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::problem::{Failure, Problem};
use crate::serve::task::TaskId;
use crate::world::{clock, files};

const FILE: &str = "tasks.sqlite";
const LOCK: &str = "lock";

/// How long a statement waits for another one that writes.
const BUSY: Duration = Duration::from_secs(10);

const READERS: u32 = 2;

/// The tasks of a service. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    /// One connection: SQLite has one writer at a time, and here they queue without failing.
    pub(super) write: SqlitePool,
    pub(super) read: SqlitePool,
    /// Random, of this start: what claims are known by.
    pub(super) owner: String,
}

/// Keeps other processes from the same folder for as long as it lives; the system takes it from a process that ends.
pub struct Lock(#[expect(dead_code, reason = "held, not read")] File);

impl Lock {
    /// # Errors
    /// If another process has it.
    pub fn take(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(LOCK);
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("cannot write `{}`", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => {
                let text = format!("another `longshore serve` works in `{}`", folder.display());
                let hint = "a queue in SQLite belongs to one process: stop the other one, or choose another folder with `--data DIR`";
                Err(Failure::usage(Problem::new("service-running", text).hint(hint)).into())
            }
            Err(TryLockError::Error(error)) => bail!("cannot lock `{}`: {error}", path.display()),
        }
    }
}

impl Store {
    /// # Errors
    /// If the file cannot be read or written, or is of a newer version.
    pub async fn open(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let context = || format!("cannot open the database `{}`", path.display());
        // It may hold logins until tasks have ended.
        drop(OpenOptions::new().create(true).append(true).open(&path).with_context(context)?);
        files::set_mode(&path, 0o600).with_context(context)?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .journal_mode(SqliteJournalMode::Wal)
            // A task that was accepted outlives a power failure.
            .synchronous(SqliteSynchronous::Full)
            // A login that is no longer needed is overwritten.
            .pragma("secure_delete", "ON")
            .busy_timeout(BUSY);
        let write =
            SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await.with_context(context)?;
        migrations().run(&write).await.with_context(context)?;
        let read = SqlitePoolOptions::new().max_connections(READERS).connect_with(options.read_only(true));
        let owner = random_id()?.to_string();
        Ok(Self { write, read: read.await.with_context(context)?, owner })
    }

    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

fn migrations() -> Migrator {
    let first = include_str!("schema.sql");
    let one = |number, name: &'static str, text: &'static str| {
        Migration::new(number, name.into(), MigrationType::Simple, sqlx::SqlSafeStr::into_sql_str(text), false)
    };
    Migrator::with_migrations(vec![
        one(1, "tasks", first),
        one(2, "steps", include_str!("steps.sql")),
        one(3, "deliveries", include_str!("deliveries.sql")),
    ])
}

/// A task id nobody can guess.
///
/// # Errors
/// If the system has no random numbers.
pub(super) fn random_id() -> anyhow::Result<TaskId> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    Ok(TaskId::of(bytes))
}

/// Now, as rows have it.
pub(super) fn now() -> i64 {
    clock::utc().timestamp_millis()
}

/// A span of time, as rows have it.
pub(super) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4)
}
