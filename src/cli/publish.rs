//! `publish`: a verified manifest; the same command again finishes it.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use url::Url;

use super::args;
use super::error::Refused;
use super::index;
use super::output::{Fields, Report, State};
use super::pushed;
use super::registry;
use super::session::Session;
use super::stage_file::{self, StageFile};
use super::table::{Table, size};
use crate::artifact::Manifest;
use crate::config::Diagnostic;
use crate::plan::part::artifact_of;
use crate::plan::{
    Destination, DestinationKind, GithubDestination, Part, Plan, PublishedImage, ReleasePage, Step, Workflow,
};
use crate::problem::{Exit, Failure, Problem};
use crate::publish::{self, Endpoint, Endpoints, Order};
use crate::receipt::{Outcome, Receipt, Receipts};
use crate::shown;
use crate::world::env::Env;
use crate::world::store::{self, Sharing, Store};

/// How many steps are named.
const SHOWN: usize = 3;

/// `longshore publish`
///
/// # Errors
/// Exit 2, 4, 5 or 6 as INTERFACE says.
pub fn run(session: &Session, args: &args::Publish) -> anyhow::Result<Report> {
    let (plan, store) = session.received(&args.from, args.plan_digest, Sharing::Readers)?;
    let manifest = manifest(&plan, &store)?;
    let stage = StageFile::of(&session.env)?;
    if stage.is_none() {
        name_the_rest(session, &plan)?;
    } else {
        session.printer.warn(format!("`{}` is set: all of this goes to servers of a rehearsal", stage_file::VARIABLE));
    }
    let endpoints = endpoints(&plan, &session.env)?;
    let share = share(&plan, args)?;
    let registries = registry::registries(session, &plan)?;
    let indexes = index::indexes(&plan, &session.env)?;
    let order = Order {
        plan: &plan,
        part: share.as_ref(),
        manifest: &manifest,
        store: &store,
        endpoints: &endpoints,
        registries: &registries,
        indexes: &indexes,
        destinations: destinations(&plan, share.as_ref()),
        wait: Duration::from_secs(args.wait.saturating_mul(60)),
        run: run_page(&session.env),
    };
    pushed::check(session, &plan, &registries, store.repository())?;
    ask(session, &plan, share.as_ref())?;
    // Another part may publish beside us, and wait for us at the draft.
    let published = publish(session, &order);
    if let Some(stage) = &stage {
        stage.keep(&store, args.part.as_deref())?;
    }
    let mut report = report(session, &plan, published?);
    report.fields.manifest = Some(manifest);
    Ok(report)
}

/// The manifest in the store, made for this very plan.
fn manifest(plan: &Plan, store: &Store) -> anyhow::Result<Manifest> {
    let refuse =
        |text: String| Err(Failure::usage(Problem::new("no-manifest", text).hint("`longshore verify` first")).into());
    if !store.manifest().is_file() {
        return refuse(format!("nothing is verified: there is no `{}`", store.manifest().display()));
    }
    let manifest: Manifest = match store::read_json(&store.manifest()) {
        Ok(manifest) => manifest,
        Err(error) => return refuse(format!("{error:#}")),
    };
    if manifest.plan != plan.digest() {
        return refuse("the manifest was verified for another plan".into());
    }
    Ok(manifest)
}

/// A part of a release goes to servers of this machine only (`Plan::only_loopback`). It is said that it is one.
///
/// # Errors
/// If nothing of it goes anywhere.
fn name_the_rest(session: &Session, plan: &Plan) -> anyhow::Result<()> {
    let left_out = &plan.scope.left_out;
    let lacking = shown::some(left_out, SHOWN);
    if plan.destinations.is_empty() {
        let (text, hint) = if left_out.is_empty() {
            ("the plan publishes nothing".to_owned(), "name destinations under `publish:`")
        } else {
            let text = format!("the plan publishes nothing: it lacks {lacking}");
            (
                text,
                "build all legs of one stored plan (`longshore plan --out plan.json`), or bring the rest with `--prebuilt DIR`",
            )
        };
        return Err(Failure::usage(Problem::new("nothing-to-publish", text).hint(hint)).into());
    }
    if !left_out.is_empty() {
        let text = format!("this is a part of the release: it lacks {lacking}; only servers of this machine take it");
        session.printer.warn(text);
    }
    Ok(())
}

