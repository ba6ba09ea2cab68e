//! Plans archives: which executables and files, in which formats, under which names.

use super::include::{self, Included};
use super::inputs::Inputs;
use super::names::{Names, check_names};
use super::planner::{Entry, Planned, Planner};
use super::release::Source;
use super::{ArchiveOutput, ArchiveWork, Member, Step, Work, beside, binary};
use crate::config::schema::nearest;
use crate::config::{Archive, Binary};
use crate::facts::Package;
use crate::format::Format;
use crate::problem::Problem;
use crate::step_id::{StepId, StepKind};
use crate::target::{Os, Target};

/// One step per archive and target.
pub fn steps(planner: &Planner<'_>, known: &[Binary]) -> Vec<Planned> {
    let mut steps = Vec::new();
    let texts = beside::texts(&planner.inputs.facts.files);
    for archive in &entries(planner.inputs, known) {
        let before = planner.inputs.refusals();
        let members = match members(archive, known) {
            Ok(members) => members,
            Err(problems) => {
                problems.into_iter().for_each(|problem| planner.inputs.refuse(problem));
                continue;
            }
        };
        let mut packing = Packing { planner, archive, members, texts: &texts, same: None };
        for target in packing.targets() {
            steps.push(packing.step(target));
            if planner.inputs.refusals() > before {
                break;
            }
        }
    }
    steps
}

pub fn sources<'f>(inputs: &Inputs<'f>, known: &[Binary]) -> Vec<Source<'f>> {
    let of = |archive: &Archive| {
        let first = members(archive, known).ok()?.into_iter().next();
        let first = known.iter().find(|binary| Some(&binary.name) == first.as_ref())?;
        let own = || inputs.component(first.component.as_deref(), &first.name);
        Some(Source { component: archive.component.clone().unwrap_or_else(own), ..Source::default() })
    };
    entries(inputs, known).iter().filter_map(of).collect()
}

/// The archives as written, then one for each binary entry that none of them lists and that was not dropped.
fn entries(inputs: &Inputs<'_>, known: &[Binary]) -> Vec<Archive> {
    let archives = &inputs.config.archives;
    if archives.off {
        return Vec::new();
    }
    let listed = |name: &String| {
        archives.items.iter().any(|archive| match &archive.binaries {
            Some(binaries) => binaries.contains(name),
            // The only one is meant, whatever the archive is called.
            None => archive.name == *name || matches!(known, [only] if only.name == *name),
        })
    };
    let mut all = archives.items.clone();
    for Binary { name, .. } in known {
        if !listed(name) && !archives.dropped.contains(name) {
            all.push(Archive { name: name.clone(), ..archives.implied.clone() });
        }
    }
    all
}

/// The binary entries an archive holds, or what is wrong with those that are written.
fn members(archive: &Archive, known: &[Binary]) -> Result<Vec<String>, Vec<Problem>> {
    let names = || known.iter().map(|binary| binary.name.as_str());
    let listing = || names().collect::<Vec<_>>().join(", ");
    let Some(written) = &archive.binaries else {
        if names().any(|name| name == archive.name) {
            return Ok(vec![archive.name.clone()]);
        }
        if let [only] = known {
            return Ok(vec![only.name.clone()]);
        }
        let text = format!("which binaries does archive `{}` contain?", archive.name);
        let problem = Problem::new("no-binary", text).hint(format!("write `binaries:`; known: {}", listing()));
        return Err(vec![problem.at_key(format!("archives.{}", archive.name))]);
    };
    let mut problems = Vec::new();
    for (index, name) in written.iter().enumerate().filter(|(_, name)| !names().any(|known| known == *name)) {
        let hint = nearest(name, names())
            .map_or_else(|| format!("known: {}", listing()), |near| format!("did you mean `{near}`?"));
        let path = format!("archives.{}.binaries.{index}", archive.name);
        let problem = Problem::new("unknown-binary", format!("no binary is called `{name}`"));
        problems.push(problem.hint(hint).at_value(path));
    }
    if problems.is_empty() { Ok(written.clone()) } else { Err(problems) }
}

/// One archive while its steps are made.
struct Packing<'a> {
    planner: &'a Planner<'a>,
    archive: &'a Archive,
    /// The binary entries it holds.
    members: Vec<String>,
    texts: &'a beside::Texts<'a>,
    /// What is included is the same for every target without an override: it is looked up once.
    same: Option<Included>,
}

