//! Images at registries: by digest first, then by tag, then read back.

use futures_util::future::try_join_all;

use super::cloud::Cloud;
use super::executor::Ended;
use super::log::Log;
use super::refusal::say;
use super::targets::{Reach, Target, Targets};
use super::task::{Fault, Pushed, Reason};
use crate::digest::Digest;
use crate::oci::image::{Image, Place};
use crate::oci::registry::{Access, Action, Document, Error, ErrorKind, HostAccess, Registries, Shown, Source};
use crate::reference::{Reference, Repository};
use crate::world::env::Env;
use crate::world::process::Runner;
use crate::world::runtime;

/// All registries, with credentials as they are now.
pub fn registries(targets: &Targets, runner: &Runner, env: &Env) -> Registries {
    let mut access = Access::default();
    for (name, reach) in &targets.reach {
        let Reach { address, insecure, ca } = reach.clone();
        access.hosts.insert(name.clone(), HostAccess { url: address, insecure, ca, ..HostAccess::default() });
    }
    for target in &targets.all {
        let host = access.hosts.entry(target.repository.registry.clone()).or_default();
        host.broker = target.cloud.as_ref().map(Cloud::broker);
    }
    let registries = Registries::new(runner, env, access);
    registries.grant(targets.all.iter().map(|target| (&target.repository, Action::Push)));
    registries
}

/// Puts an image under its digest into all targets.
///
/// # Errors
/// The first that did not take it.
pub fn by_digest(registries: &Registries, image: &Image, targets: &[Target], log: &Log) -> Result<(), Ended> {
    for target in targets {
        let repository = &target.repository;
        say(log, &format!("pushing {}", repository.at(image.manifest.descriptor.digest)))?;
        let pushed = runtime::block_on(into(registries, image, repository));
        let missing = matches!(&pushed, Ok(Err(error)) if error.kind == ErrorKind::Missing);
        match &target.cloud {
            Some(cloud) if missing && target.create && wait(cloud.create(repository))? => {
                say(log, &format!("created {repository}"))?;
                wait(into(registries, image, repository))?;
            }
            _ => done(pushed)?,
        }
    }
    Ok(())
}

async fn into(registries: &Registries, image: &Image, repository: &Repository) -> Result<(), Error> {
    let blobs = image.blobs().map(async |blob| {
        let source = match &blob.place {
            Place::File(path) => Source::File(path, None),
            Place::Repository(other) => Source::Elsewhere(other),
        };
        registries.push_blob(repository, &blob.descriptor, source).await
    });
    try_join_all(blobs).await?;
    registries.put_manifest(&repository.at(image.manifest.descriptor.digest), &image.manifest).await
}

/// Writes the tags of an image that is there by its digest, and reads them back without what was said when they were written.
///
/// # Errors
/// The first that did not take it, or shows something else.
pub fn tag(registries: &Registries, manifest: &Document, pushed: &Pushed, log: &Log) -> Result<(), Ended> {
    for reference in &pushed.references {
        wait(registries.put_manifest(reference, manifest))?;
        say(log, &format!("tagged {reference}"))?;
    }
    for reference in &pushed.references {
        read_back(registries, reference, pushed.digest)?;
        say(log, &format!("read back {reference}@{}", pushed.digest))?;
    }
    Ok(())
}

fn read_back(registries: &Registries, reference: &Reference, digest: Digest) -> Result<(), Ended> {
    let shown = wait(registries.shows(reference, digest))?;
    let found = match shown {
        Shown::Right => return Ok(()),
        Shown::Other(other) => format!("shows {other}"),
        Shown::Nothing => "shows nothing".to_owned(),
        Shown::Unsaid => match wait(registries.manifest(reference))? {
            Some(document) if document.descriptor.digest == digest => return Ok(()),
            Some(document) => format!("shows {}", document.descriptor.digest),
            None => "shows nothing".to_owned(),
        },
    };
    let text = format!("`{reference}` {found} after {digest} was written: does something else write this tag?");
    Err(Fault::new(Reason::ReadBackMismatch, text).into())
}

/// The manifest that an earlier attempt has pushed, if all registries still have it.
///
/// # Errors
/// If a registry does not answer.
pub fn there(registries: &Registries, pushed: &Pushed) -> Result<Option<Document>, Ended> {
    let mut found = None;
    for reference in &pushed.references {
        let manifest = wait(registries.manifest(&reference.repository.at(pushed.digest)))?;
        let Some(manifest) = manifest else { return Ok(None) };
        found = Some(manifest);
    }
    Ok(found)
}

/// Whether the registries of some targets answer.
///
/// # Errors
/// The first that does not, for people.
pub fn answer(registries: &Registries, targets: &[Target]) -> anyhow::Result<()> {
    for target in targets {
        // Whether the repository is there does not matter: the first push makes it.
        let asked = runtime::block_on(registries.head(&target.repository.tagged("longshore-ready")))?;
        match asked {
            Err(error) if error.kind != ErrorKind::Missing => anyhow::bail!("{}", error.problem),
            _ => {}
        }
    }
    Ok(())
}

fn wait<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Ended> {
    done(runtime::block_on(work))
}

fn done<T>(work: anyhow::Result<Result<T, Error>>) -> Result<T, Ended> {
    let done = work.map_err(|error| Fault::new(Reason::Internal, format!("{error:#}")))?;
    Ok(done.map_err(|error| fault(&error))?)
}

fn fault(error: &Error) -> Fault {
    let reason = match error.kind {
        ErrorKind::Denied => Reason::RegistryDenied,
        ErrorKind::Retry | ErrorKind::Damaged => Reason::RegistryUnavailable,
        ErrorKind::Missing | ErrorKind::Conflict | ErrorKind::Refused | ErrorKind::Usage => Reason::RegistryRefused,
        ErrorKind::Disk => Reason::DiskFull,
    };
    let hint = error.problem.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
    Fault::new(reason, format!("{}{hint}", error.problem))
}
