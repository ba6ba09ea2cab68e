//! ECR beside another registry, and who we are at AWS.

use longshore::oci::registry::{Error, Login};
use longshore::serve::cloud::Cloud;
use longshore::world::env::Env;
use longshore::world::runtime;

use super::Place;
use super::moto::Moto;
use super::process::Service;
use crate::registry::distribution::{Distribution, Kind};

const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

fn login(env: &Env) -> Result<Login, Error> {
    let Some(cloud) = Cloud::of(ECR, env) else { panic!("{ECR}") };
    let login = runtime::block_on(cloud.broker().login()).unwrap()?;
    // What may log in may create, and what is there is fine.
    let repository = format!("{ECR}/models").parse().unwrap();
    for _ in 0..2 {
        assert!(runtime::block_on(cloud.create(&repository)).unwrap()?);
    }
    Ok(login)
}

/// The signatures are checked by botocore, those with a session's token, too.
#[test]
fn aws_takes_our_signatures() {
    let moto = Moto::start(6);
    let [id, secret] = moto.user();
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRoleWithWebIdentity"}]}"#;
    moto.iam(&[("Action", "CreateRole"), ("RoleName", "r"), ("AssumeRolePolicyDocument", trust)], "RoleName");
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*"}]}"#;
    let put = [("Action", "PutRolePolicy"), ("RoleName", "r"), ("PolicyName", "p"), ("PolicyDocument", policy)];
    moto.iam(&put, "RequestId");
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "a token of the pod").unwrap();
    let env = Env::of([("AWS_ENDPOINT_URL", moto.url.as_str()), ("AWS_EC2_METADATA_DISABLED", "true")]);
    let pod = env.clone().with("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r");
    let pod = pod.with("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap());
    // STS is asked without a signature, which is not checked this once.
    let Some(cloud) = Cloud::of(ECR, &pod) else { panic!("{ECR}") };
    let found = runtime::block_on(cloud.broker().login()).unwrap().unwrap();
    assert!(matches!(found, Login::Password { ref username, .. } if username == "AWS"));

    let keys = env.with("AWS_ACCESS_KEY_ID", id).with("AWS_SECRET_ACCESS_KEY", secret);
    assert!(matches!(login(&keys).unwrap(), Login::Password { username, .. } if username == "AWS"));
    let error = login(&keys.with("AWS_SECRET_ACCESS_KEY", "another-secret")).unwrap_err();
    assert!(
        error.problem.message.contains("SignatureDoesNotMatch") || error.problem.message.contains("signature"),
        "{}",
        error.problem.message
    );
    assert!(!error.problem.message.contains("another-secret"));
}

#[test]
fn an_image_goes_to_ecr_and_to_another_registry() {
    let place = Place::new();
    let moto = Moto::start(200);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // Behind TLS, and it wants the login that moto's ECR gives out.
    let registry = runtime.block_on(Distribution::start(Kind::Password));
    let settings = place.data.path().join("settings.yaml");
    let ca = registry.ca.as_ref().unwrap().display().to_string();
    let text = format!(
        "registries: {{ {ECR}: {{ address: \"https://{}\", ca: {ca} }} }}\nlimits: {{ build-time: 30m }}\n",
        registry.host
    );
    std::fs::write(&settings, text).unwrap();
    let mut variables = place.variables().to_vec();
    variables.extend([
        ("AWS_ECR_ACCOUNT_ID", "123456789012".to_owned()),
        ("AWS_ECR_REGION", "eu-west-1".to_owned()),
        ("AWS_ENDPOINT_URL", moto.url.clone()),
        ("AWS_ACCESS_KEY_ID", "AKIA".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "a-secret-canary".to_owned()),
    ]);
    let service = Service::start_with(place.data.path(), &["--settings", settings.to_str().unwrap()], &variables);
    place.git.repository("app.git", "printf 'FROM scratch\\nCOPY hello.txt /\\nCMD [\"/hello.txt\"]\\n' > Dockerfile; echo hello > hello.txt; git add -A; git commit -qm app");
    let id = place.submit(&service, "app.git", "v1", &[]);
    let build = service.completed(&id);
    let names = [format!("{ECR}/darwin:v1"), "localhost:5000/serve-app:v1".to_owned()];
    assert_eq!(build["references"], serde_json::json!(names));
    assert_eq!(build["digest"], place.crane(&["digest", &place.image("v1")]).trim());
    let manifest = format!("https://{}/v2/darwin/manifests/v1", registry.host);
    let accept = "accept: application/vnd.oci.image.manifest.v1+json";
    let head = service.curl(&["-I", "--cacert", &ca, "-u", "AWS:123456789012-auth-token", "-H", accept, &manifest]);
    assert!(head.contains(build["digest"].as_str().unwrap()), "{head}");
    let log = service.log(&id);
    assert!(log.contains(&format!("read back {ECR}/darwin:v1@sha256:")) && !log.contains("canary"), "{log}");
}
