//! What a chart depends on: charts of this plan, folders of the repository, and charts of others as longshore.lock has them.

use super::chart::{Maker, Read, files};
use super::{ChartDependency, DependencySource, Work};
use crate::chart::flaw::{Findings, Flaw};
use crate::chart::lock::{self, Lock};
use crate::chart::metadata::{self, Dependency};
use crate::chart::repository::Place;
use crate::chart::tree::{Subchart, Tree};
use crate::chart::{copy, dependencies};
use crate::config::Config;
use crate::digest::Digest;
use crate::facts::charts::ChartFolder;
use crate::facts::lock::LockedChart;
use crate::facts::{Facts, lock as longshore_lock};
use crate::step_id::StepId;

/// A chart of another repository that a chart depends on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsedChart {
    pub name: String,
    pub repository: String,
    pub range: String,
    /// The version that Chart.lock has.
    pub chosen: Option<String>,
    /// Whether it lies in `charts/`: then it need not be locked.
    pub vendored: bool,
}

/// Every chart that `longshore lock` covers, sorted, each once.
pub fn used(config: &Config, facts: &Facts) -> Vec<UsedChart> {
    let mut all = Vec::new();
    for chart in config.charts.iter().filter(|chart| chart.fetches) {
        let Some(folder) = facts.charts.get(&chart.path) else { continue };
        let Ok((_, tree)) = copy::open(&folder.files) else { continue };
        let others = tree.metadata.dependencies.iter().filter(|one| is_elsewhere(one));
        all.extend(others.map(|one| UsedChart {
            name: one.name.clone(),
            repository: one.repository.clone(),
            range: one.version.clone(),
            chosen: chosen(&tree, &one.name),
            vendored: is_vendored(&tree, one),
        }));
    }
    all.sort();
    all.dedup();
    all
}

fn is_elsewhere(dependency: &Dependency) -> bool {
    !dependency.repository.starts_with("file://")
}

fn is_vendored(tree: &Tree, dependency: &Dependency) -> bool {
    tree.subcharts.iter().any(|one| one.tree.metadata.name == dependency.name)
}

/// The version of a dependency in a Chart.lock that fits.
fn chosen(tree: &Tree, name: &str) -> Option<String> {
    let lock = Lock::read(tree.file(lock::FILE)?.text().ok()?).ok()?;
    let locked = lock.dependencies.iter().find(|one| one.name == name).filter(|_| lock.fits(&tree.metadata))?;
    Some(locked.version.clone())
}

impl<'a> Maker<'a> {
    /// What its folder does not hold as it is packaged: charts of this plan with the version they get, and with
    /// `dependencies: build` what is neither of this plan nor in `charts/`.
    pub fn beside(&self, tree: &mut Tree, folder: &'a ChartFolder) -> Option<Vec<ChartDependency>> {
        let mut all = Vec::new();
        for (index, dependency) in tree.metadata.dependencies.clone().iter().enumerate() {
            let found = match dependencies::folder(&self.chart.path, dependency) {
                Some(Ok(path)) => self.local(tree, dependency, path),
                Some(Err(flaw)) => Err(vec![flaw]),
                None if !self.chart.fetches => Ok(None),
                None if is_vendored(tree, dependency) => self.vendored(tree, folder, dependency),
                None => self.locked(tree, dependency).map(Some),
            };
            match found {
                Ok(found) => all.extend(found),
                Err(flaws) => {
                    let place = tree.metadata.places.of(&format!("dependencies[{index}].repository"));
                    for flaw in flaws {
                        self.refuse(flaw.at(metadata::FILE, place.clone()), folder);
                    }
                    return None;
                }
            }
        }
        Some(all)
    }

    /// A folder of the repository. One whose problem was told is nothing.
    fn local(
        &self,
        tree: &mut Tree,
        dependency: &Dependency,
        path: String,
    ) -> Result<Option<ChartDependency>, Vec<Flaw>> {
        let planned = self.planned(&path);
        if planned.is_none() && (!self.chart.fetches || is_vendored(tree, dependency)) {
            return Ok(None);
        }
        let Some(folder) = self.folder(&path) else { return Ok(None) };
        let (selection, mut other) = copy::open(&folder.files)?;
        let from = match planned {
            Some((step, version)) => {
                other.metadata.version = version;
                DependencySource::Chart(step)
            }
            None => {
                let found = dependencies::check(&other, &selection);
                if let Some(flaw) = found.flaws.first() {
                    let text = format!("the chart in `{path}` is not whole: {}", flaw.text);
                    return Err(vec![Flaw { hint: flaw.hint.clone(), ..Flaw::new("dependency-missing", text) }]);
                }
                DependencySource::Folder(files(folder, &selection))
            }
        };
        let version = other.metadata.version.clone();
        let is_it = |one: &Subchart| one.tree.metadata.name == dependency.name;
        tree.subcharts.retain(|one| !is_it(one));
        tree.add(path, other).map_err(|flaw| vec![flaw])?;
        Ok(Some(ChartDependency { name: dependency.name.clone(), version, from }))
    }

