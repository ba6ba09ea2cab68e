//! Why a step is in the plan and how it came about, for people; and the plan as a Mermaid graph.

use std::fmt::Write;

use super::{
    Assembly, BinaryWork, ChartImage, ChartWork, Check, CheckWork, FromDockerfile, ImageWork, Plan, PulledImage,
    Recipe, SmokeCheck, Step, WheelBuilder, Work,
};
use crate::config::schema::nearest;
use crate::digest::Digest;
use crate::input_list::InputList;
use crate::problem::Problem;
use crate::shown;

/// Everything the plan knows of one step.
///
/// # Errors
/// If there is no such step.
pub fn explain(plan: &Plan, id: &str) -> Result<String, Problem> {
    let Some(step) = plan.step(id) else {
        if plan.scope.left_out.iter().any(|left| left == id) {
            return Err(Problem::new("step-left-out", format!("`{id}` is not in this plan's scope"))
                .hint("plan without `--host` or `--only`"));
        }
        let near = nearest(id, plan.steps.iter().map(|step| step.id.as_str()));
        let hint = near
            .map_or_else(|| "`longshore plan` lists the steps".to_owned(), |near| format!("did you mean `{near}`?"));
        return Err(Problem::new("unknown-step", format!("no step is called `{id}`")).hint(hint));
    };
    let mut text = format!("{}\n", step.id);
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "  {name:<10}{}", shown::one_line(value));
        }
    };
    row("kind", step.work.kind());
    if let Some(release) = plan.release(&step.component) {
        row("release", &release.tag);
    }
    match step.job.as_ref().and_then(|id| plan.jobs.iter().find(|job| job.id == *id)) {
        Some(job) => {
            let container = job.container.as_ref().map(|container| format!(" in {container}")).unwrap_or_default();
            row("job", &format!("{} (on {}{container})", job.id, job.runner));
        }
        None => row("job", "none: `build --merge`, on the machine that received all jobs"),
    }
    for (name, value) in how(step) {
        row(name, &value);
    }
    row("needs", &step.needs.join(", "));
    let users: Vec<&str> =
        plan.steps.iter().filter(|other| other.needs.contains(&step.id)).map(|other| other.id.as_str()).collect();
    row("needed by", &users.join(", "));
    row("makes", &step.outputs().join(", "));
    row("goes to", &step.publish.join(", "));
    if let Some(list) = plan.inputs.get(&step.id) {
        text.push_str(&inputs(list));
    }
    Ok(text)
}

/// Every input with its digest and the rule that claimed it.
fn inputs(list: &InputList) -> String {
    let short =
        |digest: Option<Digest>| digest.map_or_else(|| "-".to_owned(), |digest| digest.to_string()[..19].into());
    let mut rows: Vec<[String; 3]> = Vec::new();
    rows.push(["(instructions)".into(), short(Some(list.recipe)), "what counts of the Dockerfile".into()]);
    rows.extend(list.images.iter().map(|image| [image.name.clone(), short(image.digest), image.rule.clone()]));
    rows.extend(list.based_on.iter().map(|(name, digest)| [name.clone(), short(Some(*digest)), "contexts".into()]));
    for file in &list.files {
        let place = if file.context.is_empty() { String::new() } else { format!("{}: ", file.context) };
        let name = match file.kind.as_str() {
            "folder" => format!("{place}{}/ (empty)", file.path),
            "executable" => format!("{place}{} (x)", file.path),
            _ => format!("{place}{}", file.path),
        };
        rows.push([name, short(file.sha256), file.rule.clone()]);
    }
    if let Some(commit) = &list.commit {
        rows.push(["(commit)".into(), commit.chars().take(10).collect(), "binaries and assets in the context".into()]);
    }
    let width = |at: usize| rows.iter().map(|row| shown::one_line(&row[at]).chars().count()).max().unwrap_or_default();
    let (first, second) = (width(0), width(1));
    let mut text = String::from("\ninputs:\n");
    for [name, digest, rule] in &rows {
        let (name, rule) = (shown::one_line(name), shown::one_line(rule));
        let _ = writeln!(text, "  {name:<first$}  {digest:<second$}  {rule}");
    }
    text
}

