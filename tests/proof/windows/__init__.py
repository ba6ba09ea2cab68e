"""longshore.exe under wine: the same commit planned, built, verified and published by it and by us, compared to the byte."""

import json
import pathlib
import platform
import re
import shutil
import signal
import subprocess
import time

import cross
from project import commit, environment, fresh, run, write
from windows import newcomer
from windows.wine import COMPILER, Wine

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
TARGET = "x86_64-pc-windows-gnu"
WINDOWS, LINUX = "x86_64-pc-windows-msvc", "x86_64-unknown-linux-gnu"
STD = ["-Z", "build-std=std,panic_abort", "--target", TARGET]
# As Git for Windows checks out on GitHub's runners, and where a user may not make links.
CHECKOUT = ["-c", "core.autocrlf=true", "-c", "core.symlinks=false", "-c", "core.fileMode=false"]
FILES = {
    ".gitignore": "/target\n",
    "Cargo.toml": '[package]\nname = "tide"\nversion = "1.2.0"\nedition = "2021"\nlicense = "MIT"\n\n[workspace]\n',
    "Cargo.lock": 'version = 4\n\n[[package]]\nname = "tide"\nversion = "1.2.0"\n',
    "src/main.rs": 'fn main() {\n    println!("tide {}", env!("CARGO_PKG_VERSION"));\n}\n',
    "README.md": "# tide\n\nComes and goes.\n",
    "CHANGELOG.md": "# Changes\n\n## 1.2.0\n\n- Twice a day.\n- In every harbour.\n",
    "scripts/run.sh": "#!/bin/sh\nexec tide\n",
    "pages/index.html": "<p>tide</p>\n",
    "pages/go.sh": "#!/bin/sh\nexec true\n",
    "longshore.yaml": f"""longshore: 1
targets: [{LINUX}, {WINDOWS}]
assets:
  pages: {{ files: pages, file: pages.tar.gz }}
binaries:
  tide: {{ override: {{ "*-windows-msvc": {{ linkage: dynamic }} }} }}
archives:
  tide: {{ include: [README.md, scripts/run.sh, docs/about.md] }}
overlays:
  given: {{ binaries: {{ tide: {{ smoke: false }} }} }}
  tool: {{ assets: {{ pages: {{ run: "gulls --all" }} }} }}
""",
}


def prove(longshore, folder):
    if platform.machine() != "x86_64":
        raise RuntimeError("written for an x86_64 machine")
    rust = toolchain(folder)
    yield f"compiled for Windows: {compiled(folder, rust, 'build', '--bin', 'longshore').name}"
    wine = Wine(folder / "wine", rust)
    try:
        pair = Pair(longshore, wine, folder)
        yield from pair.plans()
        yield from pair.places()
        yield from pair.jobs()
        yield from pair.given()
        yield from pair.published()
        yield from pair.strange()
        yield from newcomer.prove(pair)
        yield pair.read()
        yield unit_tests(folder, wine, rust)
    finally:
        wine.end()


def toolchain(folder):
    """Debian's Rust with the source of its standard library, and Debian's mingw as its linker."""
    rust, _ = cross.debian(folder.parent / "cross")
    name = TARGET.upper().replace("-", "_")
    return environment({
        **cross.variables(rust), "RUSTC_BOOTSTRAP": "1", f"CARGO_TARGET_{name}_LINKER": COMPILER,
        f"CARGO_TARGET_{name}_RUSTFLAGS": "-C link-arg=-static-libgcc",
    })


def compiled(folder, rust, *command):
    """The program that a cargo command makes of this repository, compiled for Windows."""
    env = {**rust, "CARGO_TARGET_DIR": str(folder / "target")}
    said = run(ROOT, "cargo", *command, "--locked", "--message-format=json", *STD, env=env)
    programs = [json.loads(line).get("executable") for line in said.splitlines() if line.startswith("{")]
    return [pathlib.Path(program) for program in programs if program][-1]


def unit_tests(folder, wine, rust):
    program = compiled(folder, rust, "test", "--lib", "--no-run")
    out, _ = wine.run(ROOT, program, "--test-threads=2")
    return "unit tests for Windows: " + re.search(r"test result: (.*?);.*", out.decode())[0].removeprefix("test result: ")


