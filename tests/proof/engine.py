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
# Privileged containers get every capability, of which this machine may have fewer.
FITTING = """#!/usr/bin/env python3
import json, os, pathlib, sys
words = sys.argv[1:]
given = {{name: pathlib.Path(words[words.index(name) + 1]) for name in ("--bundle", "--process") if name in words}}
for name, path in given.items():
    path = path / "config.json" if name == "--bundle" else path
    config = json.loads(path.read_text())
    bounding = next(int(line.split()[1], 16) for line in open("/proc/self/status") if line.startswith("CapBnd"))
    numbers = {numbers}
    for names in config.get("process", config).get("capabilities", {{}}).values():
        names[:] = [name for name in names if name not in numbers or bounding >> numbers[name] & 1]
    path.write_text(json.dumps(config))
os.execv({runc!r}, [{runc!r}, *words])
"""
# By their numbers in linux/capability.h.
CAPABILITIES = """CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT
SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP
MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE""".split()
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
        # What a container that did not start leaves mounted.
        subprocess.run(["umount", self.folder / "exec" / "netns" / "default"], capture_output=True)
        subprocess.run(["ip", "link", "delete", BRIDGE], capture_output=True)
        self.temporary.cleanup()

    def start(self):
        run(self.folder, "ip", "link", "add", BRIDGE, "type", "bridge")
        run(self.folder, "ip", "address", "add", ADDRESS, "dev", BRIDGE)
        run(self.folder, "ip", "link", "set", BRIDGE, "up")
        command = ["dockerd", "--host", self.env["DOCKER_HOST"], "--data-root", self.folder / "data", "--exec-root",
                   self.folder / "exec", "--pidfile", self.folder / "pid", "--bridge", BRIDGE, "--iptables=false",
                   "--ip6tables=false", "--ip-masq=false", "--add-runtime", f"fitting={self.runtime()}",
                   "--default-runtime", "fitting"]
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.version = self.wait()

    def runtime(self):
        path = self.folder / "runtime"
        numbers = {f"CAP_{name}": number for number, name in enumerate(CAPABILITIES)}
        path.write_text(FITTING.format(numbers=numbers, runc=shutil.which("runc")))
        path.chmod(0o755)
        return path

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
