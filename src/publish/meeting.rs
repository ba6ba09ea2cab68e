//! Several workflow files, one version: each is a part, and the draft of the release is where the parts meet.
//!
//! Each part, verified, puts its manifest into the draft and waits for the others'; so nothing is public before all are
//! verified. Then it publishes, and puts its receipts there. When all receipts are there, the part that leads, the one that
//! publishes to that GitHub destination, makes the release public; what follows the newest release moves after that.

mod account;
pub mod adopt;
mod paper;
mod wait;

use std::collections::{BTreeMap, BTreeSet};

use self::paper::Paper;
use self::wait::Rhythm;
use super::failure::Failure;
use super::github::api::{Api, Reader};
use super::github::assets;
use super::github::model::{Asset, Release as Draft};
use super::github::observe::{Moment, again, check_tag, gone, releases, two_drafts};
use super::github::visibility;
use super::ledger::Ledger;
use super::{Order, Pace, Sites, github, registry, stop};
use crate::artifact::Manifest;
use crate::destination::Adopt;
use crate::plan::{Destination, DestinationKind, GithubDestination, Part, Plan, Release};
use crate::problem::{self, Problem};
use crate::world::http::{Body, Limited};
use crate::world::terminal::Printer;

/// One part of a plan at the releases that it makes together with others.
pub struct Meeting<'a> {
    order: &'a Order<'a>,
    part: &'a Part,
    lead: &'a Part,
    destination: &'a Destination,
    github: &'a GithubDestination,
    api: Api<'a>,
    rhythm: Rhythm,
    tables: Vec<Table<'a>>,
    /// What was read, by the number of its asset.
    papers: BTreeMap<u64, Paper>,
    /// How many requests it takes to list all releases.
    pages: u32,
}

/// One release.
struct Table<'a> {
    release: &'a Release,
    /// Who makes it.
    parts: Vec<&'a Part>,
    found: Option<Draft>,
}

/// The names of what the parts of a plan tell each other in a release.
pub fn papers(plan: &Plan, release: &Release) -> Vec<String> {
    let parts = plan.meeting().map(|(_, lead)| parts(plan, lead, release)).unwrap_or_default();
    parts.into_iter().flat_map(|part| [manifest(part), receipts(part)]).collect()
}

/// Who makes a release: the part that leads, and all that publish something of its component.
fn parts<'p>(plan: &'p Plan, lead: &Part, release: &Release) -> Vec<&'p Part> {
    let publishes = |part: &Part| {
        let mut steps = plan.steps.iter().filter(|step| step.component == release.component);
        steps.any(|step| step.publish.iter().any(|to| part.publishes(to, step)))
    };
    plan.parts.iter().filter(|part| part.file == lead.file || publishes(part)).collect()
}

fn manifest(part: &Part) -> String {
    format!("longshore-{}.manifest.json", part.stem())
}

fn receipts(part: &Part) -> String {
    format!("longshore-{}.receipts.json", part.stem())
}

impl<'a> Meeting<'a> {
    /// Connects nothing yet; nothing if one run publishes all of the plan.
    ///
    /// # Errors
    /// If the plan names no place to meet at, or that may not be reached.
    pub fn new(printer: &'a Printer, order: &'a Order<'a>, pace: Option<Pace>) -> anyhow::Result<Option<Self>> {
        let plan = order.plan;
        let own = order.part.and_then(|share| plan.parts.iter().find(|part| part.file == share.file));
        let Some(part) = own.filter(|_| plan.parts.len() > 1) else { return Ok(None) };
        let refuse = |problem: Problem| Err(problem::Failure::usage(problem).into());
        let met = plan.meeting().and_then(|(destination, lead)| match &destination.kind {
            DestinationKind::Github(github) => Some((destination, github, lead)),
            _ => None,
        });
        let Some((destination, github, lead)) = met else {
            let problem =
                Problem::new("no-meeting", "several workflow files publish this, and nothing is there to meet at");
            return refuse(problem.hint("plan again: `longshore plan` says what is missing"));
        };
        if let Some(problem) = misnamed(plan) {
            return refuse(problem);
        }
        let endpoint = super::endpoint(order, &destination.name)?;
        super::reachable(plan, &endpoint.api)?;
        let takes = |release: &&Release| super::takes(destination, release);
        let table = |release| Table { release, parts: parts(plan, lead, release), found: None };
        let tables: Vec<_> = plan.releases.iter().filter(takes).map(table).collect();
        let tables = tables.into_iter().filter(|table| table.parts.iter().any(|one| one.file == part.file)).collect();
        let pace = pace.unwrap_or_else(|| Pace::of(&endpoint.api));
        let api = Api::new(printer, destination, github, endpoint, pace)?;
        let (rhythm, papers) = (Rhythm::new(pace, order.wait), BTreeMap::new());
        Ok(Some(Self { order, part, lead, destination, github, api, rhythm, tables, papers, pages: 1 }))
    }

