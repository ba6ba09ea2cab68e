//! Logs of tasks that were taken over from the old service.

use axum::http::StatusCode;
use axum::response::Response;
use tokio::io::AsyncReadExt as _;

use super::answer::typed;
use super::shared::Shared;
use crate::serve::log::LARGEST;
use crate::serve::store::Row;

/// What the log of a task says that had ended there; nothing if it is one of ours.
pub(super) async fn log(shared: &Shared, row: &Row) -> Option<Response> {
    if !row.imported || row.attempt > 0 || !row.state.is_end() {
        return None;
    }
    let said = row.message.as_deref().map(|message| format!("{message}\n")).unwrap_or_default();
    let text = match old(shared, row).await {
        // The old service wrote tokens into its logs.
        Some(text) => without_logins(&shared.logs.masked(&text)),
        None => format!("{said}The log of this task stayed with the old service.\n").into_bytes(),
    };
    Some(typed(StatusCode::OK, "text/plain; charset=utf-8", text))
}

async fn old(shared: &Shared, row: &Row) -> Option<Vec<u8>> {
    let path = shared.old_logs.as_ref()?.join(format!("{}.log", row.id));
    let file = tokio::fs::File::open(path).await.ok()?;
    let mut text = Vec::new();
    file.take(LARGEST).read_to_end(&mut text).await.ok()?;
    Some(text)
}

/// Addresses without what stands before their `@`.
fn without_logins(text: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, b"://") {
        let (before, after) = rest.split_at(at + 3);
        shown.extend_from_slice(before);
        let end = after.iter().position(|byte| b"/?# \t\r\n\"'<>".contains(byte)).unwrap_or(after.len());
        rest = match after[..end].iter().rposition(|byte| *byte == b'@') {
            Some(login) => {
                shown.extend_from_slice(b"***");
                &after[login..]
            }
            None => after,
        };
    }
    shown.extend_from_slice(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_hidden() {
        let hidden = |text: &str| String::from_utf8(without_logins(text.as_bytes())).unwrap();
        assert_eq!(
            hidden("Git Repository: https://canary@github.com/a/b\nx"),
            "Git Repository: https://***@github.com/a/b\nx"
        );
        assert_eq!(hidden("https://a:b@h 'https://h/x@y' ssh://c@h"), "https://***@h 'https://h/x@y' ssh://***@h");
        assert_eq!(hidden("none"), "none");
    }
}
