//! Sources of ADD that are not files: URLs and git repositories.

/// Whether ADD clones it.
pub fn is_git(source: &str) -> bool {
    if source.starts_with("./") || source.starts_with("../") {
        return false;
    }
    match source.split_once("://") {
        Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
            "git" | "ssh" => true,
            "http" | "https" => {
                let path = rest.split(['#', '?']).next().unwrap_or(rest);
                path.split_once('/').is_some_and(|(_, path)| path.ends_with(".git"))
            }
            _ => false,
        },
        None => is_scp(source),
    }
}

/// `user@host:path`, as ssh takes it.
fn is_scp(source: &str) -> bool {
    let Some((user, rest)) = source.split_once('@') else { return false };
    let Some((host, _)) = rest.split_once(':') else { return false };
    let made_of = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    made_of(user, "-_") && made_of(host, "-.")
}

pub fn is_http(source: &str) -> bool {
    (source.starts_with("http://") || source.starts_with("https://")) && !is_git(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_apart() {
        let check = |source: &str, git: bool, http: bool| {
            assert_eq!((is_git(source), is_http(source)), (git, http), "{source}");
        };
        check("https://example.com/a/b.git", true, false);
        check("https://example.com/a/b.git#main:sub", true, false);
        check("https://example.com/a.tar.gz", false, true);
        check("git@example.com:a/b.git", true, false);
        check("ssh://git@example.com/a", true, false);
        check("github.com/a/b", false, false);
        check("a@b/c:d", false, false);
        check("./git@x:y", false, false);
    }
}
