"""`python3 -m fleet_api [--version | --check | --listen ADDRESS]`."""

import os
import signal
import sys
import urllib.request

from . import server, version


def main(words):
    address = os.environ.get("FLEET_LISTEN", "0.0.0.0:8000")
    if words == ["--version"]:
        print(f"fleet-api {version()}")
    elif words == ["--check"]:
        check(address.rsplit(":", 1)[1])
    elif not words or (len(words) == 2 and words[0] == "--listen"):
        # The first process of a container ends by no signal that it does not handle.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        server.serve(words[1] if words else address, os.environ.get("FLEET_REGISTER", "/etc/fleet/ships.json"))
    else:
        sys.exit("usage: fleet_api [--version | --check | --listen ADDRESS]")


def check(port):
    """What HEALTHCHECK asks; any failure is a stack trace and exit 1."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
        answer.read()


main(sys.argv[1:])
