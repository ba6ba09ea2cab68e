//! Amazon's registry: a login that holds half a day, and repositories that must exist before they are pushed to.
//!
//! Calls: <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/Welcome.html>.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use url::Url;

use super::ask::{FAR, Headers, Question, garbled, json, refused, secret};
use super::aws::{self, endpoint};
use super::sigv4::Signer;
use crate::oci::registry::{Broker, Brokered, Error, Login};
use crate::world::clock;
use crate::world::env::Env;
use crate::world::http::{Method, host};

/// How long before its end a login is made anew.
const MARGIN: TimeDelta = TimeDelta::minutes(10);

#[derive(Debug)]
pub struct Ecr {
    env: Env,
    region: String,
    /// `amazonaws.com`, or that of China.
    suffix: String,
    login: Mutex<Option<Made>>,
}

/// A login, and how long it is used.
#[derive(Clone, Debug)]
struct Made {
    login: Login,
    until: DateTime<Utc>,
}

impl Ecr {
    /// That of `ACCOUNT.dkr.ecr.REGION.amazonaws.com`.
    pub fn of(registry: &str, env: &Env) -> Option<Self> {
        let (account, rest) = registry.split_once(".dkr.ecr.")?;
        let (region, suffix) = rest.split_once('.')?;
        let is_account = !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit());
        let is_aws = matches!(suffix, "amazonaws.com" | "amazonaws.com.cn");
        (is_account && is_aws && is_region(region)).then(|| Self {
            env: env.clone(),
            region: region.to_owned(),
            suffix: suffix.to_owned(),
            login: Mutex::default(),
        })
    }

    /// Creates a repository; one that is there is fine.
    ///
    /// # Errors
    /// If the role may not.
    pub async fn create(&self, name: &str) -> Result<(), Error> {
        let doing = format!("create the repository `{name}`");
        match self.call("CreateRepository", &doing, &json!({ "repositoryName": name })).await {
            Err(Refused::As { code, .. }) if code == "RepositoryAlreadyExistsException" => Ok(()),
            done => done.map(drop).map_err(Refused::error),
        }
    }

    async fn made(&self) -> Result<Made, Error> {
        let answer = self.call("GetAuthorizationToken", "get a login", &json!({})).await.map_err(Refused::error)?;
        let data = &answer["authorizationData"][0];
        let pair = data["authorizationToken"].as_str().and_then(|text| STANDARD.decode(text).ok());
        let pair = pair.and_then(|bytes| String::from_utf8(bytes).ok());
        let Some((username, password)) = pair.as_deref().and_then(|pair| pair.split_once(':')) else {
            return Err(garbled(&host(&self.endpoint()?)));
        };
        #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970, with fractions that mean nothing")]
        let ends = data["expiresAt"].as_f64().and_then(|seconds| DateTime::from_timestamp(seconds as i64, 0));
        let until = ends.unwrap_or_else(clock::utc) - MARGIN;
        Ok(Made { login: Login::Password { username: username.to_owned(), password: secret(password) }, until })
    }

    fn endpoint(&self) -> Result<Url, Error> {
        endpoint(&self.env, "ECR", &format!("https://api.ecr.{}.{}", self.region, self.suffix))
    }

    async fn call(&self, action: &str, doing: &str, body: &Value) -> Result<Value, Refused> {
        let url = self.endpoint()?;
        let keys = aws::keys(&self.env, &self.region, &self.suffix).await?;
        let (place, body) = (host(&url), body.to_string());
        let headers = Headers::from([
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target", format!("AmazonEC2ContainerRegistry_V20150921.{action}")),
        ]);
        let signer = Signer { keys: &keys, region: &self.region, service: "ecr", at: clock::utc() };
        let headers = signer.sign("POST", &url, &body, headers);
        let reply = Question { method: Method::POST, url, headers, body: &body, within: FAR }.answer().await?;
        let answer = json(&reply);
        if reply.is_success() {
            return Ok(answer);
        }
        // `com.amazonaws.ecr#Name`, or the name alone.
        let code = answer["__type"].as_str().unwrap_or_default().rsplit('#').next().unwrap_or_default().to_owned();
        let error = refused(doing, &place, &reply, Some(&code));
        Err(Refused::As { code, error })
    }
}

impl Broker for Ecr {
    fn login(&self) -> Brokered<'_> {
        Box::pin(async {
            let mut known = self.login.lock().await;
            if let Some(made) = known.as_ref().filter(|made| clock::utc() < made.until) {
                return Ok(made.login.clone());
            }
            let made = self.made().await?;
            Ok(known.insert(made).login.clone())
        })
    }
}

/// Why a call did not succeed.
enum Refused {
    /// Before it was sent, or without an answer.
    Before(Error),
    /// By AWS, with a word for it.
    As { code: String, error: Error },
}

impl Refused {
    fn error(self) -> Error {
        match self {
            Self::Before(error) | Self::As { error, .. } => error,
        }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Before(error)
    }
}

/// The registry of an account.
///
/// # Errors
/// What is no account or region, for people.
pub fn registry(account: &str, region: &str) -> Result<String, String> {
    let is_account = !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit());
    if !is_account || !is_region(region) {
        return Err(format!("`{}` in `{}` is not an account of AWS", account.escape_debug(), region.escape_debug()));
    }
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    Ok(format!("{account}.dkr.ecr.{region}.{suffix}"))
}

fn is_region(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_known_by_their_names() {
        let check = |name: &str, expected: Option<&str>| {
            let found = Ecr::of(name, &Env::default()).map(|ecr| ecr.endpoint().unwrap().to_string());
            assert_eq!(found.as_deref(), expected, "{name}");
        };
        check("123456789012.dkr.ecr.eu-west-1.amazonaws.com", Some("https://api.ecr.eu-west-1.amazonaws.com/"));
        let china = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn";
        check(china, Some("https://api.ecr.cn-north-1.amazonaws.com.cn/"));
        assert_eq!(registry("123456789012", "cn-north-1").unwrap(), china);
        check("123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example", None);
        check("evil.example", None);
        check("x.dkr.ecr.eu-west-1.amazonaws.com", None);
        assert!(registry("123/x", "eu-west-1").is_err() && registry("123", "eu.west").is_err());
    }
}
