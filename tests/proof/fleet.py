"""examples/fleet, built without longshore: images as recipes, base images as a layout, what its services answer."""

import dataclasses
import json
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
EXAMPLE = ROOT / "examples" / "fleet"
BASES = ROOT / "target" / "bases" / "full"
VERSION = "0.4.0"
EPOCH = 1767225600
ARCHES = ("amd64", "arm64")

# Port, and a path beside /health with a part of what it says.
SERVICES = {
    "api": (8000, "/ships/Kestrel", '"length": 31'),
    "web": (8080, "/", "<td>Peregrine</td>"),
    "tracker": (8100, "/positions", '"name":"Merlin"'),
    "beacon": (8200, "/lamps/south.json", '"flashes": 1'),
}
FOLDERS = {"base": "base", **{name: f"apps/{name}" for name in SERVICES}}
FROM = {"base": ["debian:bookworm-slim"], "api": ["python:3.11-slim-bookworm"], "web": ["node:18-bookworm-slim"],
        "tracker": ["golang:1.19-bookworm"], "beacon": ["golang:1.19-bookworm"]}


@dataclasses.dataclass
class Image:
    """A named context that is an image of a layout, by the digest of its manifest or index."""

    layout: pathlib.Path
    digest: str

    def words(self, name, number, _arch):
        return ["--oci-layout", f"layout{number}={self.layout}",
                "--opt", f"context:{name}=oci-layout://layout{number}@{self.digest}"]

    def buildx(self):
        return f"oci-layout://{self.layout}@{self.digest}"


@dataclasses.dataclass
class Folder:
    """A named context that is a folder."""

    path: pathlib.Path

    def words(self, name, number, _arch):
        return ["--local", f"folder{number}={self.path}", "--opt", f"context:{name}=local:folder{number}"]

    def buildx(self):
        return str(self.path)


@dataclasses.dataclass
class Recipe:
    """What is built: a folder with a Dockerfile, arguments, named contexts."""

    folder: pathlib.Path
    args: dict
    contexts: dict


def bases():
    """References as a FROM writes them: digests. Made if they are not there yet."""
    subprocess.run([sys.executable, ROOT / "tools" / "bases.py", "full", BASES], check=True, stdout=subprocess.DEVNULL)
    entries = json.loads((BASES / "index.json").read_bytes())["manifests"]
    return {entry["annotations"]["org.opencontainers.image.ref.name"].removeprefix("docker.io/library/"):
            entry["digest"] for entry in entries}


def recipe(source, name, digests, base=None):
    """Of an image of the example; `base` is the Image of its first one."""
    contexts = {reference: Image(BASES, digests[reference]) for reference in FROM[name]}
    if name != "base":
        contexts["base"] = base
    if name == "web":
        contexts["shared"] = Folder(source / "shared")
    args = {"SOURCE_DATE_EPOCH": str(EPOCH), **({"VERSION": VERSION} if name == "beacon" else {})}
    return Recipe(source / FOLDERS[name], args, contexts)


def build_all(source, build, out, arch, names=SERVICES):
    """`build(recipe, arch, folder)` of the base and the services; their digests."""
    digests, folder = bases(), out / arch
    folder.mkdir(parents=True, exist_ok=True)
    made = {"base": build(recipe(source, "base", digests), arch, folder / "base")}
    base = Image(folder / "base", made["base"])
    for name in names:
        made[name] = build(recipe(source, name, digests, base), arch, folder / name)
    return made


def copied(folder):
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def based_on(source, host):
    """Every Dockerfile of a project names the base images of a registry of ours: those of `bases()`, pushed there."""
    for path in source.rglob("Dockerfile"):
        text = path.read_text()
        for reference in bases():
            text = re.sub(rf"(?<=[ =]){re.escape(reference)}(?=\s)", f"{host}/library/{reference}", text)
        path.write_text(text)
    return source