/// The page of the run of GitHub Actions that this is a job of.
fn run_page(env: &Env) -> Option<String> {
    let [server, repository, id] =
        ["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"].map(|name| env.get(name));
    Some(format!("{}/{}/actions/runs/{}", server?, repository?, id?))
}

/// What of the plan is published: the part's share of it, of that what `--to` names; nothing for everything.
fn share(plan: &Plan, args: &args::Publish) -> anyhow::Result<Option<Part>> {
    let part = plan.part(args.part.as_deref()).map_err(Failure::usage)?;
    // One part is the whole plan as long as one workflow file publishes everything.
    let part = part.filter(|_| plan.parts.len() > 1);
    if args.to.is_empty() {
        return Ok(part.cloned());
    }
    let everything = || Part {
        file: String::new(),
        environment: None,
        steps: plan.steps.iter().map(|step| step.id.clone()).collect(),
        destinations: plan.destinations.iter().map(|destination| destination.name.clone()).collect(),
        workflow: Workflow::default(),
    };
    let mut part = part.cloned().unwrap_or_else(everything);
    part.destinations = narrow(plan, &part, &args.to)?;
    Ok(Some(part))
}

/// The shares of a part that `--to` names: destinations, or one artifact's share of one.
fn narrow(plan: &Plan, part: &Part, to: &[String]) -> anyhow::Result<Vec<String>> {
    let below = |share: &str, whole: &str| share.strip_prefix(whole).is_some_and(|rest| rest.starts_with('.'));
    let refuse = |code, text: String, hint: String| Err(Failure::usage(Problem::new(code, text).hint(hint)).into());
    let mut shares = Vec::new();
    for wanted in to {
        let own = || part.destinations.iter().filter(|share| *share == wanted || below(share, wanted));
        if own().next().is_some() {
            shares.extend(own().cloned());
            continue;
        }
        let destination = plan.destinations.iter().find(|one| below(wanted, &one.name));
        if destination.is_some_and(|one| matches!(one.kind, DestinationKind::Github(_))) {
            let text = format!("`{wanted}`: a release is published as a whole");
            return refuse("split-release", text, "name the destination alone".into());
        }
        let one = Part { destinations: vec![wanted.clone()], ..part.clone() };
        let goes = |step: &&Step| {
            destination.is_some_and(|to| part.publishes(&to.name, step) && one.publishes(&to.name, step))
        };
        if !plan.steps.iter().any(|step| goes(&step)) {
            let text = format!("nothing is published to `{wanted}`");
            return refuse("unknown-destination", text, format!("known: {}", part.destinations.join(", ")));
        }
        shares.push(wanted.clone());
    }
    Ok(shares)
}

/// The destinations that something is published to.
fn destinations(plan: &Plan, share: Option<&Part>) -> Vec<String> {
    let all = plan.destinations.iter().map(|destination| destination.name.clone());
    all.filter(|name| share.is_none_or(|share| share.goes_to(name))).collect()
}

/// How each destination of a plan is reached: a rehearsal that plays, the environment, else the forge's own addresses.
///
/// # Errors
/// If an address in the environment is none.
pub fn endpoints(plan: &Plan, env: &Env) -> anyhow::Result<Endpoints> {
    if let Some(stage) = StageFile::of(env)? {
        return Ok(stage.endpoints(plan, env));
    }
    let mut endpoints = Endpoints::new();
    for destination in &plan.destinations {
        let DestinationKind::Github(github) = &destination.kind else { continue };
        let token = token(github, env).and_then(|name| env.secret(name));
        endpoints.insert(destination.name.clone(), Endpoint { api: api(github, env)?, token });
    }
    Ok(endpoints)
}

/// The host that runs this job.
fn job_host(env: &Env) -> Option<String> {
    env.get("GITHUB_SERVER_URL").and_then(|url| Url::parse(url).ok()?.host_str().map(str::to_owned))
}

/// Where a token is looked for. The `GITHUB_TOKEN` of a job that another forge runs is that forge's.
fn tokens(github: &GithubDestination, env: &Env) -> &'static [&'static str] {
    let foreign = job_host(env).is_some_and(|host| host != github.host);
    if foreign && env.get("LONGSHORE_GITHUB_API").is_none() { &["GH_TOKEN"] } else { &["GITHUB_TOKEN", "GH_TOKEN"] }
}

