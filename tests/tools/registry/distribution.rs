//! The registry of the Distribution project on a free port: plain, behind TLS and a password, or behind tokens.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use longshore::digest::Digest;
use serde_json::json;

use super::tokens::Tokens;
use crate::tool;

pub const USER: &str = "proof";
pub const PASSWORD: &str = "an:odd/one+for#tests";
/// bcrypt of it, of the least cost; and of the password that moto's ECR gives out.
const HTPASSWD: &str = "proof:$2b$05$jsnPTvm67ery9vhaJ.alcOotoEDN5hRl6lr8HfwuwC0mWoz36V9ye\nAWS:$2b$05$aP1AW.SD9MrgBO9i7.k5G.3y/pGtiRJzcTEIZq7uMFBGhyFY0M8ky\n";

/// Who may do what, and how it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Plain HTTP, anybody.
    Plain,
    /// TLS and a password.
    Password,
    /// Plain HTTP and tokens from another server.
    Tokens,
}

/// It, running; ends when it is dropped.
pub struct Distribution {
    /// Host and port.
    pub host: String,
    /// The authority of its certificate.
    pub ca: Option<PathBuf>,
    process: Child,
    _tokens: Option<Tokens>,
    folder: tempfile::TempDir,
}

impl Distribution {
    pub async fn start(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let mut config = json!({
            "version": "0.1",
            "log": { "level": "info" },
            "storage": { "filesystem": { "rootdirectory": path.join("storage") }, "delete": { "enabled": true } },
            "http": { "addr": "127.0.0.1:0", "secret": "only for the length of a test" },
        });
        let (mut ca, mut tokens) = (None, None);
        match kind {
            Kind::Plain => {}
            Kind::Password => {
                std::fs::write(path.join("htpasswd"), HTPASSWD).unwrap();
                let [authority, certificate, key] = certificates(path);
                config["http"]["tls"] = json!({ "certificate": certificate, "key": key });
                config["auth"] = json!({ "htpasswd": { "realm": "test", "path": path.join("htpasswd") } });
                ca = Some(authority);
            }
            Kind::Tokens => {
                let service = Tokens::start(path).await;
                config["auth"] = json!({ "token": {
                    "realm": service.realm, "service": Tokens::SERVICE, "issuer": Tokens::ISSUER,
                    "rootcertbundle": service.certificate,
                } });
                tokens = Some(service);
            }
        }
        // JSON is YAML, too.
        std::fs::write(path.join("config.yml"), config.to_string()).unwrap();
        let log = path.join("log");
        let written = std::fs::File::create(&log).unwrap();
        let mut process = tool("registry")
            .arg("serve")
            .arg(path.join("config.yml"))
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(written.try_clone().unwrap())
            .stderr(written)
            .spawn()
            .unwrap();
        let host = address(&log, &mut process).await;
        Self { host, ca, process, _tokens: tokens, folder }
    }

    /// Gives a manifest another tag, as the registry keeps it on its disk: much faster than to ask for it.
    pub fn tag(&self, repository: &str, tag: &str, digest: Digest) {
        let below = format!("storage/docker/registry/v2/repositories/{repository}/_manifests/tags/{tag}/current");
        let folder = self.folder.path().join(below);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("link"), digest.to_string()).unwrap();
    }
}

impl Drop for Distribution {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The port that the system gave it, out of its log: nobody can take it in between.
async fn address(log: &Path, process: &mut Child) -> String {
    let start = Instant::now();
    loop {
        let text = std::fs::read_to_string(log).unwrap();
        let host = text.split_once("listening on ").map(|(_, rest)| rest);
        if let Some((host, _)) = host.and_then(|rest| rest.split_once([',', '"', ' ', '\n'])) {
            return host.to_owned();
        }
        let ended = process.try_wait().unwrap();
        assert!(ended.is_none() && start.elapsed() < Duration::from_secs(30), "the registry does not start: {text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An authority, and a certificate of it for this machine with its key.
pub fn certificates(folder: &Path) -> [PathBuf; 3] {
    let [ca, ca_key, certificate, key] = ["ca.pem", "ca.key", "server.pem", "server.key"].map(|name| folder.join(name));
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let of_ca = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"];
    let options = of_ca.map(|text| ["-addext", text]).concat();
    self_signed((&ca, &ca_key), "Test authority", &[&curve[..], &options].concat());
    let (by, by_key) = (ca.display().to_string(), ca_key.display().to_string());
    let of_server = [
        "basicConstraints=critical,CA:FALSE",
        "subjectAltName=IP:127.0.0.1,DNS:localhost",
        "extendedKeyUsage=serverAuth",
    ];
    let options = of_server.map(|text| ["-addext", text]).concat();
    let signed = ["-CA", by.as_str(), "-CAkey", by_key.as_str()];
    self_signed((&certificate, &key), "localhost", &[&curve[..], &signed, &options].concat());
    [ca, certificate, key]
}

/// With `-CA` among the options it is signed by that one instead.
pub fn self_signed((certificate, key): (&Path, &Path), name: &str, options: &[&str]) {
    // Our own settings, because the machine's would make every certificate an authority.
    let settings = certificate.with_extension("cnf");
    std::fs::write(&settings, "[req]\ndistinguished_name = name\n[name]\n").unwrap();
    let mut openssl = openssl();
    openssl.args(["req", "-x509", "-noenc", "-days", "2", "-subj", &format!("/CN={name}")]).args(options);
    openssl.arg("-config").arg(settings).arg("-keyout").arg(key).arg("-out").arg(certificate);
    let done = openssl.output().expect("`openssl` is missing: run `make tools`");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[expect(clippy::disallowed_methods, reason = "tests start programs themselves")]
pub fn openssl() -> std::process::Command {
    std::process::Command::new("openssl")
}
