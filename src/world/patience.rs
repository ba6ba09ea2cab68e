//! When to try again: bounded, jittered, and never earlier than the server asked for.
//!
//! The same for every protocol. Nothing here repeats a request by itself without asking: the closure handed to
//! [`Patience::retry`] gets the number of the attempt and observes before it repeats a write. GitHub's rules:
//! <https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api>.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::DateTime;
use tokio::time::{Instant, sleep};
use url::Url;

use super::clock;
use super::http::{HeaderMap, is_loopback};
use super::terminal::Printer;
use crate::problem::Problem;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Soon, a little later each time.
    Soon,
    /// The server asks for less, without saying when.
    Limited,
    /// The server says when.
    Told(Duration),
}

pub trait Passing {
    /// When to come back and what to say until then; nothing if it is for good.
    fn passing(&mut self) -> Option<(Wait, &mut Problem)>;
}

/// How patient we are with one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The first wait; each next one is twice as long.
    pub base: Duration,
    /// The longest single wait. A server that asks for more is not waited for.
    pub most: Duration,
    /// All waits together.
    pub total: Duration,
    /// How often one thing is tried.
    pub attempts: u32,
    /// The first wait when a server limits us without saying for how long.
    pub limited: Duration,
    /// The most content-creating writes in a `window`.
    pub writes: usize,
    /// The time over which writes are counted.
    pub window: Duration,
}

impl Pace {
    /// For servers of others. GitHub allows 80 content-creating requests a minute, and wants a minute's rest after an
    /// unexplained secondary limit.
    pub const REMOTE: Self = Self {
        base: Duration::from_secs(1),
        most: Duration::from_secs(5 * 60),
        total: Duration::from_secs(15 * 60),
        attempts: 6,
        limited: Duration::from_secs(60),
        writes: 80,
        window: Duration::from_secs(60),
    };

    /// For servers on this machine, which need no rest.
    pub const LOOPBACK: Self = Self {
        base: Duration::from_millis(50),
        most: Duration::from_secs(10),
        total: Duration::from_secs(60),
        attempts: 6,
        limited: Duration::from_millis(500),
        writes: usize::MAX,
        window: Duration::from_secs(60),
    };

    pub fn of(api: &Url) -> Self {
        if is_loopback(api) { Self::LOOPBACK } else { Self::REMOTE }
    }
}

/// The patience that is left, and the writes of the last minute.
pub struct Patience {
    pace: Pace,
    printer: Printer,
    spent: Mutex<Spent>,
}

#[derive(Default)]
struct Spent {
    waited: Duration,
    /// End of the current wait: several that wait at the same time spend it once.
    until: Option<Instant>,
    writes: VecDeque<Instant>,
}

impl Patience {
    pub fn new(pace: Pace, printer: &Printer) -> Self {
        Self { pace, printer: printer.clone(), spent: Mutex::default() }
    }

    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Tries until it works, fails for good, or patience ends. The closure gets the number of the attempt, from 0.
    ///
    /// # Errors
    /// The last failure.
    pub async fn retry<T, E: Passing>(&self, mut attempt: impl AsyncFnMut(u32) -> Result<T, E>) -> Result<T, E> {
        let mut number = 0;
        loop {
            let mut failure = match attempt(number).await {
                Err(failure) => failure,
                done => return done,
            };
            number += 1;
            let is_over = match failure.passing() {
                Some((after, problem)) => !self.hold_on(number, after, problem).await,
                None => true,
            };
            if is_over {
                return Err(failure);
            }
        }
    }