/// The variable whose token is sent.
fn token(github: &GithubDestination, env: &Env) -> Option<&'static str> {
    tokens(github, env).iter().find(|name| env.get(name).is_some()).copied()
}

/// `LONGSHORE_GITHUB_API`; `GITHUB_API_URL` in a job of the same forge; else what GitHub documents for the host.
fn api(github: &GithubDestination, env: &Env) -> anyhow::Result<Url> {
    let job = job_host(env);
    let from_job = env.get("GITHUB_API_URL").filter(|_| job.as_deref() == Some(github.host.as_str()));
    let (name, text) = match (env.get("LONGSHORE_GITHUB_API"), from_job) {
        (Some(url), _) => ("LONGSHORE_GITHUB_API", url.to_owned()),
        (None, Some(url)) => ("GITHUB_API_URL", url.to_owned()),
        (None, None) if github.host == "github.com" => ("", "https://api.github.com/".to_owned()),
        (None, None) => ("", format!("https://{}/api/v3/", github.host)),
    };
    let text = if text.ends_with('/') { text } else { format!("{text}/") };
    Url::parse(&text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.password().is_none())
        .ok_or_else(|| {
            let problem = Problem::new("bad-url", format!("`{name}` is not an http address without credentials"));
            Failure::usage(problem.hint("for example https://api.github.com/")).into()
        })
}

/// A pull request of a fork runs with its author's files: nothing of it may become public.
/// The payload: <https://docs.github.com/webhooks/webhook-events-and-payloads#pull_request>.
fn refuse_fork(env: &Env) -> anyhow::Result<()> {
    let Some(path) = env.get("GITHUB_EVENT_PATH").filter(|path| Path::new(path).is_file()) else { return Ok(()) };
    let event: serde_json::Value = store::read_json(Path::new(path))?;
    let name = |side: &str| event.pointer(&format!("/pull_request/{side}/repo/full_name"));
    if event.get("pull_request").is_none() || name("head").is_some() && name("head") == name("base") {
        return Ok(());
    }
    let problem = Problem::new("fork", "a pull request from another repository does not publish");
    Err(Failure::usage(
        problem.hint("publish from a tag; in a pull request, `longshore build` and `verify` are enough"),
    )
    .into())
}

/// Shows where it goes and asks once; in CI and with `--yes` nobody is asked.
///
/// # Errors
/// If the answer is no, nobody can be asked, or the run is a fork's.
pub fn ask(session: &Session, plan: &Plan, share: Option<&Part>) -> anyhow::Result<()> {
    refuse_fork(&session.env)?;
    if session.global.yes || session.env.is_true("CI") {
        return Ok(());
    }
    let refuse = |text: &str| {
        Err(Failure::usage(Problem::new("not-confirmed", text).hint("add `--yes` to publish without being asked"))
            .into())
    };
    if !std::io::stdin().is_terminal() {
        return refuse("nobody is here to confirm what becomes public");
    }
    for destination in plan.destinations.iter().filter(|one| share.is_none_or(|share| share.goes_to(&one.name))) {
        for line in places(plan, share, destination).into_iter().chain(presented(destination, &session.env)) {
            session.printer.foreign(&shown::one_line(&format!("  {}: {line}", destination.name)));
        }
    }
    let _ = write!(std::io::stderr(), "Publish this? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        refuse("not published: the answer was no")
    }
}

/// What goes where.
fn places(plan: &Plan, share: Option<&Part>, destination: &Destination) -> Vec<String> {
    let ours =
        |step: &str, to: &str| plan.step(step).is_some_and(|step| share.is_none_or(|share| share.publishes(to, step)));
    let name = &destination.name;
    match &destination.kind {
        DestinationKind::Github(github) => {
            let page = |page: &ReleasePage| format!("{}/{} {}", github.host, github.repository, page.tag);
            github.pages.iter().map(page).collect()
        }
        DestinationKind::Registry(registry) => {
            registry.images.iter().filter(|image| ours(&image.step, name)).flat_map(image_names).collect()
        }
        DestinationKind::Pypi(pypi) => {
            let steps = plan.steps.iter().filter(|step| step.publish.contains(name) && ours(&step.id, name));
            let names: BTreeSet<&str> = steps.map(artifact_of).collect();
            names.into_iter().map(|name| format!("{name} to {}", pypi.upload)).collect()
        }
    }
}

