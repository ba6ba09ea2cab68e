//! The one asynchronous runtime of this process: made when it is first needed, there until the end.

use std::io;
use std::sync::LazyLock;

use tokio::runtime::{Builder, Handle, Runtime};

static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| Builder::new_multi_thread().enable_all().build());

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
