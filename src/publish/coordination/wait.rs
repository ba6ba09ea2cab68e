//! Waiting for another workflow: bounded, seldom enough for a server that counts requests, and said out loud.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::plan::Workflow;
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::world::patience::{Pace, Wait};
use crate::world::terminal::Printer;

/// How often a workflow looks, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    first: Duration,
    most: Duration,
    limit: Duration,
}

impl Rhythm {
    /// From a few seconds to a minute for servers of others: all jobs of a repository share 1,000 requests an hour.
    pub fn new(pace: Pace, limit: Duration) -> Self {
        Self { first: pace.base * 3, most: pace.limited, limit }
    }

    /// For a look that costs several requests.
    pub fn slower(self, requests: u32) -> Self {
        Self { first: self.first * requests, most: self.most * requests, ..self }
    }
}

pub enum Awaited<T> {
    Here(T),
    Missing(String),
}

/// Looks until something is there; the look says what it misses. Trouble of the server is waited out, too.
///
/// # Errors
/// When the time is over, or something else than patience is needed.
pub async fn until<T>(
    printer: &Printer,
    rhythm: Rhythm,
    workflow: &Workflow,
    mut look: impl AsyncFnMut() -> Result<Awaited<T>, Failure>,
) -> Result<T, Failure> {
    let started = Instant::now();
    let mut pause = rhythm.first;
    let mut shown: Option<(String, _)> = None;
    let mut awaited = "the other workflow files".to_owned();
    loop {
        let mut now = pause;
        let mut trouble = None;
        match look().await {
            Ok(Awaited::Here(found)) => return Ok(found),
            Ok(Awaited::Missing(missing)) => awaited = missing,
            Err(Failure::Retry { problem, after }) => {
                now = match after {
                    Wait::Soon => now,
                    Wait::Limited => now.max(rhythm.most),
                    Wait::Told(told) => now.max(told),
                };
                trouble = Some(problem.message);
            }
            Err(failure) => return Err(failure),
        }
        let said = trouble.map_or_else(|| awaited.clone(), |trouble| format!("{awaited}; {trouble}"));
        let elapsed = started.elapsed();
        let left = rhythm.limit.saturating_sub(elapsed);
        if left.is_zero() {
            return Err(late(&said, rhythm.limit, workflow));
        }
        if shown.as_ref().is_none_or(|(before, _)| *before != said) {
            // The old one ends before the new one begins.
            drop(shown.take());
            let progress =
                printer.start("Waiting", format!("for {said} ({} of {})", time(elapsed), time(rhythm.limit)));
            shown = Some((said, progress));
        }
        if let Some((_, progress)) = &shown {
            progress.tell(&format!("{} of {}", time(elapsed), time(rhythm.limit)));
        }
        sleep(now.min(left)).await;
        pause = (pause * 3 / 2).min(rhythm.most);
    }
}

fn late(awaited: &str, limit: Duration, workflow: &Workflow) -> Failure {
    let message = format!("waited {} for {awaited}", time(limit));
    let hint = format!(
        "find out why it is late; then run `longshore publish --workflow {}`, or the job, again",
        workflow.file
    );
    Failure::retry(Problem::new("coordination-timeout", message).hint(hint))
}

fn time(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Pace = Pace { base: Duration::from_millis(1), limited: Duration::from_millis(12), ..Pace::LOOPBACK };

    async fn check(limit: u64, looks: impl Fn(usize) -> Result<Awaited<()>, Failure>) -> (usize, Option<Failure>) {
        let workflow: Workflow = serde_json::from_str(r#"{"file":"one.yml","steps":[],"destinations":[]}"#).unwrap();
        let mut number = 0;
        let rhythm = Rhythm::new(QUICK, Duration::from_millis(limit));
        let printer = Printer::silent();
        let ended = until(&printer, rhythm, &workflow, async || {
            number += 1;
            looks(number)
        });
        let failure = ended.await.err();
        (number, failure)
    }

    #[tokio::test]
    async fn looks_less_often_and_not_for_ever() {
        let missing = || Ok(Awaited::Missing("the others".to_owned()));
        let (looks, failure) = check(100, |_| missing()).await;
        // 3, 4, 6, 10, 12, 12 … ms apart.
        assert!((3..=13).contains(&looks), "{looks}");
        let problem = failure.unwrap().problem().clone();
        assert!(problem.message.ends_with("for the others"), "{problem}");
        assert!(problem.hint.unwrap().contains("`longshore publish --workflow one.yml`"));
        assert_eq!(check(0, |_| missing()).await.0, 1, "one look is always had");
        let busy = |number| if number == 1 { missing() } else { Err(Failure::retry(Problem::new("busy", "too busy"))) };
        let message = check(20, busy).await.1.unwrap().problem().message.clone();
        assert!(message.ends_with("for the others; too busy"), "{message}");
    }

    #[tokio::test]
    async fn trouble_is_waited_out_and_refusals_are_not() {
        let busy = || Failure::retry(Problem::new("busy", "busy"));
        assert_eq!(
            check(10_000, |number| if number < 4 { Err(busy()) } else { Ok(Awaited::Here(())) }).await,
            (4, None)
        );
        let started = Instant::now();
        let told =
            || Failure::Retry { problem: Problem::new("busy", "busy"), after: Wait::Told(Duration::from_millis(60)) };
        assert_eq!(
            check(10_000, |number| if number < 2 { Err(told()) } else { Ok(Awaited::Here(())) }).await,
            (2, None)
        );
        assert!(started.elapsed() >= Duration::from_millis(60));
        let refused = Failure::Denied(Problem::new("no", "no"));
        assert_eq!(check(10_000, |_| Err(refused.clone())).await, (1, Some(refused.clone())));
    }
}
