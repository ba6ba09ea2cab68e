//! Which release is the newest of its component, and which one came before.

use super::model::GithubRelease;
use crate::plan;
use crate::tag::TagGrammar;
use crate::version::Version;

/// Whether a release becomes "latest": it may, it is stable, and no published stable version of its component is higher.
pub fn is_latest(release: &plan::Release, published: &[GithubRelease]) -> bool {
    let Ok(grammar) = release.tags.parse::<TagGrammar>() else { return false };
    let mut others = published
        .iter()
        .filter(|other| !other.draft && !other.prerelease)
        .filter_map(|other| grammar.version(&other.tag_name))
        .filter(|version: &Version| !version.is_prerelease());
    release.latest && !release.prerelease && others.all(|version| version <= release.version)
}

/// The published version before this one, of the same component; of a stable version the stable one.
pub fn previous<'r>(release: &plan::Release, published: &'r [GithubRelease]) -> Option<&'r str> {
    let grammar: TagGrammar = release.tags.parse().ok()?;
    published
        .iter()
        .filter(|other| !other.draft)
        .filter_map(|other| Some((grammar.version(&other.tag_name)?, other.tag_name.as_str())))
        .filter(|(version, _)| *version < release.version && (release.prerelease || !version.is_prerelease()))
        .max_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal))
        .map(|(_, tag)| tag)
}
