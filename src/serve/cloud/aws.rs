//! Keys of AWS, looked for where its own programs look, in their order: variables, the token of a Kubernetes service account,
//! the container's service, the machine's:
//! <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>. Files of profiles are not read.

use serde_json::Value;
use url::Url;

use super::ask::{FAR, Headers, NEAR, Question, failed, garbled, json, refused, secret};
use super::sigv4::Keys;
use crate::oci::registry::{Error, ErrorKind};
use crate::world::env::Env;
use crate::world::http::{Method, Reply, host, is_loopback};

/// Where containers and machines are told who they are.
const CONTAINER: &str = "http://169.254.170.2";
const MACHINE: &str = "http://169.254.169.254";
/// Hosts that may be asked over plain HTTP besides this machine.
const PLAIN: [&str; 3] = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];

const ROLES: &str = "latest/meta-data/iam/security-credentials/";

/// An endpoint of a service, as AWS's own variables replace it.
pub fn endpoint(env: &Env, service: &str, usual: &str) -> Result<Url, Error> {
    let own = format!("AWS_ENDPOINT_URL_{service}");
    let text = env.get(&own).or_else(|| env.get("AWS_ENDPOINT_URL")).unwrap_or(usual);
    address(text)
}

/// # Errors
/// If nobody hands out keys, or somebody does not answer who should.
pub async fn keys(env: &Env, region: &str, suffix: &str) -> Result<Keys, Error> {
    if let (Some(id), Some(key)) = (env.get("AWS_ACCESS_KEY_ID"), env.get("AWS_SECRET_ACCESS_KEY")) {
        let session = env.get("AWS_SESSION_TOKEN").map(secret);
        return Ok(Keys { id: id.to_owned(), secret: secret(key), session });
    }
    if let (Some(role), Some(file)) = (env.get("AWS_ROLE_ARN"), env.get("AWS_WEB_IDENTITY_TOKEN_FILE")) {
        let sts = endpoint(env, "STS", &format!("https://sts.{region}.{suffix}"))?;
        let session = env.get("AWS_ROLE_SESSION_NAME").unwrap_or("longshore");
        return of_service_account(sts, role, session, &read(file)?).await;
    }
    if let Some(url) = container(env)? {
        return of_container(env, url).await;
    }
    of_machine(env).await
}

fn address(text: &str) -> Result<Url, Error> {
    let url = text.parse::<Url>().ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| failed(ErrorKind::Usage, &format!("`{}` is not an address of the web", text.escape_debug())))
}

fn read(file: &str) -> Result<String, Error> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| failed(ErrorKind::Usage, &format!("cannot read `{file}`: {error}")))?;
    secret(text.trim());
    Ok(text.trim().to_owned())
}

/// The token is shown to STS, which knows whose it is; nothing is signed.
async fn of_service_account(sts: Url, role: &str, session: &str, token: &str) -> Result<Keys, Error> {
    let place = host(&sts);
    let pairs = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
        ("RoleSessionName", session),
        ("WebIdentityToken", token),
    ];
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let headers = Headers::from([("content-type", "application/x-www-form-urlencoded".to_owned())]);
    let question = Question { method: Method::POST, url: sts, headers, body: &body, within: FAR };
    let reply = question.answer().await?;
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    if !reply.is_success() {
        return Err(refused(&format!("assume the role `{role}`"), &place, &reply, element(&text, "Code")));
    }
    let [id, key, session] = ["AccessKeyId", "SecretAccessKey", "SessionToken"].map(|name| element(&text, name));
    match (id, key, session) {
        (Some(id), Some(key), Some(session)) => {
            Ok(Keys { id: id.to_owned(), secret: secret(key), session: Some(secret(session)) })
        }
        _ => Err(garbled(&place)),
    }
}

/// What stands in an element of XML. Keys and tokens have no letter that XML writes otherwise.
fn element<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0.trim())
}

fn container(env: &Env) -> Result<Option<Url>, Error> {
    if let Some(path) = env.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        return address(&format!("{CONTAINER}{path}")).map(Some);
    }
    let Some(text) = env.get("AWS_CONTAINER_CREDENTIALS_FULL_URI") else { return Ok(None) };
    let url = address(text)?;
    let may_be_plain = is_loopback(&url) || url.host_str().is_some_and(|host| PLAIN.contains(&host));
    if url.scheme() != "https" && !may_be_plain {
        let text =
            format!("`AWS_CONTAINER_CREDENTIALS_FULL_URI` leads to `{}`, which is neither HTTPS nor near", host(&url));
        return Err(failed(ErrorKind::Usage, &text));
    }
    Ok(Some(url))
}

