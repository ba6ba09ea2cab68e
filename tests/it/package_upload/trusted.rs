//! Trusted publishing by our uploader: what is asked when, and what is said if nothing comes of it.

use std::time::Duration;

use longshore::problem::Exit;
use longshore::publish::pypi::Credential;
use longshore::rehearsal::pypi::{Fault, Grant, Moment, Options, Publisher, Quirks, TrustedPublishing, WorkflowJob};
use longshore::secret::Secret;

use super::{NAMES, World, existing};

const MINT: &str = "POST /_/oidc/mint-token";
const REQUEST_TOKEN: &str = "of-the-runner";

fn publisher(grant: Grant) -> Publisher {
    Publisher { repository: "acme/harbor".into(), workflow: "release.yml".into(), environment: None, grant }
}

fn full(projects: &[&str]) -> Publisher {
    publisher(Grant::Projects(projects.iter().map(|name| (*name).to_owned()).collect()))
}

/// A job of `release.yml`, which may upload to both projects.
fn world(change: impl FnOnce(&mut Options)) -> World {
    let mut world = World::with(|options| {
        options.tokens.clear();
        options.projects = NAMES.map(existing).into();
        options.publishers = vec![full(&NAMES)];
        options.jobs = vec![WorkflowJob {
            request_token: Secret::new(REQUEST_TOKEN),
            repository: "acme/harbor".into(),
            workflow: "release.yml".into(),
            environment: None,
            git_ref: "refs/tags/v1.0".into(),
            commit: "3f786850e387550fdab836ed7e6dc881de23001b".into(),
            event: "push".into(),
            called: None,
        }];
        change(options);
    });
    let credential = credential(&world, REQUEST_TOKEN);
    world.present(&credential);
    world
}

fn credential(world: &World, request_token: &str) -> Credential {
    let request_url = world.server.oidc_request_url().parse().unwrap();
    Credential::Trusted { request_url, request_token: Secret::new(request_token) }
}

/// What a run without a token fails with, before anything is sent.
async fn refused(world: &World, code: &str) -> String {
    let text = world.fails(code, Exit::Denied).await;
    assert_eq!(world.sent(), 0, "{code}");
    assert!(!text.contains("eyJ"), "{text}");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_minted_when_everything_was_looked_at() {
    let world = world(|_| {});
    world.succeeds().await;
    let requests = world.server.requests();
    let at = |start: &str| requests.iter().position(|request| request.starts_with(start)).unwrap();
    assert!(at("GET /_/oidc/audience") < at(MINT) && at("GET /simple/harbor-client/") < at(MINT), "{requests:#?}");
    assert!(at(MINT) < at("POST /legacy/"), "{requests:#?}");
    assert_eq!((world.count(MINT), world.sent()), (2, 6));
    // A finished release needs no identity.
    world.succeeds().await;
    assert_eq!(world.count(MINT), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_minted_if_something_is_wrong() {
    let mut world = world(|_| {});
    world.files[5].size += 1;
    world.fails("changed-artifact", Exit::Usage).await;
    assert_eq!(world.count(MINT), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_end_are_minted_again() {
    // Used for two thirds of their life: after two of three seconds it is another one.
    let world = world(|options| options.quirks.token_life = Some(3)).only("harbor");
    let hold = world.server.hold_at(7, Moment::Before);
    let wait = async {
        let wait = move || (hold.wait(Duration::from_secs(20)), hold);
        let (reached, hold) = tokio::task::spawn_blocking(wait).await.unwrap();
        assert!(reached && world.server.requests()[6].starts_with("POST /legacy/"));
        tokio::time::sleep(Duration::from_millis(2100)).await;
        drop(hold);
    };
    tokio::join!(world.succeeds(), wait);
    assert_eq!((world.count(MINT), world.sent()), (2, 4));
    // Ended before we thought: the file is sent again with a new one.
    let world = self::world(|options| options.faults = vec![(Fault::TokenExpired, 1)]);
    world.succeeds().await;
    assert_eq!((world.count(MINT), world.sent()), (3, 7));
    // Never good: not tried for ever.
    let world = self::world(|options| options.quirks.token_life = Some(0));
    world.fails("token-refused", Exit::Denied).await;
    assert!(world.sent() <= 4 && world.stored().is_empty(), "{}", world.sent());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_publisher_makes_the_first_release() {
    let world = world(|options| {
        options.projects.remove(0);
        options.publishers =
            vec![publisher(Grant::Pending { project: "harbor".into(), user: "ada".into() }), full(&["harbor-client"])];
    });
    world.succeeds().await;
    // Registered for another name, it does not help.
    let world = self::world(|options| {
        options.projects.remove(0);
        options.publishers =
            vec![publisher(Grant::Pending { project: "harbour".into(), user: "ada".into() }), full(&["harbor-client"])];
    });
    let text = world.fails("index-project-new", Exit::Denied).await;
    assert!(text.contains("Non-user identities cannot create new projects"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gets_no_token() {
    let stranger = world(|options| options.publishers.clear());
    let text = refused(&stranger, "publisher-unknown").await;
    for part in ["repository `acme/harbor`", "`acme/harbor/.github/workflows/release.yml@refs/tags/v1.0`"] {
        assert!(text.contains(part), "{text}");
    }
    let quirks = |trusted_publishing| Quirks { trusted_publishing, ..Quirks::default() };
    refused(&world(|options| options.quirks = quirks(TrustedPublishing::Off)), "publisher-unsupported").await;
    refused(&world(|options| options.quirks = quirks(TrustedPublishing::Unknown)), "publisher-unsupported").await;
    let mut world = world(|_| {});
    let credential = credential(&world, "of-nobody");
    world.present(&credential);
    refused(&world, "publisher-identity").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_project_is_begun_if_another_has_no_token() {
    let mut world = world(|options| options.tokens = vec![super::ada()]);
    world.credentials.insert("harbor".parse().unwrap(), Credential::Token(Secret::new(super::CANARY)));
    let credential = credential(&world, "of-nobody");
    world.credentials.insert("harbor-client".parse().unwrap(), credential);
    refused(&world, "publisher-identity").await;
}
