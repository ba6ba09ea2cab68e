//! The log on the page of a build: numbered lines that can be linked, in pages, and those that are still to come.

use std::num::ParseIntError;

use axum::http::HeaderMap;
use axum::response::Response;

use super::ansi::Style;
use super::window::{LINES, Line, Window};
use crate::serve::face::follow;
use crate::serve::face::html::{Html, html};
use crate::serve::face::shared::Shared;
use crate::serve::log::Logs;
use crate::serve::store::Row;

/// Which part of which log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    attempt: Option<u32>,
    line: Option<u64>,
    offset: u64,
}

impl Asked {
    /// # Errors
    /// If a value is not a number.
    pub(super) fn read(query: &str) -> Result<Self, ParseIntError> {
        let mut asked = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "attempt" => asked.attempt = Some(value.parse()?),
                "line" => asked.line = Some(value.parse()?),
                "offset" => asked.offset = value.parse()?,
                _ => {}
            }
        }
        Ok(asked)
    }
}

pub(super) async fn section(logs: &Logs, prefix: &str, row: &Row, asked: Asked) -> Html {
    let attempt = asked.attempt.unwrap_or(row.attempt);
    // The attempt of a build that waits is the next one, unless it has had one: then its log is worth reading.
    let grows = !row.state.is_end() && attempt == row.attempt;
    let (path, wanted) = (logs.path(&row.id, attempt), asked.line);
    let read = tokio::task::spawn_blocking(move || Window::read(&path, wanted, grows)).await;
    let (window, is_there) = match read {
        Ok(Ok(window)) => (window, true),
        _ => (Window::default(), false),
    };
    let log = Section { prefix, row, attempt, window };
    let text = match (is_there, row.state.is_end()) {
        (true, _) => Html::default(),
        (false, true) => html!("<p class=\"empty\">There is no log.</p>\n"),
        (false, false) => html!("<p class=\"empty\" id=\"waits\">The log begins when the build starts.</p>\n"),
    };
    let follows = grows && log.window.last() == log.window.total;
    html!("<section class=\"log\" aria-labelledby=\"log\">\n{}{}{}</section>\n", log.head(), text, log.lines(follows))
}

struct Section<'a> {
    prefix: &'a str,
    row: &'a Row,
    attempt: u32,
    window: Window,
}

impl Section<'_> {
    fn head(&self) -> Html {
        let (row, attempt) = (self.row, self.attempt);
        let mut links = Html::default();
        for other in (1..=row.attempt).filter(|_| row.attempt > 1) {
            let current = if other == attempt { html!(" aria-current=\"true\"") } else { Html::default() };
            links.push(&html!(
                "<a href=\"{}/builds/{}?attempt={}#log\"{}>Attempt {}</a>\n",
                self.prefix,
                row.id,
                other,
                current,
                other
            ));
        }
        if !self.window.is_whole() {
            let (first, last, total) = (self.window.first, self.window.last(), self.window.total);
            let mut to = |line: u64, label: &'static str, is_there: bool| {
                if is_there {
                    links.push(&html!("<a href=\"{}\">{}</a>\n", self.at(line), label));
                }
            };
            to(1, "First", first > 1);
            to(first.saturating_sub(LINES), "Earlier", first > LINES);
            to(last + 1, "Later", last < total);
            to(total, "Last", last < total);
            links.push(&html!("<span class=\"soft\">lines {} to {} of {}</span>\n", first, last, total));
        }
        html!(
            "<div class=\"bar\"><h2 id=\"log\">Log</h2>\n<nav aria-label=\"Log\">{}<a href=\"{}/api/v1/builds/{}/log?attempt={}\">Raw</a></nav></div>\n",
            links,
            self.prefix,
            row.id,
            attempt
        )
    }

    /// The address of a line, wherever it is.
    fn at(&self, line: u64) -> String {
        format!("{}/builds/{}?attempt={}&line={line}#L{line}", self.prefix, self.row.id, self.attempt)
    }

    fn lines(&self, follows: bool) -> Html {
        let mut style = Style::default();
        let all = self.window.lines.iter().zip(self.window.first..);
        let all: Html = all.map(|(line, number)| numbered(&mut style, line, number)).collect();
        let live = match follows {
            true => html!(
                " data-follow=\"{}/builds/{}/lines?attempt={}&line={}&offset={}\"",
                self.prefix,
                self.row.id,
                if self.attempt == 0 { 1 } else { self.attempt },
                self.window.total + 1,
                self.window.end
            ),
            false => Html::default(),
        };
        html!("<pre id=\"lines\" tabindex=\"-1\"{}>{}</pre>\n", live, all)
    }
}

/// One line; its number is its address.
fn numbered(style: &mut Style, line: &Line, number: u64) -> Html {
    html!(
        "<span id=\"L{}\" class=\"line\"><a href=\"#L{}\">{}</a>{}\n</span>",
        number,
        number,
        number,
        style.line(&line.text())
    )
}

/// The lines from an offset on, as events; nothing if there will be none.
pub(super) async fn follow(shared: &Shared, row: &Row, query: &str, headers: &HeaderMap) -> Option<Response> {
    let asked = Asked::read(query).ok()?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    // A client that was cut off says what it got last.
    let resumed = last
        .and_then(|id| id.split_once('.'))
        .and_then(|(offset, line)| Some((offset.parse().ok()?, line.parse().ok()?)));
    let (offset, mut number) = resumed.unwrap_or((asked.offset, asked.line.unwrap_or(1)));
    let pieces = follow::pieces(shared, row, asked.attempt, offset).await?;
    let (mut style, mut line) = (Style::default(), Line::default());
    let shape = move |bytes: &[u8], end: u64| {
        let text = bytes.strip_suffix(b"\n");
        line.take(text.unwrap_or(bytes));
        if text.is_none() && bytes.len() >= follow::LONGEST_LINE {
            return String::new();
        }
        let markup = numbered(&mut style, &std::mem::take(&mut line), number).into_string();
        number += 1;
        // The markup of a line ends in a line break of its own.
        let data: String = markup.split('\n').map(|part| format!("data: {part}\n")).collect();
        format!("id: {end}.{number}\n{data}\n")
    };
    Some(follow::shaped(pieces, offset, shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_a_line() {
        assert_eq!(Asked::read("attempt=2&line=7"), Ok(Asked { attempt: Some(2), line: Some(7), offset: 0 }));
        assert_eq!(Asked::read(""), Ok(Asked::default()));
        assert!(Asked::read("line=x").is_err());
    }
}
