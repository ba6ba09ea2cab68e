//! The jobs of a workflow file, each as the text of its YAML. All logic is in the action's program.

use std::collections::BTreeSet;

use super::pins::{Own, Pins, has_releases, local};
use super::scalar::{asked, quoted};
use crate::destination::Trusted;
use crate::plan::{
    Destination, DestinationKind, FromDockerfile, ImageWork, Job, OfKind, Plan, PullRequest, RegistryDestination, Step,
    Work, Workflow, runner,
};

/// The right to read packages, for a job that fetches base images.
const PACKAGES: &str = "      packages: read # to read base images\n";

/// What limits the plan of a pull request: the commit that it is to be merged into.
const AFFECTED: &str = r#""${{ github.event_name == 'pull_request' && format('--affected {0}', github.event.pull_request.base.sha) || '' }}""#;

/// What linters ask about secrets that no environment guards.
const OUTSIDE: &str = " # zizmor: ignore[secrets-outside-env] as the build of an image reads it";

/// Everything a job's text is made from.
pub struct File<'a> {
    /// The plan of no particular version.
    pub plan: &'a Plan,
    pub workflow: &'a Workflow,
    pub assets: bool,
    /// Whether there are images from Dockerfiles.
    pub images: bool,
    pins: &'a Pins,
    directory: &'a str,
    containers: bool,
}

/// After which job the user's own ones run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// `after-plan`
    Plan,
    /// `after-verify`
    Verify,
    /// `after-publish`
    Publish,
}

impl<'a> File<'a> {
    pub fn new(plan: &'a Plan, workflow: &'a Workflow, pins: &'a Pins, directory: &'a str) -> Self {
        let ours = |job: &&Job| job.steps.iter().any(|step| workflow.steps.contains(step));
        let jobs = || plan.jobs.iter().filter(ours);
        Self {
            assets: jobs().any(|job| job.wave == 1),
            images: jobs().any(|job| job.wave == 3),
            containers: jobs().any(|job| job.container.is_some()),
            plan,
            workflow,
            pins,
            directory,
        }
    }

    fn runner(&self) -> String {
        asked(self.workflow.options.runner.as_deref().unwrap_or(runner::any()))
    }

