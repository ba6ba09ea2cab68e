//! The database of a queue: opened, its schema brought up to date, and asked.

use std::borrow::Cow;
use std::fs::OpenOptions;
use std::future::Future;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use sqlx::any::{AnyArguments, AnyConnectOptions, AnyPoolOptions, AnyRow};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::query::Query;
use sqlx::{Any, AnyPool, AssertSqlSafe, ConnectOptions as _, Connection as _, SqlSafeStr as _};
use url::Url;

use super::address::Address;
use super::dialect::Dialect;
use crate::problem::{Exit, Failure, Problem};
use crate::serve::task::TaskId;
use crate::world::{files, http, mask};

const FILE: &str = "tasks.sqlite";

/// How long a server may take to answer; locks and statements have ten seconds there.
const SLOWEST: Duration = Duration::from_secs(15);

/// How long a request waits for a connection to a server.
const CONNECT: Duration = Duration::from_secs(10);

/// How often it is looked whether a server has come up.
const GLANCE: Duration = Duration::from_millis(200);

/// A connection that is not used is closed before the server does it.
const IDLE: Duration = Duration::from_secs(10);

const CONNECTIONS: u32 = 10;
const READERS: u32 = 2;

/// The tasks of a service, or of several. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(super) dialect: Dialect,
    /// With SQLite one connection: it has one writer at a time, and here they queue without failing.
    pub(super) write: AnyPool,
    pub(super) read: AnyPool,
    /// Random, of this start: what claims are known by.
    pub(super) owner: String,
}

/// A statement with its values.
pub(super) type Statement = Query<'static, Any, AnyArguments>;

impl Store {
    /// # Errors
    /// If the database does not answer, cannot be read or written, or is of a newer version.
    pub async fn open(folder: &Path, address: &Address) -> anyhow::Result<Self> {
        sqlx::any::install_default_drivers();
        let owner = random_id()?.to_string();
        let Address::Server(dialect, url) = address else { return Self::open_file(folder, owner).await };
        address.password().iter().for_each(mask::learn);
        let opened = async {
            let options = options(url)?;
            reach(&options, *dialect, CONNECT).await?;
            let pool = pool(*dialect, CONNECTIONS).acquire_timeout(CONNECT).idle_timeout(IDLE);
            let pool = pool.connect_with(options).await?;
            migrate(*dialect, &pool).await?;
            anyhow::Ok(Self { dialect: *dialect, write: pool.clone(), read: pool, owner })
        };
        opened.await.map_err(|error| {
            let text = format!("the database `{address}` cannot be used: {}", causes(&error));
            let hint = "check that it runs, its name, user and password, and that the user may create tables in it; or keep the queue in `--data`: `--database sqlite`";
            Failure::new(Exit::Unexpected, Problem::new("database-unusable", text).hint(hint)).into()
        })
    }

    async fn open_file(folder: &Path, owner: String) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let opened = Self::of_file(&path, owner).await;
        opened.map_err(|error| {
            let text = format!("the database `{}` cannot be used: {}", path.display(), causes(&error));
            let hint = "if it is damaged or of another version, move it away, or name another folder with `--data`: the queue begins anew then";
            Failure::new(Exit::Unexpected, Problem::new("database-unusable", text).hint(hint)).into()
        })
    }

    async fn of_file(path: &Path, owner: String) -> anyhow::Result<Self> {
        let context = || "it cannot be opened";
        // It may hold logins until tasks have ended.
        drop(OpenOptions::new().create(true).append(true).open(path).with_context(context)?);
        files::set_mode(path, 0o600).with_context(context)?;
        let url = path.to_str().and_then(|path| Url::parse(&format!("sqlite:{}", http::encode(path))).ok());
        let options = options(&url.with_context(context)?).with_context(context)?;
        let dialect = Dialect::Sqlite;
        reach(&options, dialect, Duration::ZERO).await?;
        let write = pool(dialect, 1).connect_with(options.clone()).await?;
        migrate(dialect, &write).await.context("its tables cannot be brought up to date")?;
        let read = pool(dialect, READERS).connect_with(options).await?;
        Ok(Self { dialect, write, read, owner })
    }

    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }

    /// Whether other processes may have the same queue.
    pub fn is_shared(&self) -> bool {
        self.dialect != Dialect::Sqlite
    }

    pub(super) fn statement(&self, text: impl Into<Cow<'static, str>>) -> Statement {
        sqlx::query(AssertSqlSafe(self.dialect.statement(text.into())))
    }

    /// How many rows it has changed.
    pub(super) async fn change(&self, statement: Statement) -> anyhow::Result<u64> {
        Ok(self.within(statement.execute(&self.write)).await?.rows_affected())
    }

    pub(super) async fn row(&self, statement: Statement) -> anyhow::Result<Option<AnyRow>> {
        self.within(statement.fetch_optional(&self.read)).await
    }

    pub(super) async fn rows(&self, statement: Statement) -> anyhow::Result<Vec<AnyRow>> {
        self.within(statement.fetch_all(&self.read)).await
    }

    /// A server that takes connections and says nothing more must not keep anybody for ever.
    pub(super) async fn within<T, E>(&self, asked: impl Future<Output = Result<T, E>>) -> anyhow::Result<T>
    where
        anyhow::Error: From<E>,
    {
        if !self.is_shared() {
            return Ok(asked.await?);
        }
        let answered = tokio::time::timeout(SLOWEST, asked).await;
        Ok(answered.with_context(|| format!("no answer within {} s", SLOWEST.as_secs()))??)
    }

    /// Text as a column takes it: `PostgreSQL` has no NUL.
    pub(super) fn text(&self, text: &str) -> String {
        match self.dialect {
            Dialect::Postgres => text.replace('\0', "\u{fffd}"),
            Dialect::Sqlite | Dialect::Mysql => text.to_owned(),
        }
    }
}

