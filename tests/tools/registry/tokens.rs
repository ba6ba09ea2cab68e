//! A server of tokens as Docker describes them: JSON Web Tokens, signed by the `openssl` program.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::distribution::{PASSWORD, USER, openssl, self_signed};

/// It, running.
pub struct Tokens {
    /// Where tokens are.
    pub realm: String,
    /// What they are signed with.
    pub certificate: PathBuf,
    task: tokio::task::JoinHandle<()>,
}

struct Signer {
    key: PathBuf,
    /// Base64 of the certificate.
    chain: String,
}

impl Tokens {
    pub const SERVICE: &str = "test-registry";
    pub const ISSUER: &str = "test-tokens";

    pub async fn start(folder: &Path) -> Self {
        let (certificate, key) = (folder.join("tokens.pem"), folder.join("tokens.key"));
        self_signed((&certificate, &key), "Test tokens", &["-newkey", "rsa:2048"]);
        let pem = std::fs::read_to_string(&certificate).unwrap();
        let chain = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        // By name: crane takes no realm that is the address of a private network.
        let realm = format!("http://localhost:{}/token", listener.local_addr().unwrap().port());
        // There is no POST: clients that try it first go on with GET.
        let router = Router::new().route("/token", axum::routing::get(answer));
        let router = router.with_state(Arc::new(Signer { key, chain }));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { realm, certificate, task }
    }
}

impl Drop for Tokens {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Who has the password may do what was asked, who gives none may pull, and a wrong one gets nothing.
async fn answer(State(signer): State<Arc<Signer>>, request: Request) -> (StatusCode, axum::Json<Value>) {
    let given = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let right = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
    if given.as_ref().is_some_and(|given| *given != right) {
        return (StatusCode::UNAUTHORIZED, axum::Json(json!({ "details": "incorrect username or password" })));
    }
    let query = request.uri().query().unwrap_or_default().to_owned();
    let token = tokio::task::spawn_blocking(move || signer.token(given.is_some(), &query)).await.unwrap();
    (StatusCode::OK, axum::Json(json!({ "token": token, "access_token": token, "expires_in": 300 })))
}

impl Signer {
    fn token(&self, known: bool, query: &str) -> String {
        let mut access = Vec::new();
        for (_, value) in url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "scope") {
            for scope in value.split(' ') {
                let (kind, rest) = scope.split_once(':').unwrap();
                // The name may hold a colon, if it starts with a host.
                let (name, actions) = rest.rsplit_once(':').unwrap();
                let actions: Vec<_> = actions.split(',').filter(|action| known || *action == "pull").collect();
                access.push(json!({ "type": kind, "name": name, "actions": actions }));
            }
        }
        #[expect(clippy::disallowed_methods, reason = "a token holds for some minutes")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let claims = json!({
            "iss": Tokens::ISSUER, "sub": if known { USER } else { "" }, "aud": Tokens::SERVICE,
            "exp": now.as_secs() + 300, "nbf": now.as_secs() - 5, "iat": now.as_secs(),
            "jti": now.as_nanos().to_string(), "access": access,
        });
        let head = json!({ "typ": "JWT", "alg": "RS256", "x5c": [self.chain] });
        let signed = [head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let mut process = openssl();
        process.args(["dgst", "-sha256", "-sign"]).arg(&self.key).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = process.spawn().expect("`openssl` is missing: run `make tools`");
        process.stdin.take().unwrap().write_all(signed.as_bytes()).unwrap();
        let done = process.wait_with_output().unwrap();
        assert!(done.status.success());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(done.stdout))
    }
}
