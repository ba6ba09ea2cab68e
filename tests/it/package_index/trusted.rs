//! Trusted publishing: audience, minting, what a token is good for and for how long.

use longshore::rehearsal::pypi::{Grant, Options, Publisher, Server, TrustedPublishing, WorkflowJob};
use longshore::secret::Secret;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Form, World, existing};
use crate::package::Package;

const DEMO: Package<'static> = Package { name: "demo-lib", version: "1.0", says: "hello" };
const REPOSITORY: &str = "acme/harbor";

/// `r.yml` of `acme/harbor`, which may upload to these.
pub fn publisher(environment: Option<&str>, projects: &[&str]) -> Publisher {
    let projects = projects.iter().map(|name| (*name).to_owned()).collect();
    let environment = environment.map(str::to_owned);
    Publisher { repository: REPOSITORY.into(), workflow: "r.yml".into(), environment, grant: Grant::Projects(projects) }
}

fn pending(environment: Option<&str>, project: &str) -> Publisher {
    let grant = Grant::Pending { project: project.into(), user: "ada".into() };
    Publisher { grant, ..publisher(environment, &[]) }
}

/// A job of that workflow; its request token is its name.
pub fn job(name: &str, environment: Option<&str>) -> WorkflowJob {
    WorkflowJob {
        request_token: Secret::new(name),
        repository: REPOSITORY.into(),
        workflow: "r.yml".into(),
        environment: environment.map(str::to_owned),
        git_ref: "refs/tags/v1.0".into(),
        commit: "3f786850e387550fdab836ed7e6dc881de23001b".into(),
        event: "push".into(),
        called: None,
    }
}

/// An index with the project `demo-lib`, on which one job may do what these publishers may.
fn world(publishers: Vec<Publisher>, change: impl FnOnce(&mut Options)) -> World {
    World::with(|options| {
        options.projects = vec![existing("demo-lib", "ada")];
        options.publishers = publishers;
        options.jobs = vec![job("job", None), job("prod", Some("Prod"))];
        change(options);
    })
}

/// What GitHub says a job is.
async fn identity(world: &World, job: &str, audience: &str) -> String {
    let url = format!("{}&audience={audience}", world.server.oidc_request_url());
    let answer = world.request(Method::GET, &url).bearer_auth(job).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let json: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    json["value"].as_str().unwrap().to_owned()
}

