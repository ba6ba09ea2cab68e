//! Text of others (a server, a repository, a tool) as it is shown: nothing in it steers a terminal or a job.

/// What stands between two commands that are typed one after the other: Windows PowerShell, unlike cmd and PowerShell 7, knows
/// no `&&`.
#[cfg(windows)]
pub const AND: &str = "; ";
#[cfg(not(windows))]
pub const AND: &str = " && ";

/// On one line: line breaks and everything else that has no shape of its own is written out.
pub fn one_line(text: &str) -> String {
    clean(text, |_| false)
}

pub fn lines(text: &str) -> String {
    clean(&text.replace("\r\n", "\n"), |c| matches!(c, '\n' | '\t'))
}

/// On its own lines, in its own colours.
pub fn coloured(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        let (before, sequence) = rest.split_at(at);
        shown.push_str(&lines(before));
        let parameters = sequence[2..].find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':').map(|end| end + 2);
        match parameters.filter(|end| sequence[*end..].starts_with('m')) {
            Some(end) => {
                shown.push_str(&sequence[..=end]);
                rest = &sequence[end + 1..];
            }
            None => {
                shown.push_str(&lines("\u{1b}"));
                rest = &sequence[1..];
            }
        }
    }
    shown + &lines(rest)
}

/// Lines that the runner of a job takes for nothing but text: it obeys those that begin with `::`, and `##[` anywhere
/// (<https://github.com/actions/runner/blob/v2.328.0/src/Runner.Common/ActionCommand.cs>). In JSON it stays the same value.
pub fn in_job(text: &str) -> String {
    let mut shown = String::new();
    for line in text.split_inclusive('\n') {
        let words = line.trim_start();
        if words.starts_with("::") {
            shown.push_str(&line[..line.len() - words.len()]);
            shown.push('\\');
            shown.push_str(words);
        } else {
            shown.push_str(line);
        }
    }
    shown.replace("##[", "##\\u005b")
}

/// A size with one decimal, in powers of 1000.
pub fn size(bytes: u64) -> String {
    let mut tenths = u128::from(bytes) * 10;
    let mut units = ["kB", "MB", "GB", "TB"].into_iter();
    let mut unit = "B";
    while tenths >= 10_000
        && let Some(next) = units.next()
    {
        tenths = (tenths + 500) / 1000;
        unit = next;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{}.{} {unit}", tenths / 10, tenths % 10) }
}

/// The first of several names, in backticks, and how many there are besides.
pub fn some<S: AsRef<str>>(names: &[S], most: usize) -> String {
    let first: Vec<String> = names.iter().take(most).map(|name| format!("`{}`", one_line(name.as_ref()))).collect();
    match names.len() - first.len() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

fn clean(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        if steers(c) && !keep(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Whether a character has no shape of its own, but acts on what others see.
pub fn steers(c: char) -> bool {
    c.is_control() || turns(c)
}

/// Whether a character changes the direction of others, so that they read as something else (UAX #9).
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people() {
        for (bytes, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (237_249, "237.2 kB"),
            (999_960, "1.0 MB"),
            (3_456_789, "3.5 MB"),
            (2_147_483_647, "2.1 GB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn some_of_several_names() {
        assert_eq!(some(&["a"], 2), "`a`");
        assert_eq!(some(&["a", "b\n"], 2), "`a`, `b\\n`");
        assert_eq!(some(&["a", "b", "c", "d"], 2), "`a`, `b` and 2 more");
    }

    #[test]
    fn nothing_steers() {
        assert_eq!(one_line("a\n::error::b\t\u{1b}[31mc\u{7}é"), "a\\n::error::b\\t\\u{1b}[31mc\\u{7}é");
        assert_eq!(one_line("x\u{202e}y"), "x\\u{202e}y");
        assert_eq!(lines("a\r\nb\tc\rd\u{1b}]0;t\u{7}"), "a\nb\tc\\rd\\u{1b}]0;t\\u{7}");
        assert_eq!(
            coloured("\u{1b}[1;31mred\u{1b}[0m\u{1b}[2Jé\u{1b}["),
            "\u{1b}[1;31mred\u{1b}[0m\\u{1b}[2Jé\\u{1b}["
        );
        assert_eq!(in_job("a\n  ::error::b\nx ##[add-mask]y ::z\n"), "a\n  \\::error::b\nx ##\\u005badd-mask]y ::z\n");
    }
}
