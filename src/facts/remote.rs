//! Owner and name of a repository, out of the address of its git remote.

use url::Url;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// `github.com`
    pub host: String,
    pub owner: String,
    pub name: String,
}

/// Reads `https://`, `ssh://`, `git://` and scp-like addresses (`git@host:owner/name.git`). Whatever stands in them of
/// users and passwords is dropped. `None`: a local path, or nothing one could find on a forge.
///
/// The forms are git's own: <https://git-scm.com/docs/git-clone#_git_urls>.
pub fn parse(address: &str) -> Option<Remote> {
    let (host, path) = if address.contains("://") { of_url(address)? } else { of_scp(address)? };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/');
    let (owner, name) = path.rsplit_once('/')?;
    let legal = |part: &str| !part.is_empty() && part.split('/').all(is_name);
    if host.is_empty() || !legal(owner) || !legal(name) {
        return None;
    }
    // GitHub's ssh over the https port has a host name of its own, and its pages answer to two.
    let host = if ["ssh.github.com", "www.github.com"].contains(&host.as_str()) { "github.com".into() } else { host };
    Some(Remote { host, owner: owner.into(), name: name.into() })
}

/// The remote that releases belong to: `origin`, else the only one; where there are others, their names. `config` is what
/// `git config -z --get-regexp` says of `remote.*.url` and `url.*.insteadof`.
///
/// The address as written comes first: an `insteadOf` often leads to a mirror or carries a token. Only an address that
/// names no host of the internet (`gh:owner/name`) is rewritten.
pub fn chosen(config: &str) -> (Option<Remote>, Vec<String>) {
    let mut remotes: Vec<(&str, &str)> = Vec::new();
    let mut instead: Vec<(&str, &str)> = Vec::new();
    for (key, value) in config.split('\0').filter_map(|entry| entry.split_once('\n')) {
        if let Some(name) = key.strip_prefix("remote.").and_then(|key| key.strip_suffix(".url")) {
            // A second address of a remote is only pushed to.
            if remotes.iter().all(|(known, _)| *known != name) {
                remotes.push((name, value));
            }
        } else if let Some(base) = key.strip_prefix("url.").and_then(|key| key.strip_suffix(".insteadof")) {
            instead.push((value, base));
        }
    }
    instead.sort_by_key(|(start, _)| start.len());
    if let Some((_, address)) = remotes.iter().find(|(name, _)| *name == "origin") {
        return (place(address, &instead), Vec::new());
    }
    let places: Vec<Option<Remote>> = remotes.iter().map(|(_, address)| place(address, &instead)).collect();
    // Several names of one place leave nothing to ask.
    match places.first() {
        Some(first) if places.iter().all(|other| other == first) => (first.clone(), Vec::new()),
        _ => (None, remotes.iter().map(|(name, _)| (*name).to_owned()).collect()),
    }
}

/// What an address leads to, by git's rules of rewriting.
fn place(address: &str, instead: &[(&str, &str)]) -> Option<Remote> {
    let written = parse(address);
    if written.as_ref().is_some_and(|remote| remote.host.contains('.')) {
        return written;
    }
    let rule = instead.iter().rev().find(|(start, _)| address.starts_with(start));
    rule.and_then(|(start, base)| parse(&format!("{base}{}", &address[start.len()..]))).or(written)
}

/// Whether a text can be the name of an owner or a repository.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text != "."
        && text != ".."
        && text.chars().all(|char| char.is_alphanumeric() || "-_.~+".contains(char))
}

fn of_url(address: &str) -> Option<(String, String)> {
    let url = Url::parse(address).ok()?;
    let host = url.host_str()?.to_ascii_lowercase();
    let host = match (url.scheme(), url.port()) {
        // The port of a web address is also the port of its API.
        ("http" | "https", Some(port)) => format!("{host}:{port}"),
        ("http" | "https" | "ssh" | "git" | "git+ssh" | "ssh+git", _) => host,
        _ => return None,
    };
    Some((host, url.path().to_owned()))
}

fn of_scp(address: &str) -> Option<(String, String)> {
    let (host, path) = address.split_once(':')?;
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    // A slash before the colon is a path; a single letter is a Windows drive.
    if host.contains(['/', '\\']) || host.len() < 2 {
        return None;
    }
    Some((host.to_ascii_lowercase(), path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, expected: &str) {
        let found = parse(address).map(|remote| format!("{} {} {}", remote.host, remote.owner, remote.name));
        assert_eq!(found.unwrap_or_default(), expected, "{address}");
    }

    #[test]
    fn knows_the_forms_of_git() {
        check("https://github.com/owner/name.git", "github.com owner name");
        check("https://github.com/owner/name", "github.com owner name");
        check("https://GitHub.com/owner/my.name.git/", "github.com owner my.name");
        check("ssh://git@github.com/owner/name.git", "github.com owner name");
        check("ssh://git@ssh.github.com:443/owner/name.git", "github.com owner name");
        check("https://www.github.com/owner/name", "github.com owner name");
        check("git@github.com-work:owner/name.git", "github.com-work owner name");
        check("git@github.com:owner/name.git", "github.com owner name");
        check("github.com:owner/name", "github.com owner name");
        check("git@github.com:/owner/name", "github.com owner name");
        check("git://github.com/owner/name", "github.com owner name");
        check("https://ghe.example.org:8443/owner/name", "ghe.example.org:8443 owner name");
        check("git@gitlab.com:group/sub/name.git", "gitlab.com group/sub name");
    }

    #[test]
    fn drops_credentials() {
        check("https://x-access-token:ghs_canary@github.com/owner/name", "github.com owner name");
        check("https://ghp_canary@github.com/owner/name", "github.com owner name");
        check("https://github.com/owner/name?token=canary#canary", "github.com owner name");
        check("git:canary@github.com:owner/name", "");
    }

    #[test]
    fn chooses_origin_else_the_only_one() {
        let check = |config: &str, expected: &str| {
            let (found, others) = chosen(&config.replace(';', "\0"));
            let found = found.map(|remote| format!("{}/{}", remote.host, remote.name));
            assert_eq!(found.unwrap_or_else(|| others.join(" ")), expected, "{config}");
        };
        check("", "");
        check("remote.up.url\ngit@a.org:o/n;", "a.org/n");
        check("remote.up.url\ngit@a.org:o/n;remote.down.url\ngit@b.org:o/n;", "up down");
        check("remote.up.url\ngit@a.org:o/n;remote.down.url\nhttps://a.org/o/n;", "a.org/n");
        check("remote.up.url\ngit@a.org:o/n;remote.origin.url\ngit@b.org:o/n;", "b.org/n");
        check("remote.origin.url\ngit@b.org:o/n;remote.origin.url\ngit@c.org:o/n;", "b.org/n");
        let rules =
            "url.https://t:canary@github.com/.insteadof\ngh:;url.http://mirror.corp/.insteadof\nhttps://github.com/;";
        check(&format!("{rules}remote.origin.url\ngh:o/n;"), "github.com/n");
        check(&format!("{rules}remote.origin.url\nhttps://github.com/o/n;"), "github.com/n");
        check("remote.origin.url\nwork:o/n;", "work/n");
    }

    #[test]
    fn refuses_what_is_on_no_forge() {
        for address in ["", "/srv/git/name.git", "../name", "file:///srv/git/name", "C:\\git\\name", "C:/git/name"] {
            check(address, "");
        }
        for address in ["https://github.com/name", "https:///x/y", "git@host:name", "https://h/a/../..", "a b:c/d e"] {
            check(address, "");
        }
    }
}
