#!/usr/bin/env python3
"""Base images for builds of Dockerfiles without a registry: `bases.py small|full [FOLDER]`, ends in a table.

One OCI image layout whose entries are found by their full reference, each an index of linux/amd64 and linux/arm64. It is
made of packages of this machine's distribution, of which nothing is run. `small` is busybox (seconds); `full` has Python,
Node.js and Go, as examples/fleet needs them (a minute or two, 400 MB). Kept in target/bases; same packages, same digests.
"""

import fnmatch
import pathlib
import shutil
import sys
import tempfile
import time

import layouts
import packages
from layouts import Layout
from packages import Apt, Missing

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "target" / "bases"
MADE_BY = "longshore.bases.made-by"
PLATFORMS = ("amd64", "arm64")

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
APPLETS = """ash awk base64 basename cat chgrp chmod chown cp cut date dd df dirname du echo env expr false find grep
gunzip gzip head hostname httpd id install kill ln ls md5sum mkdir mktemp mv nc od printf ps pwd readlink realpath rm
rmdir sed seq sh sha256sum sleep sort stat tail tar tee test touch tr true uname uniq unzip vi wc wget which whoami
xargs yes""".split()
USERS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnobody:x:65534:\n",
}

SYSTEM = ["base-files", "base-passwd", "bash", "coreutils", "dash", "debianutils", "findutils", "grep", "gzip",
          "hostname", "libc-bin", "libc6", "login", "passwd", "sed", "tar", "util-linux"]
LANGUAGES = {"python": ["python3"], "node": ["nodejs"], "golang": ["golang-go"]}
DROPPED = (*packages.DROPPED, "usr/share/perl", "usr/share/icons/", "usr/share/nodejs/npm/",
           "usr/lib/python3/dist-packages/", "usr/share/gcc/", "usr/share/zoneinfo/")
# Of Go: its own tests, and its compiler as source and library.
UNUSED = ("usr/share/go-*/test/*", "usr/share/go-*/src/cmd/*", "usr/lib/go-*/pkg/linux_*/cmd/*",
          "usr/share/nodejs/@types/*")
HOMES = {"python": {"python": "/usr/bin/python3", "python3": "/usr/bin/python3"}, "node": {"node": "/usr/bin/node"}}
RELEASES = {
    "ubuntu": 'PRETTY_NAME="Ubuntu (stub)"\nNAME="Ubuntu"\nVERSION_ID="24.04"\nID=ubuntu\nID_LIKE=debian\n',
    "rocky": 'PRETTY_NAME="Rocky Linux (stub)"\nNAME="Rocky Linux"\nVERSION_ID="9"\nID=rocky\nID_LIKE="rhel fedora"\n',
}
GO = {"Env": ["PATH=/go/bin:/usr/local/go/bin:" + PATH.removeprefix("PATH="), "GOPATH=/go", "GOTOOLCHAIN=local"],
      "WorkingDir": "/go", "Cmd": ["bash"]}

# reference: layers, configuration, architectures
SMALL = {
    "docker.io/library/alpine:3": (["busybox"], {"Env": [PATH], "Cmd": ["/bin/sh"]}, PLATFORMS),
    "docker.io/library/busybox:1": (["busybox"], {"Env": [PATH], "Cmd": ["sh"]}, PLATFORMS),
}
FULL = {
    "docker.io/library/debian:bookworm-slim": (["system"], {"Env": [PATH], "Cmd": ["bash"]}, PLATFORMS),
    "docker.io/library/python:3.11-slim-bookworm": (
        ["system", "python"], {"Env": [PATH, "LANG=C.UTF-8"], "Cmd": ["python3"]}, PLATFORMS),
    "docker.io/library/node:18-bookworm-slim": (["system", "node"], {"Env": [PATH], "Cmd": ["node"]}, PLATFORMS),
    "docker.io/library/golang:1.19-bookworm": (["system", "golang"], GO, PLATFORMS),
    "docker.io/library/debian:stable-slim": (["system"], {"Env": [PATH], "Cmd": ["bash"]}, PLATFORMS),
    "docker.io/library/ubuntu:24.04": (["system", "ubuntu"], {"Env": [PATH], "Cmd": ["/bin/bash"]}, PLATFORMS),
    # As in the field: one that is used for a single platform.
    "docker.io/library/rockylinux:9-minimal": (["system", "rocky"], {"Env": [PATH], "Cmd": ["/bin/bash"]}, ("amd64",)),
}


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in KINDS:
        sys.exit(f"usage: bases.py {'|'.join(KINDS)} [FOLDER]")
    kind = sys.argv[1]
    folder = pathlib.Path(sys.argv[2]).resolve() if len(sys.argv) == 3 else WORK / kind
    start = time.monotonic()
    try:
        made = make(kind, folder)
    except Missing as missing:
        sys.exit(f"no base images: {missing}")
    for reference, platform, digest, size in table(folder):
        print(f"{reference:<46} {platform:<12} {digest} {size / 1e6:6.1f} MB")
    print(f"{folder}: {f'made in {time.monotonic() - start:.0f} s' if made else 'was there'}")


