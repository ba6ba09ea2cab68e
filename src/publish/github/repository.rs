//! One repository on one forge, with the releases that it lists, and what is written down of them.

use super::api::Api;
use super::entry::ReleaseFile;
use super::model::{Asset, GithubRelease};
use crate::plan::{self, Destination, GithubDestination, Plan};
use crate::publish::failure::Failure;
use crate::publish::run::Run;
use crate::receipt::{Outcome, Receipt};
use crate::world::clock;

pub struct Repository<'a> {
    pub api: Api<'a>,
    pub destination: &'a Destination,
    pub github: &'a GithubDestination,
    pub plan: &'a Plan,
    pub releases: Vec<GithubRelease>,
}

impl<'a> Repository<'a> {
    /// Asks nothing yet.
    ///
    /// # Errors
    /// If it may not be reached, or nothing may be presented to it.
    pub fn new(run: Run<'a>, destination: &'a Destination, github: &'a GithubDestination) -> Result<Self, Failure> {
        let endpoint = run.endpoint(&destination.name)?;
        let api = Api::new(run.printer, destination, github, endpoint, run.pace(&endpoint.api))?;
        Ok(Self { api, destination, github, plan: run.plan, releases: Vec::new() })
    }

    /// What was seen of a release itself.
    pub fn receipt(
        &self,
        release: &plan::Release,
        there: &GithubRelease,
        outcome: Outcome,
        by: Option<&str>,
    ) -> Receipt {
        Receipt {
            destination: self.destination.name.clone(),
            tag: release.tag.clone(),
            name: "release".into(),
            sha256: None,
            size: None,
            url: Some(there.html_url.clone()),
            outcome,
            confirmed_by: by.map(str::to_owned),
            at: clock::now(),
        }
    }

    /// What was seen of one of its files.
    pub fn file_receipt(&self, tag: &str, file: &ReleaseFile<'_>, asset: Option<&Asset>, confirmed: bool) -> Receipt {
        Receipt {
            destination: self.destination.name.clone(),
            tag: tag.to_owned(),
            name: file.file.name.clone(),
            sha256: Some(file.file.sha256),
            size: Some(file.file.size),
            url: asset.map(|asset| asset.browser_download_url.clone()),
            outcome: file.outcome,
            confirmed_by: confirmed.then(|| file.evidence().to_owned()),
            at: clock::now(),
        }
    }
}
