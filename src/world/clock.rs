//! The clock. What is decided never depends on it; receipts and waits do.

use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};

/// Now, in UTC.
pub fn utc() -> DateTime<Utc> {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    let now = SystemTime::now();
    now.into()
}

/// The same, RFC 3339, to the second.
pub fn now() -> String {
    utc().to_rfc3339_opts(SecondsFormat::Secs, true)
}
