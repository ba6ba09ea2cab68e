"""The build service at work: `service.py PATH-OF-LONGSHORE REPOSITORY` serves the repository over HTTP, starts a registry and the
service, submits a build, follows its log, and pulls what was built."""

import gzip
import hashlib
import http.server
import io
import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
import urllib.request

SHOWN = "app/tide.txt"


class Git(http.server.BaseHTTPRequestHandler):
    """Repositories of one folder, by git's own `http-backend`."""

    root = None

    def answer(self):
        path, _, query = self.path.partition("?")
        env = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.root), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
               "QUERY_STRING": query, "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("content-type", ""),
               "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""), "REMOTE_ADDR": "127.0.0.1",
               "GIT_PROTOCOL": self.headers.get("git-protocol", ""), "GIT_CONFIG_COUNT": "2",
               "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
               "GIT_CONFIG_KEY_1": "uploadpack.allowFilter", "GIT_CONFIG_VALUE_1": "true"}
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        head, _, content = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True).stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


def main():
    longshore, repository = sys.argv[1], pathlib.Path(sys.argv[2])
    folder, started = repository.parent, []
    try:
        git = serve_git(repository)
        registry = start_registry(folder, started)
        url = start_service(longshore, folder, git, registry, started)
        digest = build(url, f"http://{git}/{repository.name}/.git")
        pull(registry, digest)
        print(f"\nThe page of this build was at {url}/; it ends with this demo.")
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def serve_git(repository):
    Git.root = repository.parent
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Git)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"127.0.0.1:{server.server_address[1]}"


def start_registry(folder, started):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = folder / "registry.yml"
    config.write_text(f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/registry}}}}\nhttp: {{addr: '{address}'}}\n")
    with open(folder / "registry.log", "w") as log:
        started.append(subprocess.Popen(["registry", "serve", config], stdout=log, stderr=log))
    for _ in range(100):
        try:
            urllib.request.urlopen(f"http://{address}/v2/", timeout=5).close()
            return address
        except OSError:
            time.sleep(0.1)
    sys.exit(f"the registry does not start: {(folder / 'registry.log').read_text()[-1000:]}")


def start_service(longshore, folder, git, registry, started):
    variables = {"LOCAL_REGISTRY": registry, "LONGSHORE_FETCH_ALLOW": git}
    words = [longshore, "serve", "--listen", "127.0.0.1:0", "--data", str(folder / "data")]
    print("\n$ " + " ".join(f"{name}={value}" for name, value in variables.items()) + " longshore serve")
    process = subprocess.Popen(words, env=os.environ | variables, stdout=subprocess.PIPE, text=True)
    started.append(process)
    url = process.stdout.readline().strip()
    return url or sys.exit("the service does not start")


def curl(*words):
    """Runs curl as it is shown; what it printed."""
    print("\n$ " + shlex.join(["curl", "-s", *words]), flush=True)
    done = subprocess.Popen(["curl", "-s", *words], stdout=subprocess.PIPE, text=True)
    lines = []
    for line in done.stdout:
        print(line if line.endswith("\n") else f"{line}\n", end="", flush=True)
        lines.append(line)
    done.wait()
    return "".join(lines)


def build(url, repository):
    fields = {"app_name": "tide", "image_tag": "v1.0.0", "git_repo": repository, "branch": "main"}
    form = [word for name, value in fields.items() for word in ("-F", f"{name}={value}")]
    task = json.loads(curl(f"{url}/build_with_dockerfile", *form))["task_id"]
    curl("-N", f"{url}/api/v1/builds/{task}/log?follow=1")
    for _ in range(50):
        build = json.loads(urllib.request.urlopen(f"{url}/api/v1/builds/{task}", timeout=30).read())
        if build["ended_at"]:
            break
        time.sleep(0.1)
    curl(f"{url}/task/status?task_id={task}")
    if build["state"] != "completed":
        sys.exit(f"the build has not completed: {build['reason']}: {build['message']}")
    print(f"\n{build['references'][0]}\n{build['digest']}, commit {build['commit'][:12]}, {build['size'] / 1e6:.1f} MB")
    return build["digest"]


def pull(registry, digest):
    """What was built is what people get: every blob out of the registry, by its digest."""
    manifest = json.loads(fetch(registry, "manifests", digest))
    layers = [fetch(registry, "blobs", layer["digest"]) for layer in manifest["layers"]]
    print(f"\npulled by digest: {len(layers)} layers, all digests as they should be; /{SHOWN} in it:")
    for layer in reversed(layers):
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer))) as archive:
            if SHOWN in archive.getnames():
                print(archive.extractfile(SHOWN).read().decode(), end="")
                return
    sys.exit(f"there is no {SHOWN} in the image")


def fetch(registry, kind, digest):
    accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
    asked = urllib.request.Request(f"http://{registry}/v2/serve-app/{kind}/{digest}", headers={"accept": accept})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        content = answer.read()
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
        sys.exit(f"the registry sends something else for {digest}")
    return content


if __name__ == "__main__":
    main()
