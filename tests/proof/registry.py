#!/usr/bin/env python3
"""A registry that we did not write, on a free loopback port: plain, behind TLS and a password, or behind tokens.

`with Registry("token") as it:` starts the pinned distribution registry and ends it. `registry.py` alone tries all kinds
with the base images and crane. The programs are those of `make tools`.
"""

import base64
import http.server
import json
import os
import pathlib
import re
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

import bases
from project import run, write

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = ROOT / "target" / "tools" / "bin"
WORK = ROOT / "target" / "proof"
KINDS = ("plain", "basic-tls", "token", "debian", "crane")
OPEN = ("plain", "debian", "crane")

USER = "proof"
PASSWORD = "an:odd/one+for#tests"
# bcrypt of it, of the least cost.
HTPASSWD = f"{USER}:$2b$05$jsnPTvm67ery9vhaJ.alcOotoEDN5hRl6lr8HfwuwC0mWoz36V9ye\n"

SERVICE, ISSUER = "proof-registry", "proof-tokens"
TOKEN_SECONDS = 300

# Our own, because the machine's would make every certificate an authority.
OPENSSL = "[req]\ndistinguished_name = name\n[name]\n"


class Registry:
    """
    `url`, `host` (with the port), `user` and `password` (None where anyone may), `ca_file` (None without TLS), `log`,
    and `env`: what lets Docker's and Go's clients in, to be added to an environment.
    """

    def __init__(self, kind="plain"):
        if kind not in KINDS:
            raise ValueError(f"no registry is `{kind}`; there are {', '.join(KINDS)}")
        self.kind = kind
        self.user, self.password = (None, None) if kind in OPEN else (USER, PASSWORD)
        self.ca_file = self.tokens = self.process = None

    def __enter__(self):
        WORK.mkdir(parents=True, exist_ok=True)
        self.temporary = tempfile.TemporaryDirectory(dir=WORK, prefix="registry-")
        self.folder = pathlib.Path(self.temporary.name)
        self.log = self.folder / "log"
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.terminate()
            self.process.wait()
        if self.tokens:
            self.tokens.stop()
        self.temporary.cleanup()

    def start(self):
        write(self.folder / "config.yml", json.dumps(self.config()))
        env = {**os.environ, "OTEL_TRACES_EXPORTER": "none"}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command(), env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.host = self.wait_for_address()
        self.url = f"{'https' if self.ca_file else 'http'}://{self.host}"
        self.env = self.client_environment()

    def command(self):
        if self.kind == "crane":
            return [BIN / "crane", "registry", "serve", "--address", "127.0.0.1:0", "--disk", self.folder]
        program = "docker-registry" if self.kind == "debian" else BIN / "registry"
        return [program, "serve", self.folder / "config.yml"]

    def config(self):
        """JSON is YAML, too."""
        config = {
            "version": "0.1",
            "log": {"level": "info"},
            "storage": {"filesystem": {"rootdirectory": str(self.folder / "storage")}, "delete": {"enabled": True}},
            "http": {"addr": "127.0.0.1:0", "secret": "only for the length of a run"},
        }
        if self.kind == "basic-tls":
            self.ca_file, certificate, key = authority(self.folder)
            write(self.folder / "htpasswd", HTPASSWD)
            config["http"]["tls"] = {"certificate": str(certificate), "key": str(key)}
            config["auth"] = {"htpasswd": {"realm": "proof", "path": str(self.folder / "htpasswd")}}
        if self.kind == "token":
            self.tokens = Tokens(self.folder)
            config["auth"] = {"token": {"realm": self.tokens.realm, "service": SERVICE, "issuer": ISSUER,
                                        "rootcertbundle": str(self.tokens.certificate)}}
        return config

    def wait_for_address(self):
        """The port that the system gave it, out of its log: nobody can take it in between."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            found = re.search(r"(?:listening on 127\.0\.0\.1:|serving on port )(\d+)", self.log.read_text())
            if found:
                return f"127.0.0.1:{found[1]}"
            time.sleep(0.02)
        raise RuntimeError(f"the registry does not start\n{self.log.read_text()[-3000:]}")

    def client_environment(self):
        logins = {self.host: {"auth": base64.b64encode(f"{self.user}:{self.password}".encode()).decode()}}
        write(self.folder / "docker" / "config.json", json.dumps({"auths": logins if self.user else {}}))
        trusted = {"SSL_CERT_FILE": str(self.ca_file)} if self.ca_file else {}
        return {"DOCKER_CONFIG": str(self.folder / "docker"), **trusted}


def authority(folder):
    """A certificate authority, and a certificate of it for this machine: paths of authority, certificate, its key."""
    ca, ca_key, certificate, key = (folder / name for name in ("ca.pem", "ca.key", "server.pem", "server.key"))
    self_signed(folder, ca, ca_key, "Proof authority", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    self_signed(folder, certificate, key, "localhost", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-CA", ca, "-CAkey", ca_key, "-addext", "basicConstraints=critical,CA:FALSE",
                "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-addext", "extendedKeyUsage=serverAuth")
    return ca, certificate, key


def self_signed(folder, certificate, key, name, *options):
    """With `-CA` among the options it is signed by that one instead."""
    write(folder / "openssl.cnf", OPENSSL)
    run(folder, "openssl", "req", "-x509", "-config", folder / "openssl.cnf", "-noenc", "-days", "2",
        "-subj", f"/CN={name}", "-keyout", key, "-out", certificate, *options)


class Tokens:
    """
    Hands out the tokens that the registry asks for, as Docker's token server does: who has the password may do what was
    asked, who gives none may pull, and a wrong one gets nothing.
    """

    def __init__(self, folder):
        self.certificate, self.key = folder / "tokens.pem", folder / "tokens.key"
        self_signed(folder, self.certificate, self.key, "Proof tokens", "-newkey", "rsa:2048")
        self.chain = [base64.b64encode(ssl.PEM_cert_to_DER_cert(self.certificate.read_text())).decode()]
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), TokenRequest)
        self.server.tokens = self
        # By name: crane takes no realm that is the address of a private network.
        self.realm = f"http://localhost:{self.server.server_port}/token"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def token(self, user, scopes):
        now = int(time.time())
        access = [{"type": kind, "name": name, "actions": [one for one in actions if user or one == "pull"]}
                  for kind, name, actions in map(parse_scope, scopes)]
        claims = {"iss": ISSUER, "sub": user, "aud": SERVICE, "exp": now + TOKEN_SECONDS, "nbf": now - 5, "iat": now,
                  "jti": os.urandom(8).hex(), "access": access}
        signed = ".".join(encode(json.dumps(part).encode())
                          for part in ({"typ": "JWT", "alg": "RS256", "x5c": self.chain}, claims))
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=signed.encode(),
                                   check=True, capture_output=True).stdout
        return f"{signed}.{encode(signature)}"


class TokenRequest(http.server.BaseHTTPRequestHandler):
    """One question for a token. There is no POST: clients that try it first go on with GET."""

    def do_GET(self):
        given = self.headers.get("Authorization")
        user = USER if given else ""
        if given and given != "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode():
            return self.answer(401, {"details": "incorrect username or password"})
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        scopes = [scope for value in query.get("scope", []) for scope in value.split()]
        token = self.server.tokens.token(user, scopes)
        return self.answer(200, {"token": token, "access_token": token, "expires_in": TOKEN_SECONDS})

    def do_POST(self):
        self.answer(405, {"details": "GET it"})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing."""


