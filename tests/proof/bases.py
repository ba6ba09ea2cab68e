#!/usr/bin/env python3
"""Base images of linux/amd64 and linux/arm64 made from packages, as one OCI layout: `bases.py DIR`, ends in a table.

No image is pulled and nothing of a package is run. Same packages, same digests.
"""

import concurrent.futures
import json
import pathlib
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request

from project import fresh

TOOLS = pathlib.Path(__file__).resolve().parent.parent.parent / "tools"
# Behind ours: there is a module of the same name.
sys.path.append(str(TOOLS))

import layouts  # noqa: E402
from layouts import CONFIG, MANIFEST, NAME, Layout, digest, image  # noqa: E402
from packages import Apt, copied, files, folders, links, merge_usr, unpack  # noqa: E402

PLATFORMS = {"amd64": "x86_64", "arm64": "aarch64"}
STATEMENT = "application/vnd.in-toto+json"
MADE_BY = "longshore.proof.made-by"

SYSTEM = ["base-files", "base-passwd", "bash", "coreutils", "dash", "findutils", "grep", "gzip", "libc-bin", "libc6",
          "libcrypt1", "libgcc-s1", "libstdc++6", "libtinfo6", "sed", "tar", "zlib1g"]
# The same library has two names among releases; the first that there is.
OPENSSL = "libssl3t64|libssl3"
APPLETS = ["ash", "awk", "cat", "chmod", "chown", "cp", "env", "find", "grep", "head", "id", "ln", "ls", "mkdir", "mv",
           "ps", "rm", "sed", "sh", "sleep", "sort", "tail", "tar", "vi", "wc", "wget", "whoami"]

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
UBUNTU = 'PRETTY_NAME="Ubuntu (stub)"\nNAME="Ubuntu"\nVERSION_ID="24.04"\nID=ubuntu\nID_LIKE=debian\n'
ALPINE = {
    "etc/os-release": 'PRETTY_NAME="Alpine Linux (stub)"\nNAME="Alpine Linux"\nVERSION_ID=3.22.0\nID=alpine\n',
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n",
    "etc/group": "root:x:0:root\nnobody:x:65534:\n",
}
USERS = {
    "etc/passwd": "root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n"
                  "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n",
    "etc/group": "root:x:0:\nnobody:x:65534:\ntty:x:5:\nstaff:x:50:\nnonroot:x:65532:\n",
}
NONROOT = {"User": "65532", "WorkingDir": "/home/nonroot",
           "Env": [PATH, "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"]}

# name: reference, and the image's configuration
BASES = {
    "debian": ("docker.io/library/debian:stable-slim", {"Env": [PATH], "Cmd": ["bash"]}),
    "ubuntu": ("docker.io/library/ubuntu:24.04", {"Env": [PATH], "Cmd": ["/bin/bash"]}),
    "alpine": ("docker.io/library/alpine:3", {"Env": [PATH], "Cmd": ["/bin/sh"]}),
    "distroless": ("gcr.io/distroless/cc-debian12:nonroot", NONROOT),
    "distroless-static": ("gcr.io/distroless/static-debian12:nonroot", NONROOT),
}


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: bases.py DIR")
    print(f"{'name':<18} {'platform':<15} {'digest':<71} size")
    for row in make(pathlib.Path(sys.argv[1]).resolve()):
        print(f"{row[0]:<18} {row[1]:<15} {row[2]} {row[3] / 1e6:5.1f} MB")


def make(folder):
    """The layout in the folder, made unless this very script has made it; rows of name, platform, digest and size."""
    scripts = (pathlib.Path(__file__), TOOLS / "packages.py", TOOLS / "layouts.py")
    made_by = digest(b"".join(script.read_bytes() for script in scripts))
    index = folder / "index.json"
    if not index.exists() or json.loads(index.read_bytes())["annotations"][MADE_BY] != made_by:
        layout = Layout(fresh(folder))
        # Two at once: they wait for the network and compress.
        with concurrent.futures.ThreadPoolExecutor() as pool:
            images = dict(zip(PLATFORMS, pool.map(lambda arch: images_of(layout, arch), PLATFORMS)))
        entries = [index_of(layout, name, {arch: images[arch][name] for arch in PLATFORMS}) for name in BASES]
        layout.finish(entries, {MADE_BY: made_by})
    return table(folder)


def table(folder):
    layout = Layout(folder)
    names = {reference: name for name, (reference, _) in BASES.items()}
    for entry in layout.entries():
        for manifest in layout.json(entry)["manifests"]:
            platform = f"{manifest['platform']['os']}/{manifest['platform']['architecture']}"
            size = sum(layer["size"] for layer in layout.json(manifest)["layers"])
            yield names[entry["annotations"][NAME]], platform, manifest["digest"], size


def images_of(layout, arch):
    """A manifest of every base for one architecture."""
    with tempfile.TemporaryDirectory(dir=layout.folder.parent, prefix="packages-") as temporary:
        layers = layers_of(Apt(pathlib.Path(temporary), arch), PLATFORMS[arch])
        written = {}
        return {name: image(layout, platform(name, arch), BASES[name][1], layers[name], written) for name in BASES}


