//! The Markdown that release notes use, as HTML: headings, lists, quotes, code, emphasis, links. The text itself is
//! always escaped, so notes cannot put anything else on the page.

use crate::rehearsal::html::{escape, push_escaped};

/// How far a closing mark is looked for, in bytes: keeps hostile notes from costing quadratic time.
const REACH: usize = 4000;

/// Renders notes. A line break stays one, as on GitHub's release pages.
pub(super) fn render(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut html = String::new();
    let mut rest = lines.as_slice();
    while let [line, tail @ ..] = rest {
        rest = match block(line) {
            Block::Blank => tail,
            Block::Rule => {
                html.push_str("<hr>\n");
                tail
            }
            Block::Heading(level, title) => {
                html.push_str(&format!("<h{level}>{}</h{level}>\n", inline(title)));
                tail
            }
            Block::Fence(fence) => code(fence, tail, &mut html),
            Block::Quote => quote(rest, &mut html),
            Block::Item(_) => list(rest, &mut html),
            Block::Text => paragraph(rest, &mut html),
        };
    }
    html
}

enum Block<'a> {
    Blank,
    Rule,
    /// Level of the HTML element: the page's own titles stand above.
    Heading(usize, &'a str),
    Fence(&'a str),
    Quote,
    Item(Item<'a>),
    Text,
}

struct Item<'a> {
    indent: usize,
    ordered: bool,
    text: &'a str,
}

fn block(line: &str) -> Block<'_> {
    let trimmed = line.trim();
    let hashes = trimmed.bytes().take_while(|byte| *byte == b'#').count();
    if trimmed.is_empty() {
        Block::Blank
    } else if (1..=6).contains(&hashes) && trimmed[hashes..].starts_with(' ') {
        Block::Heading((hashes + 1).clamp(3, 6), trimmed[hashes..].trim().trim_end_matches('#').trim_end())
    } else if trimmed.starts_with("```") || trimmed.starts_with("~~~") {
        Block::Fence(&trimmed[..3])
    } else if ["---", "***", "___"].contains(&trimmed) {
        Block::Rule
    } else if trimmed.starts_with('>') {
        Block::Quote
    } else {
        item(line).map_or(Block::Text, Block::Item)
    }
}

fn item(line: &str) -> Option<Item<'_>> {
    let trimmed = line.trim_start();
    let indent = line.len() - trimmed.len();
    if let Some(text) = ["- ", "* ", "+ "].iter().find_map(|mark| trimmed.strip_prefix(mark)) {
        return Some(Item { indent, ordered: false, text });
    }
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let after = trimmed.get(digits..).filter(|_| (1..=9).contains(&digits))?;
    let text = after.strip_prefix(". ").or_else(|| after.strip_prefix(") "))?;
    Some(Item { indent, ordered: true, text })
}

