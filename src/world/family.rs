//! Processes that come from this one, however far down: what a rehearsal has started is over when the rehearsal is.

#[cfg(target_os = "linux")]
pub use linux::Family;
#[cfg(not(target_os = "linux"))]
pub use other::Family;

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::fs;
    use std::time::{Duration, Instant};

    use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid};

    /// How long processes may take to go that were told to without a choice.
    const LIMIT: Duration = Duration::from_secs(5);

    /// Everything that is started from here on. One whose parent ends becomes a child of this process, so that none is
    /// lost by going to the background, into a session or a group of its own (`PR_SET_CHILD_SUBREAPER`, prctl(2)).
    pub struct Family(());

    /// A line of `/proc`.
    struct Process {
        pid: Pid,
        parent: i32,
        name: String,
        /// It has ended, and nobody has asked how.
        is_over: bool,
    }

    impl Family {
        /// Begins to keep them together.
        pub fn keep() -> Self {
            // An old kernel knows no such thing; then those are found whose parents are there.
            let _ = set_child_subreaper(Some(getpid()));
            Self(())
        }

        /// Ends all that are left, and names those that are there even so.
        pub fn end(self) -> Vec<String> {
            let end = Instant::now() + LIMIT;
            loop {
                let left = descendants();
                if left.is_empty() || Instant::now() >= end {
                    return left.iter().map(|one| format!("{} ({})", one.name, one.pid.as_raw_nonzero())).collect();
                }
                for one in &left {
                    // One that has gone by itself meanwhile is not an error.
                    let _ = kill_process(one.pid, Signal::KILL);
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    impl Drop for Family {
        fn drop(&mut self) {
            let _ = set_child_subreaper(None);
        }
    }

    /// The children of this process, theirs, and so on; those that are over are let go.
    fn descendants() -> Vec<Process> {
        let mut by_parent: BTreeMap<i32, Vec<Process>> = BTreeMap::new();
        let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
        for pid in folders.filter_map(|folder| folder.file_name().to_str()?.parse().ok()) {
            if let Some(process) = read(pid) {
                by_parent.entry(process.parent).or_default().push(process);
            }
        }
        let (mut found, mut next) = (Vec::new(), vec![getpid().as_raw_nonzero().get()]);
        while let Some(parent) = next.pop() {
            for process in by_parent.remove(&parent).unwrap_or_default() {
                if process.is_over {
                    let _ = waitpid(Some(process.pid), WaitOptions::NOHANG);
                    continue;
                }
                next.push(process.pid.as_raw_nonzero().get());
                found.push(process);
            }
        }
        found
    }

    /// `pid (name) state parent …` (proc_pid_stat(5)); the name may hold anything.
    fn read(pid: i32) -> Option<Process> {
        let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
        let text = String::from_utf8_lossy(&text);
        let (name, rest) = text.split_once('(')?.1.rsplit_once(')')?;
        let mut words = rest.split_whitespace();
        let is_over = matches!(words.next()?, "Z" | "X");
        Some(Process { pid: Pid::from_raw(pid)?, parent: words.next()?.parse().ok()?, name: name.to_owned(), is_over })
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    /// Elsewhere nothing can be said of processes whose parents have ended.
    pub struct Family(());

    impl Family {
        /// Does nothing.
        pub fn keep() -> Self {
            Self(())
        }

        /// Does nothing.
        pub fn end(self) -> Vec<String> {
            Vec::new()
        }
    }
}
