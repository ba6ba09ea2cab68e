"""An image out of a registry as a folder: copied by skopeo, unpacked by umoci, started as its config says."""

import json
import platform
import shutil
import subprocess

from project import free_port, fresh, get, run

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
HOST = next(arch for arch, machine in MACHINES.items() if machine == platform.machine())
# Beside the files of the image, so that it is found from inside the root.
EMULATOR = "qemu"


def copy(registry, reference, layout, arch):
    """Into a layout under the tag it has; the digest of its manifest. skopeo compares every digest on the way."""
    tag = reference.rsplit(":", 1)[1]
    fresh(layout)
    run(layout, "skopeo", "--insecure-policy", "--override-arch", arch, "copy", "--quiet", "--preserve-digests",
        "--src-tls-verify=false", "--authfile", registry.env["DOCKER_CONFIG"] + "/config.json",
        f"docker://{reference}", f"oci:{layout}:{tag}")
    return json.loads((layout / "index.json").read_bytes())["manifests"][0]["digest"]


class Root:
    """The files of an image of a layout, and the process of its config."""

    def __init__(self, layout, tag, folder, arch):
        run(layout, "umoci", "unpack", "--image", f"{layout}:{tag}", fresh(folder) / "bundle")
        self.folder = folder / "bundle" / "rootfs"
        self.process = json.loads((folder / "bundle" / "config.json").read_bytes())["process"]
        self.emulator = [f"/{EMULATOR}"] if arch != HOST else []
        if self.emulator:
            shutil.copy(shutil.which(f"qemu-{MACHINES[arch]}-static"), self.folder / EMULATOR)

    def command(self, *arguments):
        user = self.process["user"]
        return ["unshare", f"--root={self.folder}", f"--wd={self.process['cwd']}", f"--setgid={user['gid']}",
                f"--setuid={user['uid']}", *self.emulator, *self.process["args"], *arguments]

    def environment(self):
        return dict(one.split("=", 1) for one in self.process["env"])

    def run(self, *arguments):
        return run(self.folder, *self.command(*arguments), env=self.environment())

    def serve(self, path, port_arguments):
        """Starts it, asks for a path, ends it; status and text."""
        port = free_port()
        arguments = [argument.format(port=port) for argument in port_arguments]
        server = subprocess.Popen(self.command(*arguments), env=self.environment(), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return get(f"http://127.0.0.1:{port}{path}")
        finally:
            server.terminate()
            server.wait(timeout=10)
