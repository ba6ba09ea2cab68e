//! The worker: claims tasks, hands them to the executor, and writes how they ended.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::attempt::{Running, Why};
use super::executor::{Attempt, Ended, Executor, Fence};
use super::floor::Floor;
use super::log::{Log, Logs};
use super::metrics::Metrics;
use super::queue::{self, Next, Pace};
use super::store::{Cancel, Claimed, Renewed, Store};
use super::task::{Fault, Outcome, Reason, TaskId};
use crate::world::runtime;

/// How long a worker waits at most before it looks again without having been told to.
const GLANCE: Duration = Duration::from_secs(30);

/// The same where other processes submit to the queue, and nobody tells.
const SHARED_GLANCE: Duration = Duration::from_secs(1);

/// How long it waits for a database that does not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// How long it waits for a disk that is full.
const FULL: Duration = Duration::from_secs(5);

/// Later than anything.
const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What keeps tasks from being started.
pub struct Limits {
    /// How many builds of one app run at a time, in all processes.
    pub per_app: Option<u32>,
    pub floor: Floor,
}

/// What all workers of a process share.
pub struct Workers {
    store: Store,
    logs: Logs,
    executor: Arc<dyn Executor>,
    pace: Pace,
    /// How many builds of one app run at a time, in all processes.
    per_app: Option<u32>,
    floor: Floor,
    metrics: Arc<Metrics>,
    /// Counts what may have made a task ready.
    news: watch::Sender<u64>,
    /// Nothing more is claimed.
    closing: CancellationToken,
    running: Mutex<BTreeMap<TaskId, Arc<Running>>>,
}

impl Workers {
    pub fn new(store: Store, logs: Logs, executor: Arc<dyn Executor>, pace: Pace, limits: Limits) -> Arc<Self> {
        let Limits { per_app, floor } = limits;
        let (news, closing, metrics) = (watch::Sender::new(0), CancellationToken::new(), Arc::default());
        let running = Mutex::default();
        Arc::new(Self { store, logs, executor, pace, per_app, floor, metrics, news, closing, running })
    }

    /// Changes whenever a task was submitted or has ended.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    pub fn floor(&self) -> &Floor {
        &self.floor
    }

    /// Why no build starts now, for people.
    pub fn obstacle(&self) -> Option<String> {
        self.floor.obstacle()
    }

    /// Starts threads that build, each one task at a time, until the end.
    ///
    /// # Errors
    /// If the system gives us no threads.
    pub fn start(self: &Arc<Self>, builds: usize) -> anyhow::Result<Vec<thread::JoinHandle<()>>> {
        let one = |number: usize| {
            let workers = Arc::clone(self);
            let thread = thread::Builder::new().name(format!("worker {number}"));
            thread.spawn(move || workers.work()).context("cannot start a thread")
        };
        (1..=builds).map(one).collect()
    }

    /// A task was submitted.
    pub fn wake(&self) {
        self.news.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// # Errors
    /// If the database does not answer.
    pub async fn cancel(&self, id: &TaskId) -> anyhow::Result<Cancel> {
        let cancel = self.store.cancel(id).await?;
        if cancel == Cancel::Asked
            && let Some(running) = self.all().get(id)
        {
            running.stop(Why::Cancelled);
        }
        self.wake();
        Ok(cancel)
    }

    /// Claims nothing more, and tells what runs to end: it is given back, but for attempts that write their tags.
    pub fn close(&self) {
        self.closing.cancel();
        for running in self.all().values() {
            running.stop(Why::Farewell);
        }
    }

    /// Gives back what did not end in time; whatever it does from now on, it passes no fence.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn give_back_rest(&self) -> anyhow::Result<()> {
        let rest: Vec<Arc<Running>> = self.all().values().cloned().collect();
        for running in rest {
            if !self.store.cancelled(&running.held).await? {
                self.store.give_back(&running.held).await?;
            }
        }
        Ok(())
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<TaskId, Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut news = self.news.subscribe();
        while !self.is_closing() {
            news.mark_unchanged();
            if self.obstacle().is_some() {
                self.pause(FULL);
                continue;
            }
            match runtime::block_on(self.store.claim(self.pace.lease, self.per_app)).flatten() {
                Ok(Some(claimed)) => self.attempt(&claimed),
                Ok(None) => self.wait(&mut news),
                Err(_) => self.pause(PAUSE),
            }
        }
    }

    /// Until there is news, or the time of a task has come.
    fn wait(&self, news: &mut watch::Receiver<u64>) {
        let _ = runtime::block_on(async {
            let glance = if self.store.is_shared() { SHARED_GLANCE } else { GLANCE };
            let next = self.store.next_start().await.ok().flatten();
            let most = next.map_or(glance, |ahead| ahead + Duration::from_millis(1)).min(glance);
            tokio::select! {
                _ = news.changed() => {}
                () = tokio::time::sleep(most) => {}
                () = self.closing.cancelled() => {}
            }
        });
    }

    fn pause(&self, span: Duration) {
        let _ = runtime::block_on(async {
            tokio::select! {
                () = tokio::time::sleep(span) => {}
                () = self.closing.cancelled() => {}
            }
        });
    }

    fn attempt(&self, claimed: &Claimed) {
        let running = Arc::new(Running::new(self.store.clone(), claimed.held.clone(), Arc::clone(&self.metrics)));
        self.all().insert(claimed.held.id.clone(), Arc::clone(&running));
        if self.is_closing() {
            running.stop(Why::Farewell);
        }
        let over = CancellationToken::new();
        if let Ok(runtime) = runtime::handle() {
            runtime.spawn(watch_over(Arc::clone(&running), self.store.clone(), self.pace, over.clone()));
        }
        let log = self.logs.open(&claimed.held.id, claimed.held.attempt);
        let ended = match &log {
            Ok(log) => self.carry_out(claimed, &running, log),
            Err(error) => Err(Ended::Failed(Fault::new(Reason::DiskFull, format!("{error:#}")))),
        };
        self.settle(claimed, &running, log.as_ref().ok(), ended);
        over.cancel();
        running.over();
        self.all().remove(&claimed.held.id);
        // One of the same reference may start now.
        self.wake();
    }

    fn carry_out(&self, claimed: &Claimed, running: &Running, log: &Log) -> Result<Outcome, Ended> {
        let attempt = Attempt {
            id: &claimed.held.id,
            number: claimed.held.attempt,
            submission: &claimed.submission,
            pushed: claimed.pushed.as_ref(),
            log,
            stop: &running.stop,
            fence: running as &dyn Fence,
        };
        let ended = catch_unwind(AssertUnwindSafe(|| self.executor.run(&attempt)));
        ended.unwrap_or_else(|_| Err(Ended::Failed(Fault::new(Reason::Internal, "the executor panicked"))))
    }

    /// Writes how it ended, as often as it takes: a row that stays running would be a lie.
    fn settle(&self, claimed: &Claimed, running: &Running, log: Option<&Log>, ended: Result<Outcome, Ended>) {
        let verdict = Verdict::of(ended, running.why(), claimed.tries, &self.pace);
        self.metrics.attempt(verdict.word());
        if let Some(log) = log {
            // Who reads the log hears it there; the row is what counts.
            let _ = log.line(&verdict.line());
        }
        while runtime::block_on(self.write(claimed, &verdict)).flatten().is_err() {
            if self.is_closing() {
                return;
            }
            self.pause(PAUSE);
        }
    }

    async fn write(&self, claimed: &Claimed, verdict: &Verdict) -> anyhow::Result<()> {
        let (store, held) = (&self.store, &claimed.held);
        if let Verdict::Completed(outcome) = verdict {
            if !store.complete(held, outcome).await? {
                store
                    .fail(held, &Fault::new(Reason::Internal, "it completed without having passed its last fence"))
                    .await?;
            }
            return Ok(());
        }
        // Whatever it was told, and however it ended then: a wish to cancel came first.
        if store.cancelled(held).await? {
            return Ok(());
        }
        match verdict {
            Verdict::Completed(_) => {}
            // If another attempt has it, this writes nothing.
            Verdict::Lost => {
                store.fail(held, &Fault::new(Reason::Internal, "it stopped without having been told to")).await?;
            }
            Verdict::Failed(fault) => drop(store.fail(held, fault).await?),
            Verdict::Again(fault, after) => drop(store.again(held, fault, *after).await?),
            Verdict::GivenBack => drop(store.give_back(held).await?),
        }
        Ok(())
    }
}

