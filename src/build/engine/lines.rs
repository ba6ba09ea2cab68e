//! Output of a program in lines, with the last ones kept, and no more of it told than a log may hold.

use std::collections::VecDeque;

/// How much of all output of one build goes to the log.
pub const LARGEST_LOG: usize = 64 << 20;
/// How many lines a message repeats.
const LAST_LINES: usize = 20;
/// A line that is longer is told in pieces.
const LONGEST_LINE: usize = 64 << 10;
/// How much of a line is repeated.
const LONGEST_REPEATED: usize = 500;

/// The output of one step: what has no line end yet, and the last lines.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    open: Vec<u8>,
    last: VecDeque<String>,
}

impl Lines {
    /// Takes a piece of output, and tells each line that is whole.
    pub fn take(&mut self, data: &[u8], tell: &mut dyn FnMut(&str)) {
        for piece in data.split_inclusive(|byte| *byte == b'\n') {
            self.open.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.open.len() > LONGEST_LINE {
                self.end(tell);
            }
        }
    }

    fn end(&mut self, tell: &mut dyn FnMut(&str)) {
        let line = String::from_utf8_lossy(&self.open).trim_end().to_owned();
        self.open.clear();
        tell(&line);
        self.keep(&line);
    }

    pub fn keep(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        if self.last.len() == LAST_LINES {
            self.last.pop_front();
        }
        self.last.push_back(line.chars().take(LONGEST_REPEATED).collect());
    }

    /// The last lines, with what had no end.
    pub fn last(&self) -> Vec<String> {
        let mut lines = self.clone();
        if !lines.open.is_empty() {
            lines.end(&mut |_| {});
        }
        lines.last.into()
    }
}

/// Tells lines until there are too many of them, and says so once.
pub struct Bounded<'t> {
    tell: &'t mut dyn FnMut(&str),
    room: usize,
}

impl<'t> Bounded<'t> {
    pub fn new(tell: &'t mut dyn FnMut(&str)) -> Self {
        Self::within(LARGEST_LOG, tell)
    }

    fn within(room: usize, tell: &'t mut dyn FnMut(&str)) -> Self {
        Self { tell, room }
    }

    pub fn tell(&mut self, line: &str) {
        if self.room == 0 {
            return;
        }
        self.room = self.room.saturating_sub(line.len() + 1);
        (self.tell)(line);
        if self.room == 0 {
            (self.tell)(&format!("the log ends here: a build may write {} MiB", LARGEST_LOG >> 20));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_become_lines() {
        let (mut lines, mut told) = (Lines::default(), Vec::new());
        for piece in ["one\ntw", "o\n", "", "three"] {
            lines.take(piece.as_bytes(), &mut |line| told.push(line.to_owned()));
        }
        assert_eq!(told, ["one", "two"]);
        assert_eq!(lines.last(), ["one", "two", "three"]);
    }

    #[test]
    fn a_line_without_end_is_told_in_pieces() {
        let (mut lines, mut count) = (Lines::default(), 0);
        for _ in 0..300 {
            lines.take(&[b'x'; 1024], &mut |_| count += 1);
        }
        assert_eq!(count, 4);
        assert!(lines.last().iter().all(|line| line.len() <= LONGEST_REPEATED));
    }

    #[test]
    fn a_log_is_cut_once() {
        let mut told = Vec::new();
        let mut tell = |line: &str| told.push(line.to_owned());
        let mut bounded = Bounded::within(10, &mut tell);
        ["first", "second", "third"].iter().for_each(|line| bounded.tell(line));
        assert_eq!(told, ["first", "second", "the log ends here: a build may write 64 MiB"]);
    }
}
