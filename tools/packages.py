"""Root file systems out of the distribution's packages, for any architecture: downloaded by apt, unpacked in memory.

Nothing of a package is run. The packages come from wherever this machine's apt has its own from, through an apt root of
ours, so that no architecture is added to the machine.
"""

import io
import os
import pathlib
import subprocess
import tarfile

# What slim images leave out, too.
DROPPED = ("usr/share/doc/", "usr/share/man/", "usr/share/info/", "usr/share/locale/", "usr/share/lintian/")
MERGED = ("bin", "lib", "lib64", "sbin")


class Missing(Exception):
    """Packages or programs that cannot be had here; the text names them."""


class Apt:
    """The machine's sources and keys, another architecture, nothing installed."""

    def __init__(self, root, arch):
        self.root, self.arch = root, arch
        for folder in ("state/lists/partial", "cache/archives/partial", "debs"):
            (root / folder).mkdir(parents=True)
        (root / "status").write_text("")
        (root / "preferences").write_text(f"Package: *\nPin: release o={distribution()}\nPin-Priority: 1001\n")
        # Read after the machine's own settings, so it has the last word. Hooks that tidy the machine stay out.
        (root / "conf").write_text(f"""
            APT::Architecture "{arch}"; #clear APT::Architectures; APT::Architectures {{ "{arch}"; }};
            Dir::State "{root}/state"; Dir::State::status "{root}/status"; Dir::Cache "{root}/cache";
            Dir::Etc::preferences "{root}/preferences"; Dir::Etc::preferencesparts "/dev/null";
            APT::Sandbox::User "{'root' if os.geteuid() == 0 else ''}"; Acquire::Languages "none";
            Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false"; Acquire::Retries "3";
            #clear APT::Update::Pre-Invoke; #clear APT::Update::Post-Invoke; #clear APT::Update::Post-Invoke-Success;
            """)
        self.run("apt-get", "update")
        self.known = set(self.run("apt-cache", "pkgnames").split())

    def run(self, program, *arguments):
        return output(program, "-c", self.root / "conf", "--quiet", *arguments, folder=self.root / "debs")

    def first(self, names):
        """`A|B`: the first that there is; the same thing has two names among releases."""
        return next((name for name in names.split("|") if name in self.known), names)

    def require(self, names):
        missing = [name for name in names if name not in self.known]
        if missing:
            raise Missing(f"the package sources of this machine have no {', '.join(missing)} for {self.arch}")

    def with_dependencies(self, names):
        self.require(names)
        said = self.run("apt-get", "--simulate", "--no-install-recommends", "install", *names)
        return sorted(line.split()[1] for line in said.splitlines() if line.startswith("Inst "))

    def download(self, names):
        """The files, in the order of the names; their digests are checked by apt."""
        self.require(names)
        self.run("apt-get", "download", *names)
        found = [list((self.root / "debs").glob(f"{name}_*.deb")) for name in names]
        return [paths[0] for paths in found]


def distribution():
    """As apt's release files name it: packages of other sources on this machine are of one architecture only."""
    lines = pathlib.Path("/etc/os-release").read_text().splitlines()
    name = next((line[3:].strip('"') for line in lines if line.startswith("ID=")), "debian")
    return name.capitalize()


def output(program, *arguments, folder):
    """What it prints; `Missing` where the program is."""
    try:
        done = subprocess.run([program, *map(str, arguments)], cwd=folder, text=True, stdin=subprocess.DEVNULL,
                              capture_output=True, env={**os.environ, "LC_ALL": "C"})
    except FileNotFoundError:
        raise Missing(f"`{program}` is missing: the packages of a Debian or Ubuntu machine are needed") from None
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise RuntimeError(f"`{program} {' '.join(map(str, arguments))}` ended with {done.returncode}\n{said}")
    return done.stdout


def unpack(debs, dropped=DROPPED):
    """Path: (tar header, bytes) of packages; nothing touches the disk, so owners and modes stay without root."""
    entries = {}
    for deb in debs:
        raw = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb], check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(raw)) as packed:
            for member in packed:
                path = member.name.removeprefix("./").rstrip("/")
                if path not in ("", ".") and not f"{path}/".startswith(dropped):
                    member.linkname = member.linkname.removeprefix("./") if member.islnk() else member.linkname
                    entries[path] = member, packed.extractfile(member).read() if member.isreg() else b""
    return entries


def merge_usr(entries):
    """What installing does today: `/bin`, `/lib`, `/lib64` and `/sbin` are links into `/usr`."""
    merged = moved_to_usr(entries)
    there = [name for name in MERGED if any(path.startswith(f"usr/{name}/") for path in merged)]
    return merged | folders({f"usr/{name}": 0o755 for name in there}) | links({name: f"usr/{name}" for name in there})


def moved_to_usr(entries):
    """For what is laid on top of a merged system: no entry may stand where that one has a link."""
    merged = {}
    for path, (header, data) in entries.items():
        if header.islnk():
            header.linkname = below_usr(header.linkname)
        if path not in MERGED:
            merged[below_usr(path)] = header, data
    return merged


def below_usr(path):
    return f"usr/{path}" if path.split("/")[0] in MERGED else path


def files(texts, mode=0o644):
    return {path: (header(path, tarfile.REGTYPE, mode), text.encode()) for path, text in texts.items()}


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
