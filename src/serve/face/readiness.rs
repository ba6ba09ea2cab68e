//! Whether builds are possible, asked not more often than it changes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::serve::executor::Executor;

/// How long an answer counts.
const FRESH: Duration = Duration::from_secs(5);

/// How long it may take; what is slower is not ready.
const LONGEST: Duration = Duration::from_secs(10);

pub struct Readiness {
    executor: Arc<dyn Executor>,
    last: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl Readiness {
    pub fn new(executor: Arc<dyn Executor>) -> Self {
        Self { executor, last: Mutex::default() }
    }

    /// # Errors
    /// What is missing, for people.
    pub(super) async fn ask(&self) -> Result<(), String> {
        let mut last = self.last.lock().await;
        if let Some((at, answer)) = last.as_ref()
            && at.elapsed() < FRESH
        {
            return answer.clone();
        }
        let executor = Arc::clone(&self.executor);
        let asked = tokio::task::spawn_blocking(move || executor.ready().map_err(|error| format!("{error:#}")));
        let answer = match tokio::time::timeout(LONGEST, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err("it cannot be told whether builds are possible".into()),
            Err(_) => Err(format!("no answer within {} s", LONGEST.as_secs())),
        };
        *last = Some((Instant::now(), answer.clone()));
        answer
    }
}
