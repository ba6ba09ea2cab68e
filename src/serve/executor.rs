//! Where builds happen: the queue hands an attempt to an executor and knows nothing of processes, engines or machines.

use tokio_util::sync::CancellationToken;

use super::check::Refusal;
use super::log::Log;
use super::task::{Fault, Outcome, Phase, Pushed, Submission, TaskId};

/// One attempt of a task.
pub struct Attempt<'a> {
    pub id: &'a TaskId,
    /// From 1.
    pub number: u32,
    pub submission: &'a Submission,
    /// What an earlier attempt had pushed by digest before it was lost: if the registries have it, only the tags are missing.
    pub pushed: Option<&'a Pushed>,
    pub log: &'a Log,
    /// Cancelled when the attempt is to stop, whatever the reason: it then ends with [`Ended::Stopped`], and nothing it
    /// started is left.
    pub stop: &'a CancellationToken,
    pub fence: &'a dyn Fence,
}

/// What an attempt may still do. Each call writes the task's row only while this attempt has it, and fails otherwise.
pub trait Fence: Send + Sync {
    /// The attempt is in this phase now. A new attempt begins in [`Phase::Fetching`].
    ///
    /// # Errors
    /// [`Ended::Stopped`] if the task was cancelled, or another attempt has it.
    fn enter(&self, phase: Phase) -> Result<(), Ended>;

    /// The commit that is built.
    ///
    /// # Errors
    /// As [`Fence::enter`].
    fn commit(&self, commit: &str) -> Result<(), Ended>;

    /// The image is in all registries by its digest, and no tag is written yet.
    ///
    /// # Errors
    /// As [`Fence::enter`].
    fn pushed(&self, pushed: &Pushed) -> Result<(), Ended>;

    /// Right before a tag is written: from the first call on the task can no longer be cancelled.
    ///
    /// # Errors
    /// As [`Fence::enter`].
    fn last(&self) -> Result<(), Ended>;
}

/// How an attempt ended without an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    Failed(Fault),
    /// It was told to, or the fence said so.
    Stopped,
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}

pub trait Executor: Send + Sync {
    /// What can be told of a request without doing anything: asked before it is stored, so it must be quick.
    ///
    /// # Errors
    /// Everything for which it is refused.
    fn check(&self, submission: &Submission) -> Result<(), Vec<Refusal>>;

    /// Carries out one attempt. It may wait: each runs on a thread of its own, which lives as long as the service.
    ///
    /// # Errors
    /// How it ended otherwise.
    fn run(&self, attempt: &Attempt<'_>) -> Result<Outcome, Ended>;

    /// Before the first attempt: removes what an earlier process of this service has left. Whether builds are possible is
    /// another question.
    ///
    /// # Errors
    /// What cannot be removed.
    fn recover(&self) -> anyhow::Result<()>;

    /// Whether builds are possible now, for `/readyz`; asked at most every few seconds.
    ///
    /// # Errors
    /// What is missing, for people.
    fn ready(&self) -> anyhow::Result<()>;
}