    /// The releases that were found.
    pub fn known(&self) -> Vec<Draft> {
        self.tables.iter().filter_map(|table| table.found.clone()).collect()
    }

    /// Whether everybody can read the repository; nothing if GitHub does not say.
    pub async fn is_public(&self) -> Option<bool> {
        visibility::is_public(&self.api).await
    }

    /// Looks at what is there, writes nothing. Returns what stands for this part if it met the others before.
    ///
    /// # Errors
    /// If a release, a tag or a manifest of another part is not of this plan.
    pub async fn observe(&mut self) -> Result<Option<Paper>, Failure> {
        let _progress = self.api.printer.start("Observing", format!("who makes {} with us", self.tags()));
        let mut listed = Vec::new();
        if self.tables.iter().any(|table| table.found.is_none()) {
            listed = releases(&self.api).await?;
            self.pages = u32::try_from(listed.len() / 100).unwrap_or(0) + 1;
        }
        for table in &mut self.tables {
            let mut moment = Moment::First;
            table.found = match table.found.take() {
                Some(known) => Some(again(&self.api, &known).await?),
                None => pick(&table.release.tag, &listed)?.cloned(),
            };
            if let Some(found) = &mut table.found {
                moment = Moment::Last;
                found.assets = self.api.patience.retry(async |_| assets::list(&self.api, found.id).await).await?;
            }
            // Whoever publishes there looks at the tag with everything else that it looks at on GitHub.
            if !self.order.destinations.contains(&self.destination.name) {
                check_tag(&self.api, (&table.release.tag, &self.order.plan.commit), moment).await?;
            }
        }
        self.read_papers().await?;
        let own = manifest(self.part);
        for table in &self.tables {
            let Some(found) = &table.found else { continue };
            match there(found, &own) {
                Some(asset) => return Ok(self.papers.get(&asset.id).cloned()),
                None => self.may_join(found)?,
            }
        }
        Ok(None)
    }

    /// Whether something may still be added to a release.
    fn may_join(&self, found: &Draft) -> Result<(), Failure> {
        if found.draft || self.github.adopt == Adopt::Any && found.immutable != Some(true) {
            return Ok(());
        }
        let message = format!("`{}` was published without what `{}` publishes", found.tag_name, self.part.file);
        let hint = "whoever published it did not wait for all workflow files: release the next version";
        Err(Failure::Conflict(Problem::new("release-published", message).hint(hint)))
    }

    /// Puts this part's manifest there and waits for the others'. Returns whether nothing of that was left to do, so that
    /// what was observed before is still true.
    ///
    /// # Errors
    /// If another plan meets here, or one of the others does not come.
    pub async fn gather(&mut self, pages: &[github::Site<'_>], verified: &Manifest) -> Result<bool, Failure> {
        let mut idle = true;
        for at in 0..self.tables.len() {
            if self.tables[at].found.is_none() {
                idle = false;
                let site = pages.iter().find(|site| site.is(self.destination));
                let made = match site {
                    Some(site) => github::draft(site, &self.tables[at].release.tag).await?,
                    None => None,
                };
                let draft = match made {
                    Some(draft) => draft,
                    None => self.draft(&self.tables[at]).await?,
                };
                self.tables[at].found = Some(draft);
            }
            let parts = &self.tables[at].parts;
            let paper = Paper::new(self.order, parts, verified.clone());
            idle &= !self.put(at, &manifest(self.part), &paper.to_json()).await?;
        }
        if self.missing(manifest).is_empty() {
            return Ok(idle);
        }
        self.all(manifest, "manifest").await?;
        Ok(false)
    }

    /// Fills the releases that the parts make together, if this part leads. Nobody sees that until the end, so it comes
    /// before everything that somebody sees.
    ///
    /// # Errors
    /// If something cannot be done.
    pub async fn fill<'s>(
        &self,
        pages: &[github::Site<'s>],
        ledger: &mut Ledger,
    ) -> anyhow::Result<Vec<github::Filled<'s>>> {
        let Some(site) = pages.iter().find(|site| site.is(self.destination)) else { return Ok(Vec::new()) };
        match github::fill(site, ledger).await? {
            Ok(filled) => Ok(filled),
            Err(failures) => stop(failures).map(|()| Vec::new()),
        }
    }

