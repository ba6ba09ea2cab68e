//! Waiting for another part: bounded, seldom enough for a server that counts requests, and said out loud.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::plan::Part;
use crate::problem::Problem;
use crate::publish::Pace;
use crate::publish::failure::{Failure, Wait};
use crate::world::terminal::Printer;

/// How often a part looks, and for how long.
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

/// Looks until something is there; the look says what it misses. Trouble of the server is waited out, too.
///
/// # Errors
/// When the time is over, or something else than patience is needed.
pub async fn until<T>(
    printer: &Printer,
    rhythm: Rhythm,
    part: &Part,
    mut look: impl AsyncFnMut() -> Result<Result<T, String>, Failure>,
) -> Result<T, Failure> {
    let started = Instant::now();
    let mut pause = rhythm.first;
    let mut shown: Option<(String, _)> = None;
    loop {
        let mut now = pause;
        let awaited = match look().await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(awaited)) => awaited,
            Err(Failure::Retry { problem, after }) => {
                now = match after {
                    Wait::Soon => now,
                    Wait::Limited => now.max(rhythm.most),
                    Wait::Told(told) => now.max(told),
                };
                problem.to_string()
            }
            Err(failure) => return Err(failure),
        };
        let elapsed = started.elapsed();
        let left = rhythm.limit.saturating_sub(elapsed);
        if left.is_zero() {
            return Err(late(&awaited, rhythm.limit, part));
        }
        if shown.as_ref().is_none_or(|(before, _)| *before != awaited) {
            // The old one ends before the new one begins.
            drop(shown.take());
            let progress =
                printer.start("Waiting", format!("for {awaited} ({} of {})", time(elapsed), time(rhythm.limit)));
            shown = Some((awaited, progress));
        }
        if let Some((_, progress)) = &shown {
            progress.tell(&format!("{} of {}", time(elapsed), time(rhythm.limit)));
        }
        sleep(now.min(left)).await;
        pause = (pause * 3 / 2).min(rhythm.most);
    }
}

fn late(awaited: &str, limit: Duration, part: &Part) -> Failure {
    let message = format!("waited {} for {awaited}", time(limit));
    let hint = format!(
        "see why it is late; then run the same command again, `longshore publish --part {}`, or the same job",
        part.file
    );
    Failure::retry(Problem::new("meeting-timeout", message).hint(hint))
}

/// A duration for people.
fn time(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}