    /// Ids of the user's jobs after one of ours.
    fn calls(&self, stage: Stage) -> Vec<(String, &'a str)> {
        let jobs = &self.workflow.options.jobs;
        let (prefix, paths) = match stage {
            Stage::Plan => ("after-plan", &jobs.after_plan),
            Stage::Verify => ("after-verify", &jobs.after_verify),
            Stage::Publish => ("after-publish", &jobs.after_publish),
        };
        let id = |path: &str| {
            let stem = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".yaml").trim_end_matches(".yml");
            let legal = |char: char| if char.is_ascii_alphanumeric() || "-_".contains(char) { char } else { '-' };
            format!("{prefix}-{}", stem.chars().map(legal).collect::<String>())
        };
        let mut calls: Vec<(String, &str)> = Vec::new();
        for path in paths {
            let taken = |name: &String| calls.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
            let numbered = (2..).map(|number| format!("{}-{number}", id(path)));
            let free = std::iter::once(id(path)).chain(numbered).find(|name| !taken(name));
            calls.push((free.unwrap_or_default(), path));
        }
        calls
    }

    /// ` && …`: that the user's jobs of a stage succeeded. `!failure()` would also take one that was skipped or cancelled.
    fn succeeded(&self, stage: Stage) -> String {
        self.calls(stage).iter().map(|(id, _)| format!(" && needs.{id}.result == 'success'")).collect()
    }

    /// A step that fails unless the user's jobs of a stage succeeded: a run in which nothing goes on after one that was
    /// skipped must not be green.
    fn gate(&self, stage: Stage) -> String {
        let bad: Vec<String> =
            self.calls(stage).iter().map(|(id, _)| format!("needs.{id}.result != 'success'")).collect();
        if bad.is_empty() {
            return String::new();
        }
        let ids: Vec<String> = self.calls(stage).into_iter().map(|(id, _)| id).collect();
        format!(
            "      - if: ${{{{ {} }}}}
        run: echo '::error title=longshore::{} must succeed first'; exit 1
",
            bad.join(" || "),
            ids.join(" and ")
        )
    }

    /// `[plan, …]`
    fn needs(&self, ids: &[&str], stage: Option<Stage>) -> String {
        let calls = stage.map(|stage| self.calls(stage)).unwrap_or_default();
        let all: Vec<&str> = ids.iter().copied().chain(calls.iter().map(|(id, _)| id.as_str())).collect();
        match all.as_slice() {
            [one] => (*one).to_owned(),
            all => format!("[{}]", all.join(", ")),
        }
    }

    /// Without `ref:`, which act would fetch from GitHub: the action itself moves to the plan's commit.
    fn checkout(&self) -> String {
        let submodules = if self.plan.checkout.submodules { ", submodules: recursive" } else { "" };
        let lfs = if self.plan.checkout.lfs { ", lfs: true" } else { "" };
        format!(
            "      - uses: {}
        with: {{ fetch-depth: 0, persist-credentials: false{submodules}{lfs} }}
",
            self.pins.uses("actions/checkout")
        )
    }

    /// Where there is no git, actions/checkout takes an archive of GitHub's: no history, no commit, nothing to build from.
    fn git(&self) -> String {
        let packages = if self.plan.checkout.lfs { "git git-lfs" } else { "git" };
        let there = if self.plan.checkout.lfs { "command -v git && command -v git-lfs" } else { "command -v git" };
        format!(
            "      - name: git for the checkout
        if: matrix.container
        shell: sh
        run: |
          if {there}; then exit 0; fi
          if command -v apt-get; then apt-get update -q && apt-get install -qy --no-install-recommends ca-certificates {packages}
          elif command -v dnf; then dnf install -qy {packages}
          elif command -v microdnf; then microdnf install -y {packages}
          elif command -v yum; then yum install -qy {packages}
          elif command -v apk; then apk add -q {packages}
          elif command -v zypper; then zypper -nq install {packages}
          elif command -v pacman; then pacman -Sy --noconfirm {packages}
          else echo '::error title=longshore::the container has no git and no known package manager'; exit 1; fi
"
        )
    }

    /// A step that calls our action, which also takes what it needs from other jobs and hands over what it made.
    fn action(&self, id: &str, inputs: &[(&str, &str)]) -> String {
        let id = if id.is_empty() { String::new() } else { format!("        id: {id}\n") };
        let mut all: Vec<String> = inputs.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        // What publishes needs no checkout.
        if !inputs.contains(&("command", "plan")) {
            // Artifacts between jobs can be edited; the output of a job cannot.
            all.push("plan-digest: '${{ needs.plan.outputs.plan-digest }}'".to_owned());
        }
        if !self.directory.is_empty() && !inputs.contains(&("command", "publish")) {
            all.push(format!("working-directory: {}", quoted(self.directory)));
        }
        // Neither what the checkout holds nor, before the first release, any commit has a released program.
        if self.pins.own == Own::Here || !has_releases() {
            all.push("fallback: cargo".into());
        }
        format!("      - uses: {}\n{id}        with: {{ {} }}\n", self.pins.uses_own(), all.join(", "))
    }
}

/// Decides; everything after it carries out.
pub fn plan(file: &File<'_>) -> String {
    let mut outputs = vec!["empty", "matrix", "plan-digest"];
    if file.assets {
        outputs.push("assets");
    }
    if file.images {
        outputs.push("images");
    }
    let outputs: String =
        outputs.iter().map(|name| format!("      {name}: ${{{{ steps.plan.outputs.{name} }}}}\n")).collect();
    let workflow = quoted(&file.workflow.file);
    let mut inputs = vec![("command", "plan"), ("workflow", workflow.as_str()), ("tags", "'${{ inputs.tags }}'")];
    if file.workflow.options.pull_request != PullRequest::Off {
        inputs.push(("snapshot", "\"${{ github.event_name == 'pull_request' }}\""));
    }
    // Images that a pull request does not change are not built.
    if file.images && file.workflow.options.pull_request == PullRequest::Build {
        inputs.push(("args", AFFECTED));
    }
    format!(
        "  plan:
    name: plan
    runs-on: {}
    permissions:
      contents: read # to check out
    outputs:
{outputs}    steps:
{}{}",
        file.runner(),
        file.checkout(),
        file.action("plan", &inputs),
    )
}