def make(kind, folder):
    """False where these very scripts have made it before."""
    scripts = b"".join(pathlib.Path(module).read_bytes() for module in (__file__, packages.__file__, layouts.__file__))
    made_by = f"{kind} {layouts.digest(scripts)}"
    index = folder / "index.json"
    if index.exists() and Layout(folder).index().get("annotations", {}).get(MADE_BY) == made_by:
        return False
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    references, layers_of = KINDS[kind]
    manifests = {reference: [] for reference in references}
    # One after the other: the files of a language are in memory.
    for arch in PLATFORMS:
        sys.stderr.write(f"bases: {kind} for linux/{arch}\n")
        for reference, descriptor in images_of(Layout(folder), references, layers_of, arch):
            manifests[reference].append(descriptor)
    entries = [layouts.index_of(Layout(folder), images, reference) for reference, images in manifests.items()]
    Layout(folder).finish(entries, {MADE_BY: made_by})
    return True


def images_of(layout, references, layers_of, arch):
    """Reference and manifest of every image that there is for an architecture."""
    with tempfile.TemporaryDirectory(dir=layout.folder.parent, prefix="packages-") as temporary:
        layers, written = layers_of(Apt(pathlib.Path(temporary), arch)), {}
        runs_on = {"architecture": arch, "os": "linux", **({"variant": "v8"} if arch == "arm64" else {})}
        for reference, (names, settings, arches) in references.items():
            if arch in arches:
                made = layouts.image(layout, runs_on, settings, [layers[name] for name in names], written, level=1)
                yield reference, {**made, "platform": runs_on}


def small_layers(apt):
    shell = packages.unpack(apt.download(["busybox-static"])) | packages.files(USERS)
    shell |= packages.links({f"bin/{applet}": "busybox" for applet in APPLETS})
    return {"busybox": shell | packages.folders({"tmp": 0o1777}) | packages.folders({"root": 0o700})}


def full_layers(apt):
    """The system, and what each language adds to it."""
    names = apt.with_dependencies(SYSTEM)
    system = packages.merge_usr(packages.unpack(apt.download(names), DROPPED))
    system |= {f"etc/{name}": packages.copied(system[f"usr/share/base-passwd/{name}.master"])
               for name in ("passwd", "group")}
    system |= packages.folders({"tmp": 0o1777}) | packages.folders({"root": 0o700})
    # Scripts of packages that are not run here would make these.
    system |= packages.links({path: target for path, target in {"usr/bin/sh": "dash"}.items() if path not in system})
    layers = {"system": system}
    for language, wanted in LANGUAGES.items():
        added = [name for name in apt.with_dependencies(wanted) if name not in names]
        unpacked = packages.moved_to_usr(packages.unpack(apt.download(added), DROPPED))
        layers[language] = {path: entry for path, entry in unpacked.items() if not unused(path)}
        layers[language] |= packages.links({f"usr/local/bin/{name}": target
                                            for name, target in HOMES.get(language, {}).items()})
    layers["golang"] |= packages.links({"usr/local/go": "/usr/lib/go"}) | packages.folders({"go": 0o755})
    return layers | {name: packages.files({"usr/lib/os-release": text, "etc/.wh.debian_version": ""})
                     for name, text in RELEASES.items()}


def unused(path):
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in UNUSED)


def table(folder):
    layout = Layout(folder)
    for entry in layout.entries():
        for manifest in layout.json(entry)["manifests"]:
            platform = f"{manifest['platform']['os']}/{manifest['platform']['architecture']}"
            size = sum(layer["size"] for layer in layout.json(manifest)["layers"])
            yield entry["annotations"][layouts.NAME], platform, manifest["digest"], size


KINDS = {"small": (SMALL, small_layers), "full": (FULL, full_layers)}

if __name__ == "__main__":
    main()
