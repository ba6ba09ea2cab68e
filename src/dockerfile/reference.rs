//! Names of images as the engine looks them up among named contexts.

/// A name as BuildKit compares it: Docker's own registry and `:latest` go without saying
/// (<https://github.com/distribution/reference>, `FamiliarString`).
///
/// What stands for a name on one platform only, as in `alpine::linux/arm64`, keeps that.
pub fn familiar(reference: &str) -> String {
    if let Some((name, platform)) = reference.split_once("::") {
        return format!("{}::{platform}", familiar(name));
    }
    let short = ["docker.io/", "index.docker.io/"].iter().find_map(|host| reference.strip_prefix(host));
    let short = short.unwrap_or(reference);
    let short = match short.strip_prefix("library/") {
        Some(name) if !name.contains('/') => name,
        _ => short,
    };
    short.strip_suffix(":latest").unwrap_or(short).to_owned()
}

/// Whether the engine would take it for the name of an image.
pub fn is_reference(text: &str) -> bool {
    let (text, digest) = text.split_once('@').map_or((text, None), |(text, digest)| (text, Some(digest)));
    let after_slash = text.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) = match text[after_slash..].rfind(':') {
        Some(at) => (&text[..after_slash + at], Some(&text[after_slash + at + 1..])),
        None => (text, None),
    };
    let mut parts: Vec<&str> = name.split('/').collect();
    if parts.len() > 1 && is_host(parts[0]) {
        parts.remove(0);
    }
    parts.iter().all(|p| is_component(p)) && tag.is_none_or(is_tag) && digest.is_none_or(is_digest)
}

fn is_host(part: &str) -> bool {
    let host = part.split_once(':').map_or(part, |(host, _)| host);
    let letters = host.chars().all(|c| c.is_ascii_alphanumeric() || ".-_[]".contains(c));
    (part.contains(['.', ':']) || part == "localhost" || part.chars().any(|c| c.is_ascii_uppercase())) && letters
}

fn is_component(part: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let ends = part.starts_with(plain) && part.ends_with(plain);
    let gaps = part.split(plain).all(|gap| matches!(gap, "" | "." | "_" | "__") || gap.chars().all(|c| c == '-'));
    ends && gaps
}

fn is_tag(tag: &str) -> bool {
    let first = tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    first && tag.len() <= 128 && tag.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

fn is_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(kind, hex)| {
        let kind_fits = kind.starts_with(|c: char| c.is_ascii_alphabetic());
        kind_fits && hex.len() >= 32 && hex.chars().all(|c| c.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_images() {
        let check = |text: &str, expected: bool| assert_eq!(is_reference(text), expected, "{text}");
        check("busybox", true);
        check("golang:", false);
        check(":1", false);
        check("ghcr.io/a/b:1.2-x", true);
        check("localhost:5000/a__b/c-d", true);
        check("Busybox", false);
        check("a/Upper", false);
        check("a:b:c", false);
        check("x@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", true);
        check("x@sha256:", false);
        check("a//b", false);
    }

    #[test]
    fn names_are_shortened() {
        let check = |reference: &str, expected: &str| assert_eq!(familiar(reference), expected);
        check("docker.io/library/busybox:latest", "busybox");
        check("busybox:1.36", "busybox:1.36");
        check("docker.io/a/b", "a/b");
        check("ghcr.io/library/b", "ghcr.io/library/b");
        check("localhost:5000/x:latest", "localhost:5000/x");
    }
}
