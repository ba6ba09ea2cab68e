//! Stopping at one request, so that a test can end the client there.

use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// Where in a request the server stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Nothing took effect, and nothing will.
    Before,
    /// Half of an upload's body was read; the asset stays in state `starter`. As `After` for other requests.
    Midway,
    /// It took effect; the answer is never sent.
    After,
}

/// The test's end of a stop. Dropping it cuts the connection.
pub struct Hold {
    reached: mpsc::Receiver<()>,
    _release: oneshot::Sender<()>,
}

impl Hold {
    /// Waits until the server stands there; false if it did not happen in time or the server is gone.
    pub fn wait(&self, limit: Duration) -> bool {
        self.reached.recv_timeout(limit).is_ok()
    }
}

pub(super) struct Stop {
    pub(super) moment: Moment,
    reached: mpsc::Sender<()>,
    released: oneshot::Receiver<()>,
}

impl Stop {
    /// Tells the test and waits until it lets go.
    pub(super) async fn stand(self) {
        if self.reached.send(()).is_ok() {
            let _ = self.released.await;
        }
    }
}

/// The stops that were asked for and not reached yet.
#[derive(Default)]
pub(super) struct Stops(Mutex<Vec<(Place, Stop)>>);

enum Place {
    Number(usize),
    /// After so many more requests whose line (`METHOD /path?query`) holds a text.
    Text(String, usize),
}

impl Stops {
    /// Asks for a stop at the request of that number.
    pub(super) fn ask(&self, number: usize, moment: Moment) -> Hold {
        self.put(Place::Number(number), moment)
    }

    /// Asks for a stop at the request of that number (from 1) among those whose line holds a text.
    pub(super) fn ask_for(&self, text: &str, number: usize, moment: Moment) -> Hold {
        self.put(Place::Text(text.to_owned(), number), moment)
    }

    fn put(&self, place: Place, moment: Moment) -> Hold {
        let (tell, reached) = mpsc::channel();
        let (release, released) = oneshot::channel();
        let mut stops = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stops.push((place, Stop { moment, reached: tell, released }));
        Hold { reached, _release: release }
    }

    /// The stop for a request, once.
    pub(super) fn take(&self, number: usize, line: &str) -> Option<Stop> {
        let mut stops = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let reached = |(place, _): &mut (Place, Stop)| match place {
            Place::Number(at) => *at == number,
            Place::Text(text, left) => {
                *left -= usize::from(line.contains(text.as_str()));
                *left == 0
            }
        };
        let index = stops.iter_mut().position(reached)?;
        Some(stops.swap_remove(index).1)
    }
}