/// How the step is carried out, row by row.
fn how(step: &Step) -> Vec<(&'static str, String)> {
    match &step.work {
        Work::Binary(work) => binary(work),
        Work::Archive(work) => {
            let names = |paths: Vec<&str>| paths.join(", ");
            vec![
                ("holds", names(work.executables.iter().map(|member| member.path.as_str()).collect())),
                ("files", names(work.files.iter().map(|file| file.path.as_str()).collect())),
                ("trees", names(work.trees.iter().map(|tree| tree.to.as_str()).collect())),
            ]
        }
        Work::Asset(work) => {
            let commands: Vec<String> = work.run.iter().map(|command| shell_words::join(&command.run)).collect();
            vec![("runs", commands.join("; "))]
        }
        Work::Layer(work) => vec![
            ("holds", work.executables.iter().map(|member| member.path.as_str()).collect::<Vec<_>>().join(", ")),
            ("files", work.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>().join(", ")),
        ],
        Work::Image(work) => image(work),
        Work::Wheel(work) => vec![
            ("distribution", format!("{} {}", work.stage.distribution, work.stage.version)),
            ("from", work.stage.manifest.clone()),
            ("features", work.stage.features.join(", ")),
            ("platform", work.compatibility.clone().unwrap_or_default()),
            ("linked", if work.builder == WheelBuilder::Zig { "by zig".into() } else { String::new() }),
        ],
        Work::Sdist(work) => vec![
            ("distribution", format!("{} {}", work.stage.distribution, work.stage.version)),
            ("from", work.stage.manifest.clone()),
        ],
        Work::Index(work) => vec![("images", work.images.join(", "))],
        Work::Chart(work) => chart(work),
        Work::Checksums(work) => {
            vec![("covers", work.covers.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join(", "))]
        }
        Work::Check(work) => check(work),
    }
}

fn binary(work: &BinaryWork) -> Vec<(&'static str, String)> {
    vec![
        ("package", format!("{} ({})", work.package, work.manifest)),
        ("builder", format!("{:?}", work.builder).to_lowercase()),
        ("profile", work.profile.clone()),
        ("features", features(work.default_features, work.all_features, &work.features)),
        ("linkage", format!("{:?}", work.linkage).to_lowercase()),
        ("macos", work.macos.map(|version| version.to_string()).unwrap_or_default()),
        ("glibc", work.glibc.as_ref().map(|minimum| format!("{minimum} or newer")).unwrap_or_default()),
        ("prebuilt", work.prebuilt.join(", ")),
    ]
}

fn image(work: &ImageWork) -> Vec<(&'static str, String)> {
    match &work.recipe {
        Recipe::Assembly(work) => assembly(work),
        Recipe::Dockerfile(work) => from_dockerfile(work),
    }
}

fn from_dockerfile(work: &FromDockerfile) -> Vec<(&'static str, String)> {
    let args = work.args.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
    let pinned = |base: &PulledImage| match base.base.digest {
        Some(digest) => format!("{}@{digest}", base.name),
        None => format!("{} (not locked)", base.name),
    };
    vec![
        ("from", work.dockerfile.clone()),
        ("stage", work.stage.clone().unwrap_or_default()),
        ("context", if work.context.is_empty() { ".".into() } else { work.context.clone() }),
        ("args", args.join(", ")),
        ("based on", work.bases.iter().map(pinned).collect::<Vec<_>>().join(", ")),
        ("inputs", format!("{} ({} files)", work.inputs.digest, work.inputs.files)),
        ("widened", work.inputs.wide.clone().unwrap_or_default()),
    ]
}