/// What other machines need: made once.
pub fn assets(file: &File<'_>) -> String {
    let gate = file.succeeded(Stage::Plan);
    let condition = format!("!failure() && !cancelled() && needs.plan.outputs.assets{gate}{}", not_pulled(file));
    job(file, "assets", &file.needs(&["plan"], Some(Stage::Plan)), &condition)
}

/// One machine for each job.
pub fn build(file: &File<'_>) -> String {
    let gate = file.succeeded(Stage::Plan);
    let condition = format!("!failure() && !cancelled() && needs.plan.outputs.matrix{gate}{}", not_pulled(file));
    let needs: &[&str] = if file.assets { &["plan", "assets"] } else { &["plan"] };
    job(file, "build", &file.needs(needs, Some(Stage::Plan)), &condition)
}

/// Images from Dockerfiles: one machine for each and its platform, with what was compiled for it.
pub fn images(file: &File<'_>) -> String {
    let gate = file.succeeded(Stage::Plan);
    let condition = format!("!failure() && !cancelled() && needs.plan.outputs.images{gate}{}", not_pulled(file));
    let needs: &[&str] = if file.assets { &["plan", "assets", "build"] } else { &["plan", "build"] };
    job(file, "images", &file.needs(needs, Some(Stage::Plan)), &condition)
}

