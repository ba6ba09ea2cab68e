//! Plans archives: which executables and files, in which formats, under which names.

use super::decide::{Inputs, Problems};
use super::include::Included;
use super::{ArchiveWork, Member, Output, Release, Step, Work, beside, binary, include, links};
use crate::config::schema::nearest;
use crate::config::{Archive, Binary};
use crate::facts::Package;
use crate::format::Format;
use crate::problem::Problem;
use crate::step_id::{StepId, StepKind};
use crate::target::Target;
use crate::template::Template;

/// One step per archive and target. Names are filled in later, when versions are known.
pub fn steps(
    inputs: &Inputs<'_>,
    known: &[Binary],
    (binaries, assets): (&[Step], &[Step]),
    problems: &mut Problems,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let texts = beside::texts(&inputs.facts.files);
    for archive in &entries(inputs, known) {
        let before = problems.len();
        let members = members(archive, known, problems);
        if problems.len() > before {
            continue;
        }
        let mut same = None;
        for target in targets(archive, binaries, &members, problems) {
            let own = archive.for_target(target);
            // What is included is the same for every target without an override: it is looked up once.
            let resolve = |archive, problems| {
                let packages = packages(inputs, &members, binaries, target);
                include::resolve(inputs, archive, beside::of(&texts, &packages), assets, problems)
            };
            let included = if std::ptr::eq(own, archive) {
                same.get_or_insert_with(|| resolve(archive, problems)).clone()
            } else {
                resolve(own, problems)
            };
            let (files, trees) = included;
            let at = format!("archives.{}", archive.name);
            let files = links::settle(inputs, (files, &trees), target.os(), (&at, problems));
            steps.push(pack(archive, target, (&members, binaries), (files, trees)));
            if problems.len() > before {
                break;
            }
        }
    }
    steps
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
            None => archive.name == *name,
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

/// The binary entries an archive holds.
fn members(archive: &Archive, known: &[Binary], problems: &mut Problems) -> Vec<String> {
    let names = || known.iter().map(|binary| binary.name.as_str());
    let listing = || names().collect::<Vec<_>>().join(", ");
    let Some(written) = &archive.binaries else {
        if names().any(|name| name == archive.name) {
            return vec![archive.name.clone()];
        }
        if let [only] = known {
            return vec![only.name.clone()];
        }
        let text = format!("which binaries does archive `{}` hold?", archive.name);
        let problem = Problem::new("no-binary", text).hint(format!("write `binaries:`; known: {}", listing()));
        problems.push(problem.at_key(format!("archives.{}", archive.name)));
        return Vec::new();
    };
    for (index, name) in written.iter().enumerate().filter(|(_, name)| !names().any(|known| known == *name)) {
        let hint = nearest(name, names())
            .map_or_else(|| format!("known: {}", listing()), |near| format!("did you mean `{near}`?"));
        let path = format!("archives.{}.binaries.{index}", archive.name);
        problems
            .push(Problem::new("unknown-binary", format!("no binary is called `{name}`")).hint(hint).at_value(path));
    }
    written.clone()
}

/// The targets of an archive: those for which it has every binary; `targets:` chooses among them.
fn targets(archive: &Archive, binaries: &[Step], members: &[String], problems: &mut Problems) -> Vec<Target> {
    let has = |name: &String, target: Target| step_of(binaries, name, target).is_some();
    let mut possible: Vec<Target> = Vec::new();
    for target in binaries.iter().filter_map(|step| step.target) {
        if !possible.contains(&target) && members.iter().all(|name| has(name, target)) {
            possible.push(target);
        }
    }
    // A binary that could not be planned has said why.
    if possible.is_empty() && problems.is_empty() {
        let text = format!("the binaries of archive `{}` have no target in common", archive.name);
        problems.push(Problem::new("no-target", text).at_key(format!("archives.{}", archive.name)));
    }
    let Some(chosen) = &archive.targets else { return possible };
    for (index, target) in chosen.iter().enumerate().filter(|(_, target)| !possible.contains(target)) {
        let text = format!("archive `{}` has no binary for {target}", archive.name);
        problems.push(Problem::new("no-target", text).at_value(format!("archives.{}.targets.{index}", archive.name)));
    }
    possible.retain(|target| chosen.contains(target));
    possible
}

fn step_of<'s>(binaries: &'s [Step], name: &str, target: Target) -> Option<&'s Step> {
    let wanted = StepId::new(StepKind::Binary, name, target.triple());
    binaries.iter().find(|step| step.id == wanted)
}

/// The packages whose executables it holds.
fn packages<'f>(inputs: &Inputs<'f>, members: &[String], binaries: &[Step], target: Target) -> Vec<&'f Package> {
    let mut packages = Vec::new();
    for step in members.iter().filter_map(|name| step_of(binaries, name, target)) {
        let Work::Binary(work) = &step.work else { continue };
        packages.extend(binary::of_work(inputs.facts, work).filter(|package| !packages.contains(package)));
    }
    packages
}