fn chart(work: &ChartWork) -> Vec<(&'static str, String)> {
    let places = |image: &ChartImage| {
        let paths: Vec<String> = image.paths.iter().map(ToString::to_string).collect();
        format!("{} in {}", image.reference, paths.join(", "))
    };
    vec![
        ("from", work.path.clone()),
        ("chart", format!("{} {}", work.name, work.version)),
        ("appVersion", work.app_version.clone().unwrap_or_default()),
        ("images", work.images.iter().map(places).collect::<Vec<_>>().join("; ")),
        ("inputs", format!("{} ({} files)", work.inputs.digest, work.inputs.files)),
    ]
}

fn assembly(work: &Assembly) -> Vec<(&'static str, String)> {
    let base = work.base.as_ref();
    vec![
        ("base", base.map_or_else(|| "nothing".into(), |base| base.from.to_string())),
        ("digest", base.and_then(|base| base.digest).map(|digest| digest.to_string()).unwrap_or_default()),
        ("libc", work.facts.libc.to_string()),
        ("layers", work.layers.join(", ")),
        ("entrypoint", work.config.entrypoint.join(" ")),
        ("user", work.config.user.clone()),
    ]
}

/// How a check is carried out, row by row.
fn check(work: &CheckWork) -> Vec<(&'static str, String)> {
    let (runs, assumed, contains) = match &work.check {
        Check::Smoke(smoke) => (programs(smoke), smoke.assumed, smoke.contains.as_ref()),
        Check::Container(container) => match &container.http {
            Some(path) => (format!("the image until it answers to `{path}`"), false, None),
            None => {
                let args = shell_words::join(&container.args);
                (format!("the image with {args}"), false, container.contains.as_ref())
            }
        },
        Check::Secrets(_) => ("a search for secrets in layers and config".to_owned(), false, None),
        Check::Import(_) => ("the wheel, installed into an environment of its own".to_owned(), false, None),
        Check::Resolve(_) => ("`cargo tree`, with the features of each distribution".to_owned(), false, None),
        Check::Readme => ("PyPI's renderer on the README".to_owned(), false, None),
        Check::Render(_) => ("`helm lint --strict` and `helm template` on the package".to_owned(), false, None),
        Check::Rebuild(_) => ("maturin on the unpacked sdist, as `pip` would".to_owned(), false, None),
    };
    vec![
        ("runs", runs),
        ("assumed", if assumed { UNSAID.to_owned() } else { String::new() }),
        ("expects", contains.map(|text| format!("`{text}` in what it prints")).unwrap_or_default()),
        ("not run", work.not_run.clone().unwrap_or_default()),
    ]
}

/// What is said of a default smoke test.
const UNSAID: &str = "`smoke:` is not written: an executable that does not print its version is a warning";

/// How the executables of a check are started.
fn programs(smoke: &SmokeCheck) -> String {
    let mut said = vec![format!("each executable with {}", shell_words::join(&smoke.args))];
    said.extend(smoke.programs.iter().map(|(name, args)| match args {
        Some(args) if args.is_empty() => format!("`{name}` without arguments"),
        Some(args) => format!("`{name}` with {}", shell_words::join(args)),
        None => format!("`{name}` not at all"),
    }));
    said.join(", ")
}

fn features(default: bool, all: bool, named: &[String]) -> String {
    let mut words: Vec<&str> = named.iter().map(String::as_str).collect();
    if all {
        words.insert(0, "all");
    }
    if default {
        words.insert(0, "default");
    }
    words.join(", ")
}

/// The steps and their needs as a Mermaid flowchart.
pub fn mermaid(plan: &Plan) -> String {
    let mut text = String::from("flowchart LR\n");
    let index = |id: &str| plan.steps.iter().position(|step| step.id == id);
    for (number, step) in plan.steps.iter().enumerate() {
        let _ = writeln!(text, "  s{number}[\"{}\"]", step.id);
        for need in step.needs.iter().filter_map(|need| index(need)) {
            let _ = writeln!(text, "  s{need} --> s{number}");
        }
        for destination in &step.publish {
            let _ = writeln!(text, "  s{number} --> d_{}([\"{destination}\"])", destination.replace('-', "_"));
        }
    }
    text
}
