//! The tags of a page of HTML, as its author may write them: in any case, with attributes quoted or not.

/// A tag that opens something.
pub struct Tag<'t> {
    /// In small letters.
    pub name: String,
    attributes: Attributes,
    /// What stands behind it, up to the next tag.
    pub text: &'t str,
}

impl Tag<'_> {
    /// The value of an attribute; the first one counts.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The longest tag that is read.
const MOST_ATTRIBUTES: usize = 64;

/// Every tag that opens something, one after the other. Comments and scripts hold none:
/// <https://html.spec.whatwg.org/multipage/parsing.html#tokenization>.
pub fn tags(text: &str) -> impl Iterator<Item = Tag<'_>> {
    let (lower, mut at) = (text.to_ascii_lowercase(), 0);
    std::iter::from_fn(move || next(text, &lower, &mut at))
}

/// The next tag from a place on. `lower` is the text in small letters.
fn next<'t>(text: &'t str, lower: &str, place: &mut usize) -> Option<Tag<'t>> {
    let from = |at: usize, mark: &str| lower[at..].find(mark).map(|found| at + found);
    let mut at = *place;
    loop {
        at = from(at, "<")? + 1;
        if lower[at..].starts_with("!--") {
            let is_empty = lower[at..].starts_with("!-->") || lower[at..].starts_with("!--->");
            let end = if is_empty { from(at, ">") } else { from(at + 3, "-->") };
            at = end.unwrap_or(text.len());
        } else if lower[at..].starts_with(|c: char| c.is_ascii_lowercase()) {
            let (name, attributes, end) = tag(text, at)?;
            let next = from(end, "<").unwrap_or(text.len());
            *place = match name.as_str() {
                "script" | "style" => from(end, &format!("</{name}")).unwrap_or(text.len()),
                _ => end,
            };
            return Some(Tag { name, attributes, text: &text[end..next] });
        }
    }
}

/// Names and values, as they are written but for their entities.
type Attributes = Vec<(String, String)>;

/// Name and attributes of the tag that begins here, and where it ends; nothing if it does not.
fn tag(text: &str, start: usize) -> Option<(String, Attributes, usize)> {
    let until = |at: usize, stops: &dyn Fn(char) -> bool| text[at..].find(stops).map(|found| at + found);
    let space = |c: char| c.is_ascii_whitespace();
    let mut at = until(start, &|c| space(c) || c == '/' || c == '>')?;
    let name = text[start..at].to_ascii_lowercase();
    let mut attributes = Vec::new();
    loop {
        at = until(at, &|c| !space(c) && c != '/')?;
        if text[at..].starts_with('>') {
            return Some((name, attributes, at + 1));
        }
        // A name may begin with `=`, but holds none.
        let first = text[at..].chars().next()?.len_utf8();
        let end = until(at + first, &|c| space(c) || "/>=".contains(c))?;
        let key = text[at..end].to_ascii_lowercase();
        let behind = until(end, &|c| !space(c))?;
        if !text[behind..].starts_with('=') {
            at = end;
            continue;
        }
        let value = until(behind + 1, &|c| !space(c))?;
        let quote = text[value..].chars().next().filter(|c| "\"'".contains(*c));
        let (from, to) = match quote {
            Some(quote) => (value + 1, until(value + 1, &|c| c == quote)?),
            None => (value, until(value, &|c| space(c) || c == '>')?),
        };
        if attributes.len() < MOST_ATTRIBUTES {
            attributes.push((key, unescape(&text[from..to])));
        }
        at = if quote.is_some() { to + 1 } else { to };
    }
}

/// Text out of HTML: the entities that addresses and names of files are written with, and every number.
pub fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let end = after.bytes().take(10).position(|byte| byte == b';');
        match end.and_then(|end| Some((character(&after[..end])?, &after[end + 1..]))) {
            Some((c, behind)) => {
                plain.push(c);
                rest = behind;
            }
            None => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn character(entity: &str) -> Option<char> {
    let number = |digits: &str, base| u32::from_str_radix(digits, base).ok().and_then(char::from_u32);
    match entity {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "amp" => Some('&'),
        "nbsp" => Some(' '),
        _ => match entity.strip_prefix('#')? {
            hex if hex.starts_with(['x', 'X']) => number(&hex[1..], 16),
            digits => number(digits, 10),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_as_people_and_programs_write_them() {
        let check = |text: &str, expected: &[(&str, Option<&str>, &str)]| {
            let found: Vec<Tag<'_>> = tags(text).collect();
            let found: Vec<_> = found.iter().map(|tag| (tag.name.as_str(), tag.value("href"), tag.text)).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("<A HREF=\"/x\">x</A>", &[("a", Some("/x"), "x")]);
        check("<a href=/x>x</a>", &[("a", Some("/x"), "x")]);
        check("<a\n\thref = '/x?a=1&amp;b=2' >x", &[("a", Some("/x?a=1&b=2"), "x")]);
        check("<a data-x='<b>' class=y href=a/b/c.whl>x", &[("a", Some("a/b/c.whl"), "x")]);
        check("<a hidden href=x><b/>y", &[("a", Some("x"), ""), ("b", None, "y")]);
        check("<a href=x href=y>", &[("a", Some("x"), "")]);
        check("<abbr>x</abbr> 1 < 2 <!-- <a href=x> --><!--><a>", &[("abbr", None, "x"), ("a", None, "")]);
        check("<Script>'<a href=x>'</sCRIPT><a>", &[("script", None, "'"), ("a", None, "")]);
        check("<a href='x", &[]);
        check("<a href=x", &[]);
        check("ü<a =x ü=ü href=ü>ü<!--", &[("a", Some("ü"), "ü")]);
    }

    #[test]
    fn entities_are_read_once() {
        assert_eq!(unescape("a&amp;lt;b &lt;&#43;&#x2B;&#X2f;&quot;&apos;"), "a&lt;b <++/\"'");
        assert_eq!(unescape("a & b &; &nope; &#xffffffff; &#; &ü&"), "a & b &; &nope; &#xffffffff; &#; &ü&");
    }
}
