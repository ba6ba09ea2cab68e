//! What becomes of the programs that were started when this one is told to stop: they are told, waited for, and ended.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::runtime;

/// The signal that told us; 0 as long as there was none.
static TOLD: AtomicI32 = AtomicI32::new(0);

/// How many have to clean up before this process ends.
static TIDYING: AtomicUsize = AtomicUsize::new(0);

/// How many handle signals themselves.
static ELSEWHERE: AtomicUsize = AtomicUsize::new(0);

/// Numbers of the programs that run, and whether each leads a group of its own.
static RUNNING: Mutex<BTreeMap<u32, bool>> = Mutex::new(BTreeMap::new());

/// The signal by which this process was told to stop.
pub fn told() -> Option<i32> {
    Some(TOLD.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
}

fn running() -> MutexGuard<'static, BTreeMap<u32, bool>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A program that runs; over when dropped.
pub struct Running(u32);

impl Running {
    pub fn new(pid: u32, leads_group: bool) -> Self {
        #[cfg(unix)]
        if leads_group {
            unix::listen();
        }
        running().insert(pid, leads_group);
        Self(pid)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        running().remove(&self.0);
    }
}

/// While this is held, there is something to clean up before this process ends.
pub struct Holding(&'static AtomicUsize);

impl Holding {
    fn new(count: &'static AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }

    /// A signal does not end this process at once: who holds it looks at [`told`], puts away what would be left otherwise, and
    /// drops it. What programs he starts for that are not new work ([`super::process::Runner::tidy`]).
    pub fn to_tidy() -> Self {
        #[cfg(unix)]
        unix::listen();
        Self::new(&TIDYING)
    }

    /// While this is held, signals are handled elsewhere.
    pub fn elsewhere() -> Self {
        Self::new(&ELSEWHERE)
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The user interrupts, ends this process or closes its terminal. Listens from the call on, not only when it is waited for.
///
/// # Errors
/// If the system does not let us listen.
#[cfg(unix)]
pub fn told_to_end() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let _entered = runtime::handle()?.enter();
    let mut typed = signal(SignalKind::interrupt())?;
    let (mut ended, mut closed) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    Ok(async move {
        tokio::select! {
            _ = typed.recv() => {}
            _ = ended.recv() => {}
            _ = closed.recv() => {}
        }
    })
}

/// The user interrupts, ends this process or closes its terminal. Listens from the call on, not only when it is waited for.
///
/// # Errors
/// If the system does not let us listen.
#[cfg(windows)]
pub fn told_to_end() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::windows::{ctrl_c, ctrl_close};
    let _entered = runtime::handle()?.enter();
    let (mut typed, mut closed) = (ctrl_c()?, ctrl_close()?);
    Ok(async move {
        tokio::select! {
            _ = typed.recv() => {}
            _ = closed.recv() => {}
        }
    })
}

/// Tells a program and, if it leads a group, all that are in it, to end.
#[cfg(unix)]
pub fn tell(pid: u32, leads_group: bool) {
    unix::send(pid, leads_group, rustix::process::Signal::TERM);
}

/// Ends a program and, if it leads a group, all that are in it, without giving them a choice.
#[cfg(unix)]
pub fn end(pid: u32, leads_group: bool) {
    unix::send(pid, leads_group, rustix::process::Signal::KILL);
}

#[cfg(unix)]
mod unix {
    use std::io::Write;
    use std::sync::Once;
    use std::sync::atomic::Ordering;
    use std::time::{Duration, Instant};

    use rustix::process::{Pid, Signal, kill_process, kill_process_group};
    use tokio::signal::unix::{Signal as Heard, SignalKind, signal};

    use super::{ELSEWHERE, TIDYING, TOLD, running, runtime};

    /// How long programs may take to end by themselves.
    const GRACE: Duration = Duration::from_secs(10);

    /// How long it may take then to put away what they left.
    const TIDY: Duration = Duration::from_secs(30);

    /// How long we may take to say how it ended.
    const LAST_WORDS: Duration = Duration::from_secs(3);

    const GLANCE: Duration = Duration::from_millis(20);

    static LISTENING: Once = Once::new();

    pub fn send(pid: u32, leads_group: bool, signal: Signal) {
        let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
        // One that has ended by now is not an error.
        let _ = if leads_group { kill_process_group(pid, signal) } else { kill_process(pid, signal) };
    }

    /// Starts to listen when there is something to stop. Without it a signal ends this process at once.
    pub fn listen() {
        LISTENING.call_once(|| {
            let Ok(runtime) = runtime::handle() else { return };
            let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
            let signals = {
                let _entered = runtime.enter();
                kinds.map(signal)
            };
            let [Ok(interrupt), Ok(terminate), Ok(hangup)] = signals else { return };
            runtime.spawn(heed(interrupt, terminate, hangup));
        });
    }

    async fn heed(mut interrupt: Heard, mut terminate: Heard, mut hangup: Heard) {
        loop {
            let (number, which) = tokio::select! {
                _ = interrupt.recv() => (2, Signal::INT),
                _ = terminate.recv() => (15, Signal::TERM),
                _ = hangup.recv() => (1, Signal::HUP),
            };
            if ELSEWHERE.load(Ordering::SeqCst) > 0 {
                continue;
            }
            TOLD.store(number, Ordering::SeqCst);
            let nobody_runs = running().is_empty() && !is_tidying();
            tokio::select! {
                () = stop(which) => {}
                // Told twice: at once.
                _ = interrupt.recv() => all(Signal::KILL),
                _ = terminate.recv() => all(Signal::KILL),
            }
            last_words(number, nobody_runs).await;
        }
    }

    fn all(signal: Signal) {
        for (pid, leads_group) in running().clone() {
            send(pid, leads_group, signal);
        }
    }

    /// Tells all that run, waits, and ends those that are left.
    async fn stop(signal: Signal) {
        all(signal);
        let end = Instant::now() + GRACE;
        while !running().is_empty() && Instant::now() < end {
            tokio::time::sleep(GLANCE).await;
        }
        all(Signal::KILL);
        let end = Instant::now() + TIDY;
        while is_tidying() && Instant::now() < end {
            tokio::time::sleep(GLANCE).await;
        }
    }

    fn is_tidying() -> bool {
        TIDYING.load(Ordering::SeqCst) > 0
    }

    /// Whoever started them reports how it ended; otherwise we do.
    async fn last_words(number: i32, nobody_runs: bool) {
        if !nobody_runs {
            tokio::time::sleep(LAST_WORDS).await;
        }
        let _ = writeln!(std::io::stderr(), "interrupted; run the same command again to continue");
        std::process::exit(128 + number);
    }
}
