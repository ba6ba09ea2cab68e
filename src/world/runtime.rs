//! The one asynchronous runtime of this process: made when it is first needed, there until the end.

use std::io;
use std::sync::LazyLock;
use std::thread;

use tokio::runtime::{Builder, Handle, Runtime};

/// One more than a single processor asks for: signals are heard also while a task waits for a program.
const FEWEST: usize = 2;

static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    let threads = thread::available_parallelism().map_or(FEWEST, usize::from).max(FEWEST);
    Builder::new_multi_thread().worker_threads(threads).enable_all().build()
});

/// What starts tasks on it.
///
/// # Errors
/// If the system gives us no threads.
pub fn handle() -> anyhow::Result<&'static Handle> {
    match &*RUNTIME {
        Ok(runtime) => Ok(runtime.handle()),
        Err(error) => anyhow::bail!("cannot start a runtime: {error}"),
    }
}

/// Waits for something asynchronous, on a thread that may wait.
///
/// # Errors
/// As [`handle`].
pub fn block_on<F: Future>(work: F) -> anyhow::Result<F::Output> {
    Ok(handle()?.block_on(work))
}