    /// Waits before another attempt after so many. If there is none, the problem says why, and the answer is no.
    pub async fn hold_on(&self, number: u32, after: Wait, problem: &mut Problem) -> bool {
        let wait = self.wait(number, after);
        if number >= self.pace.attempts || wait > self.pace.most || !self.spend(wait) {
            if number > 1 {
                problem.message = format!("{} (tried {number} times)", problem.message);
            }
            if wait > self.pace.most {
                problem.message = format!("{}; the server asks to retry in {} s", problem.message, wait.as_secs());
            }
            problem.hint.get_or_insert_with(|| "run the same command again to continue".into());
            return false;
        }
        self.printer.step("Waiting", format!("{:.1} s: {problem}", wait.as_secs_f32()));
        sleep(wait).await;
        true
    }

    /// Takes a wait out of what is left, if that is enough.
    fn spend(&self, wait: Duration) -> bool {
        let mut spent = self.spent();
        let now = Instant::now();
        let from = spent.until.filter(|until| *until > now).unwrap_or(now);
        let more = (now + wait).saturating_duration_since(from);
        if more > self.pace.total.saturating_sub(spent.waited) {
            return false;
        }
        spent.waited += more;
        spent.until = Some(from.max(now + wait));
        true
    }

    /// Waits until one more content-creating write is allowed, and counts it.
    pub async fn write(&self) {
        let window = self.pace.window;
        loop {
            let wait = {
                let mut spent = self.spent();
                let now = Instant::now();
                while spent.writes.front().is_some_and(|at| now.duration_since(*at) >= window) {
                    spent.writes.pop_front();
                }
                if spent.writes.len() < self.pace.writes {
                    spent.writes.push_back(now);
                    return;
                }
                spent.writes.front().map_or(window, |at| window.saturating_sub(now.duration_since(*at)))
            };
            self.printer.step(
                "Waiting",
                format!("{} s: the server allows no more than {} writes per minute", wait.as_secs(), self.pace.writes),
            );
            sleep(wait).await;
        }
    }

    fn wait(&self, number: u32, after: Wait) -> Duration {
        let doubled = |first: Duration| first.saturating_mul(1 << (number - 1).min(16));
        match after {
            Wait::Told(told) => told + self.pace.base.mul_f32(random()),
            Wait::Soon => doubled(self.pace.base).min(self.pace.most).mul_f32(0.5 + random() / 2.0),
            Wait::Limited => doubled(self.pace.limited).min(self.pace.most),
        }
    }

