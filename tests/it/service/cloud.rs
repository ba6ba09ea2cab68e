//! Images at registries of clouds: where keys come from, how long logins hold, and repositories that must be created.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use longshore::digest::Digest;
use longshore::oci::image::{Image, Place};
use longshore::oci::registry::Document;
use longshore::oci::{Descriptor, media};
use longshore::rehearsal::registry::{self, Options};
use longshore::secret::Secret;
use longshore::serve::executor::Ended;
use longshore::serve::log::{Log, Logs};
use longshore::serve::push;
use longshore::serve::settings::{self, Flags};
use longshore::serve::store::Keep;
use longshore::serve::targets::Targets;
use longshore::serve::task::{Pushed, Reason, TaskId};
use longshore::world::env::Env;
use longshore::world::process::Runner;
use longshore::world::server::{Port, Server};
use serde_json::{Value, json};

const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const PASSWORD: &str = "ecr-password-canary";
const TOKEN: &str = "google-token-canary";
const PART: &str = "/latest/meta-data/iam/security-credentials/";

/// ECR, STS, the services of a machine and of a container, and a registry behind each name; on one port.
struct Cloud {
    url: String,
    state: Arc<Shared>,
    _server: Server,
    registry: registry::Server,
}

#[derive(Default)]
struct Shared {
    registry: String,
    client: reqwest::Client,
    /// Repositories that there are.
    created: Mutex<BTreeSet<String>>,
    /// What was asked, in order: a word, and who asked.
    asked: Mutex<Vec<String>>,
    /// How long a login of ECR holds, in seconds.
    life: Mutex<i64>,
}

impl Cloud {
    fn new(user: &str, password: &str) -> Self {
        let auth = registry::Auth::Basic { user: user.into(), password: Secret::new(password) };
        let registry = registry::Server::start(Options { auth, ..Options::default() }).unwrap();
        let client = super::suite::fake::client();
        let life = Mutex::new(12 * 3600);
        let state = Arc::new(Shared { registry: registry.url(), client, life, ..Shared::default() });
        let port = Port::take(0).unwrap();
        let url = format!("http://{}", port.address());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        Self { url, state, _server: port.serve(router).unwrap(), registry }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.state.asked.lock().unwrap())
    }

    /// Variables that lead to it, and some more.
    fn env(&self, more: &[(&str, &str)]) -> Env {
        let env = Env::of([("AWS_ENDPOINT_URL", self.url.as_str()), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &self.url)]);
        more.iter().fold(env, |env, (name, value)| env.with(name, *value))
    }
}

fn reply(status: u16, body: impl Into<Body>) -> Response<Body> {
    Response::builder().status(status).body(body.into()).unwrap()
}

async fn answer(
    State(state): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let note = |what: String| state.asked.lock().unwrap().push(what);
    let keys = |id: &str| {
        json!({ "AccessKeyId": id, "SecretAccessKey": format!("{id}-secret"), "Token": format!("{id}-session") })
            .to_string()
    };
    match uri.path() {
        "/" if text("x-amz-target").is_empty() => {
            let form: BTreeMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
            note(format!("sts {} {} {}", form["Action"], form["RoleArn"], form["WebIdentityToken"]));
            if form["WebIdentityToken"] != "pod-token-canary" {
                return reply(
                    400,
                    "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>no</Message></Error></ErrorResponse>",
                );
            }
            reply(
                200,
                "<Credentials><AccessKeyId>POD</AccessKeyId><SecretAccessKey>POD-secret</SecretAccessKey><SessionToken>POD-session</SessionToken></Credentials>",
            )
        }
        "/" => {
            let authorization = text("authorization");
            let who = authorization.split(['=', '/']).nth(1).unwrap_or_default();
            assert!(authorization.contains("/eu-west-1/ecr/aws4_request, SignedHeaders=content-type;host;x-amz-date;"));
            let target = text("x-amz-target");
            let action = target.rsplit('.').next().unwrap();
            note(format!("{action} {who} {}", text("x-amz-security-token")).trim().to_owned());
            ecr(&state, action, who, &body)
        }
        "/latest/api/token" if method == Method::PUT => reply(200, "machine-token"),
        PART if text("x-aws-ec2-metadata-token") == "machine-token" => reply(200, "role of it\n"),
        path if path == format!("{PART}role%20of%20it") => {
            assert_eq!(text("x-aws-ec2-metadata-token"), "machine-token");
            note("machine".into());
            reply(200, keys("MACHINE"))
        }
        "/container" if text("authorization") == "container-canary" => {
            note("container".into());
            reply(200, keys("CONTAINER"))
        }
        path if path.starts_with("/computeMetadata/") => {
            assert_eq!(text("metadata-flavor"), "Google");
            note("google".into());
            reply(200, json!({ "access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer" }).to_string())
        }
        path if path.starts_with("/v2/") => passed(&state, method, &uri, headers, body).await,
        _ => reply(404, ""),
    }
}