/// Each cause once: sqlx repeats what it was told.
fn causes(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !said.contains(&cause) {
            said = if said.is_empty() { cause } else { format!("{said}: {cause}") };
        }
    }
    said
}

/// A pool would only say that its time is up, and not why. A server that is about to start is waited for.
async fn reach(options: &AnyConnectOptions, dialect: Dialect, patience: Duration) -> sqlx::Result<()> {
    let begun = Instant::now();
    loop {
        let asked = async {
            let mut connection = options.connect().await?;
            sqlx::raw_sql(dialect.greeting()).execute(&mut connection).await?;
            connection.close().await
        };
        match tokio::time::timeout(SLOWEST, asked).await {
            Ok(Err(sqlx::Error::Io(_))) if begun.elapsed() < patience => tokio::time::sleep(GLANCE).await,
            Ok(reached) => return reached,
            Err(_) => return Err(sqlx::Error::PoolTimedOut),
        }
    }
}

fn pool(dialect: Dialect, most: u32) -> AnyPoolOptions {
    // A file does not go away, and a question to it costs as much as the one that is meant.
    let asks_first = dialect != Dialect::Sqlite;
    AnyPoolOptions::new().max_connections(most).test_before_acquire(asks_first).after_connect(move |connection, _| {
        Box::pin(async move { sqlx::raw_sql(dialect.greeting()).execute(connection).await.map(drop) })
    })
}

fn options(url: &Url) -> sqlx::Result<AnyConnectOptions> {
    Ok(AnyConnectOptions::from_url(url)?.disable_statement_logging())
}

/// Of all tables that are ours in a database that may have others.
const MIGRATIONS: &str = "longshore_migrations";

async fn migrate(dialect: Dialect, pool: &AnyPool) -> anyhow::Result<()> {
    let schema = AssertSqlSafe(dialect.schema()).into_sql_str();
    let first = Migration::new(1, "tasks".into(), MigrationType::Simple, schema, false);
    let mut migrator = Migrator::with_migrations(vec![first]);
    migrator.dangerous_set_table_name(MIGRATIONS);
    if dialect != Dialect::Mysql {
        return Ok(migrator.run(pool).await?);
    }
    // MariaDB takes the migrator's own lock, of unlimited time, for none.
    let mut lock = pool.acquire().await?;
    let taken: Option<i64> =
        sqlx::query_scalar("SELECT GET_LOCK('longshore_migrations', 60)").fetch_one(&mut *lock).await?;
    anyhow::ensure!(taken == Some(1), "another process has been changing its tables for a minute");
    // MySQL cannot take back half a migration; ours may be run again.
    let half = "DELETE FROM longshore_migrations WHERE success = FALSE";
    let _ = sqlx::query(half).execute(&mut *lock).await;
    migrator.set_locking(false);
    let done = migrator.run(pool).await;
    sqlx::query("SELECT RELEASE_LOCK('longshore_migrations')").execute(&mut *lock).await?;
    Ok(done?)
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

/// A span of time, as rows have it.
pub(super) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4)
}
