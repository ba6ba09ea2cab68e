"""Services and chart of examples/fleet out of a registry: `fleet.py URL OWNER VERSION FOLDER` unpacks, starts and asks each
service, and shows which images the chart names."""

import gzip
import io
import json
import os
import pathlib
import platform
import re
import socket
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request

SERVICES = {"api": "/ships/Kestrel", "web": "/health", "tracker": "/positions", "beacon": "/lamps/south.json"}
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
ACCEPTED = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"


def main():
    url, owner, version, folder = sys.argv[1:]
    for name, path in SERVICES.items():
        image = Image(f"{url}/v2/{owner}/{name}", version)
        size = sum(layer["size"] for layer in image.manifest["layers"])
        print(f"\n{owner}/{name}:{version}: {len(image.manifest['layers'])} layers, {size / 1e6:.1f} MB,"
              f" starts {' '.join(image.config['Entrypoint'])}")
        if os.geteuid() == 0:
            image.start(image.unpack(pathlib.Path(folder) / name), path)
        else:
            print("it is not started here: that needs root")
    show_chart(url, owner, version)


def show_chart(url, owner, version):
    """What an installation with default values pulls."""
    chart = Artifact(f"{url}/v2/{owner}/charts/fleet")
    package = json.loads(chart.get("manifests", version))["layers"][0]
    with tarfile.open(fileobj=io.BytesIO(chart.get("blobs", package["digest"]))) as archive:
        values = archive.extractfile("fleet/values.yaml").read().decode()
    print(f"\n{owner}/charts/fleet:{version}: {package['size']} bytes; in its values.yaml:")
    print("\n".join(line for line in values.splitlines() if re.search(r"repository:|tag:|image: \S", line)))


class Artifact:
    """Something in a repository."""

    def __init__(self, repository):
        self.repository, self.headers = repository, {"Accept": ACCEPTED}

    def get(self, kind, name):
        asked = urllib.request.Request(f"{self.repository}/{kind}/{name}", headers=self.headers)
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return answer.read()
        except urllib.error.HTTPError as refused:
            if refused.code != 401 or "Authorization" in self.headers:
                raise
            self.log_in(dict(re.findall(r'(\w+)="([^"]*)"', refused.headers["WWW-Authenticate"])))
        return self.get(kind, name)

    def log_in(self, challenge):
        """As anyone: who may pull a public image gets a token for it."""
        realm = challenge.pop("realm")
        with urllib.request.urlopen(f"{realm}?{urllib.parse.urlencode(challenge)}", timeout=60) as answer:
            self.headers["Authorization"] = f"Bearer {json.load(answer)['token']}"


class Image(Artifact):
    """Of this machine's platform."""

    def __init__(self, repository, version):
        super().__init__(repository)
        index = json.loads(self.get("manifests", version))
        digest = next(one["digest"] for one in index["manifests"] if one["platform"]["architecture"] == ARCH)
        self.manifest = json.loads(self.get("manifests", digest))
        self.config = json.loads(self.get("blobs", self.manifest["config"]["digest"]))["config"]

    def unpack(self, root):
        """The layers of this example remove nothing that matters, so each is simply laid over the others."""
        root.mkdir()
        for layer in self.manifest["layers"]:
            data = self.get("blobs", layer["digest"])
            data = gzip.decompress(data) if layer["mediaType"].endswith("gzip") else data
            with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                archive.extractall(root, filter="fully_trusted")
        return root

    def start(self, root, path):
        """As the user and in the folder of its configuration."""
        port = free_port()
        user, group = user_of(root, self.config.get("User", ""))
        env = dict(one.split("=", 1) for one in self.config["Env"]) | {"FLEET_LISTEN": f"127.0.0.1:{port}"}
        command = ["unshare", f"--root={root}", f"--wd={self.config.get('WorkingDir') or '/'}", f"--setgid={group}",
                   f"--setuid={user}", *self.config["Entrypoint"]]
        server = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            for asked in dict.fromkeys(["/health", path]):
                print(f"GET {asked}: {ask(f'http://127.0.0.1:{port}{asked}')}")
        finally:
            server.terminate()
            server.wait(timeout=10)


def user_of(root, name):
    lines = (root / "etc/passwd").read_text().splitlines() if (root / "etc/passwd").exists() else []
    return next((line.split(":")[2:4] for line in lines if line.startswith(f"{name}:")), ("0", "0"))


def ask(address):
    """It may still be starting."""
    for _ in range(100):
        try:
            with urllib.request.urlopen(address, timeout=2) as answer:
                return f"HTTP {answer.status} {answer.read().decode().strip()[:100]}"
        except OSError:
            time.sleep(0.1)
    return "no answer within 10 s"


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


if __name__ == "__main__":
    main()