/// Whether a pull request is only planned.
fn not_pulled(file: &File<'_>) -> &'static str {
    match file.workflow.options.pull_request {
        PullRequest::Plan => " && github.event_name != 'pull_request'",
        PullRequest::Build | PullRequest::Off => "",
    }
}

fn job(file: &File<'_>, id: &str, needs: &str, condition: &str) -> String {
    let output = if id == "build" { "matrix" } else { id };
    let is_images = id == "images";
    let packages = if is_images && stands_on_ghcr(file) { PACKAGES } else { "" };
    let (cache, env) =
        if is_images { (cache(file, &below(file)), env(&of_builds(file), OUTSIDE)) } else { <_>::default() };
    let container = if file.containers && id == "build" {
        "    container: ${{ matrix.container }} # zizmor: ignore[unpinned-images] as longshore.yaml says\n"
    } else {
        ""
    };
    let below = below(file);
    let setup = file.workflow.options.setup.as_ref().map(|path| {
        let uses = local(&format!("./{below}{path}"));
        format!("      - uses: {uses}\n        with: {{ kind: {id}, target: '${{{{ matrix.target }}}}' }}\n")
    });
    format!(
        "  {id}:
    name: {id} ${{{{ matrix.id }}}}
    needs: {needs}
    if: ${{{{ {condition} }}}}
    strategy: {{ fail-fast: false, matrix: \"${{{{ fromJSON(needs.plan.outputs.{output} || '{{}}') }}}}\" }}
    runs-on: ${{{{ matrix.runs-on }}}}
{container}    permissions:
      contents: read # to check out
{packages}    steps:
{}{}{}{cache}{}{env}",
        if container.is_empty() { String::new() } else { file.git() },
        file.checkout(),
        setup.unwrap_or_default(),
        file.action(
            "",
            &[
                ("command", "build"),
                ("workflow", &quoted(&file.workflow.file)),
                ("job", "'${{ matrix.id }}'"),
                ("needs", "'${{ matrix.needs }}'"),
            ]
        ),
    )
}

/// The folder of the project in the checkout, with a `/`; empty for the checkout itself.
fn below(file: &File<'_>) -> String {
    if file.directory.is_empty() { String::new() } else { format!("{}/", file.directory) }
}

/// Keeps what the engine has built. A cache of a pull request is only read by its own next run, and a release has none
/// unless longshore.yaml says so: the row of the matrix knows.
fn cache(file: &File<'_>, below: &str) -> String {
    if !recipes(file).any(|(_, recipe)| recipe.cache) {
        return String::new();
    }
    format!(
        "      - uses: {} # zizmor: ignore[cache-poisoning] as a release reads it only with `cache: true`
        if: matrix.cache
        with:
          path: {}
          key: 'longshore-engine-${{{{ matrix.id }}}}-${{{{ github.sha }}}}'
          restore-keys: 'longshore-engine-${{{{ matrix.id }}}}-'
",
        file.pins.uses("actions/cache"),
        quoted(&format!("{below}{}/cache/engine", file.plan.output)),
    )
}

/// Images from Dockerfiles that the workflow builds.
fn recipes<'a>(file: &File<'a>) -> impl Iterator<Item = (&'a ImageWork, &'a FromDockerfile)> {
    let workflow = file.workflow;
    let steps = file.plan.steps.iter().filter(move |step| workflow.steps.contains(&step.id));
    steps.filter_map(|step| ImageWork::of(&step.work)).filter_map(|work| Some((work, work.from_dockerfile()?)))
}

/// The secrets that builds read, and the logins of hosts that their base images are on. Pull requests from forks have none.
fn of_builds(file: &File<'_>) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = recipes(file).flat_map(|(_, recipe)| recipe.secrets.values().cloned()).collect();
    for registry in file.plan.destinations.iter().filter_map(|destination| match &destination.kind {
        DestinationKind::Registry(registry) => Some(registry),
        _ => None,
    }) {
        let bases = || recipes(file).flat_map(|(work, _)| work.bases());
        let is_base = |host: &str| bases().any(|base| base.from.repository.registry == host);
        let hosts = registry.hosts.iter().filter(|(host, _)| is_base(host));
        names.extend(hosts.flat_map(|(_, host)| host.username_env.iter().chain(&host.password_env).cloned()));
    }
    own_only(names)
}

/// `env:` of a step that is given secrets of the repository.
fn env(names: &BTreeSet<String>, remark: &str) -> String {
    let line = |name: &String| format!("          {name}: ${{{{ secrets.{name} }}}}{remark}\n");
    let lines: String = names.iter().map(line).collect();
    if lines.is_empty() { lines } else { format!("        env:\n{lines}") }
}

/// GitHub allows no secret of such a name: the job sets the variable itself.
fn own_only(mut names: BTreeSet<String>) -> BTreeSet<String> {
    names.retain(|name| !name.to_ascii_uppercase().starts_with("GITHUB_"));
    names
}

/// Brings everything together, and proves it.
pub fn verify(file: &File<'_>) -> String {
    let mut needs = vec!["plan"];
    needs.extend(Some("assets").filter(|_| file.assets));
    needs.push("build");
    needs.extend(Some("images").filter(|_| file.images));
    let packages = if stands_on_ghcr(file) { PACKAGES } else { "" };
    format!(
        "  verify:
    name: verify
    needs: {}
    if: ${{{{ !failure() && !cancelled() && needs.plan.outputs.empty != 'true'{} }}}}
    runs-on: {}
    permissions:
      contents: read # to check out
{packages}    steps:
{}{}{}",
        file.needs(&needs, Some(Stage::Plan)),
        not_pulled(file),
        file.runner(),
        file.gate(Stage::Plan),
        file.checkout(),
        file.action("", &[("command", "verify"), ("workflow", &quoted(&file.workflow.file))]),
    )
}

/// Makes it public; the only job that may.
pub fn publish(file: &File<'_>) -> String {
    let pulled = match file.workflow.options.pull_request {
        PullRequest::Off => "",
        _ => " && github.event_name != 'pull_request'",
    };
    let environment = file.workflow.environment.as_ref().map(|name| format!("    environment: {}\n", asked(name)));
    // A local action needs its files, and so does a command.
    let runs = destinations(file).any(|one| one.kind.command().is_some());
    let checkout = if file.pins.own == Own::Here || runs { file.checkout() } else { String::new() };
    let env = env(&secrets(file), "");
    format!(
        "  publish:
    name: publish
    needs: {}
    if: ${{{{ !failure() && !cancelled() && needs.verify.result == 'success'{pulled} }}}}
    runs-on: {}
{}    permissions:
{}    steps:
{}{checkout}{}{env}",
        file.needs(&["plan", "verify"], Some(Stage::Verify)),
        file.runner(),
        environment.unwrap_or_default(),
        permissions(file),
        file.gate(Stage::Verify),
        file.action("", &[("command", "publish"), ("workflow", &quoted(&file.workflow.file))]),
    )
}

/// The user's own reusable workflows after a stage.
pub fn called(file: &File<'_>, stage: Stage) -> Vec<String> {
    let (after, condition) = match stage {
        Stage::Plan => ("plan", "needs.plan.outputs.empty != 'true'"),
        Stage::Verify => ("verify", "!cancelled() && needs.verify.result == 'success'"),
        Stage::Publish => ("publish", "!cancelled() && needs.publish.result == 'success'"),
    };
    let text = |(id, path): (String, &str)| {
        format!(
            "  {id}:
    name: {id}
    needs: {after}
    if: ${{{{ {condition} }}}}
    permissions:
      contents: read # to check out
    uses: {}
",
            local(&format!("./{path}"))
        )
    };
    file.calls(stage).into_iter().map(text).collect()
}

/// The destinations that the workflow has a share of.
fn destinations<'a>(file: &File<'a>) -> impl Iterator<Item = &'a Destination> {
    let workflow = file.workflow;
    file.plan.destinations.iter().filter(move |destination| workflow.goes_to(&destination.name))
}

