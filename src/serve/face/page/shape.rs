//! Small things as pages show them: states, moments, spans of time, sizes, sources.

use chrono::DateTime;
use url::Url;

use crate::serve::face::html::{Html, html};
use crate::serve::store::Row;
use crate::serve::task::State;
use crate::world::clock;

/// The state as a word with a mark that does not depend on colour alone.
pub(super) fn state(row: &Row) -> Html {
    let word = if row.cancel_requested && !row.state.is_end() { "cancelling" } else { row.state.word() };
    let mark = match row.state {
        State::Waiting => "○",
        State::Running => "◐",
        State::Completed => "✓",
        State::Failed => "✕",
        State::Cancelled => "–",
    };
    html!(
        "<span class=\"state {}\"><span class=\"mark\" aria-hidden=\"true\">{}</span>{}</span>",
        row.state.word(),
        mark,
        word
    )
}

/// A moment with how long ago it was; both, as no page is looked at right when it is made.
pub(super) fn ago(millis: i64) -> Html {
    let passed = clock::utc().timestamp_millis().saturating_sub(millis);
    let text = if passed < 5000 { "just now".to_owned() } else { format!("{} ago", roughly(passed)) };
    let time = DateTime::from_timestamp_millis(millis).unwrap_or_default();
    html!("<time datetime=\"{}\" title=\"{}\">{}</time>", time.to_rfc3339(), moment(millis), text)
}

pub(super) fn moment(millis: i64) -> String {
    DateTime::from_timestamp_millis(millis).unwrap_or_default().format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// How long it has taken from one moment to another, or until now.
pub(super) fn took(from: i64, to: Option<i64>) -> String {
    span(to.unwrap_or_else(|| clock::utc().timestamp_millis()).saturating_sub(from))
}

/// To the second; short ones to a tenth.
pub(super) fn span(millis: i64) -> String {
    let millis = millis.max(0);
    let seconds = millis / 1000;
    match seconds {
        0..=9 => format!("{}.{} s", seconds, millis % 1000 / 100),
        10..=59 => format!("{seconds} s"),
        60..=3599 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

fn roughly(millis: i64) -> String {
    let seconds = millis / 1000;
    let several =
        |count: i64, unit: &str| format!("{count} {unit}{}", if count == 1 || unit == "min" { "" } else { "s" });
    match seconds {
        ..=59 => format!("{seconds} s"),
        60..=3599 => several(seconds / 60, "min"),
        3600..=86_399 => several(seconds / 3600, "hour"),
        _ => several(seconds / 86_400, "day"),
    }
}

/// A repository in few words: `github.com/me/app`.
pub(super) fn short(repository: &str) -> &str {
    let bare = repository.split_once("://").map_or(repository, |(_, rest)| rest);
    bare.trim_end_matches('/').trim_end_matches(".git")
}

/// A link if it leads to a place of the web. What old callers sent may be anything.
pub(super) fn repository(address: &str) -> Html {
    let is_web = Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    match is_web {
        true => html!("<a href=\"{}\" rel=\"noreferrer nofollow\">{}</a>", address, address),
        false => html!("{}", address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_things() {
        for (millis, expected) in [
            (0, "0.0 s"),
            (9950, "9.9 s"),
            (59_999, "59 s"),
            (61_000, "1 min 1 s"),
            (7_260_000, "2 h 1 min"),
            (-5, "0.0 s"),
        ] {
            assert_eq!(span(millis), expected);
        }
        assert_eq!(short("https://github.com/me/app.git"), "github.com/me/app");
        assert_eq!(roughly(7_300_000), "2 hours");
        assert_eq!(repository("javascript:alert(1)").into_string(), "javascript:alert(1)");
        assert_eq!(repository("git@host:me/<b>").into_string(), "git@host:me/&lt;b&gt;");
        assert!(repository("https://host/a\"b").into_string().starts_with("<a href=\"https://host/a&quot;b\""));
    }
}