    /// One that lies in `charts/`. A package that is locked, too, has to be that one.
    fn vendored(
        &self,
        tree: &Tree,
        folder: &ChartFolder,
        dependency: &Dependency,
    ) -> Result<Option<ChartDependency>, Vec<Flaw>> {
        let Dependency { name, repository, version: range, .. } = dependency;
        let Some(locked) = self.inputs().facts.lock.chart(name, repository, range) else { return Ok(None) };
        let there = tree.subcharts.iter().filter(|one| one.tree.metadata.name == *name);
        for subchart in there {
            let package = folder.files.iter().find(|file| file.path == subchart.place);
            let sha256 = package.map(|file| Digest::of(&file.bytes));
            if sha256.is_some_and(|sha256| sha256 != locked.package.unwrap_or(locked.digest)) {
                let text = format!("`{}` is not the package that `{}` has", subchart.place, longshore_lock::FILE);
                let hint = format!("fetch it again, or `longshore lock --update {name}`");
                return Err(vec![Flaw::new("dependency-differs", text).hint(hint)]);
            }
        }
        Ok(None)
    }

    /// A chart of others, as longshore.lock has it; in a rehearsal a stub.
    fn locked(&self, tree: &Tree, dependency: &Dependency) -> Result<ChartDependency, Vec<Flaw>> {
        let Dependency { name, repository, version: range, .. } = dependency;
        let place = Place::of(dependency).map_err(|flaw| vec![flaw])?;
        let inputs = self.inputs();
        let locked = inputs.facts.lock.chart(name, repository, range);
        if inputs.request.stub_bases {
            let version = locked.map_or_else(|| "0.0.0".to_owned(), |locked| locked.version.clone());
            return Ok(ChartDependency { name: name.clone(), version, from: DependencySource::Stub });
        }
        let refuse = |text: String| {
            let hint = format!("run `longshore lock` and commit `{}`", longshore_lock::FILE);
            vec![Flaw::new("unlocked-chart", text).hint(hint)]
        };
        let Some(locked) = locked else {
            return Err(refuse(format!("the dependency `{name}` ({range} of `{repository}`) is not locked")));
        };
        if let Some(chosen) = chosen(tree, name).filter(|chosen| *chosen != locked.version) {
            let text = format!("`Chart.lock` has `{name}` {chosen}, and `{}` {}", longshore_lock::FILE, locked.version);
            return Err(refuse(text));
        }
        let LockedChart { version, digest, url, .. } = locked.clone();
        let from = match (place, url) {
            (Place::Registry(repository), _) => DependencySource::Registry { repository, digest },
            (Place::Http(_), Some(url)) => DependencySource::Url { url, sha256: digest },
            (Place::Http(_), None) => {
                return Err(refuse(format!("the dependency `{name}` is locked without its address")));
            }
        };
        Ok(ChartDependency { name: name.clone(), version, from })
    }

    /// The step of a chart in a folder of the repository, and its version.
    fn planned(&self, path: &str) -> Option<(StepId, String)> {
        self.made.iter().find_map(|planned| match &planned.step.work {
            Work::Chart(work) if work.path == path => Some((planned.step.id.clone(), work.version.clone())),
            _ => None,
        })
    }

    /// Whether everything it depends on is there. A chart of this plan gets its exact version written everywhere, so ranges
    /// and Chart.lock are not asked about it; nor about one that is fetched, of which only Chart.lock is to fit.
    pub fn depends(&self, read: &Read<'_>) -> Findings {
        let of = |name: &str| read.dependencies.iter().find(|one| one.name == name).map(|one| &one.from);
        let (mut tree, mut findings) = (read.tree.clone(), Findings::default());
        let is_planned = |name: &str| matches!(of(name), Some(DependencySource::Chart(_)));
        if tree.metadata.dependencies.iter().any(|one| is_planned(&one.name)) {
            tree.files.retain(|file| file.path != lock::FILE);
        }
        findings.add(dependencies::check_lock(&tree));
        tree.files.retain(|file| file.path != lock::FILE);
        let is_local = |name: &str| matches!(of(name), None | Some(DependencySource::Folder(_)));
        tree.metadata.dependencies.retain(|one| is_local(&one.name));
        findings.add(dependencies::check(&tree, &read.selection));
        findings
    }
}
