//! Names of images as the engine looks them up among named contexts.

/// The short form: without Docker Hub's own host and folder, without `:latest`.
pub fn familiar(reference: &str) -> String {
    let short = ["docker.io/", "index.docker.io/"].iter().find_map(|host| reference.strip_prefix(host));
    let short = short.unwrap_or(reference);
    let short = match short.strip_prefix("library/") {
        Some(name) if !name.contains('/') => name,
        _ => short,
    };
    short.strip_suffix(":latest").unwrap_or(short).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

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
