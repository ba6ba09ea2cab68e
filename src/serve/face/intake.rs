//! A submission on its way into the queue: checked before it is stored.

use std::time::{Duration, Instant};

use super::caller::Caller;
use super::shared::Shared;
use crate::serve::check::Refusal;
use crate::serve::store::{Once, Row, Submitted};
use crate::serve::task::{Fault, Reason, Submission, TaskId};

/// The columns of the table that old callers' names had to fit.
const LONGEST_NAME: usize = 255;

/// Why a submission is not stored.
pub(super) enum NotStored {
    /// At least one.
    Refused(Vec<Refusal>),
    Conflict,
    Full,
    /// The caller has submitted too often; how long until he may again.
    TooOften(Duration),
    /// The app or the tag is not the caller's.
    NotHis(String),
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for NotStored {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl Shared {
    /// # Errors
    /// Why it is not.
    pub(super) async fn submit(
        &self,
        caller: &Caller,
        submission: &Submission,
        once: Option<Once<'_>>,
    ) -> Result<Submitted, NotStored> {
        self.admit(caller, submission)?;
        check(self, submission).map_err(NotStored::Refused)?;
        let submitted = self.store.submit(submission, once).await?;
        match submitted {
            Submitted::Conflict => return Err(NotStored::Conflict),
            Submitted::Full => return Err(NotStored::Full),
            Submitted::New(ref id) => {
                self.audit("Submitted", id, caller);
                self.workers.wake();
            }
            Submitted::Before(_) => {}
        }
        Ok(submitted)
    }

    /// What was asked for once, asked for again; without its login.
    ///
    /// # Errors
    /// As [`Shared::submit`].
    pub(super) async fn rebuild(&self, caller: &Caller, row: &Row) -> Result<Submitted, NotStored> {
        let submission = self.store.submission(row).await?;
        self.submit(caller, &submission, None).await
    }

    /// The old face answers with a task in any case: one that is refused has failed, and its log says why.
    ///
    /// # Errors
    /// As [`Shared::submit`], but never because it is refused.
    pub(super) async fn submit_or_fail(&self, caller: &Caller, submission: Submission) -> Result<TaskId, NotStored> {
        match self.submit(caller, &submission, None).await {
            Ok(Submitted::New(id) | Submitted::Before(id)) => Ok(id),
            Ok(Submitted::Conflict) => Err(NotStored::Conflict),
            Ok(Submitted::Full) => Err(NotStored::Full),
            Err(NotStored::Refused(refusals)) => {
                let fault = refusals.first().map(Refusal::fault);
                let fault = fault.unwrap_or_else(|| Fault::new(Reason::Internal, "refused without a reason"));
                let id = self.store_failed(submission, &fault).await?;
                self.audit("Refused", &id, caller);
                Ok(id)
            }
            Err(other) => Err(other),
        }
    }

    fn admit(&self, caller: &Caller, submission: &Submission) -> Result<(), NotStored> {
        for (field, name) in [("app_name", &submission.app_name), ("image_tag", &submission.image_tag)] {
            if !caller.is_his(name) {
                let apps = caller.apps().unwrap_or_default();
                return Err(NotStored::NotHis(format!(
                    "this token is for names that begin with `{apps}`, and `{field}` does not"
                )));
            }
        }
        let Some(rate) = &self.rate else { return Ok(()) };
        // A whole second at least: it is said in seconds.
        let taken = rate.take(&caller.counted(), Instant::now());
        taken.map_err(|after| NotStored::TooOften(after.max(Duration::from_secs(1))))
    }

    async fn store_failed(&self, mut submission: Submission, fault: &Fault) -> anyhow::Result<TaskId> {
        for text in [&mut submission.app_name, &mut submission.image_tag] {
            *text = text.chars().take(LONGEST_NAME).collect();
        }
        submission.git_repo = submission.git_repo.chars().take(LONGEST_NAME * 8).collect();
        submission.dockerfile = None;
        let id = self.store.refuse(&submission, fault).await?;
        let logged = self
            .logs
            .open(&id, 0)
            .and_then(|log| Ok(log.line(&format!("failed: {}: {}", fault.reason, fault.message))?));
        // The row has it as well.
        drop(logged);
        Ok(id)
    }
}

fn check(shared: &Shared, submission: &Submission) -> Result<(), Vec<Refusal>> {
    let mut refusals = shared.executor.check(submission).err().unwrap_or_default();
    for (field, text) in [("app_name", &submission.app_name), ("image_tag", &submission.image_tag)] {
        let count = text.chars().count();
        if count > LONGEST_NAME {
            let message = format!("it has {count} characters; the limit is {LONGEST_NAME}");
            let hint = "use a shorter one".into();
            refusals.insert(0, Refusal { reason: Reason::NameTooLong, field, message, hint });
        }
    }
    if refusals.is_empty() { Ok(()) } else { Err(refusals) }
}