fn code<'a>(fence: &str, lines: &'a [&'a str], html: &mut String) -> &'a [&'a str] {
    let end = lines.iter().position(|line| line.trim().starts_with(fence)).unwrap_or(lines.len());
    html.push_str(&format!("<pre><code>{}</code></pre>\n", escape(&lines[..end].join("\n"))));
    lines.get(end + 1..).unwrap_or_default()
}

fn quote<'a>(lines: &'a [&'a str], html: &mut String) -> &'a [&'a str] {
    let end = lines.iter().position(|line| !line.trim_start().starts_with('>')).unwrap_or(lines.len());
    let inner: Vec<&str> = lines[..end].iter().map(|line| line.trim_start()[1..].trim()).collect();
    html.push_str(&format!("<blockquote><p>{}</p></blockquote>\n", broken(&inner)));
    &lines[end..]
}

fn paragraph<'a>(lines: &'a [&'a str], html: &mut String) -> &'a [&'a str] {
    let end = lines.iter().position(|line| !matches!(block(line), Block::Text)).unwrap_or(lines.len()).max(1);
    html.push_str(&format!("<p>{}</p>\n", broken(&lines[..end])));
    &lines[end..]
}

fn broken(lines: &[&str]) -> String {
    inline(&lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n"))
}

fn list<'a>(lines: &'a [&'a str], html: &mut String) -> &'a [&'a str] {
    let mut items: Vec<(Item<'_>, Vec<&str>)> = Vec::new();
    let mut taken = 0;
    for line in lines {
        match (block(line), items.last_mut()) {
            (Block::Item(item), _) => {
                let text = vec![item.text];
                items.push((item, text));
            }
            (Block::Text, Some((_, text))) => text.push(line),
            _ => break,
        }
        taken += 1;
    }
    let items: Vec<_> = items.into_iter().map(|(item, text)| (item.indent, item.ordered, broken(&text))).collect();
    nest(&items, html);
    &lines[taken..]
}

/// Items that stand further in than the first belong to the item before them.
fn nest(items: &[(usize, bool, String)], html: &mut String) {
    let Some((base, ordered, _)) = items.first() else { return };
    let kind = if *ordered { "ol" } else { "ul" };
    html.push_str(&format!("<{kind}>\n"));
    let mut rest = items;
    while let [(_, _, text), tail @ ..] = rest {
        let inner = tail.iter().position(|(indent, ..)| indent <= base).unwrap_or(tail.len());
        html.push_str(&format!("<li>{text}"));
        nest(&tail[..inner], html);
        html.push_str("</li>\n");
        rest = &tail[inner..];
    }
    html.push_str(&format!("</{kind}>\n"));
}

fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(char) = rest.chars().next() {
        let (html, length) = span(rest, before).unwrap_or_else(|| {
            let mut plain = String::new();
            if char == '\n' {
                plain.push_str("<br>\n")
            } else {
                push_escaped(&mut plain, char)
            }
            (plain, char.len_utf8())
        });
        out.push_str(&html);
        before = rest[..length].chars().next_back().unwrap_or(' ');
        rest = &rest[length..];
    }
    out
}

/// What begins here, if it is more than a character: its HTML and how many bytes of the text it took.
fn span(text: &str, before: char) -> Option<(String, usize)> {
    let near = &text[..text.floor_char_boundary(REACH)];
    match text.as_bytes().first()? {
        b'\\' => {
            let next = near[1..].chars().next().filter(char::is_ascii_punctuation)?;
            Some((escape(&next.to_string()), 2))
        }
        b'`' => {
            let ticks = near.bytes().take_while(|byte| *byte == b'`').count();
            let end = near[ticks..].find(&near[..ticks])?;
            Some((format!("<code>{}</code>", escape(near[ticks..ticks + end].trim())), end + 2 * ticks))
        }
        b'*' if near.starts_with("**") => emphasis(near, "**", "strong"),
        b'*' => emphasis(near, "*", "em"),
        b'_' if !before.is_alphanumeric() => emphasis(near, "_", "em"),
        b'[' => link(near),
        b'<' => {
            let end = near.find('>')?;
            let address = &near[1..end];
            is_address(address).then(|| (anchor(address, &escape(address)), end + 1))
        }
        b'h' if !before.is_alphanumeric() && is_address(near) => {
            let end = near.find(|char: char| char.is_whitespace() || "<>\"`".contains(char)).unwrap_or(near.len());
            let address = near[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '\'', '*', '_']);
            Some((anchor(address, &escape(address)), address.len()))
        }
        _ => None,
    }
}

fn emphasis(near: &str, mark: &str, element: &str) -> Option<(String, usize)> {
    let inner = &near[mark.len()..];
    let end = inner.find(mark)?;
    let (inside, after) = (&inner[..end], inner[end + mark.len()..].chars().next());
    let bad = inside.is_empty() || inside.starts_with(char::is_whitespace) || inside.ends_with(char::is_whitespace);
    if bad || mark == "_" && after.is_some_and(char::is_alphanumeric) {
        return None;
    }
    Some((format!("<{element}>{}</{element}>", inline(inside)), end + 2 * mark.len()))
}

/// `[text](address)`; an address that does not lead to the web leaves the text alone.
fn link(near: &str) -> Option<(String, usize)> {
    let middle = near.find("](")?;
    let label = &near[1..middle];
    let end = near[middle + 2..].find(')')?;
    let address = near[middle + 2..middle + 2 + end].split_whitespace().next().unwrap_or_default();
    let label = inline(label.trim_start_matches('['));
    let html = if is_address(address) { anchor(address, &label) } else { label };
    Some((html, middle + end + 3))
}

fn is_address(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

fn anchor(address: &str, label: &str) -> String {
    format!("<a href=\"{}\" rel=\"noreferrer\">{label}</a>", escape(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_what_notes_use() {
        let check = |text: &str, expected: &str| assert_eq!(render(text).trim_end().replace('\n', ""), expected);
        check("### Added", "<h4>Added</h4>");
        check(
            "- one\n- **two** `x<y`\n  - *in*",
            "<ul><li>one</li><li><strong>two</strong> <code>x&lt;y</code><ul><li><em>in</em></li></ul></li></ul>",
        );
        check("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>");
        check("a\nb\n\nc", "<p>a<br>b</p><p>c</p>");
        check("```sh\n<x> **no**\n```\nafter", "<pre><code>&lt;x&gt; **no**</code></pre><p>after</p>");
        check("> so\n> it is", "<blockquote><p>so<br>it is</p></blockquote>");
        check("---", "<hr>");
        check("snake_case_name and 2 * 3 * 4", "<p>snake_case_name and 2 * 3 * 4</p>");
        check("[#1](https://x.y/1)", "<p><a href=\"https://x.y/1\" rel=\"noreferrer\">#1</a></p>");
        check("See https://x.y/a_b.", "<p>See <a href=\"https://x.y/a_b\" rel=\"noreferrer\">https://x.y/a_b</a>.</p>");
        check(r"\*not\*", "<p>*not*</p>");
    }

    #[test]
    fn nothing_reaches_the_page_unescaped() {
        for text in [
            "<script>alert(1)</script>",
            "`<script>`",
            "[<script>](javascript:alert(1))",
            "[x](https://a/\"onclick=\"alert(1))",
            "# <script>",
            "- <script>",
            "> <script>",
            "```\n<script>\n```",
            "<javascript:alert(1)>",
            "**<script>**",
        ] {
            let html = render(text);
            assert!(!html.contains("<script"), "{html}");
            assert!(!html.contains("href=\"javascript"), "{html}");
            assert!(!html.contains("\"onclick"), "{html}");
        }
    }

    #[test]
    fn any_text_ends() {
        for unit in ["*", "_", "`", "[", "](", "**a", "- ", "> ", "~~~\n", "ä", "\\", "<http://", "1. "] {
            let text = unit.repeat(3000);
            assert!(!render(&text).is_empty() || text.trim().is_empty());
        }
    }
}