    fn spent(&self) -> MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a server wants us back: `Retry-After`, else the reset of a used-up rate limit. Nothing if it does not say.
pub fn told(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let now = || {
        let at = text("date").and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        at.or_else(|| DateTime::parse_from_rfc3339(&clock::now()).ok())
    };
    if let Some(after) = text("retry-after") {
        return duration(after).or_else(|| {
            let at = DateTime::parse_from_rfc2822(after.trim()).ok()?;
            Some((at - now()?).to_std().unwrap_or(Duration::ZERO))
        });
    }
    if text("x-ratelimit-remaining") == Some("0") {
        let reset: i64 = text("x-ratelimit-reset")?.parse().ok()?;
        let seconds = reset.saturating_sub(now()?.timestamp()).max(0);
        return Some(Duration::from_secs(seconds.unsigned_abs() + 1));
    }
    None
}

/// A number of seconds, or a number with a unit, as some registries write (`12.5ms`).
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    let seconds = match text[end..].trim() {
        "" | "s" => number,
        "ms" => number / 1e3,
        "us" | "µs" => number / 1e6,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

/// A number in 0..1; a machine without random bytes waits without jitter.
fn random() -> f32 {
    let mut byte = [0];
    getrandom::fill(&mut byte).map_or(0.5, |()| f32::from(byte[0]) / 256.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&'static str, &str)], expected: Option<Duration>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        assert_eq!(told(&map), expected, "{headers:?}");
    }

    #[test]
    fn servers_say_when() {
        let date = ("date", "Wed, 21 Oct 2015 07:28:00 GMT");
        check(&[("retry-after", "7")], Some(Duration::from_secs(7)));
        check(&[("retry-after", "12.5ms")], Some(Duration::from_micros(12_500)));
        check(&[("retry-after", "2m")], Some(Duration::from_secs(120)));
        check(&[date, ("retry-after", "Wed, 21 Oct 2015 07:28:30 GMT")], Some(Duration::from_secs(30)));
        check(&[date, ("retry-after", "Wed, 21 Oct 2015 07:27:30 GMT")], Some(Duration::ZERO));
        check(&[("retry-after", "later")], None);
        check(&[("retry-after", "1e400")], None);
        check(
            &[date, ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1445412500")],
            Some(Duration::from_secs(21)),
        );
        check(&[date, ("x-ratelimit-remaining", "12"), ("x-ratelimit-reset", "1445412500")], None);
        check(&[], None);
    }

    /// The pace for others, a thousand times as fast.
    const QUICK: Pace = Pace {
        base: Duration::from_millis(1),
        most: Duration::from_millis(300),
        total: Duration::from_millis(900),
        attempts: 6,
        limited: Duration::from_millis(60),
        writes: 8,
        window: Duration::from_millis(60),
    };

    #[derive(Debug, PartialEq)]
    struct Busy(Wait, Problem);

    impl Passing for Busy {
        fn passing(&mut self) -> Option<(Wait, &mut Problem)> {
            Some((self.0, &mut self.1))
        }
    }

    fn again(after: Wait) -> Busy {
        Busy(after, Problem::new("busy", "busy"))
    }

    #[tokio::test]
    async fn gives_up_after_some_attempts() {
        let printer = Printer::silent();
        let start = Instant::now();
        let mut seen = Vec::new();
        let result = Patience::new(QUICK, &printer)
            .retry(async |number| {
                seen.push(number);
                Err::<(), _>(again(Wait::Soon))
            })
            .await;
        assert_eq!(seen, [0, 1, 2, 3, 4, 5]);
        assert_eq!(result.unwrap_err().1.message, "busy (tried 6 times)");
        assert!(start.elapsed() >= Duration::from_millis(15), "each wait is at least half of 1, 2, 4, 8, 16");
    }

    #[tokio::test]
    async fn waits_as_long_as_told_but_not_for_hours() {
        let printer = Printer::silent();
        let patience = Patience::new(QUICK, &printer);
        let start = Instant::now();
        let told = |millis| again(Wait::Told(Duration::from_millis(millis)));
        let result = patience.retry(async |number| if number == 0 { Err(told(40)) } else { Ok(number) }).await;
        assert_eq!(result, Ok(1));
        assert!(start.elapsed() >= Duration::from_millis(40));
        let failure = patience.retry(async |_| Err::<(), _>(told(3_600_000))).await.unwrap_err();
        assert_eq!(failure.1.message, "busy; the server asks to retry in 3600 s");
    }

    #[tokio::test]
    async fn unexplained_limits_rest_longer() {
        let printer = Printer::silent();
        let start = Instant::now();
        let patience = Patience::new(QUICK, &printer);
        let result = patience.retry(async |n| if n < 2 { Err(again(Wait::Limited)) } else { Ok(()) }).await;
        assert_eq!(result, Ok(()));
        assert!(start.elapsed() >= Duration::from_millis(60 + 120));
    }

    #[tokio::test]
    async fn the_waits_of_one_run_have_an_end() {
        let printer = Printer::silent();
        let patience = Patience::new(QUICK, &printer);
        for _ in 0..20 {
            let _ = patience.retry(async |_| Err::<(), _>(again(Wait::Limited))).await;
        }
        assert!(patience.spent().waited <= QUICK.total);
    }

    #[tokio::test]
    async fn writes_are_counted_by_the_minute() {
        let printer = Printer::silent();
        let patience = Patience::new(QUICK, &printer);
        let start = Instant::now();
        for _ in 0..24 {
            patience.write().await;
        }
        assert!(start.elapsed() >= 2 * QUICK.window);
    }
}
