//! Where charts of others lie: the addresses that `repository` of a dependency may have, and what an HTTP repository says of
//! its charts. Source: <https://helm.sh/docs/topics/chart_repository/>.

use url::Url;

use crate::chart::flaw::Flaw;
use crate::chart::metadata::Dependency;
use crate::chart::range::{Loose, Range};
use crate::reference::Repository;
use crate::yaml::{self, Node};

/// The file in which an HTTP repository lists its charts.
pub const INDEX: &str = "index.yaml";

/// A repository of charts, the chart's name included where it is one of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Registry(Repository),
    /// With a slash at its end.
    Http(Url),
}

/// A version that a repository has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub version: String,
    /// Where its package lies, and what the repository says of it.
    pub url: Option<Url>,
    pub sha256: Option<String>,
}

impl Place {
    /// Reads the `repository` of a dependency that is not a folder.
    ///
    /// # Errors
    /// For one that only a machine with that name in Helm's own settings knows, and for what is not an address.
    pub fn of(dependency: &Dependency) -> Result<Self, Flaw> {
        let Dependency { name, repository, .. } = dependency;
        let refuse = |why: &str| {
            let text = format!("the repository `{repository}` of the dependency `{name}` {why}");
            Flaw::new("dependency-repository", text)
                .hint("write `oci://HOST/PATH`, `https://HOST/PATH` or `file://PATH`")
        };
        if let Some(rest) = repository.strip_prefix("oci://") {
            let whole = format!("{}/{name}", rest.trim_end_matches('/'));
            return whole.parse().map(Self::Registry).map_err(|_| refuse("is not one of a registry"));
        }
        if repository.is_empty() {
            return Err(refuse("is missing, and the chart is not in `charts/`"));
        }
        if repository.starts_with('@') || repository.starts_with("alias:") {
            return Err(refuse("is a name in the settings of one machine's Helm"));
        }
        let url = Url::parse(&format!("{}/", repository.trim_end_matches('/')));
        match url {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() && url.password().is_none() => {
                Ok(Self::Http(url))
            }
            Ok(url) if url.password().is_some() => Err(refuse("holds a password")),
            _ => Err(refuse("is not an address")),
        }
    }
}

/// The newest version that a range takes. Of two spellings of one version, the first.
pub fn newest<'o>(offers: &'o [Offer], range: &str) -> Option<&'o Offer> {
    let range = Range::read(range)?;
    let mut best: Option<(Loose, &Offer)> = None;
    for offer in offers {
        let Some(version) = Loose::read(&offer.version).filter(|version| range.holds(version)) else { continue };
        if best.as_ref().is_none_or(|(known, _)| version > *known) {
            best = Some((version, offer));
        }
    }
    best.map(|(_, offer)| offer)
}

/// The versions of a chart in an index.
///
/// # Errors
/// Why the text is not an index, to follow its address.
pub fn offers(text: &str, name: &str, base: &Url) -> Result<Vec<Offer>, String> {
    let read = yaml::read(&only(text, name)).or_else(|_| yaml::read(text));
    let root = read.map_err(|flaws| match flaws.first() {
        Some(flaw) => format!("is not a repository's index: {}", flaw.text),
        None => "is not a repository's index".to_owned(),
    })?;
    let entries = root.get("entries").ok_or("is not a repository's index: it has no `entries`")?;
    let versions = entries.get(name).map(|entry| entry.items().to_vec()).unwrap_or_default();
    Ok(versions.iter().filter_map(|one| offer(one, base)).collect())
}

fn offer(node: &Node, base: &Url) -> Option<Offer> {
    let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    let url = node.get("urls").and_then(|urls| urls.items().first()).and_then(Node::text);
    Some(Offer { version: text("version")?, url: Some(base.join(url?).ok()?), sha256: text("digest") })
}

