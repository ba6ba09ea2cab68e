//! Signatures of requests to AWS, of those without a query:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html>.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use url::Url;

use super::ask::Headers;
use crate::digest::Digest;
use crate::secret::Secret;
use crate::world::http::host;

/// Who somebody is at AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    pub id: String,
    pub secret: Secret,
    /// Goes with keys that end.
    pub session: Option<Secret>,
}

pub struct Signer<'a> {
    pub keys: &'a Keys,
    pub region: &'a str,
    pub service: &'a str,
    pub at: DateTime<Utc>,
}

impl Signer<'_> {
    /// The headers of a request with those that say who sends it.
    pub fn sign(&self, method: &str, url: &Url, body: &str, mut headers: Headers) -> Headers {
        let time = self.at.format("%Y%m%dT%H%M%SZ").to_string();
        let date = self.at.format("%Y%m%d").to_string();
        headers.insert("host", host(url));
        headers.insert("x-amz-date", time.clone());
        if let Some(session) = &self.keys.session {
            headers.insert("x-amz-security-token", session.expose().to_owned());
        }
        let listed: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let names = headers.keys().copied().collect::<Vec<_>>().join(";");
        let path = url.path();
        let request = format!("{method}\n{path}\n\n{listed}\n{names}\n{}", hex(body));
        let scope = format!("{date}/{}/{}/aws4_request", self.region, self.service);
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&request));
        let first = format!("AWS4{}", self.keys.secret.expose()).into_bytes();
        let words = [&date, self.region, self.service, "aws4_request"];
        let key = words.iter().fold(first, |key, word| hmac(&key, word));
        let signature: String = hmac(&key, &text).iter().map(|byte| format!("{byte:02x}")).collect();
        let id = &self.keys.id;
        let value = format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
        headers.insert("authorization", value);
        // The client writes it.
        headers.remove("host");
        headers
    }
}

fn hex(text: &str) -> String {
    Digest::of(text.as_bytes()).hex()
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of AWS's `aws-sig-v4-test-suite`.
    const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

    #[test]
    fn signs_as_the_suite_of_aws() {
        #[track_caller]
        fn check(method: &str, headers: &[(&'static str, &str)], body: &str, session: Option<&str>, expected: &str) {
            let secret = Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
            let keys = Keys { id: "AKIDEXAMPLE".into(), secret, session: session.map(Secret::new) };
            let at = "2015-08-30T12:36:00Z".parse().unwrap();
            let signer = Signer { keys: &keys, region: "us-east-1", service: "service", at };
            let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            let signed = signer.sign(method, &"https://example.amazonaws.com/".parse().unwrap(), body, headers);
            let (names, signature) = expected.split_once(' ').unwrap();
            let expected = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders={names}, Signature={signature}"
            );
            assert_eq!(signed["authorization"], expected);
        }
        let plain = "host;x-amz-date";
        let get = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
        let post = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";
        check("GET", &[], "", None, &format!("{plain} {get}"));
        check("POST", &[], "", None, &format!("{plain} {post}"));
        check(
            "POST",
            &[("content-type", "application/x-www-form-urlencoded")],
            "Param1=value1",
            None,
            "content-type;host;x-amz-date ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        );
        check(
            "POST",
            &[],
            "",
            Some(TOKEN),
            "host;x-amz-date;x-amz-security-token 85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
        );
    }
}
