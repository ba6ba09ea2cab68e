"""What a newcomer on Windows sees between `init` and `generate`, in two projects that we did not write."""

import re

import dufs
import wheels
from project import IDENTITY, commit, environment, fresh, run, write
from windows.wine import COMPILER

# Folders as people have them; a checkout as Git for Windows makes it.
FOLDER = "Meine Projekte für später"
RTOML = ("rtoml", "0.13.0", "974522c887b47abc0bb62ee8ae9e44d3a0c2cdac9d60ba0ed01c5a40df0ea424")
# What Windows PowerShell does not know, or has no such file for.
FOREIGN = re.compile(r" && |\bexport \w+=|\bsh -c|apt-get|chmod|/dev/null|\\./longshore|\\r")
# Without a C library, as a program that is linked statically.
PROGRAM = """#include <windows.h>
void start(void) {
    DWORD written;
    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), "%s\\n", sizeof "%s", &written, 0);
    ExitProcess(0);
}
"""


def prove(pair):
    dufs_program = f"dufs {dufs.VERSION}"
    # dufs has a release.yaml and Dockerfiles; rtoml neither, and no program.
    for source, program, workflow, then in ((dufs.fetch(pair.folder), dufs_program, "longshore.yml", "lock"),
                                            (rtoml(pair.folder), None, "release.yml", "plan")):
        project = Project(pair, source)
        said = {word: project.say(word) for word in ("init", "check", "plan")}
        expect(said["init"], "wrote longshore.yaml", f"next: longshore {then}")
        expect(said["plan"], "x86_64-pc-windows-msvc", "next: longshore rehearse")
        rehearsed = project.rehearse(program)
        expect(project.say("generate", "--action-ref", "./"), f".github/workflows/{workflow}", "next: ")
        project.is_clean(workflow)
        yield f"{source.name}: `init` to `generate` in `{FOLDER}`, CRLF; {rehearsed}; nothing that only a Unix shell knows"


def rtoml(folder):
    source = wheels.fetch(folder, *RTOML)
    commit(source)
    return source


def expect(said, *parts):
    for part in parts:
        if part not in said:
            raise RuntimeError(f"`{part}` is not said:\n{said}")


class Project:
    def __init__(self, pair, source):
        self.pair, self.name = pair, source.name
        self.folder = pair.wine.projects / FOLDER / source.name
        checkout = ["-c", "core.autocrlf=true", "-c", "core.symlinks=false", "-c", "core.fileMode=false"]
        fresh(self.folder.parent)
        run(pair.folder, "git", "clone", "--quiet", *checkout, source, self.folder)
        run(self.folder, "git", "config", "core.autocrlf", "true")
        run(self.folder, "git", "remote", "set-url", "origin", f"https://github.com/proof/{source.name}.git")

    def say(self, *words, status=0):
        """What it prints on both streams, which a newcomer reads as one."""
        out, err = self.pair.wine.run(self.folder, self.pair.exe, *words, status=status, env=IDENTITY)
        self.pair.said += [(words, out), (words, err)]
        text = (err + out).decode()
        print(f"      > longshore {' '.join(map(str, words))}\n" + "".join(f"      {line}\n" for line in text.splitlines()))
        if found := FOREIGN.search(text):
            raise RuntimeError(f"`{' '.join(map(str, words))}` says {found[0]!r}, which Windows does not know:\n{text}")
        if "für" not in text and FOLDER.split()[0] in text:
            raise RuntimeError(f"the umlaut of `{FOLDER}` is lost:\n{text}")
        return text

    def rehearse(self, program):
        """With a program that is there already; without maturin it ends with what must be installed."""
        if program is None:
            said = self.say("rehearse", status=2)
            expect(said, "maturin", "help: install what it needs: `python3` must start here")
            return "`rehearse` names the tools that it lacks"
        given = fresh(self.folder.parent / "vorhandene Programme")
        name = program.split()[0]
        source = given.parent / f"{name}.c"
        write(source, PROGRAM % (program, program))
        (given / "x86_64-pc-windows-msvc").mkdir()
        run(given, COMPILER, "-O1", "-s", "-nostdlib", "-e", "start", "-o",
            given / "x86_64-pc-windows-msvc" / f"{name}.exe", source, "-lkernel32")
        said = self.say("rehearse", "--prebuilt", "..\\vorhandene Programme")
        expect(said, "next: longshore ", f"{name}-x86_64-pc-windows-msvc.zip")
        return "`rehearse` publishes a zip"

    def is_clean(self, workflow):
        """Nothing but what was written is changed in git's eyes, and what was written is text that it takes."""
        status = run(self.folder, "git", "status", "--porcelain", "--untracked-files=all", env=environment()).splitlines()
        if sorted(line[3:] for line in status) != [f".github/workflows/{workflow}", "longshore.yaml"]:
            raise RuntimeError(f"git status: {status}")
