//! How many requests to a registry may be under way at once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Complaints that come together are about one thing.
const TOGETHER: Duration = Duration::from_secs(1);

/// A number of places that can become smaller.
pub struct Window {
    places: Arc<Semaphore>,
    state: Mutex<Places>,
}

struct Places {
    width: usize,
    /// Places that go away as soon as they are free.
    owed: usize,
    narrowed: Option<Instant>,
}

impl Window {
    pub fn new(width: usize) -> Self {
        let state = Places { width, owed: 0, narrowed: None };
        Self { places: Arc::new(Semaphore::new(width)), state: Mutex::new(state) }
    }

    pub async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.owed == 0 {
                return Some(place);
            }
            state.owed -= 1;
            place.forget();
        }
    }

    /// Half as many places from now on.
    pub fn narrow(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.narrowed.is_some_and(|at| at.elapsed() < TOGETHER) {
            return;
        }
        let less = state.width / 2;
        state.width -= less;
        state.owed += less - self.places.forget_permits(less);
        state.narrowed = Some(Instant::now());
    }
}
