"""Engines other than BuildKit's own client build the same, as tests/engines has it; Docker with a builder of the daemon, too."""

import os
import pathlib
import re
import shutil
import subprocess
import tarfile

from engine import Engine
from project import run

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOLS = ROOT / "target" / "tools" / "bin"
IMAGE = "localhost/buildkit:proof"


def prove(_longshore, folder):
    with Engine() as docker:
        programs(folder / "programs.tar")
        docker.docker("import", "--change", 'ENTRYPOINT ["buildkitd"]', "--change", "ENV PATH=/usr/bin:/bin",
                      str(folder / "programs.tar"), IMAGE)
        run(ROOT, "cargo", "test", "--locked", "--test", "engines", "--", "--test-threads=1",
            env={**os.environ, **docker.env, "BUILDER_IMAGE": IMAGE})
    for name in ("buildah", "podman"):
        yield f"{run(ROOT, name, '--version').strip()} builds, fails and is killed as BuildKit, and does what the table says"
    yield "docker buildx with a builder elsewhere: the digest of buildctl"
    yield "docker buildx with a builder in a container: made for the session, nothing left"


def programs(path):
    """What a builder in a container needs, and nothing else."""
    with tarfile.open(path, "w") as tar:
        for name in ("buildkitd", "buildctl"):
            tar.add(os.path.realpath(TOOLS / name), f"usr/bin/{name}")
        runc = shutil.which("runc")
        tar.add(os.path.realpath(runc), "usr/bin/buildkit-runc")
        said = subprocess.run(["ldd", runc], capture_output=True, text=True).stdout
        for library in re.findall(r"(/\S+)", said):
            tar.add(os.path.realpath(library), library.removeprefix("/"))
        busybox = shutil.which("busybox")
        tar.add(os.path.realpath(busybox), "bin/busybox")
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(folder)
        for name in ("sh", "cat"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
