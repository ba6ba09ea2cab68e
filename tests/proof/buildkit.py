"""A BuildKit daemon with a folder and a socket of its own, and builds on it without longshore: `with Buildkit():`."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import time

import registry
from project import run

TOOLS = pathlib.Path(__file__).resolve().parent.parent.parent / "target" / "tools" / "bin"
# Where `tools/install.py` puts them, else what the machine has.
PATH = f"{TOOLS}:{os.environ['PATH']}"


class Buildkit:
    """`env` lets clients in; `host` is its address. Nothing is left when it ends, its cache included."""

    def __enter__(self):
        for name in ("buildkitd", "buildctl", "runc"):
            if shutil.which(name, path=PATH) is None:
                raise RuntimeError(f"`{name}` is missing (`python3 tools/install.py proof`)")
        # A socket's path may have 107 characters.
        self.temporary = tempfile.TemporaryDirectory(prefix="buildkit-", ignore_cleanup_errors=True)
        self.folder = pathlib.Path(self.temporary.name)
        self.host = f"unix://{self.folder}/socket"
        self.env = {**os.environ, "PATH": PATH, "BUILDKIT_HOST": self.host}
        (self.folder / "config.toml").write_text(f"""\
root = "{self.folder}/root"
[grpc]
  address = ["{self.host}"]
[worker.oci]
  binary = "{shutil.which('runc', path=PATH)}"
  snapshotter = "{snapshotter(self.folder)}"
[worker.containerd]
  enabled = false
""")
        command = [shutil.which("buildkitd", path=PATH), "--config", self.folder / "config.toml"]
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(command, env={**os.environ, "PATH": PATH, "TMPDIR": str(self.folder)},
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        # What a build that was ended with it leaves mounted.
        mounts = [line.split()[1] for line in open("/proc/self/mounts")]
        for mount in sorted((mount for mount in mounts if mount.startswith(f"{self.folder}/")), reverse=True):
            subprocess.run(["umount", "--lazy", mount], capture_output=True)
        self.temporary.cleanup()

    def wait(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            if subprocess.run(["buildctl", "debug", "workers"], env=self.env, capture_output=True).returncode == 0:
                return
            time.sleep(0.1)
        raise RuntimeError(f"buildkitd does not start\n{(self.folder / 'log').read_text()[-3000:]}")

    def prune(self):
        """A machine that has built nothing yet."""
        run(self.folder, "buildctl", "prune", "--all", env=self.env)

    def build(self, recipe, arch, out):
        """Into a folder of the OCI image layout; the digest of the image."""
        shutil.rmtree(out, ignore_errors=True)
        words = ["--frontend", "dockerfile.v0", "--opt", f"platform=linux/{arch}",
                 "--local", f"context={recipe.folder}", "--local", f"dockerfile={recipe.folder}",
                 "--output", f"type=oci,dest={out},tar=false,rewrite-timestamp=true"]
        for name, value in recipe.args.items():
            words += ["--opt", f"build-arg:{name}={value}"]
        for number, (name, source) in enumerate(recipe.contexts.items()):
            words += source.words(name, number, arch)
        run(self.folder, "buildctl", "build", "--progress=plain", *words, env=self.env)
        return json.loads((pathlib.Path(out) / "index.json").read_bytes())["manifests"][0]["digest"]


def image(target, base, folder):
    """Its programs as an image in a registry, on an image that is there: what a builder in a container is made from."""
    with tarfile.open(folder / "programs.tar", "w") as programs:
        for name in ("buildkitd", "buildctl"):
            programs.add(os.path.realpath(shutil.which(name, path=PATH)), f"usr/bin/{name}")
        runc = shutil.which("runc", path=PATH)
        programs.add(os.path.realpath(runc), "usr/bin/buildkit-runc")
        for library in re.findall(r"=> (/\S+)", run(folder, "ldd", runc)):
            if "/libc.so" not in library:
                programs.add(os.path.realpath(library), library.removeprefix("/").replace("lib/", "usr/lib/", 1))
    reference = f"{target.host}/moby/buildkit:proof"
    registry.crane(target.env, "append", "--base", base, "--new_layer", folder / "programs.tar", "--new_tag", reference)
    registry.crane(target.env, "mutate", "--entrypoint", "buildkitd", "--tag", reference, reference)
    return reference


def snapshotter(folder):
    """overlayfs where the folder lies on something that can be below one."""
    below, above, work, merged = (folder / name for name in ("below", "above", "work", "merged"))
    for path in (below, above, work, merged):
        path.mkdir()
    options = f"lowerdir={below},upperdir={above},workdir={work}"
    command = ["mount", "-t", "overlay", "overlay", "-o", options, merged]
    if subprocess.run(command, capture_output=True).returncode != 0:
        return "native"
    subprocess.run(["umount", merged], check=True)
    return "overlayfs"
