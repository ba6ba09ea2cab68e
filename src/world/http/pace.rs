//! How slow a transfer may be: something must move, not too little of it, and there is an end.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::no_answer::NoAnswer;

/// What must move on average: a tenth of what a telephone line carried.
pub(super) const FLOOR: u64 = 1 << 10;
/// The longest that one file is on its way, in either direction: as long as a job of GitHub's may run.
pub(super) const LONGEST: Duration = Duration::from_secs(6 * 3600);
/// The longest that an answer which is kept in memory is on its way.
pub(super) const LONGEST_REPLY: Duration = Duration::from_secs(600);

/// A body that is on its way to us. Only waiting counts: what we do between two pieces is not the server's fault.
pub(super) struct Pace {
    /// How long nothing may move; and how long what moves is added up.
    stall: Duration,
    longest: Duration,
    waited: Duration,
    window: Duration,
    moved: u64,
}

impl Pace {
    pub(super) fn new(stall: Duration, longest: Duration) -> Self {
        Self { stall, longest, waited: Duration::ZERO, window: Duration::ZERO, moved: 0 }
    }

    pub(super) async fn wait<T>(&mut self, host: &str, piece: impl Future<Output = T>) -> Result<T, NoAnswer> {
        let begun = Instant::now();
        let piece = timeout(self.stall, piece).await.map_err(|_| stopped(host))?;
        self.waited += begun.elapsed();
        self.window += begun.elapsed();
        if self.waited > self.longest {
            return Err(too_long(host, self.longest));
        }
        Ok(piece)
    }

    pub(super) fn count(&mut self, host: &str, bytes: usize) -> Result<(), NoAnswer> {
        self.moved += bytes as u64;
        if self.window < self.stall {
            return Ok(());
        }
        let enough = self.moved >= least(self.window);
        (self.window, self.moved) = (Duration::ZERO, 0);
        if enough { Ok(()) } else { Err(too_slow(host)) }
    }
}

/// What must move in a time.
pub(super) fn least(time: Duration) -> u64 {
    u64::try_from(u128::from(FLOOR) * time.as_millis() / 1000).unwrap_or(u64::MAX)
}

pub(super) fn stopped(host: &str) -> NoAnswer {
    NoAnswer::new(format!("`{host}` stopped in the middle of its response"))
}

pub(super) fn too_slow(host: &str) -> NoAnswer {
    NoAnswer::new(format!("`{host}` transfers less than {FLOOR} bytes per second"))
}

pub(super) fn too_long(host: &str, longest: Duration) -> NoAnswer {
    NoAnswer::new(format!("`{host}` took more than {} minutes for one request", longest.as_secs() / 60))
}
