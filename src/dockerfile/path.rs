//! Paths as Go cleans them: text only, separated by slashes.

/// The shortest equal path, like Go's `path.Clean`.
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(".."),
            },
            name => parts.push(name),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// A path below the context: cleaned, cut at the root, without the leading slash; empty is the context itself.
pub fn below_root(path: &str) -> String {
    clean(&format!("/{path}")).trim_start_matches('/').to_owned()
}

pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

pub fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Whether `*`, `?` or `[` stand in it without a backslash before them.
pub fn has_wildcards(path: &str) -> bool {
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' | '?' | '[' => return true,
            '\\' => {
                chars.next();
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_like_go_does() {
        let check = |input: &str, expected: &str| assert_eq!(clean(input), expected, "{input}");
        check("", ".");
        check("a//b/./c/", "a/b/c");
        check("a/../../b", "../b");
        check("/../a", "/a");
        check("x/../up.txt", "up.txt");
        assert_eq!(below_root("../shared/lib.txt"), "shared/lib.txt");
        assert_eq!(below_root("."), "");
    }
}
