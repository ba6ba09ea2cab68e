# shellcheck shell=bash disable=SC2154
# What the demo does for examples/harbor only; sourced by tools/demo.sh.

version() {
    sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1
}

prepare() {
    # What is compiled stays for the next time.
    export CARGO_TARGET_DIR=$root/target/harbor CARGO_ZIGBUILD_CACHE_DIR=$root/target/zig/wrappers
}

# What was published is what people get: both distributions, each into an environment of its own.
show() {
    local index name
    index=$(sed -n 's/.*Serving pypi: .*--index-url \([^ ]*\).*/\1/p' "$log")
    for name in harbor-berths harbor-berths-client; do
        echo
        echo "\$ pip install --index-url $index $name"
        python3 -m venv "$folder/$name"
        "$folder/$name/bin/pip" install --quiet --disable-pip-version-check --index-url "$index" "$name==$version"
        "$folder/$name/bin/python" - "$folder/berths.sqlite" <<'PYTHON'
import json, sys, urllib.request
import harbor

berths = harbor.Harbor()
berths.add("north-1", 12, ship="Peregrine")
print(f"harbor.Harbor has {len(berths)} berth, harbor.has_server() is {harbor.has_server()}")
try:
    with harbor.Server(sys.argv[1]) as server:
        body = json.dumps({"name": "south-1", "length": 30}).encode()
        request = urllib.request.Request(server.url + "/berths", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            print(f"POST {server.url}/berths: HTTP {answer.status}")
    with harbor.Server(sys.argv[1]) as server, urllib.request.urlopen(server.url + "/berths") as answer:
        print(f"GET  {server.url}/berths, served anew from SQLite: HTTP {answer.status} {answer.read().decode()}")
except RuntimeError as error:
    print(f"harbor.Server: {error}")
PYTHON
    done
}
