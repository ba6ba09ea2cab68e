"""A Windows to try things on: a wine prefix, the stubs of this folder compiled into it, and programs started there."""

import contextlib
import pathlib
import shutil
import subprocess
import threading

from project import environment, fresh, run, write
from windows.bridge import Bridge

HERE = pathlib.Path(__file__).resolve().parent
WINE = "/usr/lib/wine/wine64"
COMPILER = "x86_64-w64-mingw32-gcc"
SYSTEM = ["C:\\windows\\system32", "C:\\windows"]


class Wine:
    """`projects` is `C:\\p`. git, cargo and rustc are those of `env`, a Unix environment."""

    def __init__(self, folder, env):
        self.folder = fresh(folder)
        self.drive_c = folder / "prefix" / "drive_c"
        self.env = environment({"WINEPREFIX": str(folder / "prefix"), "WINEDEBUG": "-all", "LC_ALL": "C.UTF-8"})
        run(folder, WINE, "wineboot", "-i", env=self.env)
        self.tools, self.projects = self.drive_c / "tools", self.drive_c / "p"
        self.tools.mkdir()
        self.projects.mkdir()
        self.compile("random.c", self.drive_c / "windows" / "system32" / "bcryptprimitives.dll", "-shared", "-ladvapi32")
        self.compile("bridge.c", self.tools / "git.exe", "-lws2_32")
        for tool in ("cargo", "rustc"):
            shutil.copy(self.tools / "git.exe", self.tools / f"{tool}.exe")
        for name in ("start", "hold"):
            self.compile(f"{name}.c", folder / f"{name}.exe")
        # Debian's Rust has no library of the msvc target; the folder of one is all that is looked at.
        write(folder / "sysroot" / "lib/rustlib/x86_64-pc-windows-msvc/lib" / "std", "")
        self.bridge = Bridge(self.drive_c, {**env, "SYSROOT": str(folder / "sysroot")})

    def compile(self, source, to, *options):
        run(self.folder, COMPILER, "-O1", "-o", to, HERE / source, *options)

    def command(self, program, *words, env=None):
        """What starts a program with `Path` spelled so. A path of Unix is one of drive Z."""
        variables = {"Path": ";".join([self.windows(self.tools), *SYSTEM]), "BRIDGE_PORT": self.bridge.port, **(env or {})}
        pairs = [f"{name}={value}" for name, value in variables.items()]
        return [WINE, self.folder / "start.exe", *pairs, "--", self.windows(program), *map(str, words)]

    def start(self, folder, program, *words, env=None):
        return subprocess.Popen(list(map(str, self.command(program, *words, env=env))), cwd=folder, env=self.env,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, folder, program, *words, status=0, env=None):
        """Runs it to its end; standard output and error, as bytes."""
        child = self.start(folder, program, *words, env=env)
        # A limit: what hangs in wine says nothing by itself.
        alarm = threading.Timer(1800, child.kill)
        alarm.start()
        out, err = child.communicate()
        alarm.cancel()
        if child.returncode != status:
            said = (out + err).decode("utf-8", "replace")[-4000:]
            raise RuntimeError(f"`{words}` ended with {child.returncode} instead of {status} under wine\n{said}")
        return out, err

    @contextlib.contextmanager
    def held(self, file):
        """With a file that another program has open."""
        words = [WINE, self.folder / "hold.exe", self.windows(file), "60000"]
        with subprocess.Popen(list(map(str, words)), env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as holder:
            holder.stdout.readline()
            try:
                yield holder
            finally:
                holder.kill()

    def windows(self, path):
        return "Z:" + str(path).replace("/", "\\")

    def end(self):
        self.bridge.shutdown()
        for word in ("--kill", "--wait"):
            subprocess.run([str(pathlib.Path(WINE).with_name("wineserver64")), word], env=self.env, check=False)
