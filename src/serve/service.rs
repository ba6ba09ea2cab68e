//! A service from its start to its end: what an earlier process left is recovered, requests are answered, tasks are built.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::access::Tokens;
use super::executor::Executor;
use super::face::{self, Links, Readiness, Shared};
use super::floor::Floor;
use super::housekeeping::Housekeeping;
use super::log::Logs;
use super::queue::Pace;
use super::rate::Rate;
use super::store::{Address, Imported, Keep, Lock, Recovered, Store};
use super::webhook::{Teller, Webhook};
use super::worker::{Limits, Workers};
use crate::problem::{Exit, Failure, Problem};
use crate::world::runtime;
use crate::world::terminal::Printer;

/// How long requests may take to be answered when the service stops.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// How often it is looked whether all attempts have ended.
const GLANCE: Duration = Duration::from_millis(20);

/// Everything that a service is told.
#[derive(Clone, Debug)]
pub struct Setup {
    pub listen: SocketAddr,
    /// Whether callers on other machines are wanted.
    pub open: bool,
    pub links: Links,
    /// How many builds run at a time.
    pub builds: usize,
    /// How many of one app do.
    pub per_app: Option<u32>,
    pub keep: Keep,
    /// The logs of the service whose tasks were taken over.
    pub old_logs: Option<PathBuf>,
    pub pace: Pace,
    pub tokens: Option<Tokens>,
    /// Submissions in a minute of one caller.
    pub submits: Option<u32>,
    /// Bytes of the disk that builds leave free.
    pub keep_free: u64,
    /// Who is told of every end.
    pub webhook: Option<Webhook>,
}

/// The folder of a service, which is its alone, and what is in it.
pub struct Data {
    _lock: Lock,
    store: Store,
    logs: PathBuf,
}

impl Data {
    /// # Errors
    /// If another process has it, it cannot be written, or the database cannot be used.
    pub fn open(folder: &std::path::Path, database: &Address) -> anyhow::Result<Self> {
        let logs = folder.join("logs");
        std::fs::create_dir_all(&logs).with_context(|| format!("cannot create `{}`", logs.display()))?;
        let lock = Lock::take(folder)?;
        let store = runtime::block_on(Store::open(folder, database))??;
        Ok(Self { _lock: lock, store, logs })
    }

    /// Takes over the tasks of Darwin's Artifact Builder, once, if its table is in the same database.
    ///
    /// # Errors
    /// If it is still at work, unless that is to be so, or the database does not answer.
    pub fn import(&self, even_now: bool) -> anyhow::Result<Option<Imported>> {
        runtime::block_on(self.store.import(even_now))?
    }

    /// The folder of the logs.
    pub fn logs(&self) -> &std::path::Path {
        &self.logs
    }
}

pub struct Service {
    data: Data,
    address: SocketAddr,
    workers: Arc<Workers>,
    threads: Vec<JoinHandle<()>>,
    recovered: Recovered,
    pace: Pace,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
    telling: Option<tokio::task::JoinHandle<()>>,
}

impl Service {
    /// Listens first: an address that is taken is said before anything is touched.
    ///
    /// # Errors
    /// If it cannot listen, or the database does not answer.
    pub fn start(
        data: Data,
        logs: Logs,
        executor: Arc<dyn Executor>,
        setup: &Setup,
        printer: &Printer,
    ) -> anyhow::Result<Self> {
        let runtime = runtime::handle()?;
        let listener = runtime.block_on(TcpListener::bind(setup.listen)).map_err(|error| {
            let text = format!("cannot listen on `{}`: {error}", setup.listen);
            let problem = Problem::new("cannot-listen", text).hint("choose another address: `--listen ADDRESS:PORT`");
            Failure::new(Exit::Unexpected, problem)
        })?;
        let address = listener.local_addr()?;
        executor.recover().context("what an earlier process left cannot be put away")?;
        let recovered = runtime.block_on(data.store.recover(setup.pace.lease, true))?;
        let store = data.store.clone();
        let floor = Floor::new(&data.logs, setup.keep_free);
        let limits = Limits { per_app: setup.per_app, floor };
        let workers = Workers::new(store.clone(), logs.clone(), Arc::clone(&executor), setup.pace, limits);
        let stop = CancellationToken::new();
        let telling = setup.webhook.clone().map(|webhook| {
            let here = || format!("http://{address}{}", setup.links.root_path);
            let teller = Teller {
                webhook,
                store: store.clone(),
                metrics: Arc::clone(workers.metrics()),
                printer: printer.clone(),
                base: setup.links.app_layer_url.clone().unwrap_or_else(here),
                delay: setup.pace.delay,
            };
            runtime.spawn(teller.tell(workers.news(), stop.clone()))
        });
        let shared = Shared {
            store,
            logs,
            workers: Arc::clone(&workers),
            readiness: Readiness::new(Arc::clone(&executor)),
            executor,
            links: setup.links.clone(),
            printer: printer.clone(),
            open: setup.open,
            old_logs: setup.old_logs.clone(),
            tokens: setup.tokens.clone(),
            rate: setup.submits.map(Rate::new),
        };
        let (store, logs, workers_too) = (shared.store.clone(), shared.logs.clone(), Arc::clone(&workers));
        let housekeeping = Housekeeping { store, logs, workers: workers_too, keep: setup.keep, pace: setup.pace };
        runtime.spawn(housekeeping.run(stop.clone()));
        let serving = runtime.spawn(serve(listener, shared, stop.clone()));
        let threads = workers.start(setup.builds)?;
        Ok(Self { data, address, workers, threads, recovered, pace: setup.pace, stop, serving, telling })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What became of the tasks that an earlier process had when it ended.
    pub fn recovered(&self) -> Recovered {
        self.recovered
    }

    /// Gives back what runs, or lets it end where a tag is being written; then ends.
    pub fn stop(self) {
        self.workers.close();
        let end = Instant::now() + self.pace.farewell;
        while self.threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < end {
            std::thread::sleep(GLANCE);
        }
        self.stop.cancel();
        let (store, workers) = (self.data.store.clone(), self.workers);
        let _ = runtime::block_on(async {
            let _ = tokio::time::timeout(LAST_ANSWERS, workers.give_back_rest()).await;
            let _ = tokio::time::timeout(LAST_ANSWERS, self.serving).await;
            if let Some(telling) = self.telling {
                let _ = tokio::time::timeout(LAST_ANSWERS, telling).await;
            }
            let _ = tokio::time::timeout(LAST_ANSWERS, store.close()).await;
        });
    }
}

async fn serve(listener: TcpListener, shared: Shared, stop: CancellationToken) {
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    let router = face::router(Arc::new(shared)).into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    tokio::select! {
        _ = served.into_future() => {}
        // Who follows a log would keep us for ever.
        () = async { stop.cancelled().await; tokio::time::sleep(LAST_ANSWERS).await } => {}
    }
}
