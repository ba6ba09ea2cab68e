//! `Description-Content-Type`: how the description of a project is written.

use super::name::repr;

/// In the order in which PyPI's answer names them.
const KNOWN: [&str; 3] = ["text/plain", "text/x-rst", "text/markdown"];

/// The kind of a description, without parameters; what says nothing is reStructuredText.
pub fn kind(value: Option<&str>) -> &str {
    value.map_or("text/x-rst", |value| value.split(';').next().unwrap_or_default().trim())
}

/// Whether a description is in reStructuredText, the only one of the three that may fail to render.
pub fn may_fail(value: Option<&str>) -> bool {
    kind(value).eq_ignore_ascii_case("text/x-rst")
}

pub fn wrong(field: &str, value: &str) -> Option<String> {
    let mut parts = value.split(';').map(str::trim);
    if !KNOWN.contains(&parts.next().unwrap_or_default().to_lowercase().as_str()) {
        let known: Vec<_> = KNOWN.iter().map(|kind| repr(kind)).collect();
        return Some(format!("{} must be one of [{}], not {}", repr(field), known.join(", "), repr(value)));
    }
    let (mut charset, mut variant) = ("UTF-8".to_owned(), "GFM".to_owned());
    for part in parts.filter(|part| !part.is_empty()) {
        let Some((name, text)) = part.split_once('=') else {
            return Some(format!("{} is not a valid content type for {}", repr(value), repr(field)));
        };
        let text = text.trim().trim_matches('"').to_owned();
        match name.trim().to_lowercase().as_str() {
            "charset" => charset = text,
            "variant" => variant = text,
            _ => {}
        }
    }
    // `packaging` before 26.3 takes it in capitals only.
    if charset != "UTF-8" {
        return Some(format!("{} can only specify the UTF-8 charset, not {}", repr(field), repr(&charset)));
    }
    let markdown = kind(Some(value)).eq_ignore_ascii_case("text/markdown");
    (markdown && !["GFM", "CommonMark"].contains(&variant.as_str())).then(|| {
        format!("valid Markdown variants for {} are ['GFM', 'CommonMark'], not {}", repr(field), repr(&variant))
    })
}
