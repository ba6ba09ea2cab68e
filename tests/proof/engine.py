"""A Docker engine with folders, a socket and a bridge of its own: `with Engine() as it:` starts and ends it."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from project import run

BRIDGE = "lsproof0"
ADDRESS = "172.31.255.1/24"
PROGRAMS = {"dockerd": "docker.io", "docker": "docker.io", "ip": "iproute2"}


class Engine:
    """`docker(...)` speaks to it, `env` lets others do so, `version` is what it says of itself."""

    def __enter__(self):
        for program, package in PROGRAMS.items():
            if shutil.which(program) is None:
                raise RuntimeError(f"no Docker engine: `{program}` is missing (apt-get install {package})")
        # A socket's path may have 107 characters.
        self.temporary = tempfile.TemporaryDirectory(prefix="proof-")
        self.folder = pathlib.Path(self.temporary.name)
        self.env = {"DOCKER_HOST": f"unix://{self.folder}/socket"}
        self.process = None
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
        subprocess.run(["ip", "link", "delete", BRIDGE], capture_output=True)
        self.temporary.cleanup()

    def start(self):
        run(self.folder, "ip", "link", "add", BRIDGE, "type", "bridge")
        run(self.folder, "ip", "address", "add", ADDRESS, "dev", BRIDGE)
        run(self.folder, "ip", "link", "set", BRIDGE, "up")
        command = ["dockerd", "--host", self.env["DOCKER_HOST"], "--data-root", self.folder / "data", "--exec-root",
                   self.folder / "exec", "--pidfile", self.folder / "pid", "--bridge", BRIDGE, "--iptables=false",
                   "--ip6tables=false", "--ip-masq=false"]
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.version = self.wait()

    def wait(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                return self.docker("version", "--format", "{{.Server.Version}}").strip()
            except RuntimeError:
                time.sleep(0.2)
        raise RuntimeError(f"the Docker engine does not start\n{(self.folder / 'log').read_text()[-3000:]}")

    def docker(self, *arguments, env=None):
        return run(self.folder, "docker", *arguments, env={**os.environ, **self.env, **(env or {})})