async fn of_container(env: &Env, url: Url) -> Result<Keys, Error> {
    let place = host(&url);
    let token = match env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(file) => Some(read(file)?),
        None => env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(|token| secret(token).expose().to_owned()),
    };
    let headers = token.map(|token| ("authorization", token)).into_iter().collect();
    let reply = Question { headers, ..Question::get(url, NEAR) }.answer().await?;
    of_reply(&place, &reply)
}

/// Version 2 of the service, which wants a token: version 1 answers whoever is made to ask.
async fn of_machine(env: &Env) -> Result<Keys, Error> {
    let none = |kind: ErrorKind| {
        let text = "AWS has no keys for us: neither `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, nor \
                    `AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_ROLE_ARN`, nor a container's or a machine's service";
        failed(kind, text)
    };
    if env.is_true("AWS_EC2_METADATA_DISABLED") {
        return Err(none(ErrorKind::Denied));
    }
    let base = address(env.get("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or(MACHINE))?;
    let place = host(&base);
    let at = |path: &str| base.join(path).map_err(|_| garbled(&place));
    let life = Headers::from([("x-aws-ec2-metadata-token-ttl-seconds", "300".to_owned())]);
    let question = Question { method: Method::PUT, headers: life, ..Question::get(at("latest/api/token")?, NEAR) };
    let reply = question.answer().await.map_err(|_| none(ErrorKind::Retry))?;
    if !reply.is_success() {
        return Err(none(ErrorKind::Denied));
    }
    let token = secret(String::from_utf8_lossy(&reply.body).trim());
    let shown = Headers::from([("x-aws-ec2-metadata-token", token.expose().to_owned())]);
    let roles = Question { headers: shown.clone(), ..Question::get(at(ROLES)?, NEAR) }.answer().await?;
    let text = String::from_utf8_lossy(&roles.body).into_owned();
    let role = text.lines().map(str::trim).find(|line| !line.is_empty()).filter(|_| roles.is_success());
    let role = role.ok_or_else(|| none(ErrorKind::Denied))?;
    let url = at(&format!("{ROLES}{}", crate::world::http::encode(role)))?;
    of_reply(&place, &Question { headers: shown, ..Question::get(url, NEAR) }.answer().await?)
}

fn of_reply(place: &str, reply: &Reply) -> Result<Keys, Error> {
    if !reply.is_success() {
        return Err(refused("get keys", place, reply, None));
    }
    let json = json(reply);
    let text = |name: &str| json.get(name).and_then(Value::as_str);
    match (text("AccessKeyId"), text("SecretAccessKey")) {
        (Some(id), Some(key)) => {
            Ok(Keys { id: id.to_owned(), secret: secret(key), session: text("Token").map(secret) })
        }
        _ => Err(garbled(place)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_only_fetched_from_near_or_in_secret() {
        let check = |url: &str, expected: bool| {
            let env = Env::of([("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)]);
            assert_eq!(container(&env).is_ok(), expected, "{url}");
        };
        check("http://169.254.170.23/v1/credentials", true);
        check("http://[fd00:ec2::23]/v1/credentials", true);
        check("http://127.0.0.1:8080/x", true);
        check("https://keys.example.com/x", true);
        check("http://keys.example.com/x", false);
        check("http://10.0.0.1/x", false);
        check("file:///etc/passwd", false);
        let env = Env::of([("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/x")]);
        assert_eq!(container(&env).unwrap().unwrap().as_str(), "http://169.254.170.2/v2/credentials/x");
    }

    #[test]
    fn endpoints_are_replaced_by_variables_of_aws() {
        let check = |vars: &[(&str, &str)], expected: &str| {
            let env = Env::of(vars.iter().copied());
            assert_eq!(endpoint(&env, "ECR", "https://api.ecr.x.amazonaws.com").unwrap().as_str(), expected);
        };
        check(&[], "https://api.ecr.x.amazonaws.com/");
        check(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")], "http://127.0.0.1:1/");
        let both = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:2/x")];
        check(&both, "http://127.0.0.1:2/x");
    }

    #[test]
    fn reads_elements() {
        let xml = "<a>\n<AccessKeyId>AKIA</AccessKeyId><SessionToken>\n a+/= </SessionToken>";
        assert_eq!(element(xml, "AccessKeyId"), Some("AKIA"));
        assert_eq!(element(xml, "SessionToken"), Some("a+/="));
        assert_eq!(element(xml, "Code"), None);
    }
}
