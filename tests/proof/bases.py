#!/usr/bin/env python3
"""Base images of linux/amd64 and linux/arm64 made from packages, as one OCI layout: `bases.py DIR`, ends in a table.

No image is pulled and nothing of a package is run. The packages come from wherever this machine's apt has its own from,
through an apt root of ours, so that no architecture is added to the machine. Same packages, same digests.
"""

import concurrent.futures
import gzip
import hashlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request

from project import fresh, run, write

PLATFORMS = {"amd64": "x86_64", "arm64": "aarch64"}
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
STATEMENT = "application/vnd.in-toto+json"
NAME = "org.opencontainers.image.ref.name"
MADE_BY = "longshore.proof.made-by"
EPOCH = "1970-01-01T00:00:00Z"

# What slim images leave out, too.
DROPPED = ("usr/share/doc/", "usr/share/man/", "usr/share/info/", "usr/share/locale/", "usr/share/lintian/")
MERGED = ("bin", "lib", "lib64", "sbin")

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
    made_by = digest(pathlib.Path(__file__).read_bytes())
    index = folder / "index.json"
    if not index.exists() or json.loads(index.read_bytes())["annotations"][MADE_BY] != made_by:
        layout = Layout(fresh(folder))
        # Two at once: they wait for the network and compress.
        with concurrent.futures.ThreadPoolExecutor() as pool:
            images = dict(zip(PLATFORMS, pool.map(lambda arch: images_of(layout, arch), PLATFORMS)))
        entries = [index_of(layout, name, {arch: images[arch][name] for arch in PLATFORMS}) for name in BASES]
        layout.finish(entries, made_by)
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


class Apt:
    """The machine's sources and keys, another architecture, nothing installed."""

    def __init__(self, root, arch):
        self.root, self.arch = root, arch
        for folder in ("state/lists/partial", "cache/archives/partial", "debs"):
            (root / folder).mkdir(parents=True)
        write(root / "status", "")
        # Read after the machine's own settings, so it has the last word. Hooks that tidy the machine stay out.
        write(root / "conf", f"""
            APT::Architecture "{arch}"; #clear APT::Architectures; APT::Architectures {{ "{arch}"; }};
            Dir::State "{root}/state"; Dir::State::status "{root}/status"; Dir::Cache "{root}/cache";
            APT::Sandbox::User "{'root' if os.geteuid() == 0 else ''}"; Acquire::Languages "none";
            Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false"; Acquire::Retries "3";
            #clear APT::Update::Pre-Invoke; #clear APT::Update::Post-Invoke; #clear APT::Update::Post-Invoke-Success;
            """)
        self.run("apt-get", "update")
        self.known = set(self.run("apt-cache", "pkgnames").split())

    def run(self, program, *arguments):
        return run(self.root / "debs", program, "-c", self.root / "conf", "--quiet", *arguments)

    def first(self, names):
        return next(name for name in names.split("|") if name in self.known)

    def with_dependencies(self, names):
        said = self.run("apt-get", "--simulate", "--no-install-recommends", "install", *names)
        return sorted(line.split()[1] for line in said.splitlines() if line.startswith("Inst "))

    def download(self, names):
        """The files, in the order of the names; their digests are checked by apt."""
        self.run("apt-get", "download", *names)
        found = [list((self.root / "debs").glob(f"{name}_*.deb")) for name in names]
        return [paths[0] for paths in found]


def unpack(debs):
    """Path: (tar header, bytes) of packages; nothing touches the disk, so owners and modes stay without root."""
    entries = {}
    for deb in debs:
        raw = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb], check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(raw)) as packed:
            for member in packed:
                path = member.name.removeprefix("./").rstrip("/")
                if path not in ("", ".") and not f"{path}/".startswith(DROPPED):
                    member.linkname = member.linkname.removeprefix("./") if member.islnk() else member.linkname
                    entries[path] = member, packed.extractfile(member).read() if member.isreg() else b""
    return entries