class Pair:
    """One commit in two clones: `linux` for us, `windows` for wine."""

    def __init__(self, longshore, wine, folder):
        self.longshore, self.wine, self.exe = longshore, wine, folder / "target" / TARGET / "debug" / "longshore.exe"
        self.said, self.folder = [], folder
        self.linux, self.windows = self.clones("tide", FILES)

    def clones(self, name, files):
        source = fresh(self.folder / "source" / name)
        for path, text in files.items():
            write(source / path, text)
            if text.startswith("#!"):
                (source / path).chmod(0o755)
        for path in files:
            if path.endswith("longshore.yaml"):
                docs = (source / path).parent / "docs"
                docs.mkdir()
                (docs / "about.md").symlink_to("../README.md")
        commit(source, tag="v1.2.0")
        linux, windows = fresh(self.folder / "linux" / name), self.wine.projects / name
        for clone, options in ((linux, []), (windows, CHECKOUT)):
            run(self.folder, "git", "clone", "--quiet", *options, source, clone)
            run(clone, "git", "remote", "set-url", "origin", f"https://github.com/proof/{name}.git")
        for path in windows.rglob("*"):
            if path.is_file() and ".git" not in path.parts:
                path.chmod(0o644)
        return linux, windows

    def ours(self, *words, folder=None, env=None):
        return run(folder or self.linux, self.longshore, *words, env=environment(env)).encode()

    def theirs(self, *words, folder=None, status=0, env=None):
        out, err = self.wine.run(folder or self.windows, self.exe, *words, status=status, env=env)
        self.said += [(words, out), (words, err)]
        return (out + err).decode("utf-8", "replace") if status else out

    def same(self, *words):
        """Both print the same."""
        ours, theirs = self.ours(*words), self.theirs(*words)
        if words == ("check",):
            # Windows PowerShell has no `&&`: what is typed there is joined otherwise, in a narrower column.
            ours, theirs = (re.sub(b" +", b" ", said.replace(b"; git ", b" && git ")) for said in (ours, theirs))
        if ours != theirs:
            raise RuntimeError(f"`{words}` differs\n{ours.decode()[:2000]}\n--- under wine\n{theirs.decode()[:2000]}")
        return ours

    def equal(self, what, *paths, folders=None):
        """Both left the same bytes there; how many files."""
        linux, windows = folders or (self.linux, self.windows)
        trees = [{str(file.relative_to(top)): file.read_bytes() for path in paths for file in files(top / path)}
                 for top in (linux, windows)]
        differing = sorted(name for name in {*trees[0], *trees[1]} if trees[0].get(name) != trees[1].get(name))
        if differing or not trees[0]:
            raise RuntimeError(f"{what} differ: {differing}")
        return len(trees[0])

    def plans(self):
        self.same("check")
        for words in (["plan", "--json"], ["matrix"], ["schema", "plan"], ["plan", "--out", "target/plan.json"]):
            self.same(*words)
        self.equal("plans", "target/plan.json")
        self.same("generate", "--action-ref", "./")
        self.equal("workflows", ".github")
        run(self.windows, "sed", "-i", "s/$/\\r/", ".github/workflows/release.yml")
        if b"unchanged" not in self.theirs("generate", "--action-ref", "./"):
            raise RuntimeError("a workflow file that differs in line ends only is written again")
        for clone in (self.linux, self.windows):
            shutil.rmtree(clone / ".github")
        yield "`check`, `plan`, `matrix`, `generate` of a CRLF checkout without links: the same bytes as on Linux"

    def places(self):
        """Projects that lie elsewhere, and files that are called otherwise."""
        bare = self.clones("bare", {name: text for name, text in FILES.items() if name != "longshore.yaml"})
        self.ours("init", folder=bare[0])
        self.theirs("init", folder=bare[1])
        self.equal("longshore.yaml", "longshore.yaml", folders=bare)
        inner = self.clones("inner", {f"app/{name}": text for name, text in FILES.items()} | {"README.md": "top\n"})
        for words in (["plan", "--json"], ["--config", "longshore.yaml", "plan", "--json"]):
            if self.ours(*words, folder=inner[0] / "app") != self.theirs(*words, folder=inner[1] / "app"):
                raise RuntimeError(f"`{words}` of a project in a folder differs")
        (inner[1] / "app" / "longshore.yaml").rename(inner[1] / "app" / "longshore.yml")
        said = self.theirs("check", folder=inner[1] / "app", status=2)
        if "config-not-read" not in said:
            raise RuntimeError(f"longshore.yml is passed over: {said}")
        yield "`init`, `--config`, a project in a folder of its repository: the same; longshore.yml is refused"

    def jobs(self):
        """Each job of the stored plan on its own system, and the rest on both."""
        jobs = [job["id"] for job in json.loads((self.linux / "target/plan.json").read_text())["jobs"]]
        tars = []
        for job in jobs:
            words = ["build", "--plan", "target/plan.json", "--job", job, "--pack", f"target/{job}.tar"]
            here, there = (self.windows, self.linux) if job == WINDOWS else (self.linux, self.windows)
            (self.theirs if job == WINDOWS else self.ours)(*words)
            shutil.copy(here / "target" / f"{job}.tar", there / "target")
            tars += ["--from", f"target/{job}.tar"]
        for words in (["build", "--plan", "target/plan.json", "--merge", *tars, "--pack", "target/merge.tar"],
                      ["verify", "--plan", "target/plan.json"]):
            self.ours(*words)
            self.theirs(*words)
        count = self.equal("artifacts", "target/longshore/steps", "target/longshore/artifacts", "target/merge.tar",
                           "target/longshore/manifest.json")
        program = self.linux / f"target/longshore/steps/binary.tide.{WINDOWS}/tide.exe"
        out, _ = self.wine.run(self.folder, program)
        yield f"jobs {', '.join(jobs)} of one plan, the rest and `verify` on both: {count} equal files; it says {out.decode().strip()}"

    def given(self):
        given = self.folder / "given"
        for target, name in ((LINUX, "tide"), (WINDOWS, "tide.exe")):
            made = self.linux / f"target/longshore/steps/binary.tide.{target}/{name}"
            (given / target).mkdir(parents=True, exist_ok=True)
            shutil.copy(made, given / target)
        words = ["--overlay", "given", "build", "--all", "--pack", "target/all.tar", "--prebuilt"]
        self.ours(*words, given)
        self.theirs(*words, self.wine.windows(given))
        self.same("verify")
        count = self.equal("artifacts", "target/longshore/steps", "target/longshore/artifacts", "target/all.tar",
                           "target/longshore/plan.json", "target/longshore/manifest.json")
        yield f"`build --prebuilt`, `--pack`, `verify`: {count} equal files, archives with modes and links of the commit"

    def published(self):
        words = ["--overlay", "given", "rehearse", "--json", "--prebuilt"]
        given = self.folder / "given"
        receipts = [[(one["name"], one.get("sha256")) for one in json.loads(text)["receipts"]]
                    for text in (self.ours(*words, given), self.theirs(*words, self.wine.windows(given)))]
        if receipts[0] != receipts[1] or not receipts[0]:
            raise RuntimeError(f"rehearsals differ: {receipts}")
        yield f"`rehearse` publishes the same {len(receipts[0])} things"
        server = subprocess.Popen([self.longshore, *words, given, "--serve"], cwd=self.linux, env=environment(), text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            url = json.loads(server.stdout.readline())["rehearsal"]["url"]
            env = {"Longshore_Github_Api": url, "Github_Token": "rehearsal"}
            said = json.loads(self.theirs("publish", "--yes", "--json", env=env))
            if {receipt["outcome"] for receipt in said["receipts"]} != {"already-there"}:
                raise RuntimeError(f"publish: {said}")
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=20)
        yield "`publish` finds on a served rehearsal what Linux published, to the byte; names of variables in any case"

    def strange(self):
        """What only Windows has."""
        write(self.wine.tools / "gulls", "#!/bin/sh\nexit 1\n")
        write(self.wine.tools / "gulls.cmd", "@echo %1 > seen.txt\r\n")
        words = ["--overlay", "tool", "build", "--only", "asset.pages", "--all"]
        self.theirs(*words)
        if (self.windows / "seen.txt").read_text().strip() != "--all":
            raise RuntimeError("gulls.cmd was not started")
        (self.windows / "seen.txt").unlink()
        yield "`run: gulls --all` starts gulls.cmd, not the shell script beside it"
        plan = self.windows / "target/longshore/plan.json"
        words = ["--overlay", "given", "build", "--only", "asset.pages", "--all"]
        with self.wine.held(plan) as holder:
            child = self.wine.start(self.windows, self.exe, *words)
            wait_for(lambda: child.poll() is not None or list(plan.parent.glob(".tmp*")))
            holder.kill()
            _, err = child.communicate(timeout=60)
            if child.returncode != 0:
                raise RuntimeError(f"a file that is open for a moment: {err.decode()}")
        with self.wine.held(plan):
            said = self.theirs(*words, status=1)
        if "file-in-use" not in said or "plan.json" not in said or "bug" in said:
            raise RuntimeError(f"a file in use: {said}")
        yield "a file that is open elsewhere is waited for, then named"

    def read(self):
        """What people read of all this has one kind of separator, no `\\\\?\\`, no escape sequences in pipes, and no bugs."""
        for words, said in self.said:
            text = said.decode("utf-8", "replace")
            if text.startswith("{"):
                continue
            for wrong in (r"\\\\\?\\", r"\b[A-Z]:\\[^\s`'\"]*/", r"\b[A-Z]:/[^\s`'\"]*\\", "\x1b", "if this is a bug"):
                found = re.search(f".*{wrong}.*", text)
                if found:
                    raise RuntimeError(f"`{words}` says {found[0]!r}")
        return f"{len(self.said)} outputs: one kind of separator in paths, no escape sequences in pipes"


def wait_for(happens):
    for _ in range(600):
        if happens():
            return
        time.sleep(0.05)
    raise RuntimeError("waited 30 s in vain")


def files(path):
    return [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file() and not file.is_symlink()]