/// Which credentials are presented to which host: what an edited plan would change.
fn presented(destination: &Destination, env: &Env) -> Vec<String> {
    let line = |names: &[&str], host: &str| format!("{host} gets {}", names.join(", "));
    match &destination.kind {
        DestinationKind::Github(github) => match token(github, env) {
            Some(name) => vec![line(&[name], &github.host)],
            None => vec![format!("{} gets no token: there is no {}", github.host, tokens(github, env).join(" or "))],
        },
        DestinationKind::Registry(registry) => {
            let images = registry.images.iter().flat_map(|image| &image.repositories);
            let hosts: BTreeSet<&str> =
                images.map(|one| one.registry.as_str()).chain(registry.hosts.keys().map(String::as_str)).collect();
            let named = |host: &str| {
                let said = registry.hosts.get(host);
                let names = said.into_iter().flat_map(|said| said.username_env.iter().chain(&said.password_env));
                match names.map(String::as_str).collect::<Vec<_>>() {
                    names if !names.is_empty() => line(&names, host),
                    _ if host == "ghcr.io" && env.get("GITHUB_TOKEN").is_some() => line(&["GITHUB_TOKEN"], host),
                    _ => line(&["Docker's login, if there is one"], host),
                }
            };
            hosts.into_iter().map(named).collect()
        }
        DestinationKind::Pypi(pypi) => {
            let names: BTreeSet<&str> =
                pypi.tokens.values().flatten().chain(&pypi.username).map(String::as_str).collect();
            vec![line(&Vec::from_iter(names), &pypi.upload)]
        }
    }
}

fn image_names(image: &PublishedImage) -> Vec<String> {
    let tags = || image.tags.iter().chain(image.floating.iter().map(|floating| &floating.tag));
    image.repositories.iter().flat_map(|repository| tags().map(move |tag| format!("{repository}:{tag}"))).collect()
}

/// Publishes on a runtime of its own.
///
/// # Errors
/// What publishing says, with the receipts until then.
pub fn publish(session: &Session, order: &Order<'_>) -> anyhow::Result<Receipts> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(publish::run(&session.printer, order)).map_err(|error| failed(order, error))
}

/// A failure with what the ledger holds.
pub fn failed(order: &Order<'_>, error: anyhow::Error) -> anyhow::Error {
    let receipts =
        store::read_json::<Receipts>(&order.store.receipts()).map(|receipts| receipts.receipts).unwrap_or_default();
    let state = if receipts.is_empty() { State::Nothing } else { State::Partial };
    let mut refused = Refused::during(
        error,
        Fields { plan: Some(order.plan.clone()), receipts: Some(receipts), state, ..Fields::default() },
    );
    if refused.exit == Exit::Unfinished {
        for Diagnostic { problem, .. } in &mut refused.diagnostics {
            problem.hint.get_or_insert_with(|| "run the same command again to finish it".into());
        }
    }
    refused.into()
}

/// What is public now.
pub fn report(session: &Session, plan: &Plan, receipts: Receipts) -> Report {
    let table = table(&receipts.receipts);
    let mut report = Report::plan(table.render(&session.printer), plan);
    report.fields.receipts = Some(receipts.receipts);
    report.fields.state = State::Complete;
    report
}

