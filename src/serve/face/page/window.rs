//! The part of a log that one page shows: lines by number, however long the log is.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// Lines of one page.
pub(super) const LINES: u64 = 2000;

/// Of a longer line only its beginning is shown.
const LONGEST_LINE: usize = 4 << 10;

/// One line as a terminal leaves it: what follows a carriage return replaces what stood there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    kept: Vec<u8>,
    /// Bytes that are not shown.
    left_out: usize,
    returned: bool,
}

impl Line {
    /// More of it, without its line break.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\r') {
            if self.returned {
                *self = Self::default();
            }
            self.returned = piece.ends_with(b"\r");
            let text = piece.strip_suffix(b"\r").unwrap_or(piece);
            let room = text.len().min(LONGEST_LINE - self.kept.len());
            self.kept.extend_from_slice(&text[..room]);
            self.left_out += text.len() - room;
        }
    }

    pub(super) fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.kept);
        match self.left_out {
            0 => text.into_owned(),
            more => format!("{text}… ({more} more bytes)"),
        }
    }
}

/// Lines that follow each other, on a page whose first line is 1, or 1 and a multiple of [`LINES`].
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The number of the first one, from 1.
    pub(super) first: u64,
    pub(super) lines: Vec<Line>,
    /// How many lines the whole log has.
    pub(super) total: u64,
    /// Where the last whole line ends: bytes from the beginning of the log.
    pub(super) end: u64,
}

impl Window {
    /// The page that has a line, or the last one. A line that is still being written is left out of a log that `grows`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn read(path: &Path, wanted: Option<u64>, grows: bool) -> io::Result<Self> {
        let mut file = BufReader::with_capacity(64 << 10, File::open(path)?);
        let wanted = wanted.map(|line| line.max(1).saturating_sub(1) / LINES);
        let (mut window, mut line, mut offset, mut begun) = (Self::default(), Line::default(), 0, false);
        loop {
            let bytes = file.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            let (piece, ends) = match memchr::memchr(b'\n', bytes) {
                Some(at) => (&bytes[..at], true),
                None => (bytes, false),
            };
            line.take(piece);
            let length = piece.len() + usize::from(ends);
            file.consume(length);
            offset += length as u64;
            begun = !ends;
            if ends {
                window.end = offset;
                window.add(std::mem::take(&mut line), wanted);
            }
        }
        if begun && !grows {
            window.add(line, wanted);
        }
        Ok(window)
    }

    fn add(&mut self, line: Line, wanted: Option<u64>) {
        let page = self.total / LINES;
        self.total += 1;
        if wanted.is_some_and(|wanted| wanted < page) {
            return;
        }
        // It is the page that is looked for, or all there is before it.
        if self.total % LINES == 1 {
            self.first = self.total;
            self.lines.clear();
        }
        self.lines.push(line);
    }

    /// The number of the last line.
    pub(super) fn last(&self) -> u64 {
        (self.first + self.lines.len() as u64).saturating_sub(1)
    }

    pub(super) fn is_whole(&self) -> bool {
        self.lines.len() as u64 == self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(window: &Window) -> Vec<String> {
        window.lines.iter().map(Line::text).collect()
    }

    #[test]
    fn lines_are_as_a_terminal_leaves_them() {
        let check = |pieces: &[&str], expected: &str| {
            let mut line = Line::default();
            pieces.iter().for_each(|piece| line.take(piece.as_bytes()));
            assert_eq!(line.text(), expected, "{pieces:?}");
        };
        check(&["10%\r20", "%\r", "100%"], "100%");
        check(&["windows\r"], "windows");
        check(&["a\r\rb"], "b");
        check(&[&"x".repeat(5000)], &format!("{}… (904 more bytes)", "x".repeat(4096)));
        check(&[&"x".repeat(5000), "\rdone"], "done");
    }

    #[test]
    fn pages_are_found_by_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let text: String = (1..=4500).map(|number| format!("line {number}\n")).collect();
        std::fs::write(&path, format!("{text}half")).unwrap();
        let check = |wanted: Option<u64>, grows: bool, first: u64, last: &str, total: u64| {
            let window = Window::read(&path, wanted, grows).unwrap();
            assert_eq!((window.first, window.total, window.end), (first, total, text.len() as u64), "{wanted:?}");
            assert_eq!(texts(&window).last().unwrap(), last, "{wanted:?}");
            assert_eq!(window.last(), first + window.lines.len() as u64 - 1);
        };
        check(None, true, 4001, "line 4500", 4500);
        check(None, false, 4001, "half", 4501);
        check(Some(0), false, 1, "line 2000", 4501);
        check(Some(2000), false, 1, "line 2000", 4501);
        check(Some(2001), false, 2001, "line 4000", 4501);
        check(Some(u64::MAX), false, 4001, "half", 4501);
        std::fs::write(&path, "").unwrap();
        let empty = Window::read(&path, None, false).unwrap();
        assert!(empty.lines.is_empty() && empty.is_whole() && empty.last() == 0);
    }
}