    /// Publishes the other releases, tells the other parts, and takes part in the end. Returns whether what follows the
    /// newest release may move.
    ///
    /// # Errors
    /// If something cannot be done, or one of the others does not come.
    pub async fn finish<'s>(
        &mut self,
        sites: &mut Sites<'s>,
        filled: Vec<github::Filled<'s>>,
        ledger: &mut Ledger,
    ) -> anyhow::Result<bool> {
        for site in sites.pages.iter().filter(|site| !site.is(self.destination)) {
            stop(github::carry_out(site, ledger).await?)?;
        }
        let chosen = |share: &String| self.order.part.is_some_and(|part| part.destinations.contains(share));
        if !self.part.destinations.iter().all(chosen) {
            let text = format!("the rest of `{}`: `longshore publish --part {0}` without `--to`", self.part.file);
            self.api.printer.step("Left", text);
            return Ok(false);
        }
        let told = serde_json::to_vec(ledger.so_far())?;
        for at in 0..self.tables.len() {
            self.put(at, &receipts(self.part), &told).await.map_err(said)?;
        }
        if let Some(site) = sites.pages.iter_mut().find(|site| site.is(self.destination)) {
            self.all(receipts, "receipts").await.map_err(said)?;
            self.account().await.map_err(said)?;
            stop(github::open(site, ledger, filled).await?)?;
        }
        if sites.registries.iter().any(registry::floats) {
            self.public().await.map_err(said)?;
        }
        Ok(true)
    }

    /// Waits for the draft that the leading part makes.
    async fn draft(&self, table: &Table<'_>) -> Result<Draft, Failure> {
        let tag = &table.release.tag;
        let awaited = format!("the draft of `{tag}`, which `{}` makes", self.lead.file);
        let rhythm = self.rhythm.slower(self.pages);
        self.may_write(tag).await?;
        let poll = async || {
            let listed = releases(&self.api).await?;
            let Some(found) = pick(tag, &listed)? else { return Ok(Err(awaited.clone())) };
            self.may_join(found).map(|()| Ok(found.clone()))
        };
        wait::until(self.api.printer, rhythm, self.part, poll).await
    }

    /// GitHub hides drafts from whoever may not write, who would wait for nothing. Asking for notes needs the same right, and
    /// leaves nothing there.
    async fn may_write(&self, tag: &str) -> Result<(), Failure> {
        match self.api.generate_notes(tag, None).await {
            Err(Failure::Denied(problem)) => {
                let message = format!("the draft of `{tag}` cannot be seen: {}", problem.message);
                let hint = "every workflow file that publishes needs `permissions: contents: write`";
                Err(Failure::Denied(Problem::new("permission-missing", message).hint(hint)))
            }
            // Whatever else is wrong, the draft may come.
            _ => Ok(()),
        }
    }

    /// Waits until every part has put a paper there.
    async fn all(&mut self, name: fn(&Part) -> String, what: &str) -> Result<(), Failure> {
        let (printer, part) = (self.api.printer, self.part);
        let rhythm = self.rhythm.slower(u32::try_from(self.tables.len()).unwrap_or(1));
        let poll = async || {
            for at in 0..self.tables.len() {
                if self.tables[at].missing(name).is_empty() {
                    continue;
                }
                if let Some(found) = &mut self.tables[at].found {
                    found.assets = assets::list(&self.api, found.id).await?;
                }
            }
            self.read_papers().await?;
            let missing = self.missing(name);
            Ok(if missing.is_empty() { Ok(()) } else { Err(format!("the {what} of `{}`", missing.join("`, `"))) })
        };
        wait::until(printer, rhythm, part, poll).await
    }

    /// Waits until the releases are public, with everything that belongs to them.
    async fn public(&mut self) -> Result<(), Failure> {
        self.all(receipts, "receipts").await?;
        let Self { tables, api, github, .. } = self;
        if github.draft {
            return Ok(());
        }
        let awaited = format!("`{}` to make the release public", self.lead.file);
        let poll = async || {
            for found in tables.iter_mut().filter_map(|table| table.found.as_mut()).filter(|found| found.draft) {
                let (doing, path) = (format!("look at `{}`", found.tag_name), format!("releases/{}", found.id));
                let now = api.look::<Draft>(&doing, &path, Reader::Token).await;
                found.draft = now.map_err(|failure| gone(&found.tag_name, failure))?.draft;
                if found.draft {
                    return Ok(Err(awaited.clone()));
                }
            }
            Ok(Ok(()))
        };
        wait::until(api.printer, self.rhythm, self.part, poll).await
    }

    /// Reads every manifest there that was not read yet.
    async fn read_papers(&mut self) -> Result<(), Failure> {
        for table in &self.tables {
            let Some(found) = &table.found else { continue };
            for part in &table.parts {
                let Some(asset) = there(found, &manifest(part)) else { continue };
                if self.papers.contains_key(&asset.id) {
                    continue;
                }
                let place = paper::Place { api: &self.api, release: found, asset, part };
                place.fits()?;
                let mut bytes = Vec::new();
                self.api
                    .patience
                    .retry(async |_| {
                        bytes.clear();
                        self.api.download(asset.id, &mut Limited::new(&mut bytes, asset.size)).await
                    })
                    .await?;
                self.papers.insert(asset.id, place.read(self.order.plan, &bytes)?);
            }
        }
        Ok(())
    }

    /// Puts a paper into a release if it is not there. What another run of this part has put there stands.
    async fn put(&mut self, at: usize, name: &str, bytes: &[u8]) -> Result<bool, Failure> {
        let api = &self.api;
        let Some(found) = &mut self.tables[at].found else { return Ok(false) };
        if there(found, name).is_some() {
            return Ok(false);
        }
        let _progress = api.printer.start("Uploading", format!("{name} for {}", found.tag_name));
        let doing = format!("upload `{name}`");
        let mut leftover = assets::Leftover::default();
        let put = api.patience.retry(async |_| {
            let assets = assets::list(api, found.id).await?;
            match assets.into_iter().find(|asset| asset.name == name) {
                Some(asset) if asset.state == "uploaded" => return Ok(asset),
                Some(asset) => leftover.clear(api, &asset).await?,
                None => {}
            }
            let body = Body::Bytes { bytes, media: "application/json" };
            leftover.or(api.upload::<Asset>(&doing, (&found.upload_url, name), body).await)
        });
        let asset = put.await?;
        if asset.name != name {
            return Err(assets::renamed(name, &asset.name));
        }
        found.assets.retain(|other| other.name != asset.name);
        found.assets.push(asset);
        Ok(true)
    }

    /// The files of the parts that have not put a paper there.
    fn missing(&self, name: fn(&Part) -> String) -> Vec<&'a str> {
        let all: BTreeSet<&'a str> = self.tables.iter().flat_map(|table| table.missing(name)).collect();
        all.into_iter().collect()
    }

    fn tags(&self) -> String {
        self.tables.iter().map(|table| table.release.tag.as_str()).collect::<Vec<_>>().join(", ")
    }
}