impl<'a> Packing<'a> {
    fn binary(&self, name: &str, target: Target) -> Option<&'a Step> {
        self.planner.step(&StepId::new(StepKind::Binary, name, target.triple()))
    }

    fn binaries(&self, target: Target) -> Vec<&'a Step> {
        self.members.iter().filter_map(|name| self.binary(name, target)).collect()
    }

    fn at(&self) -> String {
        format!("archives.{}", self.archive.name)
    }

    /// Those for which it has every binary; `targets:` chooses among them.
    fn targets(&self) -> Vec<Target> {
        let (inputs, archive) = (self.planner.inputs, self.archive);
        let mut possible: Vec<Target> = Vec::new();
        for target in
            self.planner.made(StepKind::Binary).filter(|step| !step.is_implicit()).filter_map(|step| step.target)
        {
            if !possible.contains(&target) && self.members.iter().all(|name| self.binary(name, target).is_some()) {
                possible.push(target);
            }
        }
        // A binary that could not be planned has said why.
        if possible.is_empty() && inputs.refusals() == 0 {
            let text = format!("the binaries of archive `{}` have no target in common", archive.name);
            inputs.refuse(Problem::new("no-target", text).at_key(self.at()));
        }
        let Some(chosen) = &archive.targets else { return possible };
        for (index, target) in chosen.iter().enumerate().filter(|(_, target)| !possible.contains(target)) {
            let text = format!("archive `{}` has no binary for {target}", archive.name);
            inputs.refuse(Problem::new("no-target", text).at_value(format!("{}.targets.{index}", self.at())));
        }
        possible.retain(|target| chosen.contains(target));
        possible
    }

    /// The packages whose executables it holds.
    fn packages(&self, target: Target) -> Vec<&'a Package> {
        let mut packages = Vec::new();
        for step in self.binaries(target) {
            let Work::Binary(work) = &step.work else { continue };
            packages.extend(binary::of_work(self.planner.inputs.facts, work).filter(|one| !packages.contains(one)));
        }
        packages
    }

    fn included(&mut self, target: Target) -> Included {
        let own = self.archive.for_target(target);
        let resolve = || include::resolve(self.planner, own, beside::of(self.texts, &self.packages(target)));
        let included = if !std::ptr::eq(own, self.archive) {
            resolve()
        } else if let Some(same) = &self.same {
            same.clone()
        } else {
            let included = resolve();
            self.same = Some(included.clone());
            included
        };
        included.settled(self.planner.inputs, target.os(), &self.at())
    }

    fn step(&mut self, target: Target) -> Planned {
        let (planner, archive, at) = (self.planner, self.archive, self.at());
        let id = StepId::new(StepKind::Archive, &archive.name, target.triple());
        let (binaries, included) = (self.binaries(target), self.included(target));
        let first = binaries.first().map(|step| step.component.clone());
        let component = archive.component.clone().or(first).unwrap_or_default();
        let needs = binaries.iter().map(|step| step.id.clone()).chain(included.needs()).collect();
        let members = binaries.iter().flat_map(|step| {
            let member = |name: &str| Member { step: step.id.clone(), output: name.into(), path: name.into() };
            step.outputs().into_iter().map(member)
        });
        let executables = members.collect();
        let Included { files, trees } = included;
        let mut work = ArchiveWork { outputs: Vec::new(), executables, files, trees };
        let own = archive.for_target(target);
        let name = own.title.as_deref().unwrap_or(&archive.name);
        let names = Names { name, release: planner.release(&component), target: Some(target) };
        match outputs(own, &work.executables, &names) {
            Ok(outputs) => work.outputs = outputs,
            Err(problem) => planner.inputs.refuse(problem.at_value(format!("{at}.file"))),
        }
        check_names(planner.inputs, &id, work.outputs.iter().map(|output| output.name.as_str()));
        match own.directory.as_ref().map(|template| names.fill(template, None)).transpose() {
            Ok(folder) => work.move_into(folder.as_deref().unwrap_or_default()),
            Err(problem) => planner.inputs.refuse(problem.at_value(format!("{at}.directory"))),
        }
        include::unique(planner.inputs, &work, &format!("{at}.include"));
        include::portable(planner.inputs, &work, target.os(), &at);
        let work = Work::Archive(work);
        let configured = planner.inputs.config.archives.items.iter().any(|one| one.name == archive.name);
        let entry =
            Entry { at: if configured { &at } else { "archives" }, component: &component, publish: &archive.publish };
        let publish = planner.destinations(&id, &work, entry);
        let step = Step { id, component, needs, publish, job: None, target: Some(target), work };
        Planned { step, machine: None, at }
    }
}

/// One output per format; bare executables: one per executable.
fn outputs(archive: &Archive, executables: &[Member], names: &Names<'_>) -> Result<Vec<ArchiveOutput>, Problem> {
    let (mut outputs, file) = (Vec::new(), &archive.file);
    let (os, exe) = names.target.map_or((Os::Linux, ""), |target| (target.os(), target.exe_suffix()));
    for format in archive.formats.of(os) {
        if *format != Format::Binary {
            outputs.push(ArchiveOutput { name: names.fill(file, None)? + format.extension(), format: *format });
            continue;
        }
        if executables.len() > 1 && !file.places().any(|place| place == "binary") {
            let text = "several bare executables would get the same name";
            return Err(Problem::new("same-file-name", text).hint("add `{binary}` to `file:`"));
        }
        for member in executables {
            let bin = member.output.strip_suffix(exe).unwrap_or(&member.output);
            outputs.push(ArchiveOutput { name: names.fill(file, Some(bin))? + exe, format: *format });
        }
    }
    Ok(outputs)
}

impl ArchiveWork {
    /// Puts everything into a folder of the archive.
    fn move_into(&mut self, folder: &str) {
        let folder = folder.trim_matches('/');
        if folder.is_empty() {
            return;
        }
        let paths = self.executables.iter_mut().map(|member| &mut member.path);
        let paths = paths.chain(self.files.iter_mut().map(|file| &mut file.path));
        for path in paths.chain(self.trees.iter_mut().map(|tree| &mut tree.to)) {
            *path = format!("{folder}/{path}");
        }
    }
}