def layers_of(apt, machine):
    """Entries of the layers of every base. As in the true ones, distroless has a layer for each package."""
    def single(name):
        return unpack(apt.download([name]))

    system = merge_usr(unpack(apt.download(apt.with_dependencies(SYSTEM))))
    system |= {f"etc/{name}": copied(system[f"usr/share/base-passwd/{name}.master"]) for name in ("passwd", "group")}
    ubuntu = files({"usr/lib/os-release": UBUNTU, "etc/.wh.debian_version": ""})
    alpine = unpack(apt.download(["busybox-static", "musl"])) | files(ALPINE)
    alpine |= links({f"bin/{applet}": "/bin/busybox" for applet in APPLETS})
    alpine |= links({f"lib/libc.musl-{machine}.so.1": f"ld-musl-{machine}.so.1"}) | folders({"tmp": 0o1777})
    users = files(USERS) | folders({"home/nonroot": 0o700}, owner=65532)
    static = [single("base-files"), single("tzdata"), certificates(single("ca-certificates")), users]
    libraries = [single(name) for name in ("libc6", apt.first(OPENSSL), "libgcc-s1", "libgomp1", "libstdc++6")]
    return {"debian": [system], "ubuntu": [system, ubuntu], "alpine": [alpine], "distroless": static + libraries,
            "distroless-static": static}


def certificates(entries):
    """What the package's script does once it is installed: all of them in one file."""
    parts = [data for path, (_, data) in sorted(entries.items()) if path.endswith(".crt")]
    return entries | files({"etc/ssl/certs/ca-certificates.crt": b"".join(parts).decode()})


def index_of(layout, name, images):
    manifests = [{**descriptor, "platform": platform(name, arch)} for arch, descriptor in images.items()]
    if name == "debian":
        manifests += [attestation(layout, descriptor) for descriptor in images.values()]
    return layouts.index_of(layout, manifests, BASES[name][0])


def platform(name, arch):
    """Docker's official images name the variant of arm64; distroless does not."""
    variant = {"variant": "v8"} if arch == "arm64" and not name.startswith("distroless") else {}
    return {"architecture": arch, "os": "linux", **variant}


def attestation(layout, subject):
    """What BuildKit puts beside an image: a manifest of no platform that is not to be run."""
    statement = {"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://spdx.dev/Document",
                 "subject": [{"name": "_", "digest": {"sha256": subject["digest"].removeprefix("sha256:")}}],
                 "predicate": {}}
    layer = layout.put_json(statement, STATEMENT)
    config = layout.put_json({"architecture": "unknown", "os": "unknown", "config": {},
                              "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}, CONFIG)
    annotated = {**layer, "annotations": {"in-toto.io/predicate-type": statement["predicateType"]}}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [annotated]}
    return {**layout.put_json(manifest, MANIFEST), "platform": {"architecture": "unknown", "os": "unknown"},
            "annotations": {"vnd.docker.reference.type": "attestation-manifest",
                            "vnd.docker.reference.digest": subject["digest"]}}


def push(folder, registry_url):
    """Every image of a layout into a registry of plain HTTP, under its reference without the host; returns those."""
    layout, pushed = Layout(folder), []
    for entry in layout.entries():
        repository, tag = entry["annotations"][NAME].split("/", 1)[1].rsplit(":", 1)
        push_manifest(layout, f"{registry_url}/v2/{repository}", entry, tag)
        pushed.append(f"{repository}:{tag}")
    return pushed


def push_manifest(layout, repository, descriptor, name):
    """What it points to goes first: registries refuse what points to nothing."""
    content = layout.json(descriptor)
    for manifest in content.get("manifests", []):
        push_manifest(layout, repository, manifest, manifest["digest"])
    for blob in [content["config"], *content["layers"]] if "config" in content else []:
        push_blob(layout, repository, blob["digest"])
    data = layout.blob(descriptor["digest"]).read_bytes()
    ask("PUT", f"{repository}/manifests/{name}", data, descriptor["mediaType"])


def push_blob(layout, repository, name):
    try:
        ask("HEAD", f"{repository}/blobs/{name}")
    except urllib.error.HTTPError as answer:
        if answer.code != 404:
            raise
        location = ask("POST", f"{repository}/blobs/uploads/", b"").headers["Location"]
        address = urllib.parse.urljoin(f"{repository}/", location)
        address += f"{'&' if '?' in address else '?'}digest={urllib.parse.quote(name)}"
        ask("PUT", address, layout.blob(name).read_bytes(), "application/octet-stream")


def ask(method, address, data=None, media_type=None):
    headers = {"Content-Type": media_type} if media_type else {}
    with urllib.request.urlopen(urllib.request.Request(address, data, headers, method=method), timeout=60) as answer:
        answer.read()
        return answer


if __name__ == "__main__":
    main()
