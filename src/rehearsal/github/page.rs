//! The pages: releases as a visitor sees them, with downloads, digests and commands to copy.

use std::path::PathBuf;

use super::json::Addresses;
use super::markdown::render;
use super::state::{Asset, Repository, Stored, StoredRelease};
use crate::rehearsal::html::{copy, escape, frame};
use crate::shown;

pub(super) struct Pages<'a> {
    pub(super) to: &'a Addresses,
    /// Where the bytes of an asset lie.
    pub(super) spool: &'a dyn Fn(u64) -> PathBuf,
}

impl Pages<'_> {
    /// Every public release of some repositories, the youngest first.
    pub(super) fn all(&self, repositories: &[Repository]) -> String {
        let mut body = String::new();
        for repository in repositories {
            body.push_str(&self.banner(repository));
            let mut public: Vec<_> = repository.releases.values().filter(|release| !release.draft).collect();
            public.sort_by_key(|release| std::cmp::Reverse((release.published, release.id)));
            for release in &public {
                body.push_str(&self.release(repository, release));
            }
            body.push_str(&waiting(repository, public.len()));
        }
        let title = match repositories {
            [one] => format!("Releases · {}/{}", one.owner, one.name),
            _ => "Releases".to_owned(),
        };
        frame(&title, &body)
    }

    pub(super) fn one(&self, repository: &Repository, release: &StoredRelease) -> String {
        let body = self.banner(repository) + &self.release(repository, release);
        frame(&format!("{} · {}/{}", release.title(), repository.owner, repository.name), &body)
    }

    fn banner(&self, repository: &Repository) -> String {
        format!(
            "<header><a class=\"repository\" href=\"{}/releases\"><span>{}</span> / <b>{}</b></a></header>\n",
            escape(&self.to.page(repository)),
            escape(&repository.owner),
            escape(&repository.name),
        )
    }

    fn release(&self, repository: &Repository, release: &StoredRelease) -> String {
        let page =
            format!("{}/releases/tag/{}", self.to.page(repository), crate::world::http::encode_path(&release.tag));
        let mut labels = String::new();
        if repository.latest().is_some_and(|latest| latest.id == release.id) {
            labels.push_str("<span class=\"label latest\">Latest</span>");
        }
        if release.prerelease {
            labels.push_str("<span class=\"label prerelease\">Pre-release</span>");
        }
        if release.immutable {
            labels.push_str("<span class=\"label\">Immutable</span>");
        }
        let commit = repository.tags.get(&release.tag).map_or("", |commit| commit.sha.as_str());
        let short = commit.get(..7).unwrap_or(commit);
        let date = release.published.map(|at| at.format("%-d %B %Y").to_string()).unwrap_or_default();
        let notes = release.body.as_deref().map(render).unwrap_or_default();
        format!(
            "<article>\n<h1><a href=\"{}\">{}</a>{labels}</h1>\n<p class=\"facts\"><span><i>tag</i> <code>{}</code></span>\
             <span><i>commit</i> <code title=\"{}\">{}</code></span><span>{date}</span></p>\n\
             <div class=\"notes\">{notes}</div>\n{}{}</article>\n",
            escape(&page),
            escape(release.title()),
            escape(&release.tag),
            escape(commit),
            escape(short),
            self.commands(repository, release),
            self.assets(repository, release),
        )
    }

    /// How to get the first file and check it.
    fn commands(&self, repository: &Repository, release: &StoredRelease) -> String {
        let sums = release.assets.values().find(|asset| self.is_checksums(asset));
        let files = || release.assets.values().filter(|asset| asset.stored.is_some());
        let others = || files().filter(|asset| sums.is_none_or(|sums| sums.id != asset.id));
        let Some(first) = others().find(|asset| asset.name.contains("linux")).or_else(|| others().next()) else {
            return String::new();
        };
        let mut lines = vec![format!("curl -LO {}", self.to.download(repository, release, first))];
        match (sums, first.stored) {
            (Some(sums), _) => {
                lines.push(format!("curl -LO {}", self.to.download(repository, release, sums)));
                lines.push(format!("sha256sum --check --ignore-missing {}", sums.name));
            }
            (None, Some(stored)) => {
                lines.push(format!("echo '{}  {}' | sha256sum --check", stored.sha256.hex(), first.name))
            }
            (None, None) => {}
        }
        let text = escape(&lines.join("\n"));
        format!(
            "<section class=\"commands\"><h2>Download and check</h2>{}<pre><code>{text}</code></pre></section>\n",
            copy(&text, "Copy commands"),
        )
    }

    fn assets(&self, repository: &Repository, release: &StoredRelease) -> String {
        let mut rows = String::new();
        for asset in release.assets.values() {
            let name = escape(&asset.name);
            let Some(Stored { size, sha256 }) = asset.stored else {
                rows.push_str(&format!("<tr><td>{name}</td><td class=\"size\">unfinished</td><td></td></tr>\n"));
                continue;
            };
            let address = escape(&self.to.download(repository, release, asset));
            let hex = sha256.hex();
            rows.push_str(&format!(
                "<tr><td class=\"name\"><a href=\"{address}\" download>{name}</a></td>\
                 <td class=\"size\" title=\"{size} bytes\">{}</td>\
                 <td class=\"digest\"><div><code>{hex}</code>{}</div></td></tr>\n",
                shown::size(size),
                copy(&hex, "Copy digest"),
            ));
        }
        if rows.is_empty() {
            return "<p class=\"empty\">No files.</p>\n".to_owned();
        }
        let count = release.assets.len();
        format!(
            "<section class=\"assets\"><h2>Files <span class=\"count\">{count}</span></h2>\n<table><thead><tr><th>Name</th>\
             <th class=\"size\">Size</th><th class=\"digest\">SHA-256</th></tr></thead>\n<tbody>{rows}</tbody></table></section>\n"
        )
    }

    /// Whether `sha256sum --check` would take this file.
    fn is_checksums(&self, asset: &Asset) -> bool {
        let small = asset.stored.is_some_and(|stored| stored.size <= 256 * 1024);
        small && std::fs::read_to_string((self.spool)(asset.id)).is_ok_and(|text| are_checksums(&text))
    }
}

/// The page for what is not there.
pub(super) fn missing() -> String {
    frame(
        "Not found",
        "<article><h1>Not found</h1><p>There is nothing at this address. <a href=\"/\">All releases</a></p></article>",
    )
}

fn waiting(repository: &Repository, public: usize) -> String {
    let drafts = repository.releases.len() - public;
    let hidden = match drafts {
        0 => String::new(),
        1 => " One draft is waiting; visitors do not see it.".to_owned(),
        count => format!(" {count} drafts are waiting; visitors do not see them."),
    };
    let none = if public == 0 { "Nothing has been released here yet." } else { "" };
    if drafts == 0 && public > 0 {
        return String::new();
    }
    format!("<p class=\"empty\">{none}{hidden}</p>\n")
}

fn are_checksums(text: &str) -> bool {
    let line = |line: &str| {
        let (digest, name) = line.split_at_checked(64).unwrap_or_default();
        digest.bytes().all(|byte| byte.is_ascii_hexdigit()) && (name.starts_with("  ") || name.starts_with(" *"))
    };
    !text.is_empty() && text.lines().all(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_checksums() {
        let digest = "a".repeat(64);
        assert!(are_checksums(&format!("{digest}  a.tar.gz\n{digest} *b.zip\n")));
        assert!(!are_checksums("hello\n"));
        assert!(!are_checksums(&digest));
        assert!(!are_checksums(""));
    }
}
