"""Chromium without a window, told what to do over two pipes, in the words of its DevTools protocol."""

import base64
import contextlib
import json
import os
import subprocess
import time


class Browser:
    """One tab."""

    def __init__(self, folder):
        (theirs, ours), (back, their_out) = os.pipe(), os.pipe()
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking",
                 "--remote-debugging-pipe", f"--user-data-dir={folder}", "about:blank"]
        # It reads from 3 and writes to 4.
        start = f'exec chromium "$@" 3<&{theirs} 4>&{their_out}'
        self.process = subprocess.Popen(["bash", "-c", start, "chromium", *flags], pass_fds=(theirs, their_out),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs), os.close(their_out)
        self.to, self.back = os.fdopen(ours, "wb", buffering=0), os.fdopen(back, "rb", buffering=0)
        self.rest, self.number, self.session, self.complaints = b"", 0, None, []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.to.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("method") == "Log.entryAdded" and answer["params"]["entry"]["level"] == "error":
                self.complaints.append(answer["params"]["entry"]["text"])
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def read(self):
        while b"\0" not in self.rest:
            piece = self.back.read(1 << 16)
            if not piece:
                raise RuntimeError("the browser has ended")
            self.rest += piece
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def open(self, url):
        self.ask("Page.navigate", url=url)
        self.until("document.readyState === 'complete'")

    def tell(self, script):
        found = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(f"{script}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def until(self, script):
        end = time.monotonic() + 60
        while not self.tell(f"!!({script})"):
            if time.monotonic() > end:
                raise RuntimeError(f"not in a minute: {script}\n{self.tell('document.body.innerText')}")
            time.sleep(0.1)

    def look(self, file, scheme, width):
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=1000, deviceScaleFactor=1, mobile=False)
        file.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", captureBeyondViewport=True)["data"]))


@contextlib.contextmanager
def browser(folder):
    one = Browser(folder)
    try:
        yield one
    finally:
        one.process.terminate()
        one.process.wait(30)
