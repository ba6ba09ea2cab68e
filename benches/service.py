#!/usr/bin/env python3
"""
The build service beside FastAPI and uvicorn on the same table: `service.py PATH-OF-LONGSHORE`.

The old service is FastAPI with Tortoise; a second peer asks sqlite3 by hand. CPU of the server for each `/task/status`, over
connections that stay open. Further: memory at rest, time from start to healthy, and from submission to start.
"""

import datetime
import http.client
import json
import os
import pathlib
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = ROOT / "target" / "tools" / "fastapi" / "bin" / "python"
TASKS, REQUESTS, ROUNDS = 1000, 3000, 3
WANTED = {"Tortoise": 7, "sqlite3": 3}
HOST = "127.0.0.1"

PEER = '''
import contextlib, sqlite3, sys
from fastapi import FastAPI
import uvicorn

file, port, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]

def answer(found):
    if found is None:
        return {"status": "FAILED", "message": "Task does not exist"}
    return {"status": "SUCCESS", "build_status": found, "message": ""}

if kind == "Tortoise":
    from tortoise import fields
    from tortoise.contrib.fastapi import RegisterTortoise
    from tortoise.models import Model

    class Task(Model):
        task_id = fields.CharField(max_length=255, pk=True)
        app_name = fields.CharField(max_length=255)
        status = fields.CharField(max_length=255)

        class Meta:
            table = "darwin_image_builder"

    @contextlib.asynccontextmanager
    async def life(app):
        async with RegisterTortoise(app, db_url=f"sqlite://{file}", modules={"models": ["__main__"]}):
            yield

    app = FastAPI(lifespan=life)

    @app.get("/task/status")
    async def status(task_id: str):
        task = await Task.get_or_none(task_id=task_id)
        return answer(task.status if task else None)
else:
    app = FastAPI()
    database = sqlite3.connect(file, check_same_thread=False)

    @app.get("/task/status")
    async def status(task_id: str):
        row = database.execute("SELECT status FROM darwin_image_builder WHERE task_id = ?", (task_id,)).fetchone()
        return answer(row[0] if row else None)

@app.get("/healthcheck")
async def health():
    return {"status": "SUCCESS"}

uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)
'''


class Server:
    """A process that answers, until it is left."""

    def __init__(self, command, env=None, cwd=None):
        self.port = free_port()
        self.command = [str(part).replace("PORT", str(self.port)) for part in command]
        self.env, self.cwd = env, cwd

    def __enter__(self):
        start = time.perf_counter()
        self.process = subprocess.Popen(self.command, env=self.env, cwd=self.cwd, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        while not self.answers():
            if self.process.poll() is not None or time.perf_counter() - start > 60:
                raise RuntimeError(f"{self.command[0]} does not answer")
            time.sleep(0.002)
        self.healthy = time.perf_counter() - start
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def answers(self):
        try:
            return self.get(http.client.HTTPConnection(HOST, self.port, timeout=5), "/healthcheck")[0] == 200
        except OSError:
            return False

    def get(self, connection, path):
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0

    def submit(self, number, port):
        """A build that ends at once: nothing answers at the first port, and the second one is not allowed."""
        form = urllib.parse.urlencode({"app_name": f"app-{number}", "image_tag": f"t{number}",
                                       "git_repo": f"http://{HOST}:{port}/app.git"})
        connection = http.client.HTTPConnection(HOST, self.port, timeout=30)
        connection.request("POST", "/build_with_dockerfile", form, {"content-type": "application/x-www-form-urlencoded"})
        return json.loads(connection.getresponse().read())["task_id"]


def free_port():
    with socket.socket() as one:
        one.bind((HOST, 0))
        return one.getsockname()[1]


def peer_table(file):
    ids = [f"id-{number:032x}" for number in range(TASKS)]
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE darwin_image_builder (task_id VARCHAR(255) PRIMARY KEY, app_name VARCHAR(255), status VARCHAR(255))")
        database.executemany("INSERT INTO darwin_image_builder VALUES (?, 'app', 'completed')", [(one,) for one in ids])
    return ids


def each(server, ids):
    """CPU of the server for a status, in microseconds."""
    connection = http.client.HTTPConnection(HOST, server.port, timeout=30)
    for index in range(200):
        server.get(connection, f"/task/status?task_id={ids[index % len(ids)]}")
    before = server.cpu()
    for index in range(REQUESTS):
        status, body = server.get(connection, f"/task/status?task_id={ids[index % len(ids)]}")
        assert status == 200 and b"build_status" in body, body
    return (server.cpu() - before) / REQUESTS * 1e6


def service(longshore, folder):
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LOCAL_REGISTRY": f"{HOST}:1",
           "BUILDKIT_HOST": f"tcp://{HOST}:1", "LONGSHORE_FETCH_ALLOW": f"{HOST}:1"}
    return Server([longshore, "serve", "--listen", f"{HOST}:PORT", "--data", folder / "data", "--keep-free", "0"], env,
                  folder)


