"""Runs Unix programs for Windows programs of wine: the other side of bridge.c. Paths are exchanged on the way."""

import json
import os
import re
import socket
import socketserver
import struct
import subprocess
import threading

# What of the Windows environment the Unix program gets.
HANDED_ON = re.compile(r"^(GIT_|LC_ALL|CARGO|RUST|SOURCE_DATE)", re.IGNORECASE)
DRIVE = re.compile(r"^([A-Za-z]):([\\/].*)?$")


class Bridge(socketserver.ThreadingTCPServer):
    """A server whose children are the programs. `drive_c` is the folder of drive C; drive Z is everything."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, drive_c, env):
        super().__init__(("127.0.0.1", 0), Call)
        self.drive_c = os.path.realpath(drive_c)
        # Drive C may lie in a repository, of which Windows knows nothing.
        self.env = {**env, "GIT_CEILING_DIRECTORIES": self.drive_c}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    def unix(self, text):
        """A Windows path, alone, after `NAME=` or in a `file:` address, as a Unix one; anything else stays."""
        if text.startswith("file:///"):
            return "file://" + self.unix(text.removeprefix("file:///"))
        name, equals, path = text.rpartition("=")
        found = DRIVE.match(path)
        if not found:
            return text
        drives = {"c": self.drive_c, "z": ""}
        return name + equals + drives[found[1].lower()] + (found[2] or "/").replace("\\", "/")

    def windows(self, path, separator="\\"):
        path = os.path.realpath(path)
        drive = ("C:", path[len(self.drive_c):]) if path.startswith(self.drive_c + "/") else ("Z:", path)
        return drive[0] + drive[1].replace("/", separator)

    def exchanged(self, value):
        """A value of cargo's or rustc's JSON, its paths as Windows has them."""
        if isinstance(value, dict):
            return {key: self.exchanged(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.exchanged(inner) for inner in value]
        if isinstance(value, str) and value.startswith("/"):
            return self.windows(value)
        return value

    def line(self, tool, words, line):
        """A line of output, as the tool for Windows would have written it."""
        text = line.decode("utf-8", "replace").rstrip("\n")
        if tool == "git" and "--show-toplevel" in words and text.startswith("/"):
            return (self.windows(text, "/") + "\n").encode()
        if tool in ("cargo", "rustc") and text.startswith("{"):
            return (json.dumps(self.exchanged(json.loads(text))) + "\n").encode()
        if tool == "rustc" and text.startswith("host: "):
            return b"host: x86_64-pc-windows-msvc\n"
        if tool == "rustc" and "sysroot" in words:
            return (self.windows(text) + "\n").encode()
        return line


class Call(socketserver.BaseRequestHandler):
    """One start of a program."""

    def handle(self):
        name, folder = self.text(), self.text()
        words = [self.text() for _ in range(self.number())]
        pairs = [self.text() for _ in range(self.number())]
        given = b"".join(iter(lambda: self.bytes(self.number()), b""))
        bridge = self.server
        tool = re.split(r"[\\/]", name)[-1].lower().removesuffix(".exe")
        variables = dict(pair.split("=", 1) for pair in pairs if HANDED_ON.match(pair))
        env = {**bridge.env, **{key: bridge.unix(value) for key, value in variables.items()}}
        command = COMMANDS.get(tool, plain)(tool, [bridge.unix(word) for word in words], env)
        child = subprocess.Popen(command, cwd=bridge.unix(folder), env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, start_new_session=True)
        lock = threading.Lock()

        def hand_on(pipe, kind):
            for line in pipe:
                line = bridge.line(tool, words, line)
                with lock:
                    self.request.sendall(bytes([kind]) + struct.pack(">I", len(line)) + line)

        threads = [threading.Thread(target=hand_on, args=pair) for pair in ((child.stdout, 1), (child.stderr, 2))]
        [thread.start() for thread in threads]
        try:
            child.stdin.write(given)
            child.stdin.close()
        except BrokenPipeError:
            pass
        [thread.join() for thread in threads]
        code = str(child.wait()).encode()
        self.request.sendall(b"\x03" + struct.pack(">I", len(code)) + code)
        self.request.shutdown(socket.SHUT_WR)

    def bytes(self, count):
        data = b""
        while len(data) < count:
            part = self.request.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def number(self):
        return struct.unpack(">I", self.bytes(4))[0]

    def text(self):
        return self.bytes(self.number()).decode("utf-8", "surrogatepass")


def plain(tool, words, _env):
    return [tool, *[word.replace("x86_64-pc-windows-msvc", "x86_64-pc-windows-gnu") for word in words]]


def cargo(tool, words, env):
    """Debian's cargo has no msvc target: the gnu one of the same machine is compiled, its standard library along."""
    flags = env.pop("CARGO_TARGET_X86_64_PC_WINDOWS_MSVC_RUSTFLAGS", None)
    if flags:
        env["CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUSTFLAGS"] = flags
    compiles = words[:1] in (["build"], ["rustc"])
    return [tool, *(["-Z", "build-std=std,panic_abort"] if compiles else []), *plain(tool, words, env)[1:]]


def rustc(tool, words, env):
    return ["echo", env["SYSROOT"]] if words == ["--print", "sysroot"] else plain(tool, words, env)


COMMANDS = {"cargo": cargo, "rustc": rustc}
