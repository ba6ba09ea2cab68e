//! Columns of text, as wide as they must be.

use anstyle::Style;

use crate::shown;
use crate::world::terminal::{Printer, Stream};

/// A cell is not cut below it.
const NARROWEST: usize = 12;

pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(ToString::to_string).collect()] }
    }

    /// Adds a row. A cell stays on its line, whatever it holds.
    pub fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(|cell| shown::one_line(&cell.into())).collect());
    }

    pub fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    /// As text for standard output: two spaces between columns, headings dimmed, columns that are empty everywhere left out.
    pub fn render(&self, printer: &Printer) -> String {
        self.fitted(printer, printer.width(Stream::Out))
    }

    /// Shows it while work goes on.
    pub fn show(&self, printer: &Printer) {
        printer.block(&self.fitted(printer, printer.width(Stream::Err)));
    }

    /// The same with no line longer than a terminal, if cells can be cut for it. What stands first is never cut: people copy it.
    fn fitted(&self, printer: &Printer, limit: Option<usize>) -> String {
        let columns = self.rows[0].len();
        let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
        let used: Vec<usize> =
            (0..columns).filter(|column| self.rows[1..].iter().any(|row| !cell(row, *column).is_empty())).collect();
        let width = |column: &usize| self.rows.iter().map(|row| cell(row, *column).chars().count()).max().unwrap_or(0);
        let mut widths: Vec<usize> = used.iter().map(width).collect();
        if let Some(limit) = limit {
            cut(&mut widths, limit);
        }
        let mut text = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (column, width) in used.iter().zip(&widths) {
                let mut cell = cell(row, *column);
                if cell.chars().count() > *width {
                    cell = cell.chars().take(width - 1).chain(['…']).collect();
                }
                line.push_str(&format!("{cell:width$}  "));
            }
            let line = line.trim_end();
            let line = if index == 0 { printer.paint(Style::new().dimmed(), line) } else { line.to_owned() };
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    /// As a Markdown table, for step summaries.
    pub fn markdown(&self) -> String {
        let line = |row: &Vec<String>| {
            format!("| {} |\n", row.iter().map(|cell| cell.replace('|', "\\|")).collect::<Vec<_>>().join(" | "))
        };
        let mut text = line(&self.rows[0]);
        text.push_str(&format!("|{}\n", " --- |".repeat(self.rows[0].len())));
        self.rows[1..].iter().for_each(|row| text.push_str(&line(row)));
        text
    }
}

/// Narrows the widest columns but the first until a line fits, or they are as narrow as is still of use.
fn cut(widths: &mut [usize], limit: usize) {
    let gaps = 2 * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > limit {
        match widths.iter_mut().skip(1).max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            _ => return,
        }
    }
}

/// Bytes for people: `12.3 MB`.
pub fn size(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_fit() {
        let mut table = Table::new(&["STEP", "TARGET", "OUTPUT"]);
        table.row([
            "binary.app.x86_64-unknown-linux-gnu",
            "x86_64-unknown-linux-gnu",
            "app-x86_64-unknown-linux-gnu.tar.gz",
        ]);
        for (limit, expected) in [
            (
                None,
                "binary.app.x86_64-unknown-linux-gnu  x86_64-unknown-linux-gnu  app-x86_64-unknown-linux-gnu.tar.gz",
            ),
            (Some(80), "binary.app.x86_64-unknown-linux-gnu  x86_64-unknown-linux…  app-x86_64-unknown-…"),
            (Some(60), "binary.app.x86_64-unknown-linux-gnu  x86_64-unkn…  app-x86_64-…"),
        ] {
            let text = table.fitted(&Printer::silent(), limit);
            assert_eq!(text.lines().nth(1), Some(expected), "{limit:?}");
        }
    }

    #[test]
    fn columns() {
        let mut table = Table::new(&["A", "EMPTY", "B"]);
        table.row(["x", "", "yy"]);
        table.row(["long", "", "z"]);
        assert_eq!(table.render(&Printer::silent()), "A     B\nx     yy\nlong  z\n");
        table.row(["a\n::error::b", "", "\u{1b}[2J"]);
        assert!(table.render(&Printer::silent()).ends_with("\na\\n::error::b  \\u{1b}[2J\n"));
        assert_eq!((size(999).as_str(), size(12_345_678).as_str()), ("999 B", "12.3 MB"));
    }
}
