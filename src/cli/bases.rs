//! `--bases LAYOUT`: images that Dockerfiles name, out of an image layout instead of their registries.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use url::Url;

use crate::oci::registry::Registries;
use crate::plan::{ImageWork, OfKind, Plan};
use crate::reference::Reference;
use crate::rehearsal::{base, registry};
use crate::release::{Access, Session};

/// Servers of this process that have them, for as long as it lives.
pub struct GivenBases {
    servers: BTreeMap<String, registry::Server>,
    layout: std::path::PathBuf,
    given: BTreeSet<Reference>,
}

impl GivenBases {
    pub fn new(layout: &Path) -> Self {
        Self { servers: BTreeMap::new(), layout: layout.to_owned(), given: BTreeSet::new() }
    }

    /// Registries that have these images of the layout, and nothing else.
    ///
    /// # Errors
    /// Exit 2 if the layout lacks one, or is damaged.
    pub fn registries(&mut self, session: &Session, images: &[Reference]) -> anyhow::Result<Registries> {
        for image in images {
            if !self.given.insert(image.clone()) {
                continue;
            }
            let host = &image.repository.registry;
            if !self.servers.contains_key(host) {
                self.servers.insert(host.clone(), registry::Server::start(registry::Options::default())?);
            }
            base::from_layout(&self.servers[host], &self.layout, image)?;
        }
        let urls = self.servers.iter().map(|(host, server)| Ok((host.clone(), Url::parse(&server.url())?)));
        Ok(Access::registries_at(session, urls.collect::<anyhow::Result<_>>()?))
    }

    /// Those that the images of a plan are built from.
    ///
    /// # Errors
    /// As [`Self::registries`].
    pub fn of_plan(&mut self, session: &Session, plan: &Plan) -> anyhow::Result<Registries> {
        let built = plan.steps.iter().filter_map(|step| ImageWork::of(&step.work)?.from_dockerfile());
        let images: Vec<Reference> =
            built.flat_map(|recipe| &recipe.bases).map(|base| base.base.from.clone()).collect();
        self.registries(session, &images)
    }
}