fn ecr(state: &Shared, action: &str, who: &str, body: &[u8]) -> Response<Body> {
    let body: Value = serde_json::from_slice(body).unwrap();
    let refused =
        |code: &str| reply(400, json!({ "__type": format!("com.amazonaws.ecr#{code}"), "message": "no" }).to_string());
    match action {
        "GetAuthorizationToken" if who == "NOBODY" => refused("AccessDeniedException"),
        "GetAuthorizationToken" => {
            let ends = chrono::Utc::now().timestamp() + *state.life.lock().unwrap();
            let token = STANDARD.encode(format!("AWS:{PASSWORD}"));
            let data =
                json!({ "authorizationToken": token, "expiresAt": ends as f64 + 0.5, "proxyEndpoint": "https://x" });
            reply(200, json!({ "authorizationData": [data] }).to_string())
        }
        "CreateRepository" => {
            let is_new = state.created.lock().unwrap().insert(body["repositoryName"].as_str().unwrap().to_owned());
            if is_new { reply(200, "{}") } else { refused("RepositoryAlreadyExistsException") }
        }
        _ => refused("UnknownOperationException"),
    }
}

/// The registry, but for repositories that were not created.
async fn passed(state: &Shared, method: Method, uri: &Uri, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let known = |name: &String| uri.path().starts_with(&format!("/v2/{name}/"));
    let is_known = state.created.lock().unwrap().iter().any(known);
    if headers.contains_key("authorization") && !is_known && method != Method::HEAD {
        let error = json!({ "errors": [{ "code": "NAME_UNKNOWN", "message": "the repository does not exist" }] });
        return reply(404, error.to_string());
    }
    let url = format!("{}{}", state.registry, uri.path_and_query().unwrap());
    let mut headers = headers;
    headers.remove("host");
    let answered = state.client.request(method, url).headers(headers).body(body).send().await.unwrap();
    let mut response = Response::builder().status(answered.status());
    for (name, value) in answered.headers().iter().filter(|(name, _)| *name != "transfer-encoding") {
        response = response.header(name, value.to_str().unwrap().replace(&state.registry, ""));
    }
    response.body(Body::from(answered.bytes().await.unwrap())).unwrap()
}

/// An image in files, a log, and what becomes of pushing it.
struct World {
    folder: tempfile::TempDir,
    image: Image,
    log: Log,
}