def bench(longshore):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        script, file = folder / "peer.py", folder / "peer.sqlite"
        script.write_text(PEER)
        ids = peer_table(file)
        samples = {name: [] for name in ("longshore", *WANTED)}
        with service(longshore, folder) as ours:
            healthy, rest = ours.healthy, ours.memory()
            started = waited(ours)
            own = [ours.submit(number, 2) for number in range(TASKS)]
        with service(longshore, folder) as ours, Server([PYTHON, script, file, "PORT", "Tortoise"]) as tortoise, \
                Server([PYTHON, script, file, "PORT", "sqlite3"]) as plain:
            time.sleep(3)
            for _ in range(ROUNDS):
                samples["longshore"].append(each(ours, own))
                samples["Tortoise"].append(each(tortoise, ids))
                samples["sqlite3"].append(each(plain, ids))
            memories = {"longshore": ours.memory(), "Tortoise": tortoise.memory(), "sqlite3": plain.memory()}
    print(f"\n{'one /task/status, medians of ' + str(ROUNDS):<44}{'CPU':>12}{'ratio':>10}{'memory':>12}")
    medians = {name: statistics.median(all_of) for name, all_of in samples.items()}
    for name, cpu in medians.items():
        label = "longshore serve" if name == "longshore" else f"FastAPI, uvicorn, {name}"
        print(f"{label:<44}{cpu:>9.0f} µs{cpu / medians['longshore']:>9.1f}x{memories[name]:>9.1f} MB")
    for name, wanted in WANTED.items():
        print(f"less CPU than {name}: {medians[name] / medians['longshore']:.1f}x (wanted: {wanted}x)")
    print(f"start to healthy: {healthy * 1000:.0f} ms (wanted: 300); at rest: {rest:.1f} MB (wanted: 20);"
          f" submission to start: {started:.0f} ms (wanted: 50)")


def waited(server):
    """Milliseconds from submission to start at a queue without work, by the service's own clock."""
    spans = []
    for number in range(5):
        one = server.submit(10_000 + number, 1)
        build = settled(server, one)
        # It would be tried again.
        connection = http.client.HTTPConnection(HOST, server.port, timeout=30)
        connection.request("POST", f"/api/v1/builds/{one}/cancel")
        assert connection.getresponse().status in (200, 202)
        spans.append(build["started_at_ms"] - build["created_at_ms"])
    return statistics.median(spans)


def settled(server, one):
    """A build once it has started."""
    for _ in range(3000):
        _, body = server.get(http.client.HTTPConnection(HOST, server.port, timeout=30), f"/api/v1/builds/{one}")
        build = json.loads(body)
        if build.get("started_at"):
            return {**build, **{f"{key}_ms": moment(build[key]) for key in ("created_at", "started_at")}}
        time.sleep(0.01)
    raise RuntimeError(f"{one} does not start")


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000


if __name__ == "__main__":
    bench(pathlib.Path(sys.argv[1]).resolve())