def merge_usr(entries):
    """What installing does today: `/bin`, `/lib`, `/lib64` and `/sbin` are links into `/usr`."""
    merged = {}
    for path, (header, data) in entries.items():
        if header.islnk():
            header.linkname = below_usr(header.linkname)
        if path not in MERGED:
            merged[below_usr(path)] = header, data
    there = [name for name in MERGED if any(path.startswith(f"usr/{name}/") for path in merged)]
    return merged | folders({f"usr/{name}": 0o755 for name in there}) | links({name: f"usr/{name}" for name in there})


def below_usr(path):
    return f"usr/{path}" if path.split("/")[0] in MERGED else path


def certificates(entries):
    """What the package's script does once it is installed: all of them in one file."""
    parts = [data for path, (_, data) in sorted(entries.items()) if path.endswith(".crt")]
    return entries | files({"etc/ssl/certs/ca-certificates.crt": b"".join(parts).decode()})


def files(texts):
    return {path: (header(path, tarfile.REGTYPE, 0o644), text.encode()) for path, text in texts.items()}


def links(targets):
    return {path: (header(path, tarfile.SYMTYPE, 0o777, linkname=target), b"") for path, target in targets.items()}


def folders(modes, owner=0):
    return {path: (header(path, tarfile.DIRTYPE, mode, uid=owner, gid=owner), b"") for path, mode in modes.items()}


def header(path, kind, mode, **fields):
    made = tarfile.TarInfo(path)
    made.type, made.mode = kind, mode
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def copied(entry):
    """To be put at another path, which pack() writes into the header."""
    return header("", tarfile.REGTYPE, 0o644), entry[1]


def pack(entries):
    """One order, no times, no names of owners."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, (member, data) in sorted(entries.items()):
            member.name, member.size, member.mtime = path, len(data), 0
            member.uname = member.gname = ""
            member.pax_headers = {}
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def image(layout, runs_on, settings, layers, written):
    """One manifest. Layers are told apart by identity: what two images share is packed once."""
    for layer in layers:
        if id(layer) not in written:
            plain = pack(layer)
            written[id(layer)] = layout.put(gzip.compress(plain, 6, mtime=0), LAYER), digest(plain)
    descriptors, plain_digests = zip(*(written[id(layer)] for layer in layers))
    config = layout.put_json({
        **runs_on, "created": EPOCH, "config": settings,
        "rootfs": {"type": "layers", "diff_ids": plain_digests},
        "history": [{"created": EPOCH, "created_by": "made from packages"} for _ in layers],
    }, CONFIG)
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": descriptors}
    return layout.put_json(manifest, MANIFEST)


def index_of(layout, name, images):
    manifests = [{**descriptor, "platform": platform(name, arch)} for arch, descriptor in images.items()]
    if name == "debian":
        manifests += [attestation(layout, descriptor) for descriptor in images.values()]
    index = layout.put_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}, INDEX)
    return {**index, "annotations": {NAME: BASES[name][0]}}


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


class Layout:
    """A folder of the OCI image layout."""

    def __init__(self, folder):
        self.folder = folder

    def put(self, data, media_type):
        name = digest(data)
        path = self.blob(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return {"mediaType": media_type, "digest": name, "size": len(data)}

    def put_json(self, value, media_type):
        return self.put(json.dumps(value, separators=(",", ":")).encode(), media_type)

    def finish(self, entries, made_by):
        write(self.folder / "oci-layout", '{"imageLayoutVersion":"1.0.0"}')
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries, "annotations": {MADE_BY: made_by}}
        write(self.folder / "index.json", json.dumps(index, indent=1))

    def blob(self, name):
        return self.folder / "blobs" / name.replace(":", "/")

    def entries(self):
        return json.loads((self.folder / "index.json").read_bytes())["manifests"]

    def json(self, descriptor):
        return json.loads(self.blob(descriptor["digest"]).read_bytes())


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


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