fn table(receipts: &[Receipt]) -> Table {
    let mut table = Table::new(&["WHAT", "STATE", "SIZE", "SHA256", "URL"]);
    for receipt in receipts {
        let state = match receipt.outcome {
            Outcome::Published => "published",
            Outcome::AlreadyThere => "already there",
            Outcome::Unconfirmed => "unconfirmed",
            Outcome::Conflict => "conflict",
        };
        table.row([
            if receipt.name == "release" { format!("release {}", receipt.tag) } else { receipt.name.clone() },
            state.to_owned(),
            receipt.size.map(size).unwrap_or_default(),
            receipt.sha256.map(|digest| digest.hex()).unwrap_or_default(),
            receipt.url.clone().unwrap_or_default(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forks_do_not_publish() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("event.json");
        let check = |event: &str, refused: bool| {
            std::fs::write(&path, event).unwrap();
            let env = Env::of([("GITHUB_EVENT_PATH", path.to_str().unwrap())]);
            assert_eq!(refuse_fork(&env).is_err(), refused, "{event}");
        };
        let pull = |head: &str| {
            format!(r#"{{"pull_request":{{"head":{{"repo":{head}}},"base":{{"repo":{{"full_name":"o/r"}}}}}}}}"#)
        };
        check(r#"{"ref":"refs/tags/v1.2.3"}"#, false);
        check(&pull(r#"{"full_name":"o/r"}"#), false);
        check(&pull(r#"{"full_name":"mallory/r"}"#), true);
        check(&pull("null"), true);
    }

    #[test]
    fn who_is_asked_sees_which_credential_goes_where() {
        let of = |kind: &str, env: &[(&str, &str)]| {
            let text = format!(r#"{{"name":"x","when":"always","credentials":[],{kind}}}"#);
            presented(&serde_json::from_str(&text).unwrap(), &Env::of(env.iter().copied()))
        };
        let check = |kind: &str, expected: &[&str]| assert_eq!(of(kind, &[("GITHUB_TOKEN", "t")]), expected, "{kind}");
        let github =
            r#""kind":"github","repository":"o/r","host":"ghes.test","draft":false,"adopt":"draft","pages":[]"#;
        check(github, &["ghes.test gets GITHUB_TOKEN"]);
        let (ours, theirs) = (("GH_TOKEN", "t"), ("GITHUB_TOKEN", "t"));
        assert_eq!(of(github, &[ours]), ["ghes.test gets GH_TOKEN"]);
        assert_eq!(of(github, &[ours, theirs]), ["ghes.test gets GITHUB_TOKEN"]);
        let job = ("GITHUB_SERVER_URL", "https://github.com");
        assert_eq!(of(github, &[ours, theirs, job]), ["ghes.test gets GH_TOKEN"]);
        assert_eq!(of(github, &[theirs, job]), ["ghes.test gets no token: there is no GH_TOKEN"]);
        assert_eq!(of(github, &[]), ["ghes.test gets no token: there is no GITHUB_TOKEN or GH_TOKEN"]);
        check(
            r#""kind":"registry","hosts":{"mallory.test":{"password_env":"GITHUB_TOKEN","insecure":false}},
               "images":[{"step":"s","repositories":["ghcr.io/o/r","quay.io/o/r"],"tags":[]}]"#,
            &[
                "ghcr.io gets GITHUB_TOKEN",
                "mallory.test gets GITHUB_TOKEN",
                "quay.io gets Docker's login, if there is one",
            ],
        );
        check(
            r#""kind":"pypi","upload":"https://u.test/","simple":"https://u.test/s/","trusted":"auto",
               "tokens":{"a":["PYPI_TOKEN_A","PYPI_TOKEN"]},"username":"PYPI_USER""#,
            &["https://u.test/ gets PYPI_TOKEN, PYPI_TOKEN_A, PYPI_USER"],
        );
    }

    #[test]
    fn addresses_of_a_forge() {
        let github = |host: &str| GithubDestination {
            repository: "o/r".into(),
            host: host.into(),
            draft: false,
            adopt: crate::destination::Adopt::Draft,
            pages: Vec::new(),
        };
        let check = |host: &str, env: &[(&str, &str)], expected: &str| {
            let env = Env::of(env.iter().copied());
            assert_eq!(api(&github(host), &env).unwrap().as_str(), expected, "{host}");
        };
        check("github.com", &[], "https://api.github.com/");
        check("ghes.example", &[], "https://ghes.example/api/v3/");
        let job = [("GITHUB_SERVER_URL", "https://ghes.example"), ("GITHUB_API_URL", "https://ghes.example/api/v3")];
        check("ghes.example", &job, "https://ghes.example/api/v3/");
        check("github.com", &job, "https://api.github.com/");
        let names = |host: &str, env: &[(&str, &str)]| tokens(&github(host), &Env::of(env.iter().copied())).join(" ");
        assert_eq!(names("ghes.example", &job), "GITHUB_TOKEN GH_TOKEN");
        assert_eq!(names("github.com", &[]), "GITHUB_TOKEN GH_TOKEN");
        assert_eq!(names("github.com", &job), "GH_TOKEN");
        check("github.com", &[("LONGSHORE_GITHUB_API", "http://127.0.0.1:1")], "http://127.0.0.1:1/");
        let env = Env::of([("LONGSHORE_GITHUB_API", "ftp://x")]);
        assert!(api(&github("github.com"), &env).is_err());
    }
}
