//! What the pages of the servers share: their frame, escaping and sizes.

const FRAME: &str = include_str!("../../templates/rehearsal.html");
const STYLE: &str = concat!(include_str!("../../templates/base.css"), include_str!("../../templates/rehearsal.css"));

/// A page with a title; the body is HTML.
pub(super) fn frame(title: &str, body: &str) -> String {
    // The body goes in last: notes that hold a placeholder's name must not be filled in.
    FRAME.replacen("{{title}}", &escape(title), 1).replacen("{{style}}", STYLE, 1).replacen("{{body}}", body, 1)
}

/// A button that copies a text, which is escaped already.
pub(super) fn copy(text: &str, what: &str) -> String {
    format!("<button type=\"button\" class=\"copy\" data-copy=\"{text}\" aria-label=\"{what}\">Copy</button>")
}

/// Escapes text for HTML, attributes included.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|char| push_escaped(&mut out, char));
    out
}

pub(super) fn push_escaped(out: &mut String, char: char) {
    match char {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        char => out.push(char),
    }
}
