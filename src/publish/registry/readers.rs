//! Whether what was pushed can be pulled anonymously. A package is private on its first push to GHCR.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::sleep;

use super::images::Images;
use crate::destination::ReadBack;
use crate::digest::Digest;
use crate::oci::registry::{Error, ErrorKind, Registries, Shown, visibility_page};
use crate::problem::Problem;
use crate::publish::failure::{Failure, Failures};
use crate::publish::github::visibility;
use crate::reference::{Reference, Repository};

/// How often one tag is looked at: some registries show it a little later.
const LOOKS: u32 = 5;
/// Registries whose images are usually public.
const OPEN: [&str; 4] = ["ghcr.io", "docker.io", "quay.io", "public.ecr.aws"];

/// What an image that cannot be pulled anonymously means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Demand {
    /// Not looked at.
    None,
    /// A warning.
    Said,
    /// An error: the image is not published.
    Required,
}

/// Reads tags back without a login, once for each repository. What cannot be read so is an error if it should be, and
/// reported if that is not known.
///
/// # Errors
/// What cannot be pulled anonymously and should be.
pub async fn look(images: &Images<'_>, tags: &[(Reference, Digest)]) -> Result<(), Failures> {
    let read_back = images.registry.read_back;
    let asked = |(tag, _): &(Reference, Digest)| OPEN.contains(&tag.repository.registry.as_str());
    let public = match read_back == ReadBack::Auto && tags.iter().any(asked) {
        true => *images.public.get_or_init(|| visibility::is_public(images.run)).await,
        false => None,
    };
    let demand = |repository: &Repository| demand(read_back, public, &repository.registry);
    let asked = tags.iter().filter(|(tag, _)| demand(&tag.repository) != Demand::None);
    // One request for the whole manifest at most, where a registry does not say the digest: such are counted.
    let mut whole: BTreeMap<(&Repository, Digest), tokio::sync::OnceCell<()>> = BTreeMap::new();
    let asked: Vec<&(Reference, Digest)> = asked.collect();
    for (tag, digest) in &asked {
        whole.entry((&tag.repository, *digest)).or_default();
    }
    let seen = join_all(asked.iter().map(|(tag, digest)| one(&images.everybody, tag, *digest, &whole))).await;
    let (mut failures, mut said): (Vec<Failure>, Vec<Failure>) = (Vec::new(), Vec::new());
    for ((tag, _), failure) in asked.iter().zip(seen) {
        let Err(failure) = failure else { continue };
        let list = if demand(&tag.repository) == Demand::Said { &mut said } else { &mut failures };
        if !list.contains(&failure) {
            list.push(failure);
        }
    }
    for failure in said {
        let Problem { message, hint, .. } = failure.problem();
        images.run.printer.warn(format!("{message}; {}", hint.as_deref().unwrap_or_default()));
    }
    Failures::of(failures)
}

/// `public`: whether the source repository is public; `None`: unknown.
fn demand(read_back: ReadBack, public: Option<bool>, registry: &str) -> Demand {
    let open = OPEN.contains(&registry);
    match (read_back, public) {
        (ReadBack::Own, _) => Demand::None,
        (ReadBack::Anonymous, _) => Demand::Required,
        (ReadBack::Auto, _) if !open => Demand::None,
        (ReadBack::Auto, Some(true)) => Demand::Required,
        (ReadBack::Auto, Some(false)) => Demand::None,
        (ReadBack::Auto, None) => Demand::Said,
    }
}

