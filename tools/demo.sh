#!/usr/bin/env bash
# Releases a copy of examples/harbor against servers inside longshore: `tools/demo.sh PATH-OF-LONGSHORE [further arguments of rehearse]`.
set -euo pipefail
cd "$(dirname "$0")/.."
longshore=$(realpath "$1")
shift

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp -R examples/harbor "$folder/harbor"
rm -rf "$folder/harbor/target"
cd "$folder/harbor"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)

# What is compiled stays for the next time.
export CARGO_TARGET_DIR=$OLDPWD/target/harbor CARGO_ZIGBUILD_CACHE_DIR=$OLDPWD/target/zig/wrappers
# A fixed date and identity: every run of the demo makes the same commit, so the same plan and the same archive names.
export GIT_AUTHOR_NAME=Harbor GIT_AUTHOR_EMAIL=harbor@example.com GIT_AUTHOR_DATE=2026-01-01T00:00:00Z
export GIT_COMMITTER_NAME=Harbor GIT_COMMITTER_EMAIL=harbor@example.com GIT_COMMITTER_DATE=2026-01-01T00:00:00Z
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
git init --quiet --initial-branch=main
git add --all
git commit --quiet --message "harbor $version"
git tag "v$version"

export GITHUB_REPOSITORY=harbor-works/harbor
# A tag or a job's variables of the machine that runs the demo say nothing about harbor.
unset GITHUB_REF GITHUB_ACTIONS GITHUB_OUTPUT GITHUB_TOKEN CI
echo "harbor $version, commit $(git rev-parse --short HEAD), tag v$version"
echo "\$ longshore rehearse --serve${*:+ $*}"
log=$folder/log
"$longshore" rehearse --serve "$@" > >(tee -a "$log") 2> >(tee -a "$log" >&2) &
rehearsal=$!
trap 'kill "$rehearsal" 2> /dev/null || true; rm -rf "$folder"' EXIT
until grep --quiet 'Serving pypi' "$log" 2> /dev/null; do
    kill -0 "$rehearsal" 2> /dev/null || { wait "$rehearsal"; exit; }
    sleep 0.2
done
index=$(sed -n 's/.*Serving pypi: .*--index-url \([^ ]*\).*/\1/p' "$log")
sleep 0.5

# What was published is what people get: both distributions, each into an environment of its own.
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
kill -INT "$rehearsal"
wait "$rehearsal"