impl World {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |bytes: &[u8], media: &str| {
            let digest = Digest::of(bytes);
            std::fs::write(folder.path().join(digest.hex()), bytes).unwrap();
            Descriptor { media_type: media.into(), digest, size: bytes.len() as u64 }
        };
        let config = write(format!("{{\"config\": \"{text}\"}}").as_bytes(), media::CONFIG);
        let layer = write(text.as_bytes(), media::LAYER_GZIP);
        let manifest = json!({ "schemaVersion": 2, "mediaType": media::MANIFEST, "config": config, "layers": [layer] });
        let manifest = Document::new(media::MANIFEST, manifest.to_string().into_bytes());
        let place = |blob: &Descriptor| Some(Place::File(folder.path().join(blob.digest.hex())));
        let image = Image::new(manifest, place).unwrap();
        std::fs::create_dir(folder.path().join("logs")).unwrap();
        let log = Logs::new(&folder.path().join("logs")).open(&TaskId::of([7; 16]), 1).unwrap();
        Self { image, log, folder }
    }

    fn push(&self, targets: &Targets, env: &Env) -> Result<(), Ended> {
        let registries = push::registries(targets, &Runner::new(Env::default()), env);
        push::by_digest(&registries, &self.image, &targets.all, &self.log)?;
        let references = targets.all.iter().map(|target| target.repository.tagged("v1")).collect();
        let digest = self.image.manifest.descriptor.digest;
        let pushed = Pushed { commit: "c".into(), digest, references };
        assert_eq!(push::there(&registries, &pushed)?.unwrap().descriptor.digest, digest);
        push::tag(&registries, &self.image.manifest, &pushed, &self.log)
    }

    fn said(&self) -> String {
        let logs = std::fs::read_dir(self.folder.path().join("logs")).unwrap();
        logs.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap_or_default()).collect()
    }
}

/// Targets as the service reads them from variables and a file.
fn targets(folder: &Path, env: &Env, file: &str) -> Targets {
    let path = folder.join("settings.yaml");
    std::fs::write(&path, file).unwrap();
    let flags = Flags {
        listen: ([127, 0, 0, 1], 0).into(),
        data: folder.to_owned(),
        engine: None,
        builds: 1,
        open: false,
        keep_free: 0,
        database: None,
        webhook: None,
        import_now: false,
        per_app: None,
        keep: Keep::default(),
        settings: Some(path),
        tokens: None,
        kind: None,
    };
    settings::read(flags, env).unwrap().targets
}

fn reached(name: &str, url: &str) -> String {
    format!("  \"{name}\": {{ address: \"{url}\" }}\n")
}