/// The answer to a request for a token.
async fn exchange(world: &World, identity: &str) -> (u16, Value) {
    let body = json!({ "token": identity }).to_string();
    let answer = world.request(Method::POST, "/_/oidc/mint-token").body(body).send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

/// A token for a job that gets one.
pub async fn mint(world: &World, job: &str) -> String {
    let (status, answer) = exchange(world, &identity(world, job, "pypi").await).await;
    assert_eq!((status, &answer["success"]), (200, &json!(true)), "{answer}");
    answer["token"].as_str().unwrap().to_owned()
}

/// A job that gets no token, with this code and the beginning of its description.
async fn refused(world: &World, identity: &str, (code, description): (&str, &str)) {
    let (status, answer) = exchange(world, identity).await;
    assert_eq!((status, &answer["message"]), (422, &json!("Token request failed")), "{answer}");
    let error = &answer["errors"][0];
    assert_eq!(error["code"], code, "{answer}");
    assert!(error["description"].as_str().unwrap().starts_with(description), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn audiences() {
    for (state, test_index, status, expected) in [
        (TrustedPublishing::On, false, 200, json!({ "audience": "pypi" })),
        (TrustedPublishing::On, true, 200, json!({ "audience": "testpypi" })),
        (TrustedPublishing::Off, false, 403, json!({ "message": "Trusted publishing functionality not enabled" })),
    ] {
        let world = world(Vec::new(), |options| {
            options.quirks.trusted_publishing = state;
            options.quirks.test_index = test_index;
        });
        let (found, text) = world.get("/_/oidc/audience", "*/*").await;
        assert_eq!((found, serde_json::from_str::<Value>(&text).unwrap()), (status, expected));
    }
    let world = world(Vec::new(), |options| options.quirks.trusted_publishing = TrustedPublishing::Unknown);
    assert_eq!(world.get("/_/oidc/audience", "*/*").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_the_projects_of_its_publisher() {
    let world = world(vec![publisher(None, &["demo-lib", "Second"])], |options| {
        options.projects.extend([existing("second", "ada"), existing("third", "ada")]);
    });
    let token = mint(&world, "job").await;
    world.says(&Form::wheel(&DEMO).by(Some(&token)), "200").await;
    world.says(&Form::wheel(&Package::new("second", "1.0")).by(Some(&token)), "200").await;
    let third = Form::wheel(&Package::new("third", "1.0")).by(Some(&token));
    world.says(&third, "403 Invalid API Token: OIDC scoped token is not valid for project 'third'").await;
    let new = Form::wheel(&Package::new("fourth", "1.0")).by(Some(&token));
    world.says(&new, "400 Non-user identities cannot create new projects.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_end() {
    let world = world(vec![publisher(None, &["demo-lib"])], |options| options.quirks.token_life = Some(2));
    let token = mint(&world, "job").await;
    tokio::time::sleep(std::time::Duration::from_millis(3100)).await;
    world.says(&Form::wheel(&DEMO).by(Some(&token)), "403 Invalid API Token: token is expired").await;
    world.says(&Form::wheel(&DEMO).by(Some(&mint(&world, "job").await)), "200").await;
    let world = self::world(vec![publisher(None, &["demo-lib"])], |_| {});
    let (_, answer) = exchange(&world, &identity(&world, "job", "pypi").await).await;
    let now = chrono::DateTime::parse_from_rfc3339(&longshore::world::clock::now()).unwrap().timestamp();
    assert!((898..=902).contains(&(answer["expires"].as_i64().unwrap() - now)), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gets_no_token() {
    let world = world(vec![publisher(None, &["demo-lib"])], |options| {
        let change = |name: &str, change: fn(&mut WorkflowJob)| {
            let mut job = job(name, None);
            change(&mut job);
            job
        };
        options.jobs.extend([
            change("elsewhere", |job| job.repository = "acme/other".into()),
            change("renamed", |job| job.workflow = "publish.yml".into()),
            change("foreign", |job| job.event = "pull_request_target".into()),
            change("called", |job| job.called = Some("acme/shared/.github/workflows/r.yml@refs/heads/main".into())),
        ]);
    });
    let unknown = "valid token, but no corresponding publisher (Publisher with matching claims was not found)";
    for (job, expected) in [
        ("elsewhere", ("invalid-publisher", unknown)),
        ("renamed", ("invalid-publisher", unknown)),
        ("foreign", ("invalid-publisher", "valid token, but no corresponding publisher (Publishing from a workflow")),
        ("called", ("invalid-publisher", "valid token, but no corresponding publisher (The job_workflow_ref claim")),
    ] {
        refused(&world, &identity(&world, job, "pypi").await, expected).await;
    }
    let good = identity(&world, "job", "pypi").await;
    let broken = format!("{}x", &good);
    for (token, expected) in [
        ("x", ("invalid-payload", "malformed JWT")),
        (broken.as_str(), ("invalid-token", "malformed or invalid token")),
        (&identity(&world, "job", "testpypi").await, ("invalid-token", "malformed or invalid token")),
    ] {
        refused(&world, token, expected).await;
    }
    // An identity is good once.
    assert_eq!(exchange(&world, &good).await.0, 200);
    refused(&world, &good, ("invalid-reuse-token", "invalid token: already used")).await;
    let answer = world.request(Method::POST, "/_/oidc/mint-token").body("{}").send().await.unwrap();
    assert_eq!(answer.status(), 422);
    // GitHub gives nothing to whom it does not know.
    let stranger = world.request(Method::GET, &world.server.oidc_request_url()).bearer_auth("x").send().await.unwrap();
    assert_eq!(stranger.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_publisher_of_an_environment_goes_before_the_one_of_none() {
    let world = world(vec![publisher(None, &["demo-lib"]), publisher(Some("prod"), &["second"])], |options| {
        options.projects.push(existing("second", "ada"));
    });
    let second = Package::new("second", "1.0");
    let (any, prod) = (mint(&world, "job").await, mint(&world, "prod").await);
    world.says(&Form::wheel(&DEMO).by(Some(&prod)), "403 Invalid API Token: OIDC scoped token").await;
    world.says(&Form::wheel(&second).by(Some(&any)), "403 Invalid API Token: OIDC scoped token").await;
    world.says(&Form::wheel(&DEMO).by(Some(&any)), "200").await;
    world.says(&Form::wheel(&second).by(Some(&prod)), "200").await;
    // A publisher with an environment is not for a job without one.
    let world = self::world(vec![publisher(Some("prod"), &["demo-lib"])], |_| {});
    let identity = identity(&world, "job", "pypi").await;
    refused(&world, &identity, ("invalid-publisher", "valid token, but no corresponding publisher")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_publisher_makes_its_project() {
    let world = world(vec![pending(None, "New.Name"), publisher(None, &["demo-lib"])], |options| {
        options.quirks.new_projects = Some(0);
    });
    let token = mint(&world, "job").await;
    assert!(world.server.shown().iter().any(|held| held.name == "New.Name"), "it is there at once, without files");
    assert_eq!(world.json("/simple/new-name/").await["files"], json!([]));
    let fresh = Package::new("new-name", "1.0");
    world.says(&Form::wheel(&fresh).by(Some(&token)), "200").await;
    // It is one publisher with the full one of the same workflow, and stays so.
    world.says(&Form::wheel(&DEMO).by(Some(&token)), "200").await;
    world.says(&Form::sdist(&fresh).by(Some(&mint(&world, "job").await)), "200").await;
    // The user it was registered by owns the project.
    let owners = world.json("/pypi/new-name/json").await["ownership"]["roles"].clone();
    assert_eq!(owners, json!([{ "role": "Owner", "user": "ada" }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_publisher_of_a_taken_name_is_no_use() {
    let world = world(vec![pending(None, "demo-lib")], |_| {});
    let token = identity(&world, "job", "pypi").await;
    refused(&world, &token, ("invalid-pending-publisher", "valid token, but project already exists")).await;
    refused(&world, &identity(&world, "job", "pypi").await, ("invalid-publisher", "valid token, but no")).await;
    let world = self::world(vec![pending(None, "demo.l1b")], |_| {});
    let token = identity(&world, "job", "pypi").await;
    refused(&world, &token, ("invalid-payload", "The name 'demo.l1b' is too similar to an existing project.")).await;
}

#[test]
fn one_workflow_and_environment_has_one_pending_publisher() {
    let start = |publishers| Server::start(Options { publishers, ..Options::default() }).map(drop);
    let twice = start(vec![pending(Some("Prod"), "a"), pending(Some("prod"), "b")]).unwrap_err();
    assert!(twice.to_string().contains("registered twice"), "{twice}");
    start(vec![pending(Some("prod"), "a"), pending(None, "b"), publisher(None, &["c"])]).unwrap();
}
