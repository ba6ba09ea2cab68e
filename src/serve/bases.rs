//! The images that a Dockerfile names: fetched by our own client and given to the engine, which asks no registry.

use std::collections::BTreeMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::Path;

use super::address::{Allowed, Server};
use super::cache;
use super::check;
use super::executor::Ended;
use super::log::Log;
use super::refusal::{disk, say};
use super::source;
use super::targets::Targets;
use super::task::{Fault, Reason};
use crate::build::engine::Named;
use crate::build::pulled::{Pull, PulledLayout, known, together};
use crate::dockerfile::{Answer, Dockerfile, Platform as EnginePlatform, Question};
use crate::oci::registry::Registries;
use crate::platform::Platform;
use crate::problem::{Exit, Failure};
use crate::reference::Reference;

/// How often images that `ONBUILD` of others names are looked for.
const MOST_ROUNDS: usize = 5;
/// Where Docker Hub's registry is.
const HUB: &str = "registry-1.docker.io";

/// What the images of a build are fetched with.
pub struct Bases<'a> {
    pub registries: &'a Registries,
    /// Their registries, and those that the operator says something of, are his, wherever they are.
    pub targets: &'a Targets,
    pub allowed: &'a Allowed,
    /// Where images are kept from one build to the next.
    pub cache: &'a Path,
    /// What is made for this build alone.
    pub scratch: &'a Path,
    pub log: &'a Log,
}

/// What a Dockerfile needs, and what the names of its images stand for.
pub struct Based {
    pub answer: Answer,
    pub named: BTreeMap<String, Named>,
}

type Layouts = BTreeMap<(String, Platform), PulledLayout>;

impl Bases<'_> {
    /// Fetches every image that a build for a platform is based on.
    ///
    /// # Errors
    /// Flaws of the Dockerfile, and images that cannot be had.
    pub fn all(&self, source: &source::Source, platform: Platform) -> Result<Based, Ended> {
        let mut question = Question::new("Dockerfile", engine_platform(platform));
        question.build_platform = EnginePlatform::new("linux", std::env::consts::ARCH, "");
        let mut layouts = Layouts::new();
        for _ in 0..MOST_ROUNDS {
            let answer = ask(&source.file, &question, &source.text)?;
            let mut is_new = false;
            for image in answer.images.iter().filter(|image| !image.given) {
                let wanted: Platform = image.platform.to_string().parse().map_err(|why| {
                    let text = format!("`Dockerfile`, line {}: {why}", image.line);
                    Fault::new(Reason::PlatformUnsupported, text)
                })?;
                let key = (image.reference.clone(), wanted);
                if layouts.contains_key(&key) {
                    continue;
                }
                let (layout, config) = self.one(&image.reference, wanted, image.line)?;
                let own = self.scratch.join(format!("base-{}", layouts.len()));
                let layout = cache::take(&layout, &own).map_err(|error| disk(&error))?;
                let of_it = known(&config);
                question.base_env.insert(image.reference.clone(), of_it.env);
                question.onbuild.insert(image.reference.clone(), of_it.onbuild);
                layouts.insert(key, layout);
                is_new = true;
            }
            if !is_new {
                return Ok(Based { named: self.named(&answer, &layouts)?, answer });
            }
        }
        let text = "the base images name more and more images in their `ONBUILD`";
        Err(Fault::new(Reason::DockerfileInvalid, text).into())
    }

    fn one(&self, name: &str, platform: Platform, line: usize) -> Result<(PulledLayout, serde_json::Value), Ended> {
        let from: Reference = name
            .parse()
            .map_err(|why| Fault::new(Reason::DockerfileInvalid, format!("`Dockerfile`, line {line}: {why}")))?;
        self.may_reach(&from.repository.registry)?;
        let pull = Pull { registries: self.registries, cache: self.cache };
        let (layout, config) = pull.image(&from, None, platform).map_err(|error| fault(&error, line))?;
        say(self.log, &format!("base image {from} for {platform}: {}", layout.digest))?;
        Ok((layout, config))
    }

    /// A Dockerfile may not send us to any place that its author cannot reach himself.
    fn may_reach(&self, registry: &str) -> Result<(), Ended> {
        let is_target = self.targets.all.iter().any(|target| target.repository.registry == registry);
        if is_target || self.targets.reach.contains_key(registry) {
            return Ok(());
        }
        let server = Server::of_registry(if registry == "docker.io" { HUB } else { registry });
        let server =
            server.ok_or_else(|| Fault::new(Reason::DockerfileInvalid, format!("`{registry}` is not a registry")))?;
        if let Some(what) = self.allowed.refuses_name(&server) {
            let text = format!(
                "a base image would be fetched from `{server}`, a {what} address; whoever runs the service can name it in `LONGSHORE_FETCH_ALLOW`"
            );
            return Err(Fault::new(Reason::AddressForbidden, text).into());
        }
        // A name without an address is reported by whoever connects to it.
        for address in addresses(&server) {
            check::resolved(&server, address, self.allowed)?;
        }
        Ok(())
    }

    /// One name can stand for images of several platforms.
    fn named(&self, answer: &Answer, layouts: &Layouts) -> Result<BTreeMap<String, Named>, Ended> {
        let mut named = BTreeMap::new();
        for image in answer.images.iter().filter(|image| !image.given) {
            let of_name: Vec<&PulledLayout> =
                layouts.iter().filter(|((name, _), _)| *name == image.reference).map(|(_, layout)| layout).collect();
            let layout = match of_name[..] {
                [one] => one.clone(),
                _ => together(&of_name, &self.scratch.join(format!("together-{}", named.len())))
                    .map_err(|error| Fault::new(Reason::Internal, format!("{error:#}")))?,
            };
            named.insert(image.reference.clone(), Named::Layout { folder: layout.folder, digest: layout.digest });
        }
        Ok(named)
    }
}

fn addresses(server: &Server) -> Vec<IpAddr> {
    let found = (server.host.as_str(), server.port).to_socket_addrs();
    found.map(|all| all.map(|address| address.ip()).collect()).unwrap_or_default()
}

fn engine_platform(platform: Platform) -> EnginePlatform {
    EnginePlatform::new("linux", platform.goarch(), platform.variant().unwrap_or_default())
}

fn ask(file: &Dockerfile, question: &Question, text: &[u8]) -> Result<Answer, Fault> {
    let answer = file.answer(question).map_err(|flaws| {
        Fault::new(Reason::DockerfileInvalid, source::said("Dockerfile", &String::from_utf8_lossy(text), &flaws))
    })?;
    if let Some(secret) = answer.secrets.iter().find(|secret| secret.required) {
        let text = format!(
            "`Dockerfile`, line {}: the secret `{}` is required, and this version of the service gives builds none",
            secret.line,
            crate::shown::one_line(&secret.id)
        );
        return Err(Fault::new(Reason::DockerfileInvalid, text));
    }
    Ok(answer)
}

fn fault(error: &anyhow::Error, line: usize) -> Fault {
    let failure = error.downcast_ref::<Failure>();
    let reason = match failure.map(|failure| failure.exit) {
        Some(Exit::Usage) => Reason::BaseNotFound,
        Some(Exit::Denied) => Reason::RegistryDenied,
        _ => Reason::BaseUnavailable,
    };
    let hint = failure.and_then(|failure| failure.problems.first()?.hint.clone());
    let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
    Fault::new(reason, format!("`Dockerfile`, line {line}: {error:#}{hint}"))
}