/// What the row is to say.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Completed(Outcome),
    Failed(Fault),
    Again(Fault, Duration),
    GivenBack,
    /// Cancelled, or another attempt has it: the row knows.
    Lost,
}

impl Verdict {
    fn of(ended: Result<Outcome, Ended>, why: Option<Why>, tries: u32, pace: &Pace) -> Self {
        let fault = match (ended, why) {
            (Ok(outcome), _) => return Self::Completed(outcome),
            // What it says after it was told to stop is how it was stopped.
            (Err(_), Some(Why::Farewell)) => return Self::GivenBack,
            (Err(_), Some(Why::Timeout)) => {
                let text = format!("stopped: it was not done after {} s", pace.limit.as_secs());
                return Self::Failed(Fault::new(Reason::Timeout, text));
            }
            (Err(_), Some(Why::Cancelled | Why::Lost)) | (Err(Ended::Stopped), None) => return Self::Lost,
            (Err(Ended::Failed(fault)), None) => fault,
        };
        match queue::after(&fault, tries, pace) {
            Next::Again { after } => Self::Again(fault, after),
            Next::End => Self::Failed(fault),
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Completed(_) => "completed",
            Self::Failed(_) => "failed",
            Self::Again(..) => "failed_to_be_repeated",
            Self::GivenBack => "given_back",
            Self::Lost => "stopped",
        }
    }

    /// The last line of an attempt's log.
    fn line(&self) -> String {
        match self {
            Self::Completed(outcome) => {
                let names: Vec<String> = outcome.pushed.references.iter().map(ToString::to_string).collect();
                format!("completed: {} is {}", names.join(", "), outcome.pushed.digest)
            }
            Self::Failed(fault) => format!("failed: {}: {}", fault.reason, fault.message),
            Self::Again(fault, after) => {
                format!("failed: {}: {}; again in {} s", fault.reason, fault.message, after.as_secs())
            }
            Self::GivenBack => "stopped: the service stops; it is built when the service is back".into(),
            Self::Lost => "stopped".into(),
        }
    }
}

/// Keeps the lease, and tells the attempt to stop when it lost the task, was cancelled elsewhere or has taken too long.
async fn watch_over(running: Arc<Running>, store: Store, pace: Pace, over: CancellationToken) {
    let limit = tokio::time::sleep(pace.limit);
    tokio::pin!(limit);
    loop {
        tokio::select! {
            () = over.cancelled() => return,
            () = &mut limit => {
                running.stop(Why::Timeout);
                limit.as_mut().reset(tokio::time::Instant::now() + FAR);
            }
            () = tokio::time::sleep(pace.lease / 3) => {}
        }
        // A database that does not answer now is asked again; until the lease ends nobody else has the task.
        match store.renew(&running.held, pace.lease).await {
            Ok(Renewed::Lost) => running.stop(Why::Lost),
            Ok(Renewed::Cancelled) => running.stop(Why::Cancelled),
            Ok(Renewed::Held) | Err(_) => {}
        }
    }
}