fn pack(
    archive: &Archive,
    target: Target,
    (members, binaries): (&[String], &[Step]),
    (files, trees): Included,
) -> Step {
    let steps: Vec<&Step> = members.iter().filter_map(|name| step_of(binaries, name, target)).collect();
    let executables: Vec<Member> = steps
        .iter()
        .flat_map(|step| step.outputs.iter().map(|output| (step.id.clone(), output.name.clone())))
        .map(|(step, output)| Member { step, path: output.clone(), output })
        .collect();
    let component = match &archive.component {
        Some(written) => written.clone(),
        None => steps.first().map(|step| step.component.clone()).unwrap_or_default(),
    };
    let mut needs: Vec<StepId> = steps.iter().map(|step| step.id.clone()).collect();
    for tree in &trees {
        if !needs.contains(&tree.step) {
            needs.push(tree.step.clone());
        }
    }
    let formats = archive.for_target(target).formats.of(target.os());
    let outputs = formats.iter().map(|format| Output { name: String::new(), format: Some(*format) }).collect();
    Step {
        id: StepId::new(StepKind::Archive, &archive.name, target.triple()),
        component,
        needs,
        outputs,
        publish: Vec::new(),
        leg: None,
        target: Some(target),
        work: Work::Archive(ArchiveWork { executables, files, trees }),
    }
}

/// Fills the names of archives and assets, now that versions are known, and puts archives' content into their folder.
pub fn name_outputs(
    inputs: &Inputs<'_>,
    known: &[Binary],
    (steps, releases): (&mut [Step], &[Release]),
    problems: &mut Problems,
) {
    let archives = entries(inputs, known);
    for step in steps {
        let Some(release) = releases.iter().find(|release| release.component == step.component) else { continue };
        let target = step.target;
        let fill = |template: &Template, name: &str, bin: Option<&str>| {
            template.fill(|place| match place {
                "name" => Some(name.to_owned()),
                "version" => Some(release.version.to_string()),
                "tag" => Some(release.tag.clone()),
                "component" => Some(release.component.clone()),
                "binary" => bin.map(str::to_owned),
                other => target.and_then(|target| binary::target_place(target, other)),
            })
        };
        if matches!(step.work, Work::Asset(_)) {
            let asset = inputs.config.assets.iter().find(|asset| step.id.is_of(&asset.name));
            if let Some((asset, (template, _))) = asset.and_then(|asset| Some((asset, asset.file.as_ref()?))) {
                let title = asset.title.as_deref().unwrap_or(&asset.name);
                match fill(template, title, None) {
                    Ok(name) => step.outputs[0].name = name,
                    Err(place) => problems.push(unknown_place(&place, &format!("assets.{}.file", asset.name))),
                }
            }
        } else if let (Work::Archive(work), Some(target)) = (&mut step.work, target) {
            let own = |archive: &&Archive| step.id.is_of(&archive.name);
            let Some(archive) = archives.iter().find(own) else { continue };
            let path = format!("archives.{}", archive.name);
            let name = &archive.name;
            let archive = archive.for_target(target);
            let title = archive.title.as_deref().unwrap_or(name);
            match outputs(&archive.file, archive.formats.of(target.os()), work, target, &|template, bin| {
                fill(template, title, bin)
            }) {
                Ok(outputs) => step.outputs = outputs,
                Err(problem) => problems.push(problem.at_value(format!("{path}.file"))),
            }
            match archive.directory.as_ref().map(|template| fill(template, title, None)).transpose() {
                Ok(folder) => work.move_into(folder.as_deref().unwrap_or_default()),
                Err(place) => problems.push(unknown_place(&place, &format!("{path}.directory"))),
            }
            include::unique(work, &format!("{path}.include"), problems);
            include::portable(work, target.os(), &path, problems);
        }
        legal_names(step, problems);
    }
}

/// Fills a template for one executable, or for none.
type Fill<'a> = dyn Fn(&Template, Option<&str>) -> Result<String, String> + 'a;

/// One output per format; bare executables: one per executable.
fn outputs(
    file: &Template,
    formats: &[Format],
    work: &ArchiveWork,
    target: Target,
    fill: &Fill<'_>,
) -> Result<Vec<Output>, Problem> {
    let mut outputs = Vec::new();
    for format in formats {
        if *format != Format::Binary {
            let name = fill(file, None).map_err(|place| unknown_place(&place, ""))?;
            outputs.push(Output { name: name + format.extension(), format: Some(*format) });
            continue;
        }
        if work.executables.len() > 1 && !file.places().any(|place| place == "binary") {
            let text = "several bare executables would get one name";
            return Err(Problem::new("same-file-name", text).hint("put `{binary}` into `file:`"));
        }
        for member in &work.executables {
            let bin = member.output.strip_suffix(target.exe_suffix()).unwrap_or(&member.output);
            let name = fill(file, Some(bin)).map_err(|place| unknown_place(&place, ""))?;
            outputs.push(Output { name: name + target.exe_suffix(), format: Some(*format) });
        }
    }
    Ok(outputs)
}

fn unknown_place(place: &str, path: &str) -> Problem {
    let problem = Problem::new("unknown-placeholder", format!("`{{{place}}}` has no value here"));
    problem.hint("`{binary}` exists for bare executables, `{target}` and its parts for archives").at_value(path)
}

/// GitHub rewrites other names, so that a release would not hold what was planned.
fn legal_names(step: &Step, problems: &mut Problems) {
    for output in &step.outputs {
        let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        // One without a name has a problem already.
        if output.name.is_empty() {
            continue;
        }
        if output.name.starts_with('.') || output.name.ends_with('.') || !output.name.chars().all(legal) {
            let letters = "use only the letters A to Z, digits, `.`, `_` and `-`";
            let (text, hint) = match &step.work {
                // Its files go from job to job by name.
                Work::Binary(_) => (
                    format!("an executable cannot be called `{}`", output.name),
                    format!("rename it in Cargo.toml (`name` of `[[bin]]`): {letters}"),
                ),
                _ => (format!("file name `{}` would be rewritten by GitHub", output.name), letters.to_owned()),
            };
            problems.push(Problem::new("bad-file-name", text).hint(hint).step(step.id.clone()));
        }
    }
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
