//! AWS as moto plays it: its ECR, STS and IAM, with the signatures checked by AWS's own library.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use crate::project::program as on_path;
use crate::{program, tools};

/// Every action on ECR.
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*"}]}"#;

/// It, running; killed when it is dropped.
pub struct Moto {
    process: Child,
    pub url: String,
}

impl Moto {
    /// So many requests are answered before it asks who sends them.
    pub fn start(open: u8) -> Self {
        let mut command = program(&tools().join("moto/bin/moto_server"));
        command.args(["--host", "127.0.0.1", "--port", "0"]).env("INITIAL_NO_AUTH_ACTION_COUNT", open.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let line = lines.find_map(|line| line.unwrap().split_once("Running on ").map(|(_, url)| url.to_owned()));
        let url = line.unwrap().trim().to_owned();
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, url }
    }

    /// A request to its IAM that is answered with an element of this name.
    pub fn iam(&self, pairs: &[(&str, &str)], name: &str) {
        element(&self.asked(pairs), name);
    }

    fn asked(&self, pairs: &[(&str, &str)]) -> String {
        let form = url::form_urlencoded::Serializer::new("Version=2010-05-08".to_owned()).extend_pairs(pairs).finish();
        // It says which service is meant; nobody checks it yet.
        let who = "Authorization: AWS4-HMAC-SHA256 Credential=x/20150830/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=x";
        let done = on_path("curl").args(["-s", &self.url, "-H", who, "-d", &form]).output().unwrap();
        String::from_utf8(done.stdout).unwrap()
    }

    /// A user who may use ECR: three requests. His key and its secret.
    pub fn user(&self) -> [String; 2] {
        self.iam(&[("Action", "CreateUser"), ("UserName", "u")], "UserName");
        let policy = [("Action", "PutUserPolicy"), ("UserName", "u"), ("PolicyName", "p"), ("PolicyDocument", POLICY)];
        self.iam(&policy, "RequestId");
        let text = self.asked(&[("Action", "CreateAccessKey"), ("UserName", "u")]);
        ["AccessKeyId", "SecretAccessKey"].map(|name| element(&text, name))
    }
}

fn element(text: &str, name: &str) -> String {
    let found = text.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once("</"));
    found.unwrap_or_else(|| panic!("{text}")).0.to_owned()
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
