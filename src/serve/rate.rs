//! How often somebody may submit: so many at once, and as many again in each minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Callers that are remembered; who finds no place is taken for one who has asked too often.
const MOST_CALLERS: usize = 10_000;

#[derive(Debug)]
pub struct Rate {
    per_minute: u32,
    callers: Mutex<HashMap<String, Left>>,
}

#[derive(Clone, Copy, Debug)]
struct Left {
    count: f64,
    at: Instant,
}

impl Rate {
    pub fn new(per_minute: u32) -> Self {
        Self { per_minute, callers: Mutex::default() }
    }

    /// Counts one more of a caller.
    ///
    /// # Errors
    /// How long until it is taken.
    pub fn take(&self, caller: &str, now: Instant) -> Result<(), Duration> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= MOST_CALLERS && !callers.contains_key(caller) {
            callers.retain(|_, left| self.left(*left, now) < f64::from(self.per_minute));
            if callers.len() >= MOST_CALLERS {
                return Err(Duration::from_secs(60));
            }
        }
        let full = Left { count: self.per_minute.into(), at: now };
        let known = callers.entry(caller.to_owned()).or_insert(full);
        let count = self.left(*known, now);
        if count < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - count) * 60.0 / f64::from(self.per_minute)));
        }
        *known = Left { count: count - 1.0, at: now };
        Ok(())
    }

    fn left(&self, left: Left, now: Instant) -> f64 {
        let most = f64::from(self.per_minute);
        let since = now.saturating_duration_since(left.at).as_secs_f64();
        (left.count + since * most / 60.0).min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_as_many_each_minute() {
        let (rate, start) = (Rate::new(2), Instant::now());
        let take = |caller: &str, after: u64| rate.take(caller, start + Duration::from_secs(after));
        assert!(take("a", 0).is_ok() && take("a", 0).is_ok());
        assert_eq!(take("a", 0), Err(Duration::from_secs(30)));
        assert!(take("b", 0).is_ok());
        assert_eq!(take("a", 15).map_err(|wait| wait.as_secs()), Err(15));
        assert!(take("a", 31).is_ok() && take("a", 32).is_err());
        assert!(take("a", 600).is_ok() && take("a", 600).is_ok() && take("a", 600).is_err());
    }

    #[test]
    fn callers_are_forgotten_when_they_may_have_all() {
        let (rate, start) = (Rate::new(1), Instant::now());
        for number in 0..MOST_CALLERS {
            rate.take(&number.to_string(), start).unwrap();
        }
        assert!(rate.take("new", start).is_err());
        assert!(rate.take("new", start + Duration::from_secs(60)).is_ok());
        assert_eq!(rate.callers.lock().unwrap().len(), 1);
    }
}
