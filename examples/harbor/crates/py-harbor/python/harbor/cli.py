"""The command `harbor-berths`: prints the berths of a file, or serves those of a database."""

import sys

from . import Harbor, Server

USAGE = "usage: harbor-berths list FILE.json | serve DATABASE [ADDRESS]"


def main() -> None:
    match sys.argv[1:]:
        case ["list", path]:
            with open(path, encoding="utf-8") as file:
                print(Harbor.from_json(file.read()), end="")
        case ["serve", database, *address] if len(address) < 2:
            with Server(database, *address) as server:
                print(f"serving {server.url}, until Enter is pressed", flush=True)
                sys.stdin.readline()
        case _:
            sys.exit(USAGE)
