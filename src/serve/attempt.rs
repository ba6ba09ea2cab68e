//! A running attempt: how it is told to stop, and the fence that it passes before each thing others can see.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::executor::{Ended, Fence};
use super::metrics::Metrics;
use super::store::{Held, Store};
use super::task::{Fault, Phase, Pushed, Reason};
use crate::world::runtime;

/// Why an attempt was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Cancelled,
    /// Its time was over.
    Timeout,
    /// The service stops.
    Farewell,
    /// Another attempt has the task.
    Lost,
}

struct Progress {
    phase: Phase,
    /// Since when it has been in it.
    since: Instant,
    why: Option<Why>,
    /// The last fence is passed.
    tagging: bool,
}

pub struct Running {
    pub held: Held,
    pub stop: CancellationToken,
    store: Store,
    metrics: Arc<Metrics>,
    progress: Mutex<Progress>,
}

impl Running {
    /// One that begins now.
    pub fn new(store: Store, held: Held, metrics: Arc<Metrics>) -> Self {
        let progress = Progress { phase: Phase::Fetching, since: Instant::now(), why: None, tagging: false };
        let running = Self { held, stop: CancellationToken::new(), store, metrics, progress: Mutex::new(progress) };
        running.note(Phase::Fetching);
        running
    }

    /// It has ended.
    pub fn over(&self) {
        let progress = self.progress();
        self.metrics.phase(progress.phase, progress.since.elapsed());
    }

    /// For whoever reads of it; a build does not fail because it cannot be noted.
    fn note(&self, phase: Phase) {
        let _ = runtime::block_on(self.store.began(&self.held, phase));
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells it to stop, once. One that may write a tag is only stopped when it has lost the task.
    pub fn stop(&self, why: Why) {
        let mut progress = self.progress();
        if progress.why.is_none() && (!progress.tagging || why == Why::Lost) {
            progress.why = Some(why);
            self.stop.cancel();
        }
    }

    pub fn why(&self) -> Option<Why> {
        self.progress().why
    }

    /// What the row says, unless it was told to stop before; a database that does not answer is no permission.
    fn passes(&self, asked: impl Future<Output = anyhow::Result<bool>>) -> Result<(), Ended> {
        if self.stop.is_cancelled() {
            return Err(Ended::Stopped);
        }
        match runtime::block_on(asked).flatten() {
            Ok(true) if !self.stop.is_cancelled() => Ok(()),
            Ok(_) => Err(Ended::Stopped),
            Err(error) => Err(Ended::Failed(Fault::new(
                Reason::DatabaseUnavailable,
                format!("the database does not answer: {error:#}"),
            ))),
        }
    }
}

impl Fence for Running {
    fn enter(&self, phase: Phase) -> Result<(), Ended> {
        self.passes(self.store.enter(&self.held, phase))?;
        self.note(phase);
        let mut progress = self.progress();
        self.metrics.phase(progress.phase, progress.since.elapsed());
        (progress.phase, progress.since) = (phase, Instant::now());
        Ok(())
    }

    fn commit(&self, commit: &str) -> Result<(), Ended> {
        self.passes(self.store.commit(&self.held, commit))
    }

    fn pushed(&self, pushed: &Pushed) -> Result<(), Ended> {
        self.passes(self.store.pushed(&self.held, pushed))
    }

    fn last(&self) -> Result<(), Ended> {
        {
            let mut progress = self.progress();
            if progress.why.is_some() {
                return Err(Ended::Stopped);
            }
            progress.tagging = true;
        }
        let passed = self.passes(self.store.last_fence(&self.held));
        if passed.is_err() {
            self.progress().tagging = false;
        }
        passed
    }
}
