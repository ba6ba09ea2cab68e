//! Who may do what.

use super::*;
use crate::rehearsal::registry::Auth;
use crate::secret::Secret;

fn bearer() -> World {
    let auth = Auth::Bearer { user: "me".into(), password: Secret::new("pass") };
    World::with(Options { auth, ..Options::default() })
}

impl World {
    async fn token(&self, scopes: &[&str], known: bool) -> String {
        let scopes: String = scopes.iter().map(|scope| format!("&scope={scope}")).collect();
        let ask = self.ask("GET", &format!("/token?service=longshore-rehearsal{scopes}"));
        let answer = got(if known { ask.basic_auth("me", Some("pass")) } else { ask }).await;
        assert_eq!(answer.status, 200);
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    async fn with_token(&self, method: &str, path: &str, token: &str) -> Got {
        got(self.ask(method, path).bearer_auth(token)).await
    }
}

#[tokio::test]
async fn basic_wants_the_password_every_time() {
    let auth = Auth::Basic { user: "me".into(), password: Secret::new("pass") };
    let world = World::with(Options { auth, ..Options::default() });
    let refused = world.send("GET", "/v2/").await;
    assert_eq!(refused.error(), error(401, "UNAUTHORIZED"));
    assert!(refused.header("www-authenticate").starts_with("Basic realm="));
    assert_eq!(got(world.ask("GET", "/v2/").basic_auth("me", Some("other"))).await.status, 401);
    assert_eq!(got(world.ask("GET", "/v2/").basic_auth("me", Some("pass"))).await.status, 200);
    assert_eq!(world.send("GET", "/token").await.status, 404);
}

#[tokio::test]
async fn a_challenge_says_which_token_is_wanted() {
    let world = bearer();
    let url = world.server.url();
    let base = format!("Bearer realm=\"{url}/token\",service=\"longshore-rehearsal\"");
    assert_eq!(world.send("GET", "/v2/").await.header("www-authenticate"), base);
    let check = async |method: &str, path: &str, scope: &str| {
        let refused = world.send(method, path).await;
        assert_eq!(refused.status, 401);
        assert_eq!(refused.header("www-authenticate"), format!("{base},scope=\"{scope}\""));
    };
    check("GET", "/v2/a/b/manifests/1", "repository:a/b:pull").await;
    check("POST", "/v2/a/b/blobs/uploads/", "repository:a/b:pull,push").await;
    check("DELETE", "/v2/a/b/manifests/1", "repository:a/b:delete").await;
    let mount = format!("/v2/a/b/blobs/uploads/?mount={}&from=c", Digest::of(b""));
    check("POST", &mount, "repository:a/b:pull,push repository:c:pull").await;
}

#[tokio::test]
async fn a_token_allows_what_it_was_asked_for() {
    let world = bearer();
    let digest = world.server.seed_blob("b", b"x");
    let push = world.token(&["repository:a:pull,push"], true).await;
    let uploads = "/v2/a/blobs/uploads/";
    assert_eq!(world.with_token("GET", "/v2/", &push).await.status, 200);
    assert_eq!(world.with_token("POST", uploads, &push).await.status, 202);
    let mount = format!("{uploads}?mount={digest}&from=b");
    let refused = world.with_token("POST", &mount, &push).await;
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").ends_with(",error=\"insufficient_scope\""));
    let both = world.token(&["repository:a:pull,push", "repository:b:pull"], true).await;
    assert_eq!(world.with_token("POST", &mount, &both).await.status, 201);
    let unknown = world.with_token("GET", "/v2/", "made-up").await;
    assert!(unknown.header("www-authenticate").ends_with(",error=\"invalid_token\""));
}

#[tokio::test]
async fn nobody_may_read_and_not_write() {
    let world = bearer();
    let digest = world.server.seed_blob("a", b"x");
    let token = world.token(&["repository:a:pull,push"], false).await;
    assert_eq!(world.with_token("GET", &format!("/v2/a/blobs/{digest}"), &token).await.status, 200);
    assert_eq!(world.with_token("POST", "/v2/a/blobs/uploads/", &token).await.status, 401);
    let wrong = got(world.ask("GET", "/token").basic_auth("me", Some("wrong"))).await;
    assert_eq!(wrong.error(), error(401, "UNAUTHORIZED"));
}

#[tokio::test]
async fn tokens_come_by_form_too() {
    let world = bearer();
    let form = async |fields: &str| {
        let fields = format!("service=longshore-rehearsal&client_id=x&scope=repository%3Aa%3Apull%2Cpush&{fields}");
        world.send_body("POST", "/token", fields).await
    };
    let first = form("grant_type=password&username=me&password=pass&access_type=offline").await.json();
    let refresh = first["refresh_token"].as_str().unwrap();
    for refresh in [refresh, "pass"] {
        let answer = form(&format!("grant_type=refresh_token&refresh_token={refresh}")).await.json();
        let token = answer["access_token"].as_str().unwrap();
        assert_eq!(world.with_token("POST", "/v2/a/blobs/uploads/", token).await.status, 202);
    }
    assert_eq!(form("grant_type=refresh_token&refresh_token=made-up").await.status, 401);
    assert_eq!(form("grant_type=other").await.status, 400);
    assert!(world.server.requests().iter().all(|line| !line.contains("pass")));
}
