//! Lines of a log as markup: the colours and weights that programs asked for. Whatever else steers a terminal is dropped.

use std::iter::Peekable;
use std::str::Chars;

use crate::serve::face::html::{Html, html};

/// How text looks from here on; it lasts over the ends of lines. Backgrounds and hidden text are not among it: they would let
/// a program hide what it printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    bold: bool,
    faint: bool,
    italic: bool,
    underlined: bool,
    /// 0 to 15.
    colour: Option<u16>,
}

impl Style {
    pub(super) fn line(&mut self, line: &str) -> Html {
        let (mut markup, mut text) = (Html::default(), String::new());
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            if c == '\u{1b}' {
                let Some(parameters) = sequence(&mut chars) else { continue };
                markup.push(&self.span(&text));
                text.clear();
                self.apply(&parameters);
            } else if c == '\t' || !c.is_control() {
                text.push(c);
            }
        }
        markup.push(&self.span(&text));
        markup
    }

    fn span(&self, text: &str) -> Html {
        match self.classes() {
            _ if text.is_empty() => Html::default(),
            classes if classes.is_empty() => html!("{}", text),
            classes => html!("<span class=\"{}\">{}</span>", classes, text),
        }
    }

    fn classes(&self) -> String {
        let words = [(self.bold, "b"), (self.faint, "f"), (self.italic, "i"), (self.underlined, "u")];
        let words = words.into_iter().filter(|(is_so, _)| *is_so).map(|(_, word)| word.to_owned());
        words.chain(self.colour.map(|colour| format!("c{colour}"))).collect::<Vec<_>>().join(" ")
    }

    /// Select Graphic Rendition, as ECMA-48 and xterm have it.
    fn apply(&mut self, parameters: &str) {
        let number = |text: &str| if text.is_empty() { 0 } else { text.parse().unwrap_or(u16::MAX) };
        let mut numbers = parameters.split(';').map(number);
        while let Some(code) = numbers.next() {
            match code {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.faint = true,
                3 => self.italic = true,
                4 => self.underlined = true,
                22 => (self.bold, self.faint) = (false, false),
                23 => self.italic = false,
                24 => self.underlined = false,
                30..=37 => self.colour = Some(code - 30),
                90..=97 => self.colour = Some(code - 90 + 8),
                39 => self.colour = None,
                // One of 256 colours, or red, green and blue: those that are no name of a colour look like plain text.
                38 | 48 | 58 => {
                    let named = match numbers.next() {
                        Some(5) => numbers.next().filter(|colour| *colour < 16),
                        Some(2) => numbers.by_ref().take(3).fold(None, |_, _| None),
                        _ => None,
                    };
                    if code == 38 {
                        self.colour = named;
                    }
                }
                _ => {}
            }
        }
    }
}

/// Takes the rest of an escape sequence; the parameters of one that is about style.
fn sequence(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    match chars.peek()? {
        '[' => {
            chars.next();
            let mut parameters = String::new();
            while let Some(c) = chars.next_if(|c| matches!(c, ' '..='?')) {
                parameters.push(c);
            }
            let is_style = chars.next_if(|c| matches!(c, '@'..='~')) == Some('m');
            (is_style && parameters.chars().all(|c| c.is_ascii_digit() || matches!(c, ';' | ':'))).then_some(parameters)
        }
        // A string for the terminal: a title, a link, an image. One that does not end, ends with its line.
        ']' | 'P' | 'X' | '^' | '_' => {
            while let Some(c) = chars.next() {
                if matches!(c, '\u{7}' | '\u{9c}') || c == '\u{1b}' && chars.next_if_eq(&'\\').is_some() {
                    break;
                }
            }
            None
        }
        _ => {
            while chars.next_if(|c| matches!(c, ' '..='/')).is_some() {}
            chars.next_if(|c| matches!(c, '0'..='~'));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        Style::default().line(line).into_string()
    }

    #[test]
    fn colours_and_weights_are_shown() {
        for (line, expected) in [
            ("\u{1b}[31mred\u{1b}[0m plain", "<span class=\"c1\">red</span> plain"),
            ("\u{1b}[1;94mx\u{1b}[22my\u{1b}[mz", "<span class=\"b c12\">x</span><span class=\"c12\">y</span>z"),
            ("\u{1b}[38;5;9mx\u{1b}[38;5;200my\u{1b}[38;2;1;31;4mz", "<span class=\"c9\">x</span>yz"),
            ("\u{1b}[48;5;1;3mx", "<span class=\"i\">x</span>"),
            ("\u{1b}[8;30;40mhidden", "<span class=\"c0\">hidden</span>"),
        ] {
            assert_eq!(shown(line), expected, "{line:?}");
        }
        let mut style = Style::default();
        style.line("\u{1b}[32mbegins");
        assert_eq!(style.line("and lasts").into_string(), "<span class=\"c2\">and lasts</span>");
    }

    #[test]
    fn nothing_else_is_obeyed() {
        for (line, expected) in [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("a\u{1b}]8;;javascript:alert(1)\u{1b}\\link\u{1b}]8;;\u{7}b", "alinkb"),
            ("\u{1b}]0;title\u{7}x", "x"),
            ("\u{1b}[2J\u{1b}[1;1H\u{1b}[?25l\u{1b}(Bx\u{1b}cy", "xy"),
            ("\u{1b}Pq#0\u{1b}\\x", "x"),
            ("\u{1b}[31", ""),
            ("\u{1b}[31\u{7f}x", "x"),
            ("a\u{9b}31mb\u{8}\0c\td", "a31mbc\td"),
            ("user\u{202e}gpj.exe", "user\\u{202e}gpj.exe"),
            ("\u{1b}]8;;unterminated", ""),
            ("\u{1b}[31;<m>", "&gt;"),
        ] {
            assert_eq!(shown(line), expected, "{line:?}");
        }
    }
}