async fn one(
    everybody: &Registries,
    tag: &Reference,
    expected: Digest,
    whole: &BTreeMap<(&Repository, Digest), tokio::sync::OnceCell<()>>,
) -> Result<(), Failure> {
    let mut last = closed(&tag.repository);
    for number in 0..LOOKS {
        match everybody.shows(tag, expected).await {
            Ok(Shown::Right) => return Ok(()),
            Ok(Shown::Unsaid) => {
                let Some(cell) = whole.get(&(&tag.repository, expected)) else { return Ok(()) };
                let read = cell.get_or_try_init(async || {
                    let found = everybody.manifest(&tag.repository.at(expected)).await?;
                    found.map(drop).ok_or_else(|| Error::new(ErrorKind::Missing, Problem::new("registry-missing", "")))
                });
                match read.await {
                    Ok(()) => return Ok(()),
                    Err(error) => last = why(tag, error)?,
                }
            }
            Ok(Shown::Other(other)) => {
                let text = format!("`{tag}` is {expected} with our credentials, but {other} anonymously");
                let hint = "a cache may be stale: run the same command again to check again";
                last = Failure::Unconfirmed(Problem::new("image-unconfirmed", text).hint(hint));
            }
            Ok(Shown::Nothing) => last = closed(&tag.repository),
            Err(error) => last = why(tag, error)?,
        }
        if number + 1 < LOOKS {
            sleep(Duration::from_millis(200 << number)).await;
        }
    }
    Err(last)
}

/// What an answer to an anonymous request means: private if it says so; anything else tells nothing.
fn why(tag: &Reference, error: Error) -> Result<Failure, Failure> {
    match error.kind {
        ErrorKind::Denied | ErrorKind::Missing => Ok(closed(&tag.repository)),
        ErrorKind::Retry => {
            let text =
                format!("cannot determine yet whether `{tag}` can be pulled anonymously: {}", error.problem.message);
            let hint = "wait, then run the same command again: it only checks again";
            Err(Failure::Unconfirmed(Problem::new("image-unconfirmed", text).hint(hint)))
        }
        _ => Err(error.into()),
    }
}

fn closed(repository: &Repository) -> Failure {
    let text = format!("`{repository}` was pushed, but cannot be pulled without logging in");
    let place = visibility_page(repository).map_or_else(|| "at its registry".into(), |page| format!("at {page}"));
    let hint = format!(
        "make it public {place}, and run the same command again; if it should stay private, set `read-back: own` in `publish.registry`"
    );
    Failure::Unconfirmed(Problem::new("image-not-public", text).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_asked_where_images_are_for_everybody() {
        let check = |read_back, public, registry: &str, expected| {
            assert_eq!(demand(read_back, public, registry), expected, "{read_back:?} {public:?} {registry}");
        };
        for registry in ["ghcr.io", "docker.io", "quay.io", "public.ecr.aws"] {
            check(ReadBack::Auto, Some(true), registry, Demand::Required);
            check(ReadBack::Auto, None, registry, Demand::Said);
            check(ReadBack::Auto, Some(false), registry, Demand::None);
            check(ReadBack::Own, Some(true), registry, Demand::None);
        }
        for public in [Some(true), Some(false), None] {
            check(ReadBack::Auto, public, "registry.example.com", Demand::None);
            check(ReadBack::Anonymous, public, "registry.example.com", Demand::Required);
            check(ReadBack::Anonymous, public, "ghcr.io", Demand::Required);
        }
    }

    #[test]
    fn a_limit_is_no_statement_about_who_may_read() {
        let tag: Reference = "ghcr.io/acme/app:1".parse().unwrap();
        let error = |kind, code| Error::new(kind, Problem::new(code, "x"));
        let closed = why(&tag, error(ErrorKind::Denied, "registry-denied")).unwrap();
        assert_eq!((closed.problem().code, closed.exit()), ("image-not-public", crate::problem::Exit::Unfinished));
        let hint = closed.problem().hint.clone().unwrap();
        assert!(hint.contains("https://github.com/orgs/acme/packages/container/app/settings"), "{hint}");
        let limited = why(&tag, error(ErrorKind::Retry, "registry-limited")).unwrap_err();
        assert_eq!((limited.problem().code, limited.exit()), ("image-unconfirmed", crate::problem::Exit::Unfinished));
    }
}
