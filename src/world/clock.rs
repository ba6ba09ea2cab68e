//! The clock. What is decided never depends on it; receipts and waits do.

use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};

/// Now, RFC 3339 in UTC, to the second.
pub fn now() -> String {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    let now = SystemTime::now();
    DateTime::<Utc>::from(now).to_rfc3339_opts(SecondsFormat::Secs, true)
}