/// The index without the charts that nobody asks for: public ones have tens of megabytes. Those that are not laid out as
/// `helm repo index` does are left whole.
fn only(text: &str, name: &str) -> String {
    let Some(start) = text.lines().position(|line| line.trim_end() == "entries:") else { return text.to_owned() };
    let mut kept = String::new();
    let (mut inside, mut wanted, mut keys) = (false, false, 0);
    for (number, line) in text.lines().enumerate() {
        let is_item = line.starts_with('-') || line.starts_with(' ') || line.trim().is_empty() || line.starts_with('#');
        if number == start {
            inside = true;
        } else if inside && !is_item {
            inside = false;
        } else if inside {
            if let Some(key) = line.strip_prefix("  ").filter(|rest| !rest.starts_with([' ', '-', '#'])) {
                keys += 1;
                wanted = key.trim_end().strip_suffix(':').is_some_and(|key| key.trim_matches(['"', '\'']) == name);
            }
            if !wanted {
                continue;
            }
        }
        kept.push_str(line);
        kept.push('\n');
    }
    if keys > 0 { kept } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_of_others() {
        let check = |repository: &str, expected: Result<&str, &str>| {
            let dependency = Dependency { name: "db".into(), repository: repository.into(), ..Dependency::default() };
            let found = Place::of(&dependency).map(|place| match place {
                Place::Registry(repository) => repository.to_string(),
                Place::Http(url) => url.to_string(),
            });
            match expected {
                Ok(text) => assert_eq!(found.unwrap(), text),
                Err(part) => assert!(found.unwrap_err().text.contains(part), "{repository}"),
            }
        };
        check("oci://ghcr.io/o/charts", Ok("ghcr.io/o/charts/db"));
        check("oci://ghcr.io/o/charts/", Ok("ghcr.io/o/charts/db"));
        check("https://charts.example.com", Ok("https://charts.example.com/"));
        check("https://charts.example.com/stable/", Ok("https://charts.example.com/stable/"));
        check("", Err("is missing"));
        check("@stable", Err("one machine"));
        check("alias:stable", Err("one machine"));
        check("ftp://x", Err("not an address"));
        check("charts/db", Err("not an address"));
        check("https://u:p@x.example.com", Err("password"));
        check("oci://UPPER/x y", Err("not one of a registry"));
    }

    #[test]
    fn versions_of_an_index() {
        let text = "apiVersion: v1\nentries:\n  cache:\n  - version: 9.0.0\n    urls: [x.tgz]\n  db:\n  - version: 1.10.0\n    \
                    digest: 00ff\n    urls:\n    - db-1.10.0.tgz\n  - version: 1.9.0\n    urls: [https://elsewhere.example.com/db.tgz]\n  \
                    - version: 2.0.0-rc.1\n    urls: [rc.tgz]\n  - version: 1.11.0\n    urls: []\ngenerated: now\n";
        let base = Url::parse("https://charts.example.com/stable/").unwrap();
        let offers = offers(text, "db", &base).unwrap();
        let check = |range: &str, expected: Option<(&str, &str)>| {
            let found = newest(&offers, range).map(|one| (one.version.as_str(), one.url.as_ref().unwrap().as_str()));
            assert_eq!(found, expected, "{range}");
        };
        check("1.x", Some(("1.10.0", "https://charts.example.com/stable/db-1.10.0.tgz")));
        check("~1.9.0", Some(("1.9.0", "https://elsewhere.example.com/db.tgz")));
        check(">=1.0.0-0", Some(("2.0.0-rc.1", "https://charts.example.com/stable/rc.tgz")));
        check("3.x", None);
        check("nonsense", None);
        assert!(super::offers(text, "cache", &base).unwrap().len() == 1);
        assert!(super::offers(text, "unknown", &base).unwrap().is_empty());
        assert!(super::offers("<html>", "db", &base).unwrap_err().contains("index"));
    }

    #[test]
    fn indexes_of_other_layouts_are_left_whole() {
        let base = Url::parse("https://charts.example.com/").unwrap();
        let check = |text: &str| assert_eq!(offers(text, "db", &base).unwrap().len(), 1, "{text}");
        check("{\"entries\": {\"db\": [{\"version\": \"1.0.0\", \"urls\": [\"db.tgz\"]}]}}");
        check("entries:\n  \"db\":\n  - version: 1.0.0\n    urls: [db.tgz]\n");
        check("entries: {db: [{version: 1.0.0, urls: [db.tgz]}]}\n");
        check("entries:\n    db:\n    - version: 1.0.0\n      urls: [db.tgz]\n");
    }
}