#[track_caller]
fn fault(result: Result<(), Ended>, reason: Reason) -> String {
    match result {
        Err(Ended::Failed(fault)) if fault.reason == reason => {
            assert!(!fault.message.contains("canary") && !fault.message.contains("secret"), "{}", fault.message);
            fault.message
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_image_goes_to_all_targets() {
    let (aws, google) = (Cloud::new("AWS", PASSWORD), Cloud::new("oauth2accesstoken", TOKEN));
    google.state.created.lock().unwrap().insert("acme-1/ray-images".into());
    let local = registry::Server::start(Options::default()).unwrap();
    let world = World::new("one");
    let env = aws.env(&[
        ("ENV", "prod"),
        ("AWS_ECR_ACCOUNT_ID", "123456789012"),
        ("AWS_ECR_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "key-canary"),
        ("GCP_PROJECT_ID", "acme-1"),
        ("GCE_METADATA_HOST", google.url.strip_prefix("http://").unwrap()),
        ("LOCAL_REGISTRY", "registry.test:5000"),
    ]);
    let hosts = [(ECR, &aws.url), ("gcr.io", &google.url), ("registry.test:5000", &local.url())];
    let file = hosts.map(|(name, url)| reached(name, url)).concat();
    let targets = targets(world.folder.path(), &env, &format!("registries:\n{file}"));
    world.push(&targets, &env).unwrap();
    assert_eq!(aws.asked(), ["GetAuthorizationToken AKIA", "CreateRepository AKIA"]);
    assert_eq!(google.asked(), ["google"]);
    let said = world.said();
    for repository in [&format!("{ECR}/darwin"), "gcr.io/acme-1/ray-images", "registry.test:5000/darwin"] {
        assert!(said.contains(&format!("read back {repository}:v1@sha256:")), "{said}");
    }
    assert!(said.contains(&format!("created {ECR}/darwin")) && !said.contains("canary"), "{said}");
    assert_eq!(local.shown().len(), 1);

    // Logins are kept while they hold, and what was created is there.
    World::new("two").push(&targets, &env).unwrap();
    assert_eq!((aws.asked(), google.asked()), (Vec::new(), Vec::new()));
}

#[test]
fn keys_are_looked_for_where_aws_does() {
    let aws = Cloud::new("AWS", PASSWORD);
    aws.state.created.lock().unwrap().insert("darwin".into());
    let world = World::new("one");
    let token = world.folder.path().join("token");
    std::fs::write(&token, "pod-token-canary\n").unwrap();
    let token = token.to_str().unwrap();
    let container = format!("{}/container", aws.url);
    let account = [("AWS_ECR_ACCOUNT_ID", "123456789012"), ("AWS_REGION", "eu-west-1")];
    let variables =
        [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_SESSION_TOKEN", "session-canary")];
    let pod = [("AWS_ROLE_ARN", "arn:role"), ("AWS_WEB_IDENTITY_TOKEN_FILE", token)];
    let container = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-canary"),
    ];
    let check = |more: &[&[(&str, &str)]], expected: &[&str]| {
        let env = aws.env(&[&account[..], &more.concat()].concat());
        let targets = targets(world.folder.path(), &env, &format!("registries:\n{}", reached(ECR, &aws.url)));
        world.push(&targets, &env).unwrap();
        assert_eq!(aws.asked(), expected);
    };
    check(&[&variables, &pod, &container], &["GetAuthorizationToken AKIA session-canary"]);
    let sts = "sts AssumeRoleWithWebIdentity arn:role pod-token-canary";
    check(&[&pod, &container], &[sts, "GetAuthorizationToken POD POD-session"]);
    check(&[&container], &["container", "GetAuthorizationToken CONTAINER CONTAINER-session"]);
    check(&[], &["machine", "GetAuthorizationToken MACHINE MACHINE-session"]);
}

#[test]
fn what_goes_wrong_says_what_to_do() {
    let aws = Cloud::new("AWS", PASSWORD);
    let world = World::new("one");
    let path = |name: &str, text: &str| {
        let path = world.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let wrong = path("wrong", "other-canary");
    let account = [("AWS_ECR_ACCOUNT_ID", "123456789012"), ("AWS_REGION", "eu-west-1")];
    let push = |more: &[(&str, &str)], file: &str| {
        let env = aws.env(&[&account[..], more].concat());
        let hosts = format!("registries:\n  \"{ECR}\": {{ address: \"{}\"{file} }}\n", aws.url);
        world.push(&targets(world.folder.path(), &env, &hosts), &env)
    };
    let keys = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "key-canary")];
    let said = fault(push(&keys, ", create: false"), Reason::RegistryRefused);
    assert!(said.contains("NAME_UNKNOWN") && said.contains("create the repository first"), "{said}");
    assert_eq!(aws.asked(), ["GetAuthorizationToken AKIA"]);

    let nobody = [("AWS_ACCESS_KEY_ID", "NOBODY"), ("AWS_SECRET_ACCESS_KEY", "key-canary")];
    let said = fault(push(&nobody, ""), Reason::RegistryDenied);
    assert!(said.contains("cannot get a login at") && said.contains("AccessDeniedException"), "{said}");
    let pod = [("AWS_ROLE_ARN", "arn:role"), ("AWS_WEB_IDENTITY_TOKEN_FILE", wrong.as_str())];
    let said = fault(push(&pod, ""), Reason::RegistryDenied);
    assert!(said.contains("cannot assume the role `arn:role`") && said.contains("InvalidIdentityToken"), "{said}");
    let said = fault(push(&[("AWS_EC2_METADATA_DISABLED", "true")], ""), Reason::RegistryDenied);
    assert!(said.contains("AWS has no keys for us") && said.contains("docs/service.md"), "{said}");
    // Infrastructure: it is tried again.
    let lost = [("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:9"), keys[0], keys[1]];
    fault(push(&lost, ""), Reason::RegistryUnavailable);
}

#[test]
fn a_login_is_made_anew_before_it_ends() {
    let aws = Cloud::new("AWS", PASSWORD);
    aws.state.created.lock().unwrap().insert("darwin".into());
    let world = World::new("one");
    let more = [
        ("AWS_ECR_ACCOUNT_ID", "123456789012"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
    ];
    let env = aws.env(&more);
    let targets = targets(world.folder.path(), &env, &format!("registries:\n{}", reached(ECR, &aws.url)));
    *aws.state.life.lock().unwrap() = 60;
    world.push(&targets, &env).unwrap();
    assert!(aws.asked().len() > 2);
    *aws.state.life.lock().unwrap() = 3600;
    world.push(&targets, &env).unwrap();
    assert_eq!(aws.asked().len(), 1);
}

#[test]
fn dockers_configuration_comes_first() {
    let aws = Cloud::new("AWS", PASSWORD);
    aws.state.created.lock().unwrap().insert("darwin".into());
    let world = World::new("one");
    let auth = STANDARD.encode(format!("AWS:{PASSWORD}"));
    let docker = json!({ "auths": { ECR: { "auth": auth } } }).to_string();
    let env = aws.env(&[
        ("AWS_ECR_ACCOUNT_ID", "123456789012"),
        ("AWS_REGION", "eu-west-1"),
        ("DOCKER_AUTH_CONFIG", &docker),
    ]);
    let targets = targets(world.folder.path(), &env, &format!("registries:\n{}", reached(ECR, &aws.url)));
    world.push(&targets, &env).unwrap();
    assert_eq!(aws.asked(), Vec::<String>::new());
}

/// Tags are written when every registry has the image.
#[test]
fn one_that_refuses_keeps_the_others_tags_from_being_written() {
    let aws = Cloud::new("AWS", PASSWORD);
    let faults = vec![(registry::Fault::Denied, 100)];
    let local = registry::Server::start(Options { faults, ..Options::default() }).unwrap();
    let world = World::new("one");
    let env = aws.env(&[
        ("AWS_ECR_ACCOUNT_ID", "123456789012"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("LOCAL_REGISTRY", "registry.test:5000"),
    ]);
    let hosts = [reached(ECR, &aws.url), reached("registry.test:5000", &local.url())].concat();
    let said = fault(
        world.push(&targets(world.folder.path(), &env, &format!("registries:\n{hosts}")), &env),
        Reason::RegistryDenied,
    );
    assert!(said.contains("registry.test:5000/serve-app"), "{said}");
    // There by its digest alone.
    assert!(aws.registry.shown().iter().all(|shown| shown.tags.is_empty()), "{:?}", aws.registry.shown());
}

/// As Google's registries do: the login is sent to the service of tokens alone.
#[test]
fn a_key_file_logs_in_where_tokens_are_given_out() {
    let key = "{\"type\": \"service_account\", \"private_key\": \"canary\"}";
    let auth = registry::Auth::Bearer { user: "_json_key".into(), password: Secret::new(key) };
    let google = registry::Server::start(Options { auth, ..Options::default() }).unwrap();
    let world = World::new("one");
    let path = world.folder.path().join("key.json");
    std::fs::write(&path, format!("{key}\n")).unwrap();
    let push = |path: &str| {
        let name = "europe-docker.pkg.dev";
        let registry = format!("{name}/acme/models");
        let env = Env::of([("LOCAL_REGISTRY", registry.as_str()), ("GCP_CREDS_PATH", path)]);
        world.push(&targets(world.folder.path(), &env, &format!("registries:\n{}", reached(name, &google.url()))), &env)
    };
    push(path.to_str().unwrap()).unwrap();
    let shown = google.shown();
    assert_eq!((shown[0].repository.as_str(), shown[0].tags.len()), ("acme/models/serve-app", 1));
    let said = fault(push("/none/key.json"), Reason::RegistryRefused);
    assert!(said.contains("cannot read `/none/key.json`"), "{said}");
}
