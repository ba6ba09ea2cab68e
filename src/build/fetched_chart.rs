//! Charts of others, fetched by our own client and held against longshore.lock.

use anyhow::{Context, bail};
use serde_json::Value;
use url::Url;

use crate::chart::file::LARGEST;
use crate::digest::Digest;
use crate::oci::registry::Registries;
use crate::oci::{Descriptor, media};
use crate::plan::{ChartDependency, DependencySource};
use crate::problem::{Exit, Failure, Problem};
use crate::reference::{Reference, Repository};
use crate::world::http::{Client, Limited, Request};
use crate::world::runtime;

/// The package of a dependency.
///
/// # Errors
/// If it cannot be had, or is not what was locked.
pub fn fetch(registries: Option<&Registries>, dependency: &ChartDependency) -> anyhow::Result<Vec<u8>> {
    match &dependency.from {
        DependencySource::Registry { repository, digest } => {
            let registries = registries.context("no registry is configured")?;
            runtime::block_on(from_registry(registries, repository, *digest))?
        }
        DependencySource::Url { url, sha256 } => {
            let bytes = runtime::block_on(download(url))??;
            let found = Digest::of(&bytes);
            if found != *sha256 {
                return Err(changed(url, &format!("{found}, and longshore.lock has {sha256}")));
            }
            Ok(bytes)
        }
        DependencySource::Chart(_) | DependencySource::Folder(_) | DependencySource::Stub => {
            bail!("`{}` is not fetched", dependency.name)
        }
    }
}

/// A chart of a registry: the layer that is its package.
///
/// # Errors
/// If the manifest is not there, is not one of a chart, or its package cannot be had.
pub async fn from_registry(
    registries: &Registries,
    repository: &Repository,
    digest: Digest,
) -> anyhow::Result<Vec<u8>> {
    let reference = Reference { repository: repository.clone(), tag: None, digest: Some(digest) };
    let Some(document) = registries.manifest(&reference).await? else {
        let problem = Problem::new("chart-gone", format!("`{reference}` is not there any more"));
        let hint = format!("`longshore lock --update {}` chooses another one", name(repository));
        return Err(Failure::usage(problem.hint(hint)).into());
    };
    let layers = document.json()["layers"].as_array().cloned().unwrap_or_default();
    let is_package = |layer: &&Value| layer["mediaType"] == media::HELM_CHART;
    let package = layers.iter().find(is_package).and_then(|layer| serde_json::from_value(layer.clone()).ok());
    let package: Option<Descriptor> = package;
    let Some(package) = package.filter(|package| package.size <= LARGEST) else {
        let problem = Problem::new("no-chart", format!("`{reference}` is not a Helm chart"));
        return Err(Failure::usage(problem.hint("correct `repository` in Chart.yaml")).into());
    };
    let mut bytes = Vec::new();
    registries.download(repository, &package, &mut bytes).await?;
    Ok(bytes)
}

fn name(repository: &Repository) -> &str {
    repository.path.rsplit('/').next().unwrap_or_default()
}

/// A file of an HTTP repository.
///
/// # Errors
/// If it cannot be had whole, or is larger than a chart may be.
pub async fn download(url: &str) -> anyhow::Result<Vec<u8>> {
    let address = Url::parse(url).with_context(|| format!("`{url}` is not an address"))?;
    let client = Client::new(&address)?;
    let mut bytes = Vec::new();
    let mut sink = Limited::new(&mut bytes, LARGEST);
    let request = Request { accept: "*/*", ..Request::get(address) };
    let reply = client.download(request, &mut sink).await;
    if sink.is_over() {
        let problem = Problem::new("too-large", format!("`{url}` is larger than {} MiB", LARGEST >> 20));
        return Err(Failure::usage(problem).into());
    }
    let reply = reply.map_err(|no_answer| {
        let problem = Problem::new("unreachable", no_answer.to_string());
        Failure::new(Exit::Unfinished, problem.hint("run it again when the network is there"))
    })?;
    if !reply.is_success() {
        let exit = if matches!(reply.status, 401 | 403) { Exit::Denied } else { Exit::Unfinished };
        let problem = Problem::new("unreachable", format!("`{url}` answers {}", reply.status));
        return Err(Failure::new(exit, problem).into());
    }
    Ok(bytes)
}

fn changed(url: &str, why: &str) -> anyhow::Error {
    let problem = Problem::new("chart-changed", format!("`{url}` was replaced: it is {why}"));
    let hint = "packages of a version do not change; ask its maintainer, then `longshore lock --update NAME`";
    Failure::new(Exit::Verification, problem.hint(hint)).into()
}
