//! Markup with values in it. Markup is what stands in the source; every value is escaped.

use std::fmt::{self, Display, Formatter, Write};

use crate::shown::steers;

/// Markup. It is only made by `html!`, so no text of others becomes part of it by mistake.
#[derive(Clone, Default)]
pub(super) struct Html(String);

/// Markup from a literal, whose `{}` are filled with values. `concat!` keeps `{name}` from reaching a variable unescaped.
macro_rules! html {
    ($markup:literal $(, $value:expr)* $(,)?) => {
        $crate::serve::face::html::Html::of(format_args!(concat!($markup) $(, $crate::serve::face::html::Part(&$value))*))
    };
}
pub(super) use html;

impl Html {
    /// For `html!` alone.
    pub(super) fn of(markup: fmt::Arguments<'_>) -> Self {
        Self(markup.to_string())
    }

    pub(super) fn push(&mut self, more: &Self) {
        self.0.push_str(&more.0);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

impl FromIterator<Html> for Html {
    fn from_iter<I: IntoIterator<Item = Self>>(all: I) -> Self {
        let mut whole = Self::default();
        all.into_iter().for_each(|one| whole.push(&one));
        whole
    }
}

/// What can stand in markup: itself, or a text that is escaped.
pub(super) trait Value {
    fn put(&self, f: &mut Formatter<'_>) -> fmt::Result;
}

impl<T: Display + ?Sized> Value for T {
    fn put(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(Escaped(f), "{self}")
    }
}

impl Value for Html {
    fn put(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for &Html {
    fn put(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) struct Part<'v, V: Value + ?Sized>(pub(super) &'v V);

impl<V: Value + ?Sized> Display for Part<'_, V> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.put(f)
    }
}

/// Escapes for text and quoted attributes; what would turn the direction of text or has no shape is written out.
struct Escaped<'a, 'f>(&'a mut Formatter<'f>);

impl Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.write_str("&amp;")?,
                '<' => self.0.write_str("&lt;")?,
                '>' => self.0.write_str("&gt;")?,
                '"' => self.0.write_str("&quot;")?,
                '\'' => self.0.write_str("&#39;")?,
                '\n' | '\t' => self.0.write_char(c)?,
                c if steers(c) => write!(self.0, "{}", c.escape_default())?,
                c => self.0.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn values_are_text_and_markup_is_markup() {
        let hostile = "\"><script>alert('1')</script>&\u{202e}\u{1b}[2J";
        let cell = html!("<td title=\"{}\">{}</td>", hostile, 7);
        let escaped = "&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;\\u{202e}\\u{1b}[2J";
        let expected = format!("<td title=\"{escaped}\">7</td>");
        assert_eq!(html!("<tr>{}</tr>", cell).into_string(), format!("<tr>{expected}</tr>"));
    }
}
