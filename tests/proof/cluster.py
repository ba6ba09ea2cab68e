"""A Kubernetes of one node with folders, ports and a bridge of its own: `with Cluster(…) as it:` starts and ends it."""

import contextlib
import json
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import tempfile
import time

import buildkit
from buildkit import PATH
from project import environment, free_port, run, write
from registry import authority

BRIDGE = "lsproof1"
ADDRESS, SUBNET = "172.31.254.1", "172.31.254.0/24"
SERVICES = "172.31.253.0/24"
CGROUPS = pathlib.Path("/sys/fs/cgroup")
PLUGINS = pathlib.Path("/usr/lib/cni")
NODE = "node1"
USERS = {"admin": ("proof-admin", "system:masters"), "node": (f"system:node:{NODE}", "system:nodes")}
PROGRAMS = ("etcd", "containerd", "ctr", "runc", "ip", "openssl", "kubectl", "helm", "kube-apiserver",
            "kube-controller-manager", "kube-scheduler", "kubelet")


class Cluster:
    """
    etcd, the API server, the controllers and the scheduler, and a node of kubelet and containerd whose pods have
    addresses that this machine reaches; there is no kube-proxy and no DNS. `hosts`: the registries that images name,
    and where each really is; `sandbox`: the image that pods are held by. `env` lets kubectl and helm in.
    """

    def __init__(self, hosts, sandbox):
        self.hosts, self.sandbox = hosts, sandbox
        self.processes, self.tokens = [], {user: secrets.token_hex(16) for user in USERS}

    def __enter__(self):
        missing = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
        if missing or not PLUGINS.is_dir():
            missing = ", ".join(missing) or PLUGINS
            raise RuntimeError(f"no Kubernetes: {missing} is missing (`python3 tools/install.py proof`)")
        # A socket's path may have 107 characters.
        self.temporary = tempfile.TemporaryDirectory(prefix="kubernetes-", ignore_cleanup_errors=True)
        self.folder = pathlib.Path(self.temporary.name)
        self.cgroup = self.folder.name
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # From the last to the first, each whatever comes of the one before it.
        with contextlib.ExitStack() as last:
            last.callback(self.temporary.cleanup)
            last.callback(subprocess.run, ["ip", "link", "delete", BRIDGE], capture_output=True)
            last.callback(self.remove_cgroups)
            last.callback(self.unmount)
            last.callback(end, self.shims)
            # The kubelet before what it would start again.
            for process in self.processes:
                last.callback(end, self.members)
                last.callback(stop, process)

    def unmount(self):
        for mount in sorted(self.mounts(), reverse=True):
            subprocess.run(["umount", "--lazy", mount], capture_output=True)

    def remove_cgroups(self):
        for cgroup in sorted(self.cgroups(), key=lambda path: len(path.parts), reverse=True):
            with contextlib.suppress(FileNotFoundError):
                cgroup.rmdir()

    def start(self):
        for controller in controllers():
            (controller / self.cgroup).mkdir()
        run(self.folder, "ip", "link", "add", BRIDGE, "type", "bridge")
        run(self.folder, "ip", "address", "add", f"{ADDRESS}/24", "dev", BRIDGE)
        run(self.folder, "ip", "link", "set", BRIDGE, "up")
        self.start_control_plane()
        self.start_node()
        self.version = json.loads(self.kubectl("version", "--output", "json"))["serverVersion"]["gitVersion"]

    def start_control_plane(self):
        etcd = self.start_etcd()
        self.ca, certificate, key = authority(self.folder)
        account = self.folder / "account.key"
        run(self.folder, "openssl", "genrsa", "-out", account, "2048")
        lines = [f'{self.tokens[user]},{name},{user},"{group}"\n' for user, (name, group) in USERS.items()]
        write(self.folder / "tokens.csv", "".join(lines))
        port = free_port()
        self.address = f"https://127.0.0.1:{port}"
        self.env = environment({"PATH": PATH, "KUBECONFIG": str(self.kubeconfig("admin"))})
        self.serve("kube-apiserver", etcd_servers=etcd, bind_address="127.0.0.1", secure_port=port,
                   advertise_address=ADDRESS, endpoint_reconciler_type="none", tls_cert_file=certificate,
                   tls_private_key_file=key, cert_dir=self.folder / "certificates", authorization_mode="Node,RBAC",
                   token_auth_file=self.folder / "tokens.csv", service_cluster_ip_range=SERVICES,
                   service_account_key_file=account, service_account_signing_key_file=account,
                   service_account_issuer=self.address)
        self.wait(lambda: self.kubectl("get", "--raw", "/readyz") == "ok", "the API server is not ready")
        common = {"kubeconfig": self.kubeconfig("admin"), "bind_address": "127.0.0.1", "leader_elect": "false",
                  "cert_dir": self.folder / "certificates", "authentication_skip_lookup": "true"}
        self.serve("kube-controller-manager", **common, secure_port=free_port(),
                   service_account_private_key_file=account)
        self.serve("kube-scheduler", **common, secure_port=free_port())

    def start_etcd(self):
        client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        self.serve("etcd", data_dir=self.folder / "etcd", listen_client_urls=client, advertise_client_urls=client,
                   listen_peer_urls=peer, initial_advertise_peer_urls=peer, initial_cluster=f"default={peer}")
        return client

    def start_node(self):
        write(self.folder / "containerd.toml", self.containerd_config())
        write(self.folder / "networks" / "bridge.conflist", json.dumps({
            "cniVersion": "0.4.0", "name": "proof", "plugins": [{
                "type": "bridge", "bridge": BRIDGE, "isGateway": True, "hairpinMode": True,
                "ipam": {"type": "host-local", "subnet": SUBNET, "routes": [{"dst": "0.0.0.0/0"}],
                         "dataDir": str(self.folder / "addresses")}}]}))
        for host, url in self.hosts.items():
            write(self.folder / "hosts" / host / "hosts.toml",
                  f'server = "{url}"\n[host."{url}"]\n  capabilities = ["pull", "resolve"]\n')
        write(self.folder / "resolv.conf", "")
        write(self.folder / "kubelet.json", json.dumps(self.kubelet_config()))
        self.serve("containerd", config=self.folder / "containerd.toml")
        self.wait(lambda: self.ctr("version"), "containerd does not answer")
        self.serve("kubelet", config=self.folder / "kubelet.json", kubeconfig=self.kubeconfig("node"),
                   root_dir=self.folder / "kubelet", cert_dir=self.folder / "certificates", hostname_override=NODE,
                   node_ip=ADDRESS)
        self.wait(self.is_ready, "the node does not become ready")

    def is_ready(self):
        conditions = self.get("node", NODE)["status"]["conditions"]
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    def kubeconfig(self, user):
        path = self.folder / f"{user}.kubeconfig"
        write(path, json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "proof",
            "clusters": [{"name": "proof", "cluster": {"server": self.address, "certificate-authority": str(self.ca)}}],
            "users": [{"name": user, "user": {"token": self.tokens[user]}}],
            "contexts": [{"name": "proof", "context": {"cluster": "proof", "user": user}}]}))
        return path

    def containerd_config(self):
        return f"""\
version = 2
root = "{self.folder}/containers"
state = "{self.folder}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
                    "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "{self.folder}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{self.folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{self.sandbox}"
  netns_mounts_under_state_dir = true
  # Where this is not the machine's first user namespace, nothing may be made less likely to be killed.
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{PLUGINS}"
  conf_dir = "{self.folder}/networks"
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "{buildkit.snapshotter(self.folder)}"
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "{self.folder}/hosts"
"""

    def kubelet_config(self):
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", "enableServer": False,
            "healthzPort": 0, "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"}, "cgroupDriver": "cgroupfs", "cgroupRoot": f"/{self.cgroup}",
            "containerRuntimeEndpoint": f"unix://{self.folder}/containerd.sock", "enforceNodeAllocatable": [],
            "failCgroupV1": False, "failSwapOn": False, "localStorageCapacityIsolation": False,
            "makeIPTablesUtilChains": False, "podLogsDir": str(self.folder / "logs"), "serializeImagePulls": False,
            "resolvConf": str(self.folder / "resolv.conf"), "volumePluginDir": str(self.folder / "plugins"),
            # Of a machine that is used for other things, too.
            "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%"}, "imageGCHighThresholdPercent": 100}

    def serve(self, program, **options):
        words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        with open(self.folder / f"{program}.log", "wb") as log:
            self.processes.append(subprocess.Popen([shutil.which(program, path=PATH), *words], cwd=self.folder,
                                                   env=environment({"PATH": PATH}), stdin=subprocess.DEVNULL,
                                                   stdout=log, stderr=log))

    def wait(self, ready, what, seconds=180):
        deadline, said = time.monotonic() + seconds, ""
        while time.monotonic() < deadline and all(process.poll() is None for process in self.processes):
            try:
                if ready():
                    return
            except RuntimeError as error:
                said = str(error)
            time.sleep(0.5)
        raise RuntimeError(f"{what}\n{said}\n{self.logs()}")

    def logs(self):
        """The end of what each says."""
        return "\n".join(f"{log.name}:\n{log.read_text(errors='replace')[-2000:]}" for log in self.folder.glob("*.log"))

    def kubectl(self, *arguments):
        return run(self.folder, "kubectl", *arguments, env=self.env)

    def get(self, *arguments):
        return json.loads(self.kubectl("get", *arguments, "--output", "json"))

    def ctr(self, *arguments):
        socket = self.folder / "containerd.sock"
        return run(self.folder, "ctr", "--address", socket, "--namespace", "k8s.io", *arguments, env=self.env)

    def cgroups(self):
        # os.walk passes over what is removed meanwhile.
        return [pathlib.Path(path) for controller in controllers() for path, _, _ in os.walk(controller / self.cgroup)]

    def members(self):
        """What runs in the node's containers."""
        found = set()
        for path in self.cgroups():
            # It may end in between.
            with contextlib.suppress(OSError):
                found |= {int(line) for line in (path / "cgroup.procs").read_text().split()}
        return found

    def mounts(self):
        mounts = [line.split()[1] for line in open("/proc/self/mounts")]
        return [mount for mount in mounts if mount.startswith(f"{self.folder}/")]

    def traces(self):
        """What should be gone when it has ended."""
        bridges = pathlib.Path("/sys/class/net").glob(BRIDGE)
        return [*self.members(), *self.shims(), *self.mounts(), *map(str, self.cgroups()), *map(str, bridges)]

    def shims(self):
        """What containerd leaves beside each pod, for itself to find again."""
        found = set()
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if f"{self.folder}/containerd.sock".encode() in path.read_bytes().split(b"\0"):
                    found.add(int(path.parent.name))
        return found


def controllers():
    """Every hierarchy of cgroups; version 2 has one, and version 1 one for each controller."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    return [path for path in CGROUPS.iterdir() if not path.is_symlink() and (path / "cgroup.procs").exists()]


def stop(process):
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=30)
    process.kill()
    process.wait()


def end(processes, seconds=30):
    deadline = time.monotonic() + seconds
    while (left := processes()) and time.monotonic() < deadline:
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.1)
    if left:
        raise RuntimeError(f"processes that do not end: {left}")
