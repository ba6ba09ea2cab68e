//! What of the world a configuration asks for.

use std::collections::BTreeSet;

use crate::config::{self, Config, Notes};
use crate::dockerfile::ignore_file_names;
use crate::facts::FactsRequest;
use crate::facts::contents::ContextRequest;

/// The texts of a Dockerfile and its ignore files, and the files of its contexts.
fn of_build(build: &config::Dockerfile, wanted: &mut FactsRequest) {
    let inside =
        |folder: &str, name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    let [own, root] = ignore_file_names(&build.dockerfile);
    let ignore = vec![own, inside(&build.context, &root)];
    wanted.dockerfiles.push(build.dockerfile.clone());
    wanted.texts.extend(ignore.iter().cloned());
    wanted.contexts.push(ContextRequest { folder: build.context.clone(), ignore });
    for context in build.contexts.values() {
        if let config::BuildContext::Folder(folder) = context {
            let folder = if folder == "." { String::new() } else { folder.clone() };
            let ignore = vec![inside(&folder, &root)];
            wanted.texts.extend(ignore.iter().cloned());
            wanted.contexts.push(ContextRequest { folder, ignore });
        }
    }
}

pub fn wanted(config: &Config) -> FactsRequest {
    let mut wanted = FactsRequest { python: !config.wheels.is_empty(), ..FactsRequest::default() };
    let builds = match &config.binaries {
        config::Binaries::Listed(list) => list.iter().flat_map(|binary| &binary.builds).collect(),
        config::Binaries::Implied(implied) => implied.builds.iter().collect(),
        config::Binaries::Off => Vec::new(),
    };
    let of_wheels = config.wheels.iter().flat_map(|wheel| &wheel.builds).map(|(_, settings)| &settings.cargo.manifest);
    let of_binaries = builds.into_iter().map(|(_, settings)| &settings.manifest);
    let manifests: BTreeSet<String> = of_binaries.chain(of_wheels).flatten().cloned().collect();
    wanted.manifests.extend(manifests);
    for component in std::iter::once(&config.root).chain(&config.components) {
        wanted.version_files.extend(component.version_files.iter().flatten().cloned());
        wanted.texts.extend(component.changelog.clone());
    }
    for build in config.images.iter().flat_map(|image| &image.dockerfiles) {
        of_build(build, &mut wanted);
    }
    for chart in &config.charts {
        wanted.version_files.push(format!("{}/Chart.yaml", chart.path));
        wanted.charts.push(chart.path.clone());
    }
    for destination in &config.destinations {
        wanted.ignored.extend(destination.file().map(|file| file.file.clone()));
        if let Some(registry) = destination.registry() {
            let hosts = registry.hosts.values().filter_map(|host| host.ca.clone());
            wanted.texts.extend(registry.ca.iter().cloned().chain(hosts));
        }
        let Some(github) = destination.github() else { continue };
        wanted.texts.extend(github.header.iter().chain(&github.footer).cloned());
        if let Notes::File(file) = &github.notes {
            wanted.texts.push(file.clone());
        }
    }
    wanted
}