def parse_scope(scope):
    """`repository:name:pull,push`; the name may hold a colon, if it starts with a host."""
    kind, rest = scope.split(":", 1)
    name, actions = rest.rsplit(":", 1)
    return kind, name, actions.split(",")


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def main():
    bases.make(WORK / "bases")
    with Registry() as plain:
        pushed = bases.push(WORK / "bases", plain.url)
        for name in pushed:
            validate(plain, name)
        for kind in ("basic-tls", "token"):
            with Registry(kind) as other:
                try_login(plain, other, pushed[0])


def validate(registry, name):
    """Platform by platform: attestations in an index are not images to crane, and not valid."""
    for arch in bases.PLATFORMS:
        crane(registry.env, "validate", "--platform", f"linux/{arch}", "--remote", f"{registry.host}/{name}")
    print(f"{registry.kind}: {name} is valid")


def try_login(plain, other, name):
    copied = f"{other.host}/{name}"
    crane(other.env, "copy", f"{plain.host}/{name}", copied)
    validate(other, name)
    stranger = {key: value for key, value in other.env.items() if key != "DOCKER_CONFIG"}
    try:
        crane(stranger, "copy", f"{plain.host}/{name}", f"{copied}-2")
    except RuntimeError as refused:
        if "unauthorized" not in str(refused).lower():
            raise
        print(f"{other.kind}: without the password nothing is pushed")
    else:
        raise RuntimeError(f"{other.kind}: pushed without a password")


def crane(env, *arguments):
    empty = {"DOCKER_CONFIG": str(WORK / "no-docker-config")}
    return run(ROOT, BIN / "crane", *arguments, env={**os.environ, **empty, **env})


if __name__ == "__main__":
    main()
