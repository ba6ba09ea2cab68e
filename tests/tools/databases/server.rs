//! Database servers of the tests' own: in a folder that goes with them, on a port of this machine alone.

use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use longshore::serve::store::{Address, Dialect};
use sqlx::{AnyConnection, Connection as _, Executor as _};

use crate::installed::program;

/// In the folder of a service: where its queue is.
const NAMED: &str = "database";

/// It, running; ends with this process, however that ends, or when it is dropped.
pub struct Server {
    watcher: Option<Child>,
    script: String,
    words: Vec<OsString>,
    address: Place,
    databases: AtomicUsize,
    folder: tempfile::TempDir,
}

/// How it is reached, and a database that is always there.
#[derive(Clone, Copy)]
struct Place {
    scheme: &'static str,
    user: &'static str,
    first: &'static str,
    port: u16,
}

/// The database of a folder: the one that it names, or a new one, which it names from now on.
pub fn of<'s>(folder: &Path, server: impl FnOnce() -> &'s Server) -> Address {
    let named = folder.join(NAMED);
    if let Ok(url) = fs::read_to_string(&named) {
        return url.parse().unwrap();
    }
    let url = server().database();
    fs::write(named, &url).unwrap();
    url.parse().unwrap()
}

/// Another service takes part in the queue of the first.
pub fn share(first: &Path, second: &Path) {
    fs::copy(first.join(NAMED), second.join(NAMED)).unwrap();
}

pub fn postgres() -> Server {
    let bin = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let bin = bin.filter(|bin| bin.join("postgres").exists()).max().expect("`postgres` is missing: run `make tools`");
    let (folder, port) = (folder(), free_port());
    let data = folder.path().join("data");
    let mut init = unprivileged(&bin.join("initdb"));
    init.args(["--auth=trust", "--username=tests", "--no-sync", "--encoding=UTF8", "--locale=C", "--pgdata"])
        .arg(&data);
    run(&mut init);
    let mut start = unprivileged(&bin.join("postgres"));
    start.arg("-D").arg(&data).args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]);
    start.args(["-c", "max_connections=300", "-c", "unix_socket_directories="]);
    // This signal ends it without waiting for those who are connected.
    Server::start(folder, &start, "INT", Place { scheme: "postgres", user: "tests", first: "postgres", port })
}

pub fn mariadb() -> Server {
    let (folder, port) = (folder(), free_port());
    let data = folder.path().join("data");
    let mut init = unprivileged(Path::new("/usr/bin/mariadb-install-db"));
    init.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
    run(init.arg(format!("--datadir={}", data.display())));
    let mut start = unprivileged(Path::new("/usr/sbin/mariadbd"));
    start.args([
        "--no-defaults",
        "--bind-address=127.0.0.1",
        "--innodb-flush-log-at-trx-commit=0",
        "--max-connections=300",
    ]);
    start.arg(format!("--datadir={}", data.display())).arg(format!("--port={port}"));
    start.arg(format!("--socket={}", folder.path().join("socket").display()));
    Server::start(folder, &start, "TERM", Place { scheme: "mysql", user: "root", first: "mysql", port })
}

impl Server {
    fn start(folder: tempfile::TempDir, server: &Command, signal: &str, address: Place) -> Self {
        let mut words = vec![server.get_program().to_owned()];
        words.extend(server.get_args().map(ToOwned::to_owned));
        // It reads until nobody can write any more: then we have ended.
        let script = format!(
            "\"$@\" 2>>log >&2 </dev/null & echo $! >pid; cat >/dev/null; kill -{signal} $!; \
             kill -CONT $! $(ps -o pid= --ppid $!); wait"
        );
        let mut server = Self { watcher: None, script, words, address, databases: AtomicUsize::new(0), folder };
        server.up();
        server
    }

    /// Starts it, again with what it has stored.
    pub fn up(&mut self) {
        let mut command = program(Path::new("/bin/sh"));
        command
            .args(["-c", &self.script, "sh"])
            .args(&self.words)
            .current_dir(self.folder.path())
            .stdin(Stdio::piped());
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        self.watcher = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let end = Instant::now() + Duration::from_secs(120);
        let url = self.url(self.address.first);
        while !answers(&url) {
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < end, "{url} does not answer: {}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Ends it.
    pub fn down(&mut self) {
        if let Some(mut watcher) = self.watcher.take() {
            drop(watcher.stdin.take());
            let _ = watcher.wait();
        }
    }

    /// A new database.
    pub fn database(&self) -> String {
        let name = format!("queue{}", self.databases.fetch_add(1, Ordering::Relaxed));
        execute(&self.url(self.address.first), &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    fn url(&self, database: &str) -> String {
        let Place { scheme, user, port, .. } = self.address;
        format!("{scheme}://{user}@127.0.0.1:{port}/{database}")
    }

    /// `STOP` and `CONT`: it takes connections all the same and says nothing.
    pub fn signal(&self, name: &str) {
        let pid = fs::read_to_string(self.folder.path().join("pid")).unwrap();
        let script = format!("kill -{name} {0} $(ps -o pid= --ppid {0})", pid.trim());
        run(program(Path::new("/bin/sh")).args(["-c", &script]));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.down();
    }
}

/// Statements in a database, one after the other.
pub fn execute(url: &str, statements: &str) {
    let (url, statements) = (url.to_owned(), statements.to_owned());
    on_a_thread(async move {
        let mut connection = AnyConnection::connect(&url).await.unwrap();
        connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(statements))).await.unwrap();
        connection.close().await.unwrap();
    });
}

fn answers(url: &str) -> bool {
    let url = url.to_owned();
    on_a_thread(async move { AnyConnection::connect(&url).await.is_ok() })
}

/// Tests have a runtime of their own on theirs.
fn on_a_thread<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    sqlx::any::install_default_drivers();
    let run = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future);
    std::thread::spawn(run).join().unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Of the user that the server runs as: these servers refuse to be root.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    if is_root() {
        chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

const NOBODY: u32 = 65534;

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|facts| std::os::unix::fs::MetadataExt::uid(&facts) == 0)
}

fn unprivileged(path: &Path) -> Command {
    if !is_root() {
        return program(path);
    }
    let mut command = program(Path::new("/usr/bin/setpriv"));
    let id = NOBODY.to_string();
    command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]).arg(path);
    command
}

fn run(command: &mut Command) {
    let done = command.current_dir("/").output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// The one text that a statement finds.
pub fn table(url: &str, statement: &'static str) -> String {
    let url = url.to_owned();
    on_a_thread(async move {
        let mut connection = AnyConnection::connect(&url).await.unwrap();
        sqlx::query_scalar(statement).fetch_one(&mut connection).await.unwrap()
    })
}

/// Somebody who has begun to claim, with the settings of the service, and does not go on.
pub fn holds_the_turn(url: &str) -> AnyConnection {
    let url = url.to_owned();
    let dialect = if url.starts_with("mysql") { Dialect::Mysql } else { Dialect::Postgres };
    on_a_thread(async move {
        let mut connection = AnyConnection::connect(&url).await.unwrap();
        connection.execute(sqlx::raw_sql(dialect.greeting())).await.unwrap();
        connection.execute("BEGIN").await.unwrap();
        connection.execute("UPDATE longshore_turn SET taken = taken + 1").await.unwrap();
        connection
    })
}