/// The steps that the workflow publishes to a destination.
fn published<'a>(file: &File<'a>, destination: &'a Destination) -> impl Iterator<Item = &'a Step> {
    let workflow = file.workflow;
    file.plan.steps.iter().filter(move |step| workflow.publishes(&destination.name, step))
}

/// What the token of the publish job may do.
fn permissions(file: &File<'_>) -> String {
    let mut text = String::new();
    let github = file.plan.coordination().is_some() || destinations(file).any(|one| one.kind.github().is_some());
    text.push_str(if github {
        "      contents: write # to create the release\n"
    } else {
        "      contents: read # to look at the tag\n"
    });
    let trusted = |one: &Destination| matches!(&one.kind, DestinationKind::Pypi(pypi) if pypi.trusted != Trusted::Never && is_known_index(&pypi.upload));
    if destinations(file).any(trusted) {
        text.push_str("      id-token: write # to be trusted by the package index\n");
    }
    let ghcr =
        |one: &Destination| matches!(&one.kind, DestinationKind::Registry(registry) if pushes_to(registry, "ghcr.io"));
    if destinations(file).any(ghcr) {
        text.push_str("      packages: write # to push to ghcr.io\n");
    }
    text
}

/// Whether an index takes GitHub's identity; a private one takes a token.
fn is_known_index(upload: &str) -> bool {
    ["https://upload.pypi.org/", "https://test.pypi.org/"].iter().any(|known| upload.starts_with(known))
}

fn pushes_to(registry: &RegistryDestination, host: &str) -> bool {
    registry.images.iter().flat_map(|image| &image.repositories).any(|repository| repository.registry == host)
}

fn stands_on_ghcr(file: &File<'_>) -> bool {
    file.plan.steps.iter().filter(|step| file.workflow.steps.contains(&step.id)).any(|step| match &step.work {
        Work::Image(work) => work.bases().any(|base| base.from.repository.registry == "ghcr.io"),
        _ => false,
    })
}

/// The names of the secrets that the workflow's destinations read; the job's own token is not a secret of the user's.
fn secrets(file: &File<'_>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for destination in destinations(file) {
        match &destination.kind {
            DestinationKind::Pypi(pypi) => {
                for artifact in published(file, destination).map(Step::artifact) {
                    names.extend(pypi.tokens.get(artifact).into_iter().flatten().cloned());
                }
                names.extend(pypi.username.clone());
            }
            _ => {
                names.extend(destination.credentials.iter().cloned());
            }
        }
    }
    own_only(names)
}