impl<'a> Table<'a> {
    fn missing(&self, name: fn(&Part) -> String) -> Vec<&'a str> {
        let absent = |part: &&&Part| self.found.as_ref().is_none_or(|found| there(found, &name(part)).is_none());
        self.parts.iter().filter(absent).map(|part| part.file.as_str()).collect()
    }
}

/// A failure as the caller of a publisher gets it.
pub fn said(failure: Failure) -> anyhow::Error {
    stop(vec![failure]).err().unwrap_or_else(|| anyhow::anyhow!("nothing failed"))
}

/// A whole file of a release.
fn there<'r>(release: &'r Draft, name: &str) -> Option<&'r Asset> {
    release.assets.iter().find(|asset| asset.name == name && asset.state == "uploaded")
}

/// The release of a tag: the public one, else its draft. Of two drafts the older one stands while the other is empty, for
/// then whoever made it takes it away.
fn pick<'r>(tag: &str, listed: &'r [Draft]) -> Result<Option<&'r Draft>, Failure> {
    let of_tag = || listed.iter().filter(|release| release.tag_name == tag);
    if let Some(published) = of_tag().find(|release| !release.draft) {
        return Ok(Some(published));
    }
    let first = of_tag().min_by_key(|release| release.id);
    let filled: Vec<&Draft> =
        of_tag().filter(|release| Some(release.id) == first.map(|one| one.id) || !release.assets.is_empty()).collect();
    if filled.len() > 1 { Err(two_drafts(tag, &filled)) } else { Ok(first) }
}

/// Two files with one stem would write over each other; other letters GitHub would replace.
fn misnamed(plan: &Plan) -> Option<Problem> {
    let mut stems = BTreeSet::new();
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let bad = plan.parts.iter().find(|part| !part.stem().chars().all(legal) || !stems.insert(part.stem()))?;
    let text = format!("`{}` cannot meet the other workflow files: it tells them things under its name", bad.file);
    let hint = "use only `A-Z a-z 0-9 . _ -` in names of workflow files, and give each another one";
    Some(Problem::new("meeting-name", text).hint(hint))
}
